"""The menu: which pages stand in it, who sees them, and which of them a page belongs to."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest
from django.urls import reverse

from amicopy.copies.operations import proposal_queries
from amicopy.web import approval_queue


@dataclass(frozen=True)
class Entry:
    """A line of the menu. `covers` are parts of the names of addresses that belong to it, besides its own.

    Without a `permission` everybody sees it; whoever has one of `unless` finds it elsewhere. `key` opens it after g.
    """

    name: str
    words: str
    icon: str
    permission: str = ""
    unless: str = ""
    covers: tuple[str, ...] = ()
    key: str = ""


_DAILY = (
    Entry("dashboard", "Dashboard", "grid", key="d"),
    Entry("requests", "Requests", "copy", covers=("request",), key="r"),
    Entry("approvals", "Approvals", "check", "copies.decide_request", covers=("approvals",), key="a"),
    Entry(
        "delegations",
        "Delegations",
        "person",
        "copies.decide_request",
        unless="copies.manage_rules",
        covers=("delegation",),
    ),
    Entry("audit", "Audit history", "history", covers=("audit",), key="h"),
    Entry("costs", "Costs", "coin"),
)
# What is set up rather than done.
_ADMINISTRATION = (
    Entry("system", "System", "pulse", "copies.manage_accounts"),
    Entry(
        "rules", "Approval rules", "sliders", "copies.manage_rules", covers=("rule", "freeze", "budget", "delegation")
    ),
    Entry("changes", "Changes", "shield", "copies.manage_rules"),
    Entry("accounts", "Accounts", "cloud", "copies.manage_accounts", covers=("account",)),
    Entry("leftovers", "Leftovers", "trash", "copies.remove_leftovers", covers=("leftover",)),
    Entry("people", "People", "person", "copies.manage_people", covers=("person", "service", "team")),
    Entry("messages", "Messages", "bell", "notify.manage_endpoints", covers=("message", "webhook")),
)


# More than this isn't counted: the menu is on every page.
MOST = 99


@dataclass(frozen=True)
class Line:
    """An entry as a page shows it: `here` while the page belongs to it, `waiting` is how many wait there."""

    entry: Entry
    address: str
    here: bool
    waiting: int = 0

    @property
    def number(self) -> str:
        """How many wait, as far as there is room."""
        return f"{MOST}+" if self.waiting > MOST else str(self.waiting)

    @property
    def words(self) -> str:
        """The same for whoever hears it."""
        return f"more than {MOST}" if self.waiting > MOST else str(self.waiting)


@dataclass(frozen=True)
class Navigation:
    """The menu of one person on one page."""

    daily: list[Line]
    administration: list[Line]
    may_submit: bool


def navigation_of(request: HttpRequest | None, name: str) -> Navigation:
    """The menu as whoever asks sees it on the page whose address has this name; empty for a page without one."""
    user = getattr(request, "user", None) or AnonymousUser()
    waiting = {}
    if request is not None and isinstance(user, User):
        waiting = {
            "approvals": approval_queue.wanted(request).count(MOST + 1),
            "changes": proposal_queries.waiting_for(user),
        }
    return Navigation(
        _lines(_DAILY, user, name, waiting),
        _lines(_ADMINISTRATION, user, name, waiting),
        may_submit=user.has_perm("copies.submit_request"),
    )


def _lines(entries: tuple[Entry, ...], user: User | AnonymousUser, name: str, waiting: Mapping[str, int]) -> list[Line]:
    return [
        Line(entry, reverse(entry.name), _belongs(name, entry), waiting.get(entry.name, 0))
        for entry in entries
        if (not entry.permission or user.has_perm(entry.permission))
        and not (entry.unless and user.has_perm(entry.unless))
    ]


def _belongs(name: str, entry: Entry) -> bool:
    return name == entry.name or any(part in name for part in entry.covers)
