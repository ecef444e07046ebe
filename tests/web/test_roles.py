"""`docs/roles.md`, cell by cell: who may do what at which address."""

import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.http import StreamingHttpResponse
from django.test import Client
from django.urls import reverse
from django.urls.resolvers import URLPattern, URLResolver
from django.utils import timezone
from pytest_django import Settings

from amicopy.audit.models import AuditEvent
from amicopy.copies.core.models import (
    Account,
    Budget,
    CopyRequest,
    CopyStep,
    Identity,
    ImageCopy,
    RequestSet,
    SeenLeftover,
)
from amicopy.copies.core.policy_models import Delegation, FreezeWindow
from amicopy.copies.core.power_models import Grant
from amicopy.copies.core.proposal_models import Proposal
from amicopy.copies.core.roles import PERMISSIONS, ROLES
from amicopy.copies.core.steps.wanted import NOTHING, WantedSteps
from amicopy.copies.operations import accounts, people, second_factors, services, teams, tokens
from amicopy.copies.requests import verbs
from amicopy.notify.models import Endpoint
from amicopy.notify.models import State as MessageState
from amicopy.notify.sealing import seal
from amicopy.urls import urlpatterns
from amicopy.web.models import SavedView
from tests.copies.conftest import acting, have_roles, make_call, make_person, make_rule
from tests.copies.test_second_factors import SECRET, code
from tests.web.conftest import typed
from tests.web.page import read
from tests.web.test_account_pages import account_typed
from tests.web.test_message_pages import stored, webhook_typed
from tests.web.test_policy_pages import delegation_typed, freeze_typed
from tests.web.test_rules import rule_typed

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "roles.md").read_text()
Posted = Mapping[str, Any]
NEW = ("request-new", *(f"request-new-{part}" for part in ("source", "inspection", "messages", "aside", "permissions")))
PASSWORD = "a-long-password-1"
AT_A_PROVIDER = ("sign-on", "sign-on-return", "sign-on-ended", "sign-on-link")
# These change nothing that the history tells.
SILENT = {
    "sign-in",
    "sign-in-second",
    "password-set",
    "settings",
    "theme",
    "sessions-end",
    "request-look",
    "copy-look",
    "view-save",
    "view-delete",
    "account-check",
    "leftovers-look",
    # Here it only looks, for what AWS doesn't show is refused: tests/web/test_existing_form.py.
    "request-existing",
    "request-existing-look",
    *NEW[1:],
}


# What only an app or an authenticator can answer: tests/web/test_second_factors.py, tests/journey/test_passkeys.py.
ANSWERED_ELSEWHERE = {"second-factor-app", "second-factor-passkey"}


def table(title: str) -> tuple[list[str], list[list[str]]]:
    """The head and the rows of the table under a heading of the page."""
    section = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return cells[0], cells[2:]


HEAD, ROWS = table("Addresses")
WHO = HEAD[3:]
CELLS = [
    pytest.param(row[0].strip("`"), row[1], row[2], who, expected, id=f"{row[0].strip('`')} {row[1]} {row[2]} {who}")
    for row in ROWS
    for who, expected in zip(WHO, row[3:], strict=True)
]


def patterns(found: Sequence[URLPattern | URLResolver] = urlpatterns) -> Iterator[URLPattern]:
    for each in found:
        if isinstance(each, URLPattern):
            yield each
        # Machines are asked for elsewhere: tests/api/test_scopes.py, tests/api/test_ec2_signers.py.
        elif each.namespace not in {"api", "ec2"}:
            yield from patterns(each.url_patterns)


@pytest.fixture
def roles(db: None) -> None:
    have_roles()


def somebody(name: str, *groups: str) -> User:
    user, _ = User.objects.get_or_create(username=name)
    user.groups.set(Group.objects.filter(name__in=groups))
    return user


def test_the_table_of_permissions_is_that_of_the_groups(roles: None) -> None:
    head, rows = table("Permissions")
    assert head[1:] == list(ROLES)
    listed = {}
    for words, *cells in rows:
        name = re.search(r"`(.+)`", words)
        assert name
        assert words == f"{PERMISSIONS[name[1]][1]} (`{name[1]}`)"
        listed[name[1]] = dict(zip(head[1:], cells, strict=True))
    held = {
        role: {f"{p.content_type.app_label}.{p.codename}" for p in Group.objects.get(name=role).permissions.all()}
        for role in ROLES
    }
    assert listed == {
        name: {role: "yes" if name in held[role] else "no" for role in ROLES}
        for name in sorted(PERMISSIONS, key=list(listed).index)
    }


