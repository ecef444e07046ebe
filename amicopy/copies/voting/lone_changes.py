"""What people changed of the rules, or lifted of a freeze, without anybody else: until somebody independent confirms
it, what stood before holds for requests of theirs, and of whoever is in one hand with them, beside what stands now.

Such a change is a `Grant` to nobody in particular, which keeps what stood before. Who confirms its maker confirms it.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.contrib.auth.models import Group, User
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from amicopy.audit.actor import Actor
from amicopy.audit.log import lock_chain
from amicopy.copies.core.calls import fingerprint
from amicopy.copies.core.models import Account
from amicopy.copies.core.policy_models import ApprovalRule, FreezeWindow
from amicopy.copies.core.power_models import Grant
from amicopy.copies.voting import power

Kind = Grant.Kind
Row = dict[str, Any]


@contextmanager
def changing_rules(actor: Actor) -> Iterator[None]:
    """Around a change of the rules, in its transaction: keeps the rules of before, where the actor left others than
    these the last time."""
    lock_chain()
    before = _rulebook()
    yield
    after = _rulebook()
    if after == before or not power.unconfirmed(actor):
        return
    mine = Grant.objects.filter(kind=Kind.RULES, given_by=actor.id, confirmed_at__isnull=True)
    if not mine.filter(detail=fingerprint(before)).update(detail=fingerprint(after)):
        _keep(Kind.RULES, actor, fingerprint(after), before)


def lifted(window: FreezeWindow, after: Mapping[str, Any], *, actor: Actor) -> None:
    """Keeps a window as it stands in the database, where the actor makes less of it: `after` as `as_dict`, or empty."""
    stored = FreezeWindow.objects.select_related("account").get(pk=window.pk)
    if freezes_no_less(stored.as_dict(), after) or not power.unconfirmed(actor):
        return
    before = {
        "name": stored.name,
        "account_id": stored.account_id,
        "DestinationRegion": stored.DestinationRegion,
        "starts_at": stored.starts_at.isoformat(),
        "ends_at": stored.ends_at.isoformat(),
    }
    _keep(Kind.FREEZE, actor, fingerprint([window.pk, before]), before)


def freezes_no_less(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether a window, as events have it, was new, is over already, or holds all that it held."""
    now = timezone.now()
    if not before or _moment(before["ends_at"]) <= now:
        return True
    return (
        bool(after)
        and after["account"] in ("", before["account"])
        and after["DestinationRegion"] in ("", before["DestinationRegion"])
        and _moment(after["starts_at"]) <= max(_moment(before["starts_at"]), now)
        and _moment(after["ends_at"]) >= _moment(before["ends_at"])
    )


def wrote_rules(person: User) -> bool:
    """Whether the rules were changed by this person, or by somebody in one hand with them, and nobody has confirmed
    that: then no rule lets a request of theirs run without anybody's approval."""
    return bool(_own({person.pk}, Kind.RULES)[person.pk])


def rulebooks_before(person: User) -> list[tuple[str, list[ApprovalRule]]]:
    """The rules, in their order, as they stood before each of this person's changes that nobody has confirmed, with who
    made it. A rule about an account or a group that is gone fits nothing any more and is left out."""
    found = [
        (grant.given_by.username, grant.before) for grant in _own({person.pk}, Kind.RULES)[person.pk] if grant.before
    ]
    if not found:
        return []
    accounts, groups = Account.objects.in_bulk(), Group.objects.in_bulk()
    return [
        (
            by,
            [
                _rule(row, accounts, groups)
                for row in rows
                if row["account_id"] in {None, *accounts} and row["requester_group_id"] in {None, *groups}
            ],
        )
        for by, rows in found
    ]


def windows_before(whose: Collection[tuple[int, int]], *, now: datetime) -> dict[tuple[int, int], list[FreezeWindow]]:
    """For each of these people and accounts, by their primary keys: the windows that would hold the account's copies
    now, had that person not lifted them alone. One statement while nobody has lifted any."""
    own = _own({person for person, _ in whose}, Kind.FREEZE)
    found: dict[tuple[int, int], list[FreezeWindow]] = {}
    for person, account in whose:
        windows = (_window(grant) for grant in own[person])
        found[person, account] = [
            window
            for window in windows
            if window.account_id in (None, account) and window.starts_at <= now < window.ends_at
        ]
    return found


def _window(grant: Grant) -> FreezeWindow:
    """The window as it stood before, which isn't stored."""
    row: Row = dict(grant.before or {})
    window = FreezeWindow(**{**row, "starts_at": _moment(row["starts_at"]), "ends_at": _moment(row["ends_at"])})
    window.name = f"{window.name}, which {grant.given_by.username} lifted and nobody else has confirmed"
    return window


def _own(people: Collection[int], kind: Kind) -> dict[int, list[Grant]]:
    """For each of these people the changes of a kind, made by whoever is in one hand with them, that nobody has
    confirmed."""
    changes = Grant.objects.filter(kind=kind, confirmed_at__isnull=True).order_by("pk")
    found = list(changes.select_related("given_by"))
    if not found:
        return {person: [] for person in people}
    hands = power.hands_in({*people, *(grant.given_by_id for grant in found)})
    return {person: [grant for grant in found if not hands.apart(person, grant.given_by_id)] for person in people}


def _keep(kind: Kind, actor: Actor, detail: str, before: Any) -> None:
    Grant.objects.create(kind=kind, given_by_id=actor.id or 0, given_at=timezone.now(), detail=detail, before=before)


def _rulebook() -> list[Row]:
    """The rules that are on, in their order; the numbers of their places say nothing more."""
    rows = ApprovalRule.objects.filter(enabled=True).order_by("order", "id").values()
    return [{name: value for name, value in row.items() if name != "order"} for row in rows]


def _rule(row: Row, accounts: Mapping[int, Account], groups: Mapping[int, Group]) -> ApprovalRule:
    rule = ApprovalRule(**row)
    rule.account, rule.requester_group = accounts.get(row["account_id"]), groups.get(row["requester_group_id"])
    return rule


def _moment(stored: str) -> datetime:
    moment = parse_datetime(stored)
    assert moment  # noqa: S101, it was written by isoformat
    return moment
