"""Pages by key: a page begins after a row, not after a number of rows, so nothing shifts under its reader and the
thousandth page costs what the first does."""

from collections.abc import Sequence
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
    above: str = "",
) -> Page:
    """The page that `after` or `before` in an address ask for, in the order of a column and then of the number; the
    first one when they name no row.

    `anchors` are the rows they may name, where the column is one that not every request has. `above` is a flag:
    whatever has it comes before all that hasn't.
    """
    named = CopyRequest.objects.all() if anchors is None else anchors
    after, before = _row(named, query.get("after")), _row(named, query.get("before"))
    anchor = after or before
    backwards = after is None and before is not None
    columns = [*([(above, not backwards)] if above else []), *((name, down != backwards) for name in _keys(column))]
    ordered = rows.order_by(*(f"-{name}" if sinks else name for name, sinks in columns))
    if anchor is not None:
        ordered = ordered.filter(_beyond(anchor, columns))
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


def _keys(column: str) -> list[str]:
    return ["pk"] if column == "pk" else [column, "pk"]


def _beyond(anchor: CopyRequest, columns: Sequence[tuple[str, bool]]) -> Q:
    """The rows after this one in the order of the columns, each with whether it goes down."""
    found, same = Q(), Q()
    for column, down in columns:
        value = attrgetter(column.replace("__", "."))(anchor)
        found |= same & Q(**{f"{column}__{'lt' if down else 'gt'}": value})
        same &= Q(**{column: value})
    return found


def _row(rows: CopyRequestQuerySet, text: str | None) -> CopyRequest | None:
    number = row_number(text)
    return None if number is None else rows.filter(pk=number).select_related("requester").first()