def test_every_address_has_its_rows() -> None:
    listed = {(row[0].strip("`"), row[1]) for row in ROWS}
    names = {str(pattern.name) for pattern in patterns()}
    assert {name for name, _ in listed} == names
    owned = [(row[0], row[1]) for row in ROWS if row[2] == "own"]
    assert owned == [(row[0], row[1]) for row in ROWS if row[2] == "other’s"]


def test_a_verb_without_a_row_is_not_answered(roles: None) -> None:
    listed = {(row[0].strip("`"), row[1]) for row in ROWS}
    client = Client()
    client.force_login(somebody("boss", *ROLES))
    row = make_request(somebody("asks", "requester"))
    for pattern in patterns():
        for verb in ("GET", "POST"):
            if (str(pattern.name), verb) not in listed:
                arguments = [row.pk] * len(pattern.pattern.converters)
                answer = client.generic(verb, reverse(str(pattern.name), args=arguments))
                assert answer.status_code == 405, (pattern.name, verb)


# What is done to a step after a copy, and the state in which it can be.
AFTER = {"request-retry-steps": "FAILED", "request-put-back": "DONE"}
PUBLISHED = WantedSteps({"Parameter": {"Name": "/golden"}})


def make_request(by: User, steps: WantedSteps = NOTHING) -> CopyRequest:
    """A request by somebody, who may have lost the right to ask since."""
    before = list(by.groups.all())
    by.groups.set(Group.objects.filter(name="requester"))
    somebody("approver-1", "approver")
    account, _ = Account.objects.get_or_create(name="sandbox", account_id="111122223333")
    row = verbs.submit(acting(by), account=account, reason="PLAT-1", calls=[make_call()], steps=steps)
    by.groups.set(before)
    return row


def brought_to(row: CopyRequest, name: str) -> CopyRequest:
    """The request in a state in which what the address is for can be done."""
    if name == "request-edit":
        verbs.request_changes(acting(User.objects.get(username="approver-1")), row.pk, reason="Which ticket?")
    if name == "request-renew":
        CopyRequest.objects.filter(pk=row.pk).update(state="EXPIRED")
    if name in {"request-cancel", "request-retry"}:
        verbs.approve(acting(User.objects.get(username="approver-1")), row.pk, seen_hash=row.content_hash)
    if name in AFTER:
        verbs.approve(acting(User.objects.get(username="approver-1")), row.pk, seen_hash=row.content_hash)
        ImageCopy.objects.filter(request=row).update(state="AVAILABLE", ImageId="ami-1")
        CopyStep.objects.create(copy=row.copies.get(), code="Parameter", position=7, state=AFTER[name])
    if name == "request-decode":
        refusal = "Encoded authorization failure message: abc"
        ImageCopy.objects.filter(request=row).update(state="FAILED", error_message=refusal)
    if name == "request-retry":
        ImageCopy.objects.filter(request=row).update(state="FAILED", error_code="Blocked")
        CopyRequest.objects.filter(pk=row.pk).update(state="FAILED")
    return row


def link_of(owner: User) -> Identity:
    """To a provider, of somebody who has a password besides."""
    owner.set_password(PASSWORD)
    owner.save()
    now = timezone.now()
    return Identity.objects.create(person=owner, issuer="https://sso.example", subject="x", made_at=now, seen_at=now)


def make_delegation(giver: User) -> Delegation:
    now = timezone.now()
    receiver = somebody("receives", "approver")
    return Delegation.objects.create(giver=giver, receiver=receiver, created_at=now, until=now + timedelta(days=1))


