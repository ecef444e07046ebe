"""What is known to be in the way refuses a request, unless its requester says to submit it anyway, and why."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from amicopy.audit.actor import worker
from amicopy.audit.models import AuditEvent
from amicopy.copies.core.calls import InvalidRequest
from amicopy.copies.core.models import Account, AccountCheck, CopyRequest
from amicopy.copies.lookups import async_queries, snapshot
from amicopy.copies.lookups.snapshot_members import Kept
from amicopy.copies.requests import look_again, verbs
from amicopy.copies.requests.verbs import Anyway
from amicopy.copies.voting import facts, rulebook
from tests.conftest import Control
from tests.copies.conftest import acting, approve, make_call, make_person, make_rule

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("patient")]
CALLS = [
    make_call("eu-west-1", Encrypted=True, KmsKeyId="alias/golden-images"),
    make_call("us-west-2", Encrypted=True, KmsKeyId="alias/retired"),
]
DISABLED = "key-disabled:us-west-2"
WORDS = "KMS key must be enabled. This key is disabled. AWS would take the request and fail the copy later."


def look(account: Account, calls: Any = CALLS) -> Kept:
    return snapshot.gather(account, calls, until=async_queries.deadline(30))


def ask(
    account: Account, anyway: Anyway | None = None, *, calls: Any = CALLS, lookups: Mapping[str, Any] | None = None
) -> CopyRequest:
    make_person("approver", "approver")
    lookups = look(account, calls) if lookups is None else lookups
    person = acting(make_person("requester", "requester"))
    return verbs.submit(person, account=account, reason="x", calls=calls, lookups=lookups, anyway=anyway)


def refused(account: Account, anyway: Anyway | None = None, **asked: Any) -> list[tuple[str, str, int | None]]:
    """What a submission is refused with: fields, codes and places."""
    with pytest.raises(InvalidRequest) as found:
        ask(account, anyway, **asked)
    return [(error.field, error.code, error.destination) for error in found.value.errors]


def test_what_is_known_refuses_with_its_code_at_its_field(sandbox: Control, account: Account) -> None:
    assert refused(account) == [("KmsKeyId", "key-disabled", 1)]
    assert not CopyRequest.objects.exists()


@pytest.mark.parametrize(
    ("call", "field", "code"),
    [
        (make_call("af-south-1"), "DestinationRegion", "region-not-enabled"),
        (make_call(SourceImageId="ami-0123456789abcdef0"), "SourceImageId", "source-not-there"),
        (make_call(SourceRegion="us-west-2"), "SourceRegion", "source-not-there"),
        (make_call(Encrypted=True, KmsKeyId="alias/none"), "KmsKeyId", "key-unknown"),
        (
            make_call("us-east-1", DestinationAvailabilityZone="us-east-1-atl-1a"),
            "DestinationAvailabilityZone",
            "zone-unknown",
        ),
    ],
)
def test_each_kind_is_found_by_look_ups(sandbox: Control, account: Account, call: Any, field: str, code: str) -> None:
    assert refused(account, calls=[call])[0][:2] == (field, code)
    assert ask(account, Anyway("It will be there."), calls=[call]).submitted_anyway


def test_a_key_waiting_to_be_deleted_is_known(sandbox: Control, account: Account) -> None:
    lookups = look(account)
    lookups["destinations"][1]["key"] |= {"problem": "x.", "code": "key-pending-deletion"}
    assert refused(account, lookups=lookups)[0][1] == "key-pending-deletion"


def test_an_account_that_lets_nobody_in_is_known(sandbox: Control, account: Account) -> None:
    Account.objects.filter(pk=account.pk).update(role_arn="arn:aws:iam::111122223333:role/nobody")
    account.refresh_from_db()
    assert refused(account) == [("account", "account-not-entered", None)]


def test_a_role_that_only_looks_says_nothing_of_the_one_that_copies(sandbox: Control, account: Account) -> None:
    role = "arn:aws:iam::111122223333:role/nobody"
    Account.objects.filter(pk=account.pk).update(role_arn=role, read_only_role_arn=role)
    account.refresh_from_db()
    assert not ask(account).submitted_anyway
    check = AccountCheck.objects.create(account=account, error="The role can't be assumed.", said="AccessDenied: no")
    AccountCheck.objects.update(checked_at=timezone.now())
    assert refused(account) == [("account", "account-not-entered", None)]
    AccountCheck.objects.filter(pk=check.pk).update(checked_at=timezone.now() - timedelta(days=2))
    assert not ask(account).submitted_anyway


def test_what_was_not_found_out_is_never_in_the_way(sandbox: Control, account: Account) -> None:
    sandbox("faults", kind="error", code="InternalError", status=500, count=None)
    row = ask(account)
    assert not row.submitted_anyway
    assert {"account", "source"} <= set(row.lookups["missing"])


def test_a_reason_is_needed_and_kept_with_what_was_known(sandbox: Control, account: Account) -> None:
    assert refused(account, Anyway(" ")) == [("submit_anyway_reason", "", None)]
    assert refused(account, Anyway("x" * 4001)) == [("submit_anyway_reason", "", None)]
    assert refused(account, Anyway("\0")) == [("submit_anyway_reason", "", None)]
    row = ask(account, Anyway(" The key is enabled on Monday. "))
    problem = {"code": "key-disabled", "field": "KmsKeyId", "destination": "us-west-2", "message": WORDS}
    assert row.anyway == {"reason": "The key is enabled on Monday.", "problems": [problem]}
    event = AuditEvent.objects.get(action="request.submitted")
    assert event.data["submitted_anyway"] == row.anyway


def test_a_rule_can_ask_more_of_it_while_it_is_submitted_and_later(sandbox: Control, account: Account) -> None:
    rule = make_rule("In spite", facts=["submitted-anyway"], requirements=[{"group": "approver", "count": 2}])
    plain = ask(account, calls=CALLS[:1])
    assert [each["id"] for each in plain.rules] == [None]
    # Too few could give what it asks for: that is said before anything is stored.
    assert refused(account, Anyway("Monday."))[0][:2] == ("account", "")
    make_person("other-approver", "approver")
    row = ask(account, Anyway("Monday."))
    assert ([each["id"] for each in row.rules], row.plan) == ([rule.pk], [{"group": "approver", "count": 2}])
    for each, applies in ((plain, False), (row, True)):
        found = rulebook.plan_for(each.calls(), facts.facts_of(each), [rule])
        assert found.verdicts[0].applies is applies


def test_what_the_person_was_not_shown_still_refuses(sandbox: Control, account: Account) -> None:
    assert refused(account, Anyway("Monday.", frozenset())) == [("KmsKeyId", "key-disabled", 1)]
    assert ask(account, Anyway("Monday.", frozenset({DISABLED}))).submitted_anyway


def test_nothing_is_kept_where_nothing_was_in_the_way(sandbox: Control, account: Account) -> None:
    row = ask(account, Anyway("Just so."), calls=CALLS[:1])
    assert row.anyway == {}
    assert not row.submitted_anyway
    assert "submitted_anyway" not in AuditEvent.objects.get(action="request.submitted").data


def test_an_approval_binds_to_it(sandbox: Control, account: Account, approver: User) -> None:
    row = ask(account, Anyway("Monday."))
    approve(approver, row)
    row.refresh_from_db()
    assert row.hash_of_content() == row.content_hash
    row.anyway["reason"] = "Something else."
    assert row.hash_of_content() != row.content_hash


def test_a_later_look_says_whether_it_is_still_so(sandbox: Control, account: Account) -> None:
    row = ask(account, Anyway("Monday."))
    assert row.look_again_at is not None
    assert look_again.look(row.pk, actor=worker("look_again")) is False
    row.refresh_from_db()
    assert (row.anyway_looked["still"], row.anyway_looked["over"]) == ([DISABLED], [])
    assert not AuditEvent.objects.filter(action="request.looked_again").exists()
    again = look(account)
    again["destinations"][1]["key"] |= {"problem": "", "code": ""}
    assert look_again._in_the_way(row, again)["over"] == [DISABLED]
    again["destinations"][1]["missing"]["key"] = "AWS didn't answer."
    assert look_again._in_the_way(row, again)["still"] == [DISABLED]
