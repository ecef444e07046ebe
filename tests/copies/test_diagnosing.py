"""The doctor, against the sandbox."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings

from amicopy.aws import sessions
from amicopy.copies import workflow
from amicopy.copies.diagnosing import findings
from amicopy.copies.models import Account, ImageCopy
from tests.conftest import Control
from tests.copies.conftest import Submit, acting

pytestmark = pytest.mark.django_db


def wrong() -> dict[str, str]:
    return {finding.what: finding.words for finding in findings() if not finding.ok and finding.what != "broker"}


def test_a_sound_installation_has_nothing_wrong(sandbox: Control, account: Account) -> None:
    assert wrong() == {}


def test_the_doctor_names_the_account_whose_credentials_do_not_work(sandbox: Control, account: Account) -> None:
    Account.objects.create(
        name="broken", account_id="444455556666", role_arn="arn:aws:iam::444455556666:role/amicopy", external_id="wrong"
    )
    assert list(wrong()) == ["account broken"]


def test_the_doctor_notices_another_account_than_the_row_says(sandbox: Control, account: Account) -> None:
    Account.objects.filter(pk=account.pk).update(account_id="999999999999")
    assert "are of account 111122223333" in wrong()["account sandbox"]


def test_the_doctor_says_when_aws_is_out_of_reach(sandbox: Control, account: Account, settings: Settings) -> None:
    settings.AWS_ENDPOINT = "http://127.0.0.1:9"
    sessions.forget_all()
    assert "don't work" in wrong()["account sandbox"]


def test_the_doctor_notices_work_that_nobody_does(sandbox: Control, submit: Submit, approver: User) -> None:
    request = submit()
    workflow.approve(acting(approver), request.pk, seen_hash=request.content_hash)
    ImageCopy.objects.update(next_step_at=timezone.now() - timedelta(hours=1))
    assert "Is a worker running" in wrong()["workers"]