def target(name: str, owner: User) -> tuple[list[Any], Posted]:
    """The arguments of an address, and what is posted there."""
    if name.startswith("copy-"):
        return [make_request(owner).pk, "eu-west-1"], {}
    if name.startswith("request") and not name.startswith(("requests", "request-new", "request-existing")):
        row = brought_to(make_request(owner, PUBLISHED if name in AFTER else NOTHING), name)
        if name == "request-decode" or name in AFTER:
            return [row.pk], {"copy": row.copies.get().pk}
        return [row.pk], typed() if name == "request-edit" else {"content_hash": row.content_hash, "reason": "Why not"}
    if name == "set":
        row = make_request(owner)
        together = RequestSet.objects.create(requester=owner, submission=uuid.uuid4(), created_at=timezone.now())
        CopyRequest.objects.filter(pk=row.pk).update(in_set=together)
        return [together.pk], {}
    if name in {"rule", "rule-move", "rule-switch", "rule-delete"}:
        rules = [make_rule(each, order=order) for order, each in enumerate(("first", "second"))]
        moved = {"to": "up" if name == "rule-move" else "off"}
        return [rules[1].pk], rule_typed() if name == "rule" else moved
    if name in {"freeze", "freeze-end", "freeze-delete"}:
        now = timezone.now()
        window = FreezeWindow.objects.create(name="Now", starts_at=now - timedelta(1), ends_at=now + timedelta(1))
        return [window.pk], freeze_typed(name="Later") if name == "freeze" else {}
    if name == "budget-delete":
        team = Group.objects.create(name="platform")
        return [Budget.objects.create(team=team, amount=50, set_at=timezone.now()).pk], {}
    if name == "token-revoke":
        return [tokens.make(acting(owner), name="nightly", scopes=["read"], days=30)[0].pk], {}
    if name == "second-factor-remove":
        return [second_factors.add_passkey(acting(owner), name="key", credential="x", counter=0).pk], {}
    if name == "sign-on-unlink":
        return [link_of(owner).pk], {}
    if name == "recovery-codes":
        second_factors.add_app(acting(User.objects.get(username="person")), name="app", secret=SECRET, code=code())
    if name == "person-factors":
        newcomer = somebody("newcomer", "auditor")
        second_factors.add_app(acting(newcomer), name="app", secret=SECRET, code=code())
        return [newcomer.pk], {}
    if name == "delegation-end":
        return [make_delegation(owner).pk], {}
    if name in {"webhook", "webhook-delete", "webhook-key", "webhook-try"}:
        endpoint = Endpoint.objects.create(name="tickets", sealed_url=seal("https://hooks.example/"), kinds=["ended"])
        return [endpoint.pk], webhook_typed(name="tickets-2") if name == "webhook" else {"key": "show"}
    if name == "messages-test":
        User.objects.filter(username="person").update(email="somebody@people.example")
    if name == "messages-retry":
        stored(MessageState.FAILED)
    if name in {"account", "account-edit", "account-check", "account-read-only-role"}:
        account = Account.objects.create(name="shared", account_id="444455556666")
        return [account.pk], account_typed(seen=accounts.seen_of(account))
    if name == "person-confirm":
        maker, made = somebody("maker", "administrator"), somebody("newcomer", "auditor")
        Grant.objects.create(person=made, kind="account", given_by=maker, given_at=timezone.now())
        return [made.pk], {}
    if name == "service-owners":
        pipeline = services.add(acting(somebody("boss", "administrator")), name="pipeline", owners=[owner])
        return [pipeline.pk], {"owners": [owner.pk, somebody("newcomer", "auditor").pk]}
    if name in {"team", "team-join", "team-leave", "team-delete"}:
        boss, newcomer = somebody("boss", "administrator"), somebody("newcomer", "auditor")
        group = teams.add(acting(boss), name="platform", owners=[owner])
        if name == "team-leave":
            teams.join(acting(boss), group.pk, newcomer.pk)
        if name == "team":
            return [group.pk], {"name": "platform", "description": "Builds images"}
        return [group.pk], {"username": "newcomer", "person": newcomer.pk}
    if name == "person-email":
        return [owner.pk], {"email": "somebody@new.example"}
    if name.startswith("person"):
        return [somebody("newcomer", "auditor").pk], {"roles": ["auditor", "requester"], "to": "off"}
    if name.startswith("change-"):
        by = User.objects.get(username="person") if name == "change-withdraw" else somebody("boss", "administrator")
        values = {
            "kind": "rule.on",
            "subject": "rule",
            "name": "Gone",
            "proposed_by": by,
            "proposed_at": timezone.now(),
        }
        return [Proposal.objects.create(**values).pk], {"reason": "Not now"}
    if name == "password-set":
        parts = people.password_link(acting(somebody("boss", "administrator")), somebody("newcomer").pk)
        return list(parts or ()), {}
    if name == "view-delete":
        return [SavedView.objects.create(person=owner, name="Mine", address="?view=mine").pk], {}
    if name == "audit-event":
        return [AuditEvent.objects.filter(request=make_request(owner).pk).latest("pk").pk], {}
    account, _ = Account.objects.get_or_create(name="sandbox", account_id="111122223333")
    if name == "approvals-decide":
        row = make_request(owner)
        return [], {"pick": row.pk, f"seen-{row.pk}": row.content_hash, "bulk": "approve", "confirm": "yes"}
    if name == "leftovers-remove":
        copy = ImageCopy.objects.get(request=make_request(owner))
        place = {"account": account, "copy": copy, "DestinationRegion": "eu-west-1", "seen_at": timezone.now()}
        return [], {"leftover": [SeenLeftover.objects.create(ImageId="ami-1", gib=8, **place).pk], "confirm": "yes"}
    posted: dict[str, Posted] = {
        "sign-in": {"username": "other", "password": PASSWORD},
        **{form: typed() for form in (*NEW, "request-existing-look")},
        "request-existing": {**typed(), "look": "1"},
        "rule-new": rule_typed(),
        "freeze-new": freeze_typed(),
        "budgets": {"team": Group.objects.get_or_create(name="platform")[0].pk, "amount": "50"},
        "account-new": account_typed(),
        "webhook-new": webhook_typed(),
        "tokens": {"name": "nightly", "scopes": ["read"], "days": "30"},
        "access-keys": {"name": "nightly", "account": "111122223333", "days": "30"},
        "people": {"username": "newcomer", "roles": ["auditor"]},
        "services": {"username": "pipeline", "owners": [owner.pk]},
        "people-many": {"lines": "newcomer,,auditor", "do": "add"},
        "teams": {"name": "builders"},
        "audit-export": {"format": "csv"},
        "password-change": {"new_password1": "another-long-one-2", "new_password2": "another-long-one-2"},
        "delegations": delegation_typed(somebody("receives", "approver").pk),
    }
    arguments: dict[str, list[Any]] = {"progress-icon": [50], **{each: ["none"] for each in AT_A_PROVIDER}}
    return arguments.get(name, []), posted.get(name, {})


