"""Finding events: what may be asked for, and statements that cost the same in a history of any length.

Every filter but free text walks an index from its newest event on. Free text looks at a bounded number of events at a
time and says how far it came, so that a page is quick and the next one goes on where it ended.
"""

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast

from amicopy.audit.actions import ACTIONS
from amicopy.audit.models import AuditEvent, EventRegion

# How many events a page looks through for free text before it offers to go on.
WINDOW = 10_000
# Clocks of several machines may differ: an event's number and time can be out of step by as much.
SKEW = timedelta(hours=1)

IMAGE = re.compile(r"ami-[0-9a-f]{8,17}", re.IGNORECASE)
REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]{1,2}")
NUMBER = re.compile(r"#?([0-9]{1,11})")
HASH = re.compile(r"[0-9a-f]{12,64}")
UUIDS = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def visible_to(user: User) -> QuerySet[AuditEvent]:
    """The events the person may see: all with the permission for that, otherwise those of the requests of theirs and of
    the services they own."""
    if user.has_perm("audit.view_all"):
        return AuditEvent.objects.all()
    return AuditEvent.objects.filter(requester__in=[user.pk, *user.services.values_list("user", flat=True)])


@dataclass(frozen=True)
class Filter:
    """What to look for; empty values ask for nothing. `text` is anything a person types into a search box."""

    actor: str = ""
    action: str = ""
    request: int | None = None
    copy: int | None = None
    account: str = ""
    region: str = ""
    image_id: str = ""
    correlation_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str = ""

    def narrow(self, events: QuerySet[AuditEvent]) -> list[QuerySet[AuditEvent]]:
        """The events that fit everything but a free text; a text that is an ID in itself counts here.

        In parts without a common event: where an OR would have the database sort all it finds, each part walks an
        index of its own.
        """
        equal = {
            name: value
            for name in ("actor", "action", "request", "copy", "account", "correlation_id")
            if (value := getattr(self, name)) not in (None, "")
        }
        events = _between(events.filter(**equal), self.since, self.until)
        parts = [events]
        for ways in (in_region(self.region), about_image(self.image_id), _named(self.text)):
            parts = [part.filter(way) for part in parts for way in ways] if ways else parts
        return parts

    @property
    def words(self) -> str:
        """The text when it is no ID and has to be looked for in each event."""
        return self.text if self.text and not _named(self.text) else ""

    def apply(self, events: QuerySet[AuditEvent]) -> list[QuerySet[AuditEvent]]:
        """The events that fit, in parts as `narrow` has them, without a bound on how many are looked at."""
        return [containing(part, self.words) for part in self.narrow(events)]


@dataclass(frozen=True)
class Slice:
    """Some events, newest first, and the ids beyond which there may be more in either direction; None: no more.

    `searched_to` is the id at which a search for free text stopped looking before it found enough.
    """

    events: list[AuditEvent]
    newer: int | None
    older: int | None
    searched_to: int | None = None


def within(events: QuerySet[AuditEvent], **bound: int) -> QuerySet[AuditEvent]:
    """The events within a bound such as `id__lt=7`, found by beginning there.

    Of two bounds on one side SQLite begins at the one it reads first, and goes through all events up to the other. A
    walk of many steps would cost the square of its length; so its bound comes first, before all that narrowed `events`.
    """
    return AuditEvent.objects.filter(**bound) & events


def slice_of(
    events: QuerySet[AuditEvent], found: Filter, *, before: int | None = None, after: int | None = None, size: int
) -> Slice:
    """At most `size` events that fit, older than the id `before` or newer than the id `after`.

    By key and not by number: a new event never shifts a page under its reader. `web.pagination` does so for one list in
    any order; here are several, each walked along an index of its own and put together, and a free text may end a page
    before it is full. What the two have in common is to ask for one row more than a page has.
    """
    up = before is None and after is not None
    parts = [part.order_by("id" if up else "-id") for part in found.narrow(events)]
    if before is not None:
        parts = [within(rows, id__lt=before) for rows in parts]
    elif after is not None:
        parts = [within(rows, id__gt=after) for rows in parts]
    stop = None
    if found.words:
        ends = [rows.values_list("id", flat=True)[WINDOW - 1 : WINDOW].first() for rows in parts]
        stop = (min if up else max)((end for end in ends if end is not None), default=None)
        if stop is not None:
            parts = [within(rows, id__lte=stop) if up else within(rows, id__gte=stop) for rows in parts]
        parts = [containing(rows, found.words) for rows in parts]
    some = [event for rows in parts for event in rows[: size + 1]]
    page = sorted(some, key=lambda event: event.pk, reverse=not up)[: size + 1]
    more, page = len(page) > size, page[:size]
    searched_to = stop if stop is not None and not more else None
    beyond = page[-1].pk if more else searched_to
    start = page[0].pk if page else None
    if up:
        # There is always the page one came from.
        return Slice(page[::-1], newer=beyond, older=start or (after or 0) + 1, searched_to=searched_to)
    return Slice(page, newer=None if before is None else start or before - 1, older=beyond, searched_to=searched_to)


