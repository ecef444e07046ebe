"""One attacker with all that a role lets them do, most of it on the pages: random programs of up to 30 steps, and none
of them runs a copy of theirs, or of somebody they made or took over, without the votes of people they did not make or
take over: as many as the rules asked for before they began. On what somebody else asks, all of theirs are one vote.

The attacker acts as whoever they can sign in as: themselves, and everybody whose password they could set, by a link
that a page showed them or that was mailed to a mailbox of theirs. Of the others some vote, and that is all they do.

`ATTACKER_PROGRAMS=1000` tries so many programs for each machine, and other ones each time.
"""

import logging
import os
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, ClassVar
from unittest.mock import patch

import pytest
from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import QuerySet
from django.template.backends.django import Template
from django.test import Client, override_settings
from django.urls import reverse
from django.utils import timezone
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from pytest_django import Settings

from amicopy.copies.core.calls import InvalidRequest
from amicopy.copies.core.models import Account, CopyRequest, Decision
from amicopy.copies.core.permissions import NotAllowed
from amicopy.copies.core.policy_models import ApprovalRule, Delegation
from amicopy.copies.core.power_models import Grant
from amicopy.copies.core.states import RequestState
from amicopy.copies.core.team_models import team_groups
from amicopy.copies.lifecycle.transitions import InvalidTransition
from amicopy.copies.operations import second_factors, tokens
from amicopy.copies.requests import delegation_actions, request_sets, verbs
from amicopy.copies.requests.vote_withdrawal import withdraw_vote
from amicopy.notify import mail
from amicopy.notify.models import Message
from tests.copies.conftest import SOURCE, acting, make_call, make_person, make_rule

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_quick_passwords")]

PROGRAMS = int(os.environ.get("ATTACKER_PROGRAMS", "0"))
STEPS = 30
REFUSED = (NotAllowed, InvalidTransition, InvalidRequest, request_sets.InvalidSet, ValidationError)
LINK = re.compile(r"/set-password/[\w-]+/[\w:-]+/")
PASSWORD = "correct horse battery"  # a test's
ROLE_SETS = (
    ["approver"],
    ["requester"],
    ["administrator"],
    ["approver", "break-glass"],
    ["administrator", "requester"],
)
SERVICE_ROLES: tuple[list[str], ...] = (["requester"], ["requester", "auditor"], [])
any_of = st.integers(0, 10_000)
# What look-ups say of a source that isn't there, which refuses a request unless it is submitted anyway.
IN_THE_WAY = {"source_not_there": {"ImageId": SOURCE, "Region": "us-east-1", "elsewhere": []}}


