"""Rules: which one fits, what it makes a request need, and requests that nobody could approve."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, User

from amicopy.copies.core.calls import Call, InvalidRequest
from amicopy.copies.core.models import Account, CopyRequest
from amicopy.copies.core.policy_models import ApprovalRule
from amicopy.copies.requests import verbs
from amicopy.copies.voting import facts, rulebook
from tests.copies.conftest import SOURCE, Submit, acting, events, make_call, make_person, make_rule

pytestmark = pytest.mark.django_db

SEEN: dict[str, Any] = {
    "source": {
        "ImageId": SOURCE,
        "OwnerId": "444455556666",
        "volumes": [
            {"DeviceName": "/dev/xvda", "SnapshotId": "snap-1", "VolumeSize": 40, "Encrypted": False},
            {"DeviceName": "/dev/xvdb", "SnapshotId": "snap-2", "VolumeSize": 60, "Encrypted": False},
        ],
    }
}
SECURITY: list[dict[str, Any]] = [{"group": "security", "count": 1}]


def applies(
    rule: ApprovalRule,
    account: Account,
    requester: User,
    call: Call | None = None,
    lookups: dict[str, Any] | None = None,
) -> bool | None:
    known = facts.facts_for(account, requester, SEEN if lookups is None else lookups, calls=[call or make_call()])
    return rulebook.plan_for([call or make_call()], known, [rule]).verdicts[0].applies


@pytest.mark.parametrize(
    ("condition", "fits"),
    [
        ({}, True),
        ({"DestinationRegion": "eu-west-1"}, True),
        ({"DestinationRegion": "eu-*"}, True),
        ({"DestinationRegion": "us-*, eu-west-?"}, True),
        ({"DestinationRegion": "us-*"}, False),
        ({"SourceAccount": "444455556666"}, True),
        ({"SourceAccount": "777788889999"}, False),
        ({"encryption": "unencrypted"}, True),
        ({"encryption": "encrypted"}, False),
        ({"dry_runs": "both"}, True),
        ({"dry_runs": "dry-runs"}, False),
        ({"larger_than": 99}, True),
        ({"larger_than": 100}, False),
        ({"at_most": 100}, True),
        ({"at_most": 99}, False),
        ({"larger_than": 50, "at_most": 200}, True),
        ({"enabled": False}, True),  # the built-in one answers instead
    ],
)
def test_a_condition_fits_or_does_not(condition: dict[str, Any], fits: bool, account: Account, requester: User) -> None:
    assert applies(make_rule("rule", **condition), account, requester) is fits


@pytest.mark.parametrize(
    "condition",
    [{"SourceAccount": "444455556666"}, {"encryption": "encrypted"}, {"larger_than": 1}, {"at_most": 1}],
)
def test_a_condition_on_a_source_nobody_saw_cannot_be_told(
    condition: dict[str, Any], account: Account, requester: User
) -> None:
    assert applies(make_rule("rule", **condition), account, requester, lookups={}) is None


def test_an_encrypted_copy_of_a_source_nobody_saw_is_known_to_be_encrypted(account: Account, requester: User) -> None:
    rule = make_rule("rule", encryption="encrypted")
    assert applies(rule, account, requester, make_call(Encrypted=True), lookups={}) is True


def test_a_rule_for_an_account_or_a_group_fits_that_one_alone(account: Account, requester: User) -> None:
    other = Account.objects.create(name="other", account_id="999900001111")
    assert applies(make_rule("a", account=account), account, requester) is True
    assert applies(make_rule("b", account=other), account, requester) is False
    team = Group.objects.create(name="team")
    rule = make_rule("c", requester_group=team)
    assert applies(rule, account, requester) is False
    requester.groups.add(team)
    assert applies(rule, account, requester) is True


def test_a_rule_does_not_reach_dry_runs_unless_it_says_so(account: Account, requester: User) -> None:
    dry = make_call(DryRun=True)
    assert applies(make_rule("copies"), account, requester, dry) is False
    assert applies(make_rule("both", dry_runs="both"), account, requester, dry) is True


@pytest.fixture
def security(db: None) -> User:
    Group.objects.create(name="security")
    return make_person("security-1", "approver", "security")


def test_the_first_rule_that_fits_counts_and_is_kept_with_the_request(submit: Submit, security: User) -> None:
    make_rule("Elsewhere", order=1, DestinationRegion="us-*", requirements=[])
    first = make_rule("Europe", order=2, DestinationRegion="eu-*", requirements=SECURITY)
    make_rule("Everything", order=3, requirements=[])
    request = submit()
    assert request.plan == SECURITY
    assert request.rules == [
        {
            "id": first.pk,
            "name": "Europe",
            "version": first.version,
            "destinations": ["eu-west-1"],
            "requirements": SECURITY,
        }
    ]


def test_one_more_destination_does_not_get_round_a_rule(submit: Submit, security: User) -> None:
    make_rule("Europe needs nobody", order=1, DestinationRegion="eu-*", requirements=[])
    make_rule("America", order=2, DestinationRegion="us-*", requirements=SECURITY)
    request = submit(make_call("eu-west-1"), make_call("us-west-2"))
    assert request.plan == SECURITY
    assert [rule["name"] for rule in request.rules] == ["Europe needs nobody", "America"]


def test_a_source_nobody_saw_does_not_get_round_a_rule(
    submit: Submit, security: User, requester: User, account: Account
) -> None:
    make_rule("Small needs nobody", order=1, at_most=100, requirements=[])
    make_rule("The rest", order=2, requirements=SECURITY)
    assert submit().plan == SECURITY
    seen = verbs.submit(acting(requester), account=account, reason="x", calls=[make_call()], lookups=SEEN)
    assert seen.plan == []
    assert seen.state == "APPROVED"


def test_a_switched_off_rule_does_not_count(submit: Submit) -> None:
    make_rule("Off", enabled=False, requirements=[])
    assert submit().plan == rulebook.DEFAULT_PLAN


def test_a_rule_that_asks_nobody_approves_at_once_and_says_so(submit: Submit) -> None:
    rule = make_rule("Sandbox account", requirements=[])
    request = submit()
    assert request.state == "APPROVED"
    event = events(request)[1]
    assert (event.action, event.data["automatic"]) == ("request.approved", True)
    assert event.data["rules"][0]["id"] == rule.pk


def test_a_request_nobody_could_approve_is_refused_with_the_rule_named(submit: Submit, security: User) -> None:
    make_rule("Two of security", requirements=[{"group": "security", "count": 2}])
    with pytest.raises(InvalidRequest, match="“Two of security” asks for 2 approvals from security") as refused:
        submit()
    assert "Missing: 1 approval from security" in refused.value.errors[0].message
    assert CopyRequest.objects.count() == 0


@pytest.mark.parametrize("why_not", ["signed off", "without the approver role", "the requester"])
def test_who_may_not_decide_does_not_make_a_request_possible(
    why_not: str, submit: Submit, security: User, requester: User
) -> None:
    make_rule("Security", requirements=SECURITY)
    if why_not == "signed off":
        security.is_active = False
        security.save()
    elif why_not == "without the approver role":
        security.groups.set(Group.objects.filter(name="security"))
    else:
        security.groups.set(Group.objects.filter(name__in=("security", "approver", "requester")))
    with pytest.raises(InvalidRequest, match="nobody could approve"):
        submit(by=security if why_not == "the requester" else requester)


def test_one_person_in_both_groups_does_not_make_a_request_possible(submit: Submit, security: User) -> None:
    Group.objects.create(name="platform")
    security.groups.add(Group.objects.get(name="platform"))
    make_rule("Both", requirements=[{"group": "security", "count": 1}, {"group": "platform", "count": 1}])
    with pytest.raises(InvalidRequest, match="nobody could approve"):
        submit()
    make_person("platform-1", "approver", "platform")
    assert submit().state == "PENDING"


def test_a_rule_changed_meanwhile_leaves_requests_that_wait_as_they_are(submit: Submit, approver: User) -> None:
    request = submit()
    make_rule("Nobody", requirements=[])
    request.refresh_from_db()
    assert (request.state, request.plan) == ("PENDING", rulebook.DEFAULT_PLAN)
    assert verbs.approve(acting(approver), request.pk, seen_hash=request.content_hash).state == "APPROVED"


def test_an_account_is_for_the_groups_it_names(submit: Submit, account: Account, requester: User) -> None:
    team = Group.objects.create(name="team")
    account.requester_groups.add(team)
    with pytest.raises(InvalidRequest, match="for other groups than yours"):
        submit()
    requester.groups.add(team)
    assert submit().state == "PENDING"
    assert list(Account.objects.open_to(requester)) == [account]
