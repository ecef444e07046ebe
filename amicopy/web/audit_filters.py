"""The history's page read from an address: what to look for, and what in the address makes no sense."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from urllib.parse import urlencode
from uuid import UUID

from django.http import QueryDict
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from amicopy.audit.actions import ACTIONS
from amicopy.audit.event_queries import IMAGE, REGION, Filter
from amicopy.web.request_filters import row_number

# name in the address -> how the page calls it
NAMES: Mapping[str, str] = {
    "q": "Search",
    "actor": "Who",
    "action": "Event",
    "request": "Request",
    "copy": "Copy",
    "account": "Account",
    "region": "Region",
    "image": "AMI",
    "together": "Same action",
    "since": "From",
    "until": "Until",
}
LONGEST = 200


@dataclass(frozen=True)
class Question:
    """What an address asks for. `typed` is what it says, by name; `filter` is None when part of that makes no sense,
    and `problems` says which part, by name."""

    typed: Mapping[str, str]
    filter: Filter | None
    problems: Mapping[str, str] = field(default_factory=dict)

    def address(self, **changes: str) -> str:
        """The query string of this question with some values changed; empty ones are left out."""
        values = {name: value for name, value in {**self.typed, **changes}.items() if value}
        return "?" + urlencode(values)

    @property
    def parts(self) -> list[dict[str, str]]:
        """What narrows the list, in words, each with the address of the list without it."""
        return [
            {
                "name": NAMES[name],
                "value": ACTIONS.get(value, value) if name == "action" else value,
                "without": self.address(**{name: ""}),
            }
            for name, value in self.typed.items()
        ]


def question_of(query: QueryDict) -> Question:
    """Reads an address. Nothing in it raises: what isn't a number, a date or an event is a problem with a way out."""
    typed = {name: value for name in NAMES if (value := _clean(query.get(name, "")))}
    problems: dict[str, str] = {}
    numbers: dict[str, int | None] = {}
    for name in ("request", "copy"):
        numbers[name] = row_number(typed[name].removeprefix("#")) if name in typed else None
        if name in typed and numbers[name] is None:
            problems[name] = f"A {name} has a whole number, such as 1045. {_short(typed[name])} isn't one."
    moments: dict[str, datetime | None] = {}
    for name in ("since", "until"):
        moments[name] = moment_of(typed[name], end=name == "until") if name in typed else None
        if name in typed and moments[name] is None:
            problems[name] = f"Enter a date such as 2026-11-24. {_short(typed[name])} isn't one."
    since, until = moments["since"], moments["until"]
    if since and until and since > until:
        problems["until"] = "“Until” must be after “From”. Swap them to see events."
    if "action" in typed and typed["action"] not in ACTIONS:
        problems["action"] = f"There is no event {_short(typed['action'])}. Choose one from the list."
    together = None
    if "together" in typed:
        try:
            together = UUID(typed["together"])
        except ValueError:
            problems["together"] = f"{_short(typed['together'])} isn't a correlation ID."
    if problems:
        return Question(typed, None, problems)
    text, named = _ids_in(typed.get("q", ""))
    found = Filter(
        actor=typed.get("actor", ""),
        action=typed.get("action", ""),
        request=numbers["request"],
        copy=numbers["copy"],
        account=typed.get("account", "").replace("-", ""),
        region=typed.get("region", "") or named.get("region", ""),
        image_id=typed.get("image", "").lower() or named.get("image", ""),
        correlation_id=together,
        since=since,
        until=until,
        text=text,
    )
    return Question(typed, found)


def _ids_in(text: str) -> tuple[str, Mapping[str, str]]:
    """What is left of a search, and the AMI and the Region in it where it is nothing but these: "ami-… eu-west-1"."""
    words = text.split()
    images = [word.lower() for word in words if IMAGE.fullmatch(word)]
    regions = [word for word in words if REGION.fullmatch(word)]
    if len(images) == len(regions) == 1 and len(words) == 2:
        return "", {"image": images[0], "region": regions[0]}
    return text, {}


def moment_of(text: str, *, end: bool = False) -> datetime | None:
    """A date or a time in the person's zone; `end` takes a date for its last moment. None for anything else."""
    try:
        day = parse_date(text)
        if day is not None:
            start = datetime.combine(day, time.min, tzinfo=timezone.get_current_timezone())
            return start + timedelta(days=1, microseconds=-1) if end else start
        moment = parse_datetime(text)
        if moment is None:
            return None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=timezone.get_current_timezone())
        # A time that can't be said in UTC can't be looked for.
        return moment.astimezone(timezone.get_fixed_timezone(0))
    except (ValueError, OverflowError):
        return None


def _clean(text: str) -> str:
    """What was typed, as far as a database can be asked for it."""
    return text.replace("\0", "").encode("utf-8", "ignore").decode().strip()[:LONGEST]


def _short(text: str) -> str:
    return f"“{text[:40]}…”" if len(text) > 40 else f"“{text}”"
