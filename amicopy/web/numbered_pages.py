"""Pages by number, for lists of what people set up: hundreds or thousands, found by name, which nothing shifts while
they are read."""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest

SIZE = 20
M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class NumberedPage(Generic[M]):
    """Some rows of a list; `previous` and `following` are addresses of its neighbours, empty where there is none. `q`
    is the text that was searched for, `searched` whether a search helps."""

    rows: list[M]
    total: int
    previous: str
    following: str
    q: str

    @property
    def searched(self) -> bool:
        return bool(self.q or self.previous or self.following)


def asked(request: HttpRequest) -> str:
    """The text that an address searches for."""
    return request.GET.get("q", "").replace("\0", "").strip()[:150]


def page_of(rows: QuerySet[M, Any], request: HttpRequest) -> NumberedPage[M]:
    """The page of an ordered list that `page` in the address asks for, the nearest one where there is no such page."""
    page = Paginator(rows, SIZE).get_page(request.GET.get("page"))
    text = asked(request)

    def address(number: int) -> str:
        return "?" + urlencode({**({"q": text} if text else {}), "page": number})

    return NumberedPage(
        rows=list(page.object_list),
        total=page.paginator.count,
        previous=address(page.previous_page_number()) if page.has_previous() else "",
        following=address(page.next_page_number()) if page.has_next() else "",
        q=text,
    )
