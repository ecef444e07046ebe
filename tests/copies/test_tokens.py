"""Tokens of the API: made by their person, limited, looked at with each use, and named by the history."""

import hashlib
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.audit.models import AuditEvent
from amicopy.copies.core.calls import InvalidRequest
from amicopy.copies.core.models import Account
from amicopy.copies.core.permissions import NotAllowed
from amicopy.copies.core.power_models import Grant
from amicopy.copies.core.token_models import ApiToken, new_text, well_formed
from amicopy.copies.lifecycle.transitions import InvalidTransition
from amicopy.copies.operations import access_keys, confirmations, people, services, tokens
from amicopy.copies.requests import verbs
from tests.copies.conftest import Submit, acting, make_person

pytestmark = pytest.mark.django_db
HERE = "192.0.2.7"


def make_token(user: User, *scopes: str, **more: Any) -> tuple[ApiToken, str]:
    wanted = {"name": "nightly pipeline", "days": 30, **more}
    return tokens.make(acting(user), scopes=scopes or ("read", "request"), **wanted)


def refused_fields(user: User, *scopes: str, **more: Any) -> set[str]:
    with pytest.raises(InvalidRequest) as refused:
        make_token(user, *scopes, **more)
    return {error.field for error in refused.value.errors}


def test_a_token_is_kept_as_its_digest_alone(requester: User) -> None:
    row, text = make_token(requester)
    assert re.fullmatch(r"amic_[0-9A-Za-z]{57}", text)
    assert row.digest == hashlib.sha256(text.encode()).hexdigest()
    assert text not in repr(vars(row))
    event = AuditEvent.objects.get(action="token.made")
    assert text[13:] not in repr(event.data)
    assert event.data["api_token_id"] == f"{text[:13]}…"
    assert tokens.used(text, address=HERE) == row


def test_the_check_sum_tells_a_cut_or_changed_token_without_the_database(requester: User) -> None:
    text = make_token(requester)[1]
    other = "x" if text[20] != "x" else "y"
    for wrong in (text[:-1], text + "x", text[:20] + other + text[21:], text.upper(), "amic_", "", "é" * 62):
        with (
            CaptureQueriesContext(
                connection,
            ) as asked,
            pytest.raises(tokens.Refused, match="no token"),
        ):
            tokens.used(wrong, address=HERE)
        assert not asked.captured_queries
    assert well_formed(new_text())
    with pytest.raises(tokens.Refused, match="no such token"):
        tokens.used(new_text(), address=HERE)


def test_a_token_ends_when_it_expires_is_revoked_or_its_person_is_switched_off(requester: User) -> None:
    boss = make_person("boss", "administrator")
    row, text = make_token(requester)
    requester.is_active = False
    requester.save()
    with pytest.raises(tokens.Refused, match="switched off"):
        tokens.used(text, address=HERE)
    requester.is_active = True
    requester.save()
    ApiToken.objects.update(created_at=timezone.now() - timedelta(2), expires_at=timezone.now() - timedelta(1))
    with pytest.raises(tokens.Refused, match="expired"):
        tokens.used(text, address=HERE)
    with pytest.raises(InvalidTransition):
        tokens.revoke(acting(boss), row.pk)
    row, text = make_token(requester)
    tokens.revoke(acting(boss), row.pk)
    with pytest.raises(tokens.Refused, match="revoked"):
        tokens.used(text, address=HERE)
    event = AuditEvent.objects.get(action="token.revoked")
    assert (event.actor, event.data["owner"]) == ("boss", "requester")


def test_only_its_person_and_who_manages_people_can_revoke_a_token(requester: User, approver: User) -> None:
    row, _ = make_token(requester)
    with pytest.raises(ApiToken.DoesNotExist):
        tokens.revoke(acting(approver), row.pk)
    tokens.revoke(acting(requester), row.pk)


@pytest.mark.parametrize(
    ("address", "holds"),
    [("10.1.2.3", True), ("::ffff:10.1.2.3", True), ("11.1.2.3", False), ("2001:db8::1", True), ("", False)],
)
def test_a_token_holds_for_its_addresses_only(requester: User, address: str, holds: bool) -> None:
    row, text = make_token(requester, addresses=["10.0.0.1/8", " 2001:db8::/32 "])
    assert row.addresses == ["10.0.0.0/8", "2001:db8::/32"]
    if holds:
        assert tokens.used(text, address=address) == row
    else:
        with pytest.raises(tokens.Refused, match="address"):
            tokens.used(text, address=address)


