"""The verbs on a request: a POST, one verb of the domain, and back with its outcome as a message."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from amicopy.copies.core import permissions
from amicopy.copies.core.calls import InvalidRequest
from amicopy.copies.core.models import ImageCopy
from amicopy.copies.core.states import CopyState, RequestState
from amicopy.copies.lifecycle.transitions import InvalidTransition
from amicopy.copies.lookups import async_queries, snapshot
from amicopy.copies.requests import cancel_retry, look_again, verbs
from amicopy.copies.voting import demands
from amicopy.web import password_again
from amicopy.web.actor import actor_of, signed_in
from amicopy.web.request_filters import row_number
from amicopy.web.views.lookups import CHECK_SECONDS
from amicopy.web.views.request_detail import find


def _verb(request: HttpRequest, number: int, do: Callable[[], str]) -> HttpResponse:
    """Runs one verb, which returns what happened; a refusal is a message too, never an error page."""
    find(request, number)
    try:
        messages.success(request, do())
    except InvalidTransition as overtaken:
        # Somebody was faster, or it was done already: news, no mistake of this person's.
        messages.info(request, str(overtaken))
    except demands.NotShown:
        # They can show it: the page that asks keeps what was typed.
        raise
    except permissions.NotAllowed as refused:
        messages.error(request, str(refused))
    except InvalidRequest as invalid:
        messages.error(request, " ".join(error.message for error in invalid.errors))
    if request.POST.get("back") == "approvals":
        return redirect("approvals")
    return redirect("request", number)


def reason_of(request: HttpRequest) -> str:
    """The reason as it was typed, at most as long as an audit event should carry."""
    return request.POST.get("reason", "").replace("\0", "").strip()[:4000]


@require_POST
def approve(request: HttpRequest, number: int) -> HttpResponse:
    actor, seen, reason = actor_of(request), request.POST.get("content_hash", ""), reason_of(request)

    def do() -> str:
        row = verbs.approve(actor, number, seen_hash=seen, reason=reason)
        if row.state == RequestState.PENDING:
            return f"Your approval of request #{number} counts. It waits for more approvals."
        return f"Request #{number} is approved. Its copies start by themselves."

    try:
        return _verb(request, number, do)
    except demands.NotShown as wants:
        return password_again.ask(request, why=str(wants), factor=wants.second_factor)


@require_POST
def reject(request: HttpRequest, number: int) -> HttpResponse:
    actor, reason = actor_of(request), reason_of(request)

    def do() -> str:
        verbs.reject(actor, number, reason=reason)
        return f"Request #{number} is rejected. Nothing was copied."

    return _verb(request, number, do)


@require_POST
def request_changes(request: HttpRequest, number: int) -> HttpResponse:
    actor, reason = actor_of(request), reason_of(request)

    def do() -> str:
        verbs.request_changes(actor, number, reason=reason)
        return f"Request #{number} went back for changes. It returns here when it's submitted again."

    return _verb(request, number, do)


@require_POST
def withdraw(request: HttpRequest, number: int) -> HttpResponse:
    actor = actor_of(request)

    def do() -> str:
        verbs.withdraw(actor, number)
        return f"Request #{number} is withdrawn. Nothing was copied; clone it to ask again."

    return _verb(request, number, do)


@require_POST
def look(request: HttpRequest, number: int) -> HttpResponse:
    """Looks at AWS once more for what isn't known of a request that waits for a decision; takes seconds at most."""
    actor = actor_of(request)
    permissions.check_look_again(signed_in(request), find(request, number))

    def do() -> str:
        with async_queries.waiting(CHECK_SECONDS) as until:
            if look_again.look(number, actor=actor, until=until):
                return f"AWS was asked again about request #{number}. What is known now is on its page."
        return "AWS was asked again. Nothing more is known now."

    return _verb(request, number, do)


@require_POST
def break_glass(request: HttpRequest, number: int) -> HttpResponse:
    actor, seen, reason = actor_of(request), request.POST.get("content_hash", ""), reason_of(request)

    def do() -> str:
        verbs.break_glass(actor, number, seen_hash=seen, reason=reason)
        return f"Request #{number} is approved in an emergency. That is marked on it and in the audit history."

    return _verb(request, number, do)


@require_POST
def renew(request: HttpRequest, number: int) -> HttpResponse:
    actor, expired = actor_of(request), find(request, number)

    def do() -> str:
        calls = expired.calls_as_asked()
        asks = expired.state == RequestState.EXPIRED and permissions.may_resubmit(signed_in(request), expired)
        with async_queries.waiting() as until:
            found = snapshot.gather(expired.account, calls, until=until) if asks else None
        row = verbs.renew(actor, number, lookups=found)
        words = (
            "It asks for all approvals anew."
            if row.state == RequestState.PENDING
            else "Its copies start by themselves."
        )
        return f"Request #{number} is submitted again as it was. {words}"

    return _verb(request, number, do)


@require_http_methods(["GET", "POST"])
def cancel(request: HttpRequest, number: int) -> HttpResponse:
    """GET says what stops and what stays; POST does it, for one copy or for all that aren't over."""
    row = find(request, number)
    if request.method == "GET":
        permissions.check_manage_copies(signed_in(request), row)
        copy_id = row_number(request.GET.get("copy"))
        copies = list(row.copies_of_round())
        chosen = [
            copy
            for copy in copies
            if copy.state in cancel_retry.CANCELLABLE and (copy_id is None or copy.pk == copy_id)
        ]
        if not chosen:
            messages.error(request, f"Nothing of request #{number} can be cancelled now.")
            return redirect("request", number)
        stays = [copy for copy in copies if copy not in chosen]
        context = {
            "row": row,
            "stops": [{"copy": copy, "words": _how_far(copy)} for copy in chosen],
            "stays": stays,
            "one": chosen[0] if copy_id is not None else None,
        }
        return render(request, "requests/cancel.html", context)
    actor, copy_id = actor_of(request), row_number(request.POST.get("copy"))

    def do() -> str:
        copies = cancel_retry.cancel(actor, number, copy_id=copy_id)
        begun = sum(copy.state == CopyState.CANCELLING for copy in copies)
        words = f"{_copies(len(copies))} of request #{number} cancelled."
        return f"{words} What AWS had begun is being removed." if begun else f"{words} Nothing had begun at AWS."

    return _verb(request, number, do)


def _how_far(copy: ImageCopy) -> str:
    """How far a copy is that can be cancelled."""
    if copy.state == CopyState.COPYING:
        return f"is at {copy.progress}%"
    return "hasn’t started" if copy.state == CopyState.QUEUED else "is just being started"


@require_POST
def retry(request: HttpRequest, number: int) -> HttpResponse:
    actor, copy_id = actor_of(request), row_number(request.POST.get("copy"))

    def do() -> str:
        copies = cancel_retry.retry(actor, number, copy_id=copy_id)
        return f"{_copies(len(copies))} of request #{number} queued again. The approval still counts."

    return _verb(request, number, do)


def _copies(count: int) -> str:
    return "1 copy" if count == 1 else f"{count} copies"
