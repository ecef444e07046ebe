"""A rule wants a recent sign-in, or a second factor, of whoever approves; what was shown stands in the vote's event."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings

from amicopy.audit.actor import Actor
from amicopy.audit.models import AuditEvent
from amicopy.copies.core.models import Account, CopyRequest
from amicopy.copies.core.policy_models import ApprovalRule
from amicopy.copies.operations import tokens
from amicopy.copies.requests import policy_actions, verbs
from amicopy.copies.voting import demands
from amicopy.copies.voting.demands import NotShown
from tests.copies.conftest import Submit, acting, make_call, make_person, make_rule

pytestmark = pytest.mark.django_db
ONE = [{"group": "approver", "count": 1}]


def shown(user: User, *, signed_in: float | None = None, factor: float | None = None) -> Actor:
    """The person, who showed so many minutes ago who they are."""

    def ago(minutes: float | None) -> datetime | None:
        return timezone.now() - timedelta(minutes=minutes) if minutes is not None else None

    return replace(acting(user), shown_at=ago(signed_in), factor_at=ago(factor))


def approve(actor: Actor, row: CopyRequest) -> CopyRequest:
    return verbs.approve(actor, row.pk, seen_hash=row.content_hash)


def test_a_recent_sign_in_is_wanted_and_any_proof_is_one(submit: Submit, approver: User) -> None:
    make_rule("Production", requirements=ONE, sign_in_minutes=10)
    row = submit()
    words = "“Production” asks whoever approves for a sign-in, or your password once more, in the last 10 minutes."
    for actor in (shown(approver), shown(approver, signed_in=11), shown(approver, factor=1)):
        with pytest.raises(NotShown) as refused:
            approve(actor, row)
        assert (str(refused.value), refused.value.second_factor) == (words, False)
    assert not row.decisions.exists()
    assert approve(shown(approver, signed_in=9), row).state == "APPROVED"
    assert AuditEvent.objects.get(action="request.approved").data["signed_in_at"]


def test_a_second_factor_is_wanted_at_the_decision(submit: Submit, approver: User, settings: Settings) -> None:
    make_rule("Production", requirements=ONE, second_factor=True)
    row = submit()
    settings.PASSWORD_AGAIN_MINUTES = 5
    for actor in (shown(approver, signed_in=0), shown(approver, signed_in=0, factor=6)):
        with pytest.raises(NotShown, match="a second factor in the last 5 minutes") as refused:
            approve(actor, row)
        assert refused.value.second_factor
    assert approve(shown(approver, factor=4), row).state == "APPROVED"
    assert AuditEvent.objects.get(action="request.approved").data["second_factor_at"]


def test_the_strictest_of_all_rules_counts(requester: User, approver: User, account: Account) -> None:
    make_rule("Ireland", order=1, DestinationRegion="eu-west-1", requirements=ONE, sign_in_minutes=30)
    make_rule("Ohio", order=2, DestinationRegion="us-east-2", requirements=ONE, sign_in_minutes=3, second_factor=True)
    row = verbs.submit(
        acting(requester), account=account, reason="PLAT-1", calls=[make_call("eu-west-1"), make_call("us-east-2")]
    )
    assert demands.of(row.rules) == demands.Demand(("Ireland", "Ohio"), 3, second_factor=True)
    with pytest.raises(NotShown, match="“Ireland” and “Ohio” ask whoever approves"):
        approve(shown(approver, signed_in=0, factor=4), row)
    assert approve(shown(approver, factor=2), row).state == "APPROVED"


def test_a_request_keeps_what_it_was_submitted_with(submit: Submit, approver: User) -> None:
    rule = make_rule("Production", requirements=ONE, second_factor=True)
    row = submit()
    ApprovalRule.objects.filter(pk=rule.pk).update(second_factor=False)
    with pytest.raises(NotShown):
        approve(shown(approver, signed_in=0), row)


def test_a_program_shows_nothing(submit: Submit, approver: User) -> None:
    make_rule("Production", requirements=ONE, sign_in_minutes=10)
    row = submit()
    token, _ = tokens.make(acting(approver), name="chat", scopes=["decide"], days=1)
    with pytest.raises(NotShown, match="can't be approved with a token"):
        approve(tokens.actor_with(token, address=""), row)


def test_stopping_a_request_needs_nothing(submit: Submit, approver: User) -> None:
    make_rule("Production", requirements=ONE, second_factor=True)
    assert verbs.reject(acting(approver), submit().pk, reason="Not now").state == "REJECTED"


def test_whoever_drops_it_alone_stays_bound_by_it(approver: User, account: Account) -> None:
    """An administrator's own request asks for what the rule wanted before they changed it alone."""
    boss = make_person("boss", "administrator")
    rule = make_rule("Production", requirements=ONE, second_factor=True)
    rule.second_factor = False
    policy_actions.save_rule(acting(boss), rule)
    row = verbs.submit(acting(boss), account=account, reason="PLAT-1", calls=[make_call()])
    with pytest.raises(NotShown, match="before boss changed the rules"):
        approve(shown(approver, signed_in=0), row)


def test_without_such_a_rule_nothing_is_wanted(submit: Submit, approver: User) -> None:
    make_rule("Production", requirements=ONE)
    row = submit()
    assert "at_decision" not in row.rules[0]
    assert approve(acting(approver), row).state == "APPROVED"
    data = AuditEvent.objects.get(action="request.approved").data
    assert not {"signed_in_at", "second_factor_at"} & set(data)