def test_what_is_wrong_with_a_new_token_is_said_by_field(requester: User, account: Account) -> None:
    assert refused_fields(requester, "decide") == {"scopes"}
    assert refused_fields(requester, "everything") == {"scopes"}
    assert refused_fields(requester, name=" ") == {"name"}
    assert refused_fields(requester, name="a\0b") == {"name"}
    assert refused_fields(requester, days=0) == {"days"}
    assert refused_fields(requester, days=366) == {"days"}
    assert refused_fields(requester, addresses=["10.0.0"]) == {"addresses"}
    assert refused_fields(requester, accounts=["999999999999"]) == {"accounts"}
    assert make_token(requester, accounts=[account.account_id])[0].accounts == [account.account_id]
    assert make_token(make_person("other-approver", "approver"), "decide")[0].scopes == ["decide"]


def test_the_last_use_is_kept_to_the_minute(requester: User) -> None:
    row, text = make_token(requester)
    tokens.used(text, address=HERE)
    row.refresh_from_db()
    assert (row.last_used_at is not None, row.last_used_from) == (True, HERE)
    with CaptureQueriesContext(connection) as asked:
        tokens.used(text, address=HERE)
    assert len(asked.captured_queries) == 1


def test_history_names_token_and_owner_for_a_verb(requester: User, submit: Submit) -> None:
    row, _ = make_token(requester)
    request = submit()
    verbs.withdraw(tokens.actor_with(row, address=HERE), request.pk)
    for event in AuditEvent.objects.filter(request=request.pk, source="api"):
        assert event.actor == "requester"
        assert event.data["token"] == {"id": row.shown_id, "name": "nightly pipeline", "owner": "requester"}
    assert AuditEvent.objects.get(action="request.withdrawn").source == "api"


def test_who_asked_with_a_token_does_not_decide_on_it(approver: User, submit: Submit) -> None:
    both = make_person("both", "requester", "approver")
    token, _ = make_token(both, "request", "decide")
    request = submit(by=both)
    for actor in (acting(both), tokens.actor_with(token, address=HERE)):
        with pytest.raises(NotAllowed, match="own request"):
            verbs.approve(actor, request.pk, seen_hash=request.content_hash)


def test_a_token_makes_and_revokes_no_tokens(requester: User) -> None:
    row, _ = make_token(requester)
    actor = tokens.actor_with(row, address=HERE)
    with pytest.raises(NotAllowed):
        tokens.make(replace(actor, source="page"), name="more", scopes=["read"], days=1)
    with pytest.raises(NotAllowed):
        tokens.revoke(actor, row.pk)


def test_what_others_could_have_made_ends_when_the_person_is_confirmed(requester: User, account: Account) -> None:
    boss, rita = make_person("boss", "administrator"), make_person("rita", "requester")
    before = make_token(requester)[0]
    now = timezone.now()
    service = services.add(acting(boss), name="pipeline", owners=[requester, rita])
    people.set_roles(acting(boss), service.pk, ["requester"])
    ApiToken.objects.update(created_at=now - timedelta(hours=2))
    Grant.objects.create(person=requester, kind="password", given_by=boss, given_at=now - timedelta(hours=1))
    since, of_service = make_token(requester)[0], make_token(requester, service=service.pk)[0]
    others = make_token(rita, service=service.pk)[0]
    key = access_keys.make(acting(requester), name="key", account="111122223333", days=1)[0]
    confirmations.confirm_by_operator(Actor(name="operator", source="command"), requester.username)
    assert {row for row in ApiToken.objects.all() if row.works()} == {before, others}
    told = AuditEvent.objects.filter(action__in=["token.revoked", "access_key.revoked"])
    assert {event.data["api_token_id"] for event in told} == {row.shown_id for row in (since, of_service, key)}
    assert {event.actor for event in told} == {"operator"}
    # A service that is confirmed keeps the tokens of its owners, who answer for them.
    confirmations.confirm_by_operator(Actor(name="operator", source="command"), "pipeline")
    others.refresh_from_db()
    assert others.works()


def test_who_was_only_given_a_role_keeps_their_tokens(requester: User) -> None:
    boss = make_person("boss", "administrator")
    people.set_roles(acting(boss), requester.pk, ["requester", "auditor"])
    row = make_token(requester)[0]
    confirmations.confirm_by_operator(Actor(name="operator", source="command"), requester.username)
    row.refresh_from_db()
    assert row.works()