def count_newer(events: QuerySet[AuditEvent], found: Filter, *, than: int, most: int) -> int:
    """How many events that fit came after the event `than`; stops counting at `most`."""
    count = 0
    for part in found.narrow(events):
        rows = within(part, id__gt=than).order_by("id")
        if found.words:
            ids = rows.values("id")[:WINDOW]
            rows = containing(events.filter(id__in=ids), found.words).order_by("id")
        count += rows[:most].count()
    return min(count, most)


def in_region(region: str) -> list[Q]:
    """The events about a Region: those that name it, and those of whole requests with a copy to it. PostgreSQL walks
    both; SQLite first reads the list of the latter, some 20 ms for each 100,000 of them."""
    if not region:
        return []
    return [Q(region=region), Q(id__in=EventRegion.objects.filter(region=region).values("event"))]


def about_image(image_id: str) -> list[Q]:
    """The events about an image: those that name it and, when a copy made it, all of that copy and those of its whole
    request, the approval among them.

    An image that a copy made is first named by that copy; any other by the request that wants it copied.
    """
    if not image_id:
        return []
    named = Q(image_id=image_id)
    first = AuditEvent.objects.filter(named).order_by("id").values("request", "copy").first()
    if first is None or first["copy"] is None:
        return [named]
    whole = Q(request=first["request"], copy__isnull=True)
    return [named, Q(copy=first["copy"]) & ~named, whole & ~named]


def containing(events: QuerySet[AuditEvent], words: str) -> QuerySet[AuditEvent]:
    """The events that have these words in a person, an action, an error or what was said; all for no words."""
    if not words:
        return events
    actions = [name for name, sentence in ACTIONS.items() if words.lower() in sentence.lower() or words == name]
    said = Q(said__icontains=words)
    # SQLite keeps JSON with escapes; PostgreSQL without.
    escaped = json.dumps(words)[1:-1]
    if escaped != words:
        said |= Q(said__icontains=escaped)
    return events.alias(said=Cast("data", TextField())).filter(
        Q(actor__icontains=words)
        | Q(action__in=actions)
        | Q(error_code__icontains=words)
        | Q(address=words)
        | Q(new__iexact=words)
        | said
    )


def _named(text: str) -> list[Q]:
    """The events a text names by an ID, all found through an index, in parts; none when it is no ID."""
    if not text:
        return []
    if IMAGE.fullmatch(text):
        return about_image(text.lower())
    number = NUMBER.fullmatch(text)
    if number:
        return [Q(request=int(number[1]))]
    if len(text) == 12 and text.isascii() and text.isdecimal():
        return [Q(account=text)]
    if REGION.fullmatch(text):
        return in_region(text)
    if text in ACTIONS:
        return [Q(action=text)]
    if UUIDS.fullmatch(text):
        return [Q(correlation_id=UUID(text)) | Q(aws_request_id=text.lower())]
    if HASH.fullmatch(text):
        # "g" comes right after the last hexadecimal digit.
        return [Q(hash__gte=text, hash__lt=text + "g")]
    return []


def _between(events: QuerySet[AuditEvent], since: datetime | None, until: datetime | None) -> QuerySet[AuditEvent]:
    """The events of a time, as a range of ids first: events are numbered as time goes, and ids are what pages walk."""
    if since is not None:
        first = AuditEvent.objects.filter(at__gte=_moved(since, -SKEW)).order_by("at", "-id").values_list("id").first()
        if first is None:
            return events.none()
        events = events.filter(at__gte=since, id__gte=first[0])
    if until is not None:
        last = AuditEvent.objects.filter(at__lte=_moved(until, SKEW)).order_by("-at", "id").values_list("id").first()
        if last is None:
            return events.none()
        events = events.filter(at__lte=until, id__lte=last[0])
    return events


def _moved(when: datetime, by: timedelta) -> datetime:
    try:
        return when + by
    except OverflowError:
        return when