def outcome(client: Client, name: str, verb: str, arguments: list[Any], data: Posted) -> str:
    before = AuditEvent.objects.count()
    address = reverse(name, args=arguments)
    answer = client.get(address) if verb == "GET" else client.post(address, data)
    if isinstance(answer, StreamingHttpResponse):
        list(answer)
    if answer.status_code == 302 and answer["Location"].startswith("/sign-in/?"):
        return "sign in"
    if answer.status_code in {403, 404}:
        return {403: "no", 404: "hidden"}[answer.status_code]
    if answer.status_code == 422 and name in ANSWERED_ELSEWHERE:
        return "yes"
    assert answer.status_code in {200, 302}, answer
    if verb == "GET" or name in SILENT or AuditEvent.objects.count() > before:
        return "yes"
    return "refused"


@pytest.mark.parametrize(("name", "verb", "of", "who", "expected"), CELLS)
def test_a_cell(roles: None, name: str, verb: str, of: str, who: str, expected: str, settings: Settings) -> None:
    settings.EC2_DOOR = True
    somebody("approver-1", "approver")
    person = somebody("person", *({who} & set(ROLES)))
    other = somebody("other", "requester", "approver")
    if name == "sign-in":
        other.set_password(PASSWORD)
        other.save()
    arguments, data = target(name, person if of == "own" else other)
    client = Client()
    if who != "signed out":
        client.force_login(person)
    states = list(CopyRequest.objects.values_list("state", "version"))
    assert outcome(client, name, verb, arguments, data) == expected
    if expected != "yes":
        assert list(CopyRequest.objects.values_list("state", "version")) == states


@pytest.mark.parametrize("verb", ["approve", "reject", "request-changes", "break-glass"])
def test_a_superuser_with_every_role_does_not_decide_on_their_own_request(roles: None, verb: str) -> None:
    boss = somebody("boss", *ROLES)
    boss.is_superuser = True
    boss.save()
    row = make_request(boss)
    client = Client()
    client.force_login(boss)
    data = {"content_hash": row.content_hash, "reason": "Because"}
    answer = client.post(f"/requests/{row.pk}/{verb}/", data, follow=True)
    assert "decide on your own request" in read(answer).text
    row.refresh_from_db()
    assert row.state == "PENDING"
    assert not row.decisions.exists()


def test_a_person_whose_account_is_switched_off_is_signed_out(roles: None) -> None:
    boss = make_person("boss", *ROLES)
    client = Client()
    client.force_login(boss)
    User.objects.filter(pk=boss.pk).update(is_active=False)
    assert client.get("/approvals/")["Location"].startswith("/sign-in/")
