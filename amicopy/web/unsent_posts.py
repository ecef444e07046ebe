"""What somebody sent after their session had ended: kept for an hour until they have signed in again.

Only for views that say so with `keeps_unsent`; nothing of it is carried out. Whoever sends it is nobody yet, so it is a
row of a table of its own, in which each address has a few and all together a few more: a new one takes the place of the
oldest. The browser that sent it has the row's key in a cookie; no session begins.
"""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone

from amicopy.client_address import address_of
from amicopy.web.models import UnsentPost

COOKIE = "unsent"
# Characters; a form that is filled to its limits has less.
LARGEST = 100_000
OF_ADDRESS, OF_ALL = 5, 200
KEPT = timedelta(hours=1)
NOT_KEPT = frozenset({"csrfmiddlewaretoken"})
View = Callable[..., HttpResponse]


def keeps_unsent(view: View) -> View:
    """Marks a view whose posts survive a sign-in; it takes them with `take`."""
    view.keeps_unsent = True  # type: ignore[attr-defined]  # read by SignInRequired
    return view


def keep(request: HttpRequest, view: Any, answer: HttpResponseBase) -> None:
    """Puts what was posted aside, if the view wants it and it isn't more than a form has; `answer` takes its key to the
    browser."""
    if request.method != "POST" or not getattr(view, "keeps_unsent", False):
        return
    typed = {
        name: value.replace("\0", "\ufffd")
        for name, value in request.POST.items()
        if isinstance(value, str) and name not in NOT_KEPT and "\0" not in name
    }
    if sum(len(name) + len(value) for name, value in typed.items()) > LARGEST:
        return
    with transaction.atomic():
        row = UnsentPost.objects.create(address=address_of(request), at=timezone.now(), fields=typed)
        _drop_oldest(UnsentPost.objects.filter(address=row.address), OF_ADDRESS)
        _drop_oldest(UnsentPost.objects.all(), OF_ALL)
    answer.set_cookie(
        COOKIE, str(row.pk), max_age=KEPT, httponly=True, samesite="Lax", secure=request.is_secure(), path=request.path
    )


def take(request: HttpRequest) -> dict[str, str]:
    """What was put aside, once."""
    try:
        key = uuid.UUID(request.COOKIES.get(COOKIE, ""))
    except ValueError:
        return {}
    row = UnsentPost.objects.filter(pk=key, at__gt=timezone.now() - KEPT).first()
    return dict(row.fields) if row is not None and row.delete()[0] else {}


def _drop_oldest(rows: QuerySet[UnsentPost], most: int) -> None:
    """Leaves the newest of these rows, so many."""
    UnsentPost.objects.filter(pk__in=list(rows.order_by("-at", "pk").values_list("pk", flat=True)[most:])).delete()
