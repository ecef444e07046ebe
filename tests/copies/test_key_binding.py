"""An alias stands for one key: pointed elsewhere after the approval, it stops the copy before the call."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import boto3
import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings

from amicopy.aws import kms
from amicopy.copies import tasks
from amicopy.copies.core import absence
from amicopy.copies.core.models import Account, CopyRequest, ImageCopy
from amicopy.copies.core.reasons import Code
from amicopy.copies.requests import cancel_retry, verbs
from amicopy.copies.voting import voters, votes
from tests.conftest import Control
from tests.copies.conftest import acting, approve, make_call, make_person, make_rule

pytestmark = pytest.mark.django_db
ALIAS = "alias/golden-images"

Asked = Callable[..., CopyRequest]


def looked(account: Account, name: str = ALIAS) -> dict[str, Any]:
    """What the look-ups keep of a key, with the destination it is for."""
    arn = kms.describe_key(account.aws(), region="eu-west-1", key_id=name).Arn
    key = {"asked": name, "Arn": arn, "KeyState": "Enabled", "KeyManager": "CUSTOMER", "problem": ""}
    return {"destinations": [{"destination": "eu-west-1", "DestinationRegion": "eu-west-1", "key": key}]}


def somebody() -> Any:
    """KMS as anybody else in the account reaches it, by plain boto3."""
    session = boto3.Session("AKIASANDBOX000000000", "sandbox")
    return session.client("kms", "eu-west-1", endpoint_url=settings.AWS_ENDPOINT)


def another_key(account: Account) -> str:
    client = somebody()
    arn = client.create_key()["KeyMetadata"]["Arn"]
    client.update_alias(AliasName=ALIAS, TargetKeyId=arn)
    return str(arn)


@pytest.fixture
def asked(requester: User, account: Account, sandbox: Control) -> Asked:
    """Submits a request for an encrypted copy with the key as KMS shows it at that moment."""

    def _asked(name: str = ALIAS) -> CopyRequest:
        call = make_call("eu-west-1", Encrypted=True, KmsKeyId=name)
        return verbs.submit(acting(requester), account=account, reason="x", calls=[call], lookups=looked(account, name))

    return _asked


def start(request: CopyRequest) -> ImageCopy:
    ImageCopy.objects.update(next_step_at=timezone.now())
    tasks.start_due(wake=False)
    return request.copies.get()


def test_the_same_key_is_copied_with(asked: Asked, approver: User, account: Account) -> None:
    request = asked()
    assert request.copies.get().key_seen == looked(account)["destinations"][0]["key"]["Arn"]
    approve(approver, request)
    assert start(request).state == "COPYING"


def test_an_alias_pointed_elsewhere_stops_the_copy_until_it_points_back(
    asked: Asked, approver: User, account: Account, sandbox: Control
) -> None:
    request = approve(approver, asked())
    other = another_key(account)
    copy = start(request)
    assert (copy.state, copy.error_code) == ("FAILED", "KeyChanged")
    assert copy.error_message == f"{ALIAS} points at {other} now. Approved was {copy.key_seen}."
    assert sandbox("calls?action=CopyImage") == []
    somebody().update_alias(AliasName=ALIAS, TargetKeyId=copy.key_seen)
    cancel_retry.retry(acting(approver), request.pk)
    assert start(request).state == "COPYING"


def test_an_alias_that_kms_leaves_out_for_a_while_is_waited_for(asked: Asked, approver: User, sandbox: Control) -> None:
    request = approve(approver, asked())
    key = request.copies.get().key_seen
    somebody().delete_alias(AliasName=ALIAS)
    copy = start(request)
    assert (copy.state, copy.wait_code, copy.missing_looks) == ("STARTING", "key-unseen", 1)
    assert start(request).missing_looks == 2
    somebody().create_alias(AliasName=ALIAS, TargetKeyId=key)
    copy = start(request)
    assert (copy.state, copy.missing_since) == ("COPYING", None)


def test_an_alias_that_stays_away_stops_the_copy(
    asked: Asked, approver: User, sandbox: Control, settings: Settings
) -> None:
    request = approve(approver, asked())
    somebody().delete_alias(AliasName=ALIAS)
    # After so many looks it is for the time alone to say.
    for _ in range(absence.LOOKS):
        assert start(request).wait_code == "key-unseen"
    settings.ABSENT_SECONDS = 0
    copy = start(request)
    assert (copy.state, copy.error_code) == ("FAILED", "KeyChanged")
    assert copy.error_message == f"{ALIAS} isn't in eu-west-1 any more. Approved was {copy.key_seen}."
    assert sandbox("calls?action=CopyImage") == []


def test_a_source_that_stayed_away_and_came_back_says_nothing_of_the_key(
    asked: Asked, approver: User, sandbox: Control
) -> None:
    request = approve(approver, asked())
    somebody().delete_alias(AliasName=ALIAS)
    long_ago = timezone.now() - timedelta(hours=1)
    ImageCopy.objects.update(state="STARTING", wait_code=Code.SOURCE_UNSEEN, missing_since=long_ago, missing_looks=9)
    copy = start(request)
    assert (copy.state, copy.wait_code, copy.missing_looks) == ("STARTING", "key-unseen", 1)
    assert copy.missing_since is not None
    assert copy.missing_since > long_ago


def test_a_key_named_by_its_arn_needs_no_second_look(
    asked: Asked, approver: User, account: Account, sandbox: Control
) -> None:
    arn = looked(account)["destinations"][0]["key"]["Arn"]
    request = asked(arn)
    assert request.copies.get().key_seen == ""
    approve(approver, request)
    before = len(sandbox("calls?action=DescribeKey"))
    assert start(request).state == "COPYING"
    assert len(sandbox("calls?action=DescribeKey")) == before


@pytest.fixture
def sent_back(asked: Asked, approver: User) -> CopyRequest:
    make_rule("Two", requirements=[{"group": "approver", "count": 2}])
    other = make_person("approver-2", "approver")
    make_person("approver-3", "approver")
    request = asked()
    approve(approver, request)
    return verbs.request_changes(acting(other), request.pk, reason="Which ticket?")


def again(request: CopyRequest, requester: User, lookups: dict[str, Any]) -> int:
    """How many approvals the same content still lacks when it is submitted again."""
    calls = request.calls_as_asked()
    row = verbs.resubmit(acting(requester), request.pk, reason=request.reason, calls=calls, lookups=lookups)
    return votes.open_count(voters.still_needed(row))


def test_another_key_behind_the_alias_voids_the_approval(
    sent_back: CopyRequest, requester: User, account: Account
) -> None:
    another_key(account)
    assert again(sent_back, requester, looked(account)) == 2


def test_a_key_kms_does_not_show_again_stays_bound_as_it_was_seen(
    sent_back: CopyRequest, requester: User, account: Account
) -> None:
    lookups = looked(account)
    seen = lookups["destinations"][0].pop("key")
    assert again(sent_back, requester, lookups) == 1
    assert sent_back.copies_of_round().model.objects.get(request=sent_back, round=2).key_seen == seen["Arn"]
