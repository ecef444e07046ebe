"""Pages by key: a page begins after a row, not after a number of rows, so nothing shifts under its reader and the
thousandth page costs what the first does."""

from dataclasses import dataclass
from operator import attrgetter

from django.db.models import Q
from django.http import QueryDict

from amicopy.copies.core.models import CopyRequest, CopyRequestQuerySet
from amicopy.web.request_filters import SORTS, row_number

PAGE = 25


@dataclass(frozen=True)
class Page:
    """`previous` and `following` are what `before` and `after` have to say for the neighbours, or None."""

    rows: list[CopyRequest]
    previous: int | None
    following: int | None


def page_of(rows: CopyRequestQuerySet, *, sort: str, query: QueryDict) -> Page:
    """The page of the list that `after` or `before` in an address ask for."""
    column, down = SORTS[sort]
    return page_by(rows, column, down=down, query=query, size=PAGE)


def page_by(
    rows: CopyRequestQuerySet,
    column: str,
    *,
    down: bool,
    query: QueryDict,
    size: int,
    anchors: CopyRequestQuerySet | None = None,
) -> Page:
    """The page that `after` or `before` in an address ask for, in the order of a column and then of the number; the
    first one when they name no row.

    `anchors` are the rows they may name, where the column is one that not every request has.
    """
    named = CopyRequest.objects.all() if anchors is None else anchors
    after, before = _row(named, query.get("after")), _row(named, query.get("before"))
    anchor = after or before
    backwards = after is None and before is not None
    ordered = rows.order_by(*_order(column, down=down != backwards))
    if anchor is not None:
        ordered = ordered.filter(_beyond(anchor, column, down=down != backwards))
    found = list(ordered[: size + 1])
    more, found = len(found) > size, found[:size]
    if backwards:
        found.reverse()
    has_previous, has_following = (more, True) if backwards else (anchor is not None, more)
    return Page(
        rows=found,
        previous=found[0].pk if found and has_previous else None,
        following=found[-1].pk if found and has_following else None,
    )


def _order(column: str, *, down: bool) -> list[str]:
    sign = "-" if down else ""
    return [f"{sign}pk"] if column == "pk" else [f"{sign}{column}", f"{sign}pk"]


def _beyond(anchor: CopyRequest, column: str, *, down: bool) -> Q:
    side = "lt" if down else "gt"
    if column == "pk":
        return Q(**{f"pk__{side}": anchor.pk})
    value = attrgetter(column.replace("__", "."))(anchor)
    return Q(**{f"{column}__{side}": value}) | Q(**{column: value, f"pk__{side}": anchor.pk})


def _row(rows: CopyRequestQuerySet, text: str | None) -> CopyRequest | None:
    number = row_number(text)
    return None if number is None else rows.filter(pk=number).select_related("requester").first()
