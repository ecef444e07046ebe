"""The doctor and the leftovers, against the sandbox."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings

from amicopy.aws import sessions
from amicopy.copies import leftovers, workflow
from amicopy.copies.diagnosing import findings
from amicopy.copies.models import Account, ImageCopy
from amicopy.copies.permissions import NotAllowed
from amicopy.copies.tasks import start_due, track_due
from tests.conftest import Control
from tests.copies.conftest import Submit, acting, make_call

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


def test_what_a_failed_copy_left_is_found_and_removed_by_whoever_may(
    sandbox: Control, submit: Submit, approver: User, requester: User, account: Account
) -> None:
    request = submit(make_call("eu-west-1", Encrypted=True, KmsKeyId="alias/retired"), make_call("us-west-2"))
    workflow.approve(acting(approver), request.pk, seen_hash=request.content_hash)
    start_due(wake=False)
    sandbox("advance", seconds=900)
    ImageCopy.objects.update(next_step_at=timezone.now())
    track_due()
    found, unreachable = leftovers.find([account])
    assert unreachable == []
    assert [(item.DestinationRegion, item.State, len(item.snapshots)) for item in found] == [("eu-west-1", "failed", 2)]
    with pytest.raises(NotAllowed):
        leftovers.remove(acting(requester), found[0])
    leftovers.remove(acting(approver), found[0])
    assert leftovers.find([account]) == ([], [])
