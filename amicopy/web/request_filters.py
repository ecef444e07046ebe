"""Finding requests: the list's views, filters and search, read from an address."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery
from django.http import QueryDict
from django.utils import timezone

from amicopy.copies.core.models import CopyRequest, CopyRequestQuerySet, ImageCopy
from amicopy.copies.core.states import CopyState, RequestState
from amicopy.web.request_search import BIG, matching, row_number

VIEWS: Mapping[str, tuple[str, Q]] = {
    "all": ("All", Q()),
    "waiting": ("Waiting for approval", Q(state=RequestState.PENDING, finished_at__isnull=True)),
    "running": ("In progress", Q(state=RequestState.APPROVED, finished_at__isnull=True)),
    "attention": (
        "Needs attention",
        Q(state__in=(RequestState.FAILED, RequestState.PARTIAL, RequestState.CHANGES_REQUESTED)),
    ),
    "done": ("Done", Q(state=RequestState.COMPLETED)),
}
# "Mine" is a view too; it needs to know whose.
MINE = ("mine", "Mine")
# name in the address -> (column, whether it runs downwards); the number breaks ties
SORTS: Mapping[str, tuple[str, bool]] = {
    "newest": ("pk", True),
    "oldest": ("pk", False),
    "name": ("Name", False),
    "-name": ("Name", True),
    "status": ("state", False),
    "-status": ("state", True),
    "person": ("requester__username", False),
    "-person": ("requester__username", True),
}
# When a copy ended, besides a day such as 2026-11-25; in days back from now.
ENDED: Mapping[str, tuple[str, int]] = {"day": ("Last 24 hours", 1), "week": ("Last 7 days", 7)}
OUTCOMES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "available": ("Available", (CopyState.AVAILABLE,)),
    "failed": ("Failed", (CopyState.FAILED,)),
    "ended": ("Available or failed", (CopyState.AVAILABLE, CopyState.FAILED)),
}
# Counts stop here: an exact number of thousands helps nobody and would cost a look at every row.
MOST_COUNTED = 1000


@dataclass(frozen=True)
class Search:
    """What an address asks for, with unknown values as if they weren't there."""

    view: str = "all"
    q: str = ""
    region: str = ""
    by: str = ""
    account: str = ""
    ended: str = ""
    outcome: str = ""
    # The number of a set of requests.
    set: str = ""
    sort: str = "newest"

    @classmethod
    def of(cls, query: QueryDict) -> "Search":
        view, sort, outcome = (query.get(name, "") for name in ("view", "sort", "outcome"))
        ended = _clean(query, "ended", 10)
        return cls(
            view=view if view in VIEWS or view == MINE[0] else "all",
            q=_clean(query, "q", 128),
            region=_clean(query, "region", 32),
            by=_clean(query, "by", 150),
            account=_clean(query, "account", 12),
            ended=ended if ended in ENDED or _day(ended) else "",
            outcome=outcome if outcome in OUTCOMES else "",
            set=str(row_number(query.get("set", "")) or ""),
            sort=sort if sort in SORTS else "newest",
        )

    @property
    def narrowed(self) -> bool:
        """Whether anything besides the view is asked for."""
        return bool(self.q or self.region or self.by or self.account or self.ended or self.outcome or self.set)

    def address(self, **changes: str) -> str:
        """The query string of this search with some values changed; empty ones are left out."""
        values = {**asdict(self), **changes}
        usual = asdict(Search())
        values = {name: value for name, value in values.items() if value and value != usual.get(name)}
        return "?" + urlencode(values)

    def apply(self, rows: CopyRequestQuerySet, user: User) -> CopyRequestQuerySet:
        """The rows that fit; "me" and "Mine" are this person's."""
        rows = rows.filter(requester=user) if self.view == MINE[0] else rows.filter(VIEWS[self.view][1])
        if self.q:
            rows = rows.filter(matching(self.q))
        if self.region:
            rows = rows.filter(Exists(ImageCopy.objects.filter(request=OuterRef("pk"), DestinationRegion=self.region)))
        if self.by:
            rows = rows.filter(requester=user) if self.by == "me" else rows.filter(requester__username=self.by)
        if self.account:
            rows = rows.filter(account__account_id=self.account)
        if self.set:
            rows = rows.filter(in_set=int(self.set))
        if self.ended:
            # What ended in a short time are a few, found by when; each request is looked at for what is common only.
            copies = ImageCopy.objects.filter(round=F("request__round")).order_by()
            rows = rows.filter(pk__in=self._ended(copies).values("request"))
        elif self.outcome:
            copies = ImageCopy.objects.filter(request=OuterRef("pk"), round=OuterRef("round"))
            rows = rows.filter(Exists(self._ended(copies)))
        return rows

    def _ended(self, copies: QuerySet[ImageCopy]) -> QuerySet[ImageCopy]:
        if self.outcome:
            copies = copies.filter(state__in=OUTCOMES[self.outcome][1])
        if self.ended in ENDED:
            copies = copies.filter(finished_at__gte=timezone.now() - timedelta(days=ENDED[self.ended][1]))
        elif day := _day(self.ended):
            midnight = timezone.make_aware(datetime.combine(day, time.min))
            copies = copies.filter(finished_at__gte=midnight, finished_at__lt=midnight + timedelta(days=1))
        return copies


def _day(text: str) -> date | None:
    """A day of the years people copy images in, such as 2026-11-25."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if 2000 <= day.year < 2200 else None


def _clean(query: QueryDict, name: str, most: int) -> str:
    return query.get(name, "").replace("\0", "").strip()[:most]


def requesters() -> list[str]:
    """The names of those who have asked for copies, at most 200."""
    # The newest of each, a step in an index for each person: as a bare EXISTS it may be a look at all requests.
    newest = CopyRequest.objects.filter(requester=OuterRef("pk")).order_by("-pk").values("pk")[:1]
    rows = User.objects.annotate(newest=Subquery(newest)).filter(newest__isnull=False)
    return list(rows.order_by("username").values_list("username", flat=True)[:200])


__all__ = ("BIG", "ENDED", "MINE", "MOST_COUNTED", "OUTCOMES", "SORTS", "VIEWS", "Search", "requesters", "row_number")