@pytest.fixture
def _quick_passwords(settings: Settings) -> Iterator[None]:
    """How long a password takes to hash is not what this is about."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    # As it ships: an approval can be taken back while nothing starts by it.
    settings.APPROVAL_UNDO_SECONDS = 10.0
    # Nearly every step is refused.
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


RUN = CopyRequest.objects.filter(dry_run=False, copies__queued_at__isnull=False).distinct()
# What steps need, as subqueries: one statement after each step asks for all of them, so that most cost nothing.
THERE: dict[str, QuerySet[Any]] = {
    "waiting": CopyRequest.objects.filter(state=RequestState.PENDING),
    "sent back": CopyRequest.objects.filter(state=RequestState.CHANGES_REQUESTED),
    "run": RUN,
    "votes": Decision.objects.filter(kind=Decision.Kind.APPROVE),
    "rules": ApprovalRule.objects.all(),
    "handed over": Delegation.objects.all(),
    "teams": team_groups(),
    "services": User.objects.filter(service__isnull=False),
}


def there_is(name: str) -> Callable[["Attack"], bool]:
    return lambda machine: machine.there[name]


waiting, sent_back, has_votes = there_is("waiting"), there_is("sent back"), there_is("votes")
has_rules, handed_over = there_is("rules"), there_is("handed over")
has_teams, has_services = there_is("teams"), there_is("services")


@contextmanager
def unread() -> Iterator[None]:
    """Answers without their pages, where nobody looks at them: making those takes as long as most steps."""
    with patch.object(Template, "render", lambda *_: ""):
        yield


class Attack(RuleBasedStateMachine):
    """What everybody can try with the accounts they have; `roles` are the attackers', `others` stand by."""

    attackers: ClassVar[dict[str, tuple[str, ...]]] = {}
    others: ClassVar[dict[str, tuple[str, ...]]] = {
        "ann": ("approver",),
        "rita": ("requester",),
        "bo": ("administrator", "break-glass"),
    }
    voters: ClassVar[tuple[str, ...]] = ("ann",)
    superuser: ClassVar[bool] = False
    # Whether it isn't theirs alone to say what the rules ask for: then that holds for what others ask, too.
    rules_hold: ClassVar[bool] = False
    # How many approvals the rules ask for at first.
    asked_for: ClassVar[int] = 1

    # Made once for all programs.
    account: ClassVar[Account]
    own: ClassVar[list[User]] = []
    looks: ClassVar[tuple[str, list[Any]]]

    @classmethod
    def begin(cls) -> None:
        """Makes what each program begins with."""
        cls.account, _ = Account.objects.get_or_create(name="sandbox", account_id="111122223333")
        cls.own = [make_person(name, *roles) for name, roles in cls.attackers.items()]
        for user in cls.own:
            User.objects.filter(pk=user.pk).update(is_superuser=cls.superuser)
        for name, roles in cls.others.items():
            user = make_person(name, *roles)
            User.objects.filter(pk=user.pk).update(email=f"{name}@people.example")
            second_factors.add_passkey(acting(user), name="key", credential="x", counter=0)
        if cls.asked_for > 1:
            make_rule("At first", requirements=[{"group": "approver", "count": cls.asked_for}])
        asked = [rows.values("pk").query.sql_with_params() for rows in THERE.values()]
        words = ", ".join(f"EXISTS({sql})" for sql, _ in asked)
        cls.looks = f"SELECT {words}", [each for _, given in asked for each in given]

    def __init__(self) -> None:
        super().__init__()
        # All that a program did is undone after it.
        self.undone = transaction.atomic()
        self.undone.__enter__()
        # Whom the attackers can act as, with a signed-in browser for each.
        self.people: dict[int, User] = {}
        self.browsers: dict[int, Client] = {}
        for user in self.own:
            self.signs_in(user)
        self.mailboxes = 0
        self.mail: override_settings | None = None
        self.there: dict[str, bool] = {}
        # Who approved what that isn't the attackers', by number and content.
        self.voted_for: dict[tuple[int, str], set[int]] = {}
        # What has run, in the same words. Whose it is counts when it begins: who is taken over later asked for it
        # of their own accord.
        self.ran: set[tuple[int, str]] = set()

    def teardown(self) -> None:
        if self.mail:
            self.mail.disable()
        transaction.set_rollback(True)
        self.undone.__exit__(None, None, None)

    def signs_in(self, user: User) -> None:
        browser = Client()
        browser.force_login(User.objects.get(pk=user.pk), backend="django.contrib.auth.backends.ModelBackend")
        self.people[user.pk], self.browsers[user.pk] = user, browser

    def one_of(self, pick: int) -> User:
        """Somebody the attackers act as."""
        return self.people[sorted(self.people)[pick % len(self.people)]]

    def anybody(self, pick: int) -> User:
        users = User.objects.order_by("pk")
        return users[pick % len(users)]

    def post(self, who: int, address: str, /, *args: Any, **data: Any) -> Any:
        with unread():
            return self.reads(who, address, *args, **data)

    def reads(self, who: int, address: str, /, *args: Any, **data: Any) -> Any:
        """As `post`, with the page."""
        answer = self.browsers[self.one_of(who).pk].post(reverse(address, args=args), data)
        assert answer.status_code < 500, (address, answer.status_code)
        return answer

    def follows(self, text: str) -> None:
        """Sets a password by each link in a text, and signs in with it."""
        for path in LINK.findall(text):
            browser = Client()
            page = browser.get(path, follow=True)
            if page.redirect_chain and page.context.get("validlink"):
                user = page.context["form"].user
                address = page.redirect_chain[-1][0]
                done = browser.post(address, {"new_password1": PASSWORD, "new_password2": PASSWORD})
                if done.status_code == 302 and User.objects.get(pk=user.pk).is_active:
                    self.signs_in(user)

    # What anybody with a role tries.

    @initialize(mail=st.booleans())
    def asks_first(self, mail: bool) -> None:
        """Where mail is set up nobody but the person sees a link for a password."""
        self.mail = override_settings(EMAIL_ON=mail)
        self.mail.enable()
        self.asks(0, dry_run=False)

    @rule(who=any_of, dry_run=st.sampled_from([False, False, False, True]))
    def asks(self, who: int, dry_run: bool) -> None:
        user = self.one_of(who)
        calls = [make_call(DryRun=True) if dry_run else make_call()]
        self.tries(verbs.submit, acting(user), account=self.account, reason="PLAT-1", calls=calls)

    @rule(who=any_of)
    def asks_anyway(self, who: int) -> None:
        """In spite of what is known, which another reason can't be put in place of later."""
        anyway = verbs.Anyway(f"reason {CopyRequest.objects.count()}")
        asked = {"reason": "PLAT-1", "calls": [make_call()], "lookups": IN_THE_WAY, "anyway": anyway}
        self.tries(verbs.submit, acting(self.one_of(who)), account=self.account, **asked)

    @rule(who=any_of, count=st.integers(2, 3))
    def asks_for_a_set(self, who: int, count: int) -> None:
        parts = [request_sets.Part([make_call(SourceImageId=f"ami-{each:017x}")], {}) for each in range(count)]
        asked = {"reason": "PLAT-1", "parts": parts, "submission": uuid.uuid4()}
        self.tries(request_sets.submit_set, acting(self.one_of(who)), account=self.account, **asked)

    @precondition(has_votes)
    @rule(who=any_of, which=any_of)
    def takes_a_vote_back(self, who: int, which: int) -> None:
        if found := list(Decision.objects.filter(kind=Decision.Kind.APPROVE).order_by("pk")):
            self.tries(withdraw_vote, acting(self.one_of(who)), found[which % len(found)].request_id)

    @precondition(waiting)
    @rule(who=any_of, which=any_of)
    def approves(self, who: int, which: int) -> None:
        if row := self.request(which):
            self.tries(verbs.approve, acting(self.one_of(who)), row.pk, seen_hash=row.content_hash)

    @precondition(waiting)
    @rule(who=any_of, which=any_of)
    def approves_on_the_page(self, who: int, which: int) -> None:
        if row := self.request(which):
            self.post(who, "request-approve", row.pk, content_hash=row.content_hash)

    @precondition(waiting)
    @rule(who=any_of, which=any_of)
    def approves_in_bulk(self, who: int, which: int) -> None:
        if row := self.request(which):
            answer = {"pick": row.pk, f"seen-{row.pk}": row.content_hash, "bulk": "approve", "confirm": "yes"}
            self.post(who, "approvals-decide", **answer)

    @precondition(waiting)
    @rule(who=any_of, which=any_of)
    def breaks_glass(self, who: int, which: int) -> None:
        if row := self.request(which):
            self.post(who, "request-break-glass", row.pk, content_hash=row.content_hash, reason="Fire")

    @precondition(waiting)
    @rule(who=any_of, which=any_of)
    def sends_back(self, who: int, which: int) -> None:
        if row := self.request(which):
            self.post(who, "request-changes", row.pk, reason="Again")

    @precondition(sent_back)
    @rule(who=any_of, which=any_of, other=st.booleans())
    def asks_again(self, who: int, which: int, other: bool) -> None:
        if row := self.request(which, RequestState.CHANGES_REQUESTED):
            calls = [make_call(Name="another-name")] if other else row.calls_as_asked()
            self.tries(verbs.resubmit, acting(self.one_of(who)), row.pk, reason="PLAT-1", calls=calls)

    @rule(who=any_of, to=any_of)
    def hands_over(self, who: int, to: int) -> None:
        until = (timezone.now() + timedelta(days=2)).strftime("%Y-%m-%dT%H:%M")
        self.post(who, "delegations", receiver=self.anybody(to).pk, until=until, reason="")

    @precondition(has_teams)
    @rule(who=any_of, which=any_of)
    def hands_over_to_a_group(self, who: int, which: int) -> None:
        """A team, or a role."""
        groups = [*team_groups(), *Group.objects.filter(name__in=("approver", "administrator")).order_by("pk")]
        until = (timezone.now() + timedelta(days=2)).strftime("%Y-%m-%dT%H:%M")
        self.post(who, "delegations", receiver=f"group-{groups[which % len(groups)].pk}", until=until, reason="")

    @precondition(handed_over)
    @rule(who=any_of, which=any_of)
    def takes_back(self, who: int, which: int) -> None:
        if found := list(Delegation.objects.order_by("pk")):
            self.post(who, "delegation-end", found[which % len(found)].pk)

    # What administrators try.

    @rule(who=any_of, roles=st.sampled_from(ROLE_SETS), mailbox=st.booleans())
    def adds(self, who: int, roles: list[str], mailbox: bool) -> None:
        name = f"made-{User.objects.count()}"
        self.post(who, "people", username=name, email=self.mailbox() if mailbox else "", roles=roles)

    @rule(who=any_of, roles=st.sampled_from(ROLE_SETS))
    def invents(self, who: int, roles: list[str]) -> None:
        """Adds somebody, and signs in as them."""
        self.adds(who, roles, mailbox=False)
        newest = User.objects.latest("pk")
        if newest.pk not in self.browsers:
            self.follows(self.reads(who, "person-link", newest.pk).content.decode())

    @rule(who=any_of, whom=any_of)
    def makes_a_link(self, who: int, whom: int) -> None:
        answer = self.reads(who, "person-link", self.anybody(whom).pk)
        self.follows(answer.content.decode())

    @rule(who=any_of, whom=any_of)
    def resets_second_factors(self, who: int, whom: int) -> None:
        self.post(who, "person-factors", self.anybody(whom).pk)

    @rule()
    def reads_mail(self) -> None:
        for message in Message.objects.filter(person__email__endswith="@attacker.example").order_by("pk"):
            assert message.person is not None
            self.follows(str(mail.email(message, message.person).body))

    @rule(who=any_of, whom=any_of)
    def changes_an_address(self, who: int, whom: int) -> None:
        self.post(who, "person-email", self.anybody(whom).pk, email=self.mailbox())

    @rule(who=any_of, whom=any_of, roles=st.sampled_from(ROLE_SETS))
    def gives_roles(self, who: int, whom: int, roles: list[str]) -> None:
        self.post(who, "person-roles", self.anybody(whom).pk, roles=roles)

    @rule(who=any_of, whom=any_of, to=st.sampled_from(["on", "off"]))
    def switches(self, who: int, whom: int, to: str) -> None:
        self.post(who, "person-switch", self.anybody(whom).pk, to=to)

    @rule(who=any_of, whom=any_of)
    def confirms(self, who: int, whom: int) -> None:
        self.post(who, "person-confirm", self.anybody(whom).pk)

    @rule(who=any_of, owner=any_of)
    def makes_a_team(self, who: int, owner: int) -> None:
        owners = [self.anybody(owner).pk]
        self.post(who, "teams", name=f"team {team_groups().count()}", description="", owners=owners)

    @precondition(has_teams)
    @rule(who=any_of, whom=any_of, which=any_of, of_own=st.booleans())
    def puts_in_a_team(self, who: int, whom: int, which: int, of_own: bool) -> None:
        user = self.one_of(whom) if of_own else self.anybody(whom)
        self.post(who, "team-join", self.team(which).pk, username=user.username)

    @precondition(has_teams)
    @rule(who=any_of, whom=any_of, which=any_of)
    def takes_out_of_a_team(self, who: int, whom: int, which: int) -> None:
        self.post(who, "team-leave", self.team(which).pk, person=self.anybody(whom).pk)

    @rule(who=any_of, count=st.integers(0, 1), group=st.sampled_from(["approver", "administrator"]))
    def writes_a_rule(self, who: int, count: int, group: str) -> None:
        typed = {"name": f"rule-{ApprovalRule.objects.count()}", "enabled": "on", "dry_runs": "both", "who": "nobody"}
        if count:
            typed |= {"who": "groups", "requirements-0-group": group, "requirements-0-count": "1"}
        self.post(who, "rule-new", **typed)

    @precondition(has_rules)
    @rule(who=any_of, which=any_of, to=st.sampled_from(["up", "down"]))
    def moves_a_rule(self, who: int, which: int, to: str) -> None:
        if found := list(ApprovalRule.objects.order_by("pk")):
            self.post(who, "rule-move", found[which % len(found)].pk, to=to)

    @precondition(has_rules)
    @rule(who=any_of, which=any_of, to=st.sampled_from(["on", "off"]))
    def switches_a_rule(self, who: int, which: int, to: str) -> None:
        if found := list(ApprovalRule.objects.order_by("pk")):
            self.post(who, "rule-switch", found[which % len(found)].pk, to=to)

    @precondition(has_rules)
    @rule(who=any_of, which=any_of)
    def deletes_a_rule(self, who: int, which: int) -> None:
        if found := list(ApprovalRule.objects.order_by("pk")):
            self.post(who, "rule-delete", found[which % len(found)].pk)

    @rule(who=any_of, owners=st.lists(any_of, min_size=1, max_size=2), roles=st.sampled_from(SERVICE_ROLES))
    def adds_a_service(self, who: int, owners: list[int], roles: list[str]) -> None:
        chosen = [self.anybody(owner).pk for owner in owners]
        self.post(who, "services", username=f"made-{User.objects.count()}", owners=chosen, roles=roles)

    @precondition(has_services)
    @rule(who=any_of, which=any_of, owners=st.lists(any_of, min_size=1, max_size=2))
    def changes_owners(self, who: int, which: int, owners: list[int]) -> None:
        chosen = [self.anybody(owner).pk for owner in owners]
        self.post(who, "service-owners", self.service(which).pk, owners=chosen)

    @precondition(has_services)
    @rule(who=any_of, which=any_of, roles=st.sampled_from(ROLE_SETS))
    def gives_a_service_roles(self, who: int, which: int, roles: list[str]) -> None:
        self.post(who, "person-roles", self.service(which).pk, roles=roles)

    @precondition(has_services)
    @rule(who=any_of, which=any_of, scopes=st.sampled_from([["request"], ["request", "decide"]]))
    def asks_as_a_service(self, who: int, which: int, scopes: list[str]) -> None:
        with suppress(*REFUSED, tokens.Refused):
            mine, service = acting(self.one_of(who)), self.service(which)
            text = tokens.make(mine, name="t", scopes=scopes, days=1, service=service.pk)[1]
            actor = tokens.actor_with(tokens.used(text, address="192.0.2.1"), address="192.0.2.1")
            self.tries(verbs.submit, actor, account=self.account, reason="PLAT-1", calls=[make_call()])

    # What others do.

    @precondition(waiting)
    @rule(who=any_of, which=any_of)
    def somebody_else_approves(self, who: int, which: int) -> None:
        others = User.objects.filter(username__in=self.voters).exclude(pk__in=self.browsers).order_by("pk")
        if (row := self.request(which)) and others:
            user, before = others[who % len(others)], row.decisions.count()
            self.tries(verbs.approve, acting(user), row.pk, seen_hash=row.content_hash)
            if row.decisions.count() > before:
                self.voted_for.setdefault((row.pk, row.content_hash), set()).add(user.pk)

    @precondition(has_teams)
    @rule(who=any_of, which=any_of)
    def somebody_else_hands_over_to_a_team(self, who: int, which: int) -> None:
        """Whoever is in it then, and gets in after."""
        others = User.objects.filter(username__in=self.voters).exclude(pk__in=self.browsers).order_by("pk")
        if others:
            until, giver = timezone.now() + timedelta(days=2), others[who % len(others)]
            self.tries(delegation_actions.delegate, acting(giver), receiver=self.team(which), until=until)

    @rule()
    def somebody_else_asks(self) -> None:
        rita = User.objects.get(username="rita")
        if rita.pk not in self.browsers:
            calls = [make_call(Name=f"ritas-{CopyRequest.objects.count()}")]
            self.tries(verbs.submit, acting(rita), account=self.account, reason="PLAT-1", calls=calls)

    # What holds.

    @invariant()
    def nothing_of_theirs_runs_without_somebody_else(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(*self.looks)
            self.there = dict(zip(THERE, map(bool, cursor.fetchone()), strict=True))
        if not self.there["run"]:
            return
        owned = Grant.objects.filter(kind=Grant.Kind.OWNER, given_by__in=self.browsers)
        theirs = {*self.browsers, *owned.values_list("person", flat=True)}
        for row in RUN.all():
            run = (row.pk, row.content_hash)
            if run in self.ran:
                continue
            voted_for = self.voted_for.get(run, ())
            if row.requester_id in theirs:
                assert len(voted_for) >= self.asked_for, f"{row} of {row.requester} ran"
            elif self.rules_hold and not row.break_glass:
                assert len(voted_for) >= self.asked_for - 1, f"{row} of {row.requester} ran by one hand"
            self.ran.add(run)

    # The tools of the above.

    def tries(self, verb: Any, *args: Any, **more: Any) -> None:
        try:
            with transaction.atomic():
                verb(*args, **more)
        except REFUSED:
            pass

    def request(self, pick: int, state: str = RequestState.PENDING) -> CopyRequest | None:
        found = list(CopyRequest.objects.filter(state=state).order_by("pk"))
        return found[pick % len(found)] if found else None

    def service(self, pick: int) -> User:
        found = list(User.objects.filter(service__isnull=False).order_by("pk"))
        return found[pick % len(found)]

    def team(self, pick: int) -> Group:
        found = list(team_groups().order_by("pk"))
        return found[pick % len(found)]

    def mailbox(self) -> str:
        self.mailboxes += 1
        return f"box-{self.mailboxes}@attacker.example"


class OneAdministrator(Attack):
    attackers: ClassVar = {"mallory": ("administrator",)}


class OneOfTwoVoters(Attack):
    """Who takes over people that may vote, where what anybody asks takes two."""

    attackers: ClassVar = {"mallory": ("administrator", "approver")}
    others: ClassVar = {**Attack.others, "abe": ("approver",)}
    voters: ClassVar = ("ann", "abe")
    rules_hold: ClassVar = True
    asked_for: ClassVar = 2


class OneSuperuser(Attack):
    """With every role that there is, and no other superuser."""

    attackers: ClassVar = {"mallory": ("administrator", "approver", "requester", "auditor", "break-glass")}
    superuser: ClassVar = True


class OnlyAdministrator(Attack):
    """Whose changes nobody could confirm, and who finds a rule that asks for two."""

    attackers: ClassVar = {"mallory": ("administrator",)}
    others: ClassVar = {"ann": ("approver",), "abe": ("approver",), "rita": ("requester",)}
    voters: ClassVar = ("ann", "abe")
    asked_for: ClassVar = 2


class OneRequester(Attack):
    attackers: ClassVar = {"mallory": ("requester",)}


class OneApprover(Attack):
    attackers: ClassVar = {"mallory": ("requester", "approver", "break-glass")}


class OneAuditor(Attack):
    attackers: ClassVar = {"mallory": ("requester", "auditor")}


class TwoRequesters(Attack):
    attackers: ClassVar = {"mallory": ("requester",), "trudy": ("requester",)}


MACHINES = (
    OneAdministrator,
    OnlyAdministrator,
    OneOfTwoVoters,
    OneSuperuser,
    OneRequester,
    OneApprover,
    OneAuditor,
    TwoRequesters,
)


@pytest.mark.skipif(bool(PROGRAMS), reason="The next test tries more.")
def test_no_short_look_finds_a_way_for_one_administrator() -> None:
    run(OneAdministrator, 5)


@pytest.mark.slow
@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.__name__)
def test_no_program_runs_a_copy_without_somebody_else(machine: type[Attack]) -> None:
    run(machine, PROGRAMS or 25)


def run(machine: type[Attack], programs: int) -> None:
    with transaction.atomic():
        machine.begin()
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=programs,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=not PROGRAMS,
            database=None,
            # Shrinking a program takes long: only where somebody asked for many.
            phases=[Phase.generate, Phase.shrink] if PROGRAMS else [Phase.generate],
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
