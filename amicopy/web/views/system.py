"""System, for administrators: what doctor knows, seen by the web process itself, so that it works when workers
don't."""

from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from amicopy.copies.core import permissions
from amicopy.copies.core.account_models import Account
from amicopy.copies.core.engine_models import RegionCheck
from amicopy.copies.operations.health import examination, queue_ages
from amicopy.copies.operations.health.finding import Finding, Part, State
from amicopy.copies.operations.health.words import Words, words_of
from amicopy.web import strip
from amicopy.web.actor import signed_in
from amicopy.web.status import Status

WORST = (State.DOWN, State.LOOK, State.WELL)
GROUPS = {State.DOWN: "Down", State.LOOK: "Needs a look", State.WELL: "Well"}
MARKS = {State.DOWN: ("fail", "fail"), State.LOOK: ("warn", "warn"), State.WELL: ("ok", "ok")}
QUEUES = {
    "start": "Approved copies to start",
    "track": "Copies to look at",
    "cancel": "Copies to cancel",
    "upkeep": "Checks and removals that are due",
    "e-mail": "E-mails to send",
    "webhook": "Webhook deliveries",
}
PARTS = {Part.ACCOUNT: "AWS accounts", Part.HISTORY: "Audit history", Part.HEADS: "Heads of the history"}


@dataclass(frozen=True)
class Line:
    """One finding in words."""

    place: str
    words: Words
    since: datetime | None
    state: State


@dataclass(frozen=True)
class Card:
    """A part of amicopy with all that was found of it; it stands as its worst line does."""

    title: str
    lines: list[Line]
    state: State

    @property
    def look(self) -> str:
        """The class that gives its edge a colour; none where all is well."""
        return {State.DOWN: "bad", State.LOOK: "soso", State.WELL: ""}[self.state]

    @property
    def status(self) -> Status:
        colour, icon = MARKS[self.state]
        return Status(colour, icon, GROUPS[self.state])


@require_GET
def system(request: HttpRequest) -> HttpResponse:
    """How amicopy itself does; asked for by htmx, only what keeps itself current."""
    permissions.check_see_system(signed_in(request))
    polled = bool(getattr(request, "htmx", False))
    found = examination.recent()
    cards = _cards(found.findings)
    paused = request.GET.get("live") == "off"
    by_state = {GROUPS[state]: [card for card in cards if card.state is state] for state in WORST}
    context = {
        "groups": [(title, in_group) for title, in_group in by_state.items() if in_group],
        "lead": _lead(cards),
        "queues": [_queue(queue) for queue in queue_ages.queues()],
        "accounts": _accounts(),
        "now": found.at,
        "live": not paused,
        "paused": paused,
    }
    answer = render(request, "system/_system.html" if polled else "system/page.html", context)
    return strip.appended(request, answer) if polled else answer


def _cards(findings: list[Finding]) -> list[Card]:
    cards = []
    in_order = sorted(findings, key=lambda finding: list(Part).index(finding.part))
    for part, of_part in groupby(in_order, key=lambda finding: finding.part):
        lines = [Line(each.place, words_of(each), each.since, each.state) for each in of_part]
        lines.sort(key=lambda line: WORST.index(line.state))
        cards.append(Card(PARTS.get(part, part.capitalize()), lines, lines[0].state))
    return cards


def _lead(cards: list[Card]) -> str:
    """How many parts are not well, in one sentence."""
    ill = sum(card.state is State.DOWN for card in cards)
    soso = sum(card.state is State.LOOK for card in cards)
    if not ill and not soso:
        return f"All {len(cards)} parts are well."
    return f"{ill or 'None'} of {len(cards)} parts {'is' if ill < 2 else 'are'} down and {soso or 'none'} " + (
        "needs a look." if soso < 2 else "need a look."
    )


def _queue(queue: queue_ages.Queue) -> dict[str, Any]:
    return {
        "title": QUEUES[queue.code],
        "count": queue.count,
        "seconds": queue.age.total_seconds(),
        "percent": min(100, round(100 * queue.age / queue.limit)),
        "limit": queue.limit.total_seconds(),
        "state": "fail" if queue.late else "ok",
        "status": Status("fail", "fail", "") if queue.late else Status("ok", "ok", ""),
    }


def _accounts() -> list[dict[str, Any]]:
    """Accounts with their Regions as workers saw them last; those that aren't enabled are left out."""
    regions: dict[int, list[RegionCheck]] = {}
    for row in RegionCheck.objects.filter(enabled=True, account__enabled=True):
        regions.setdefault(row.account_id, []).append(row)
    rows = Account.objects.filter(enabled=True).select_related("check_result")
    return [
        {"row": row, "look": getattr(row, "check_result", None), "regions": regions.get(row.pk, [])} for row in rows
    ]
