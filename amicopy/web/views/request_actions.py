"""The verbs on a request: a POST, one verb of the domain, and back with its outcome as a message."""

from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from amicopy.copies.core import permissions
from amicopy.copies.core.calls import InvalidRequest
from amicopy.copies.core.models import CopyRequest, ImageCopy
from amicopy.copies.core.states import CopyState, RequestState
from amicopy.copies.lifecycle import holds
from amicopy.copies.lifecycle.transitions import InvalidTransition
from amicopy.copies.lookups import async_queries, snapshot
from amicopy.copies.operations import step_records
from amicopy.copies.requests import cancel_retry, look_again, step_actions, verbs, vote_withdrawal
from amicopy.copies.voting import demands
from amicopy.web import password_again, row_steps, undo_links
from amicopy.web.actor import actor_of, signed_in
from amicopy.web.destination_rows import may_cancel
from amicopy.web.queue_entries import Problem
from amicopy.web.request_filters import row_number
from amicopy.web.typed_reason import reason_of
from amicopy.web.undo_links import Undo
from amicopy.web.views.approvals import queue_fragment, queue_page
from amicopy.web.views.lookups import CHECK_SECONDS
from amicopy.web.views.request_detail import find


@dataclass(frozen=True)
class Done:
    """What happened, in words, and the button that undoes it, if one does. `stays`: the queue goes on with this
    request, and not with the next."""

    words: str
    undo: Undo | None = None
    stays: bool = False


def _verb(request: HttpRequest, number: int, do: Callable[[], str | Done]) -> HttpResponse:
    """Runs one verb, which returns what happened; a refusal is a message too, never an error page."""
    find(request, number)
    in_queue = request.POST.get("back") == "approvals"
    try:
        done = do()
    except InvalidTransition as overtaken:
        # Somebody was faster, or it was done already: news, no mistake of this person's.
        say, refused = messages.info, Problem(number, str(overtaken), reason_of(request))
    except demands.NotShown:
        # They can show it: the page that asks keeps what was typed.
        raise
    except permissions.NotAllowed as not_allowed:
        say, refused = messages.error, Problem(number, str(not_allowed), reason_of(request))
    except InvalidRequest as invalid:
        words = " ".join(error.message for error in invalid.errors)
        say, refused = messages.error, Problem(number, words, reason_of(request), field=True)
    else:
        return _told(request, number, done if isinstance(done, Done) else Done(done), in_queue=in_queue)
    if in_queue and getattr(request, "htmx", False):
        return queue_fragment(request, request.POST, problem=refused)
    if in_queue and refused.field:
        return queue_page(request, opened=number, problem=refused, status=422)
    say(request, refused.words)
    return redirect("approvals") if in_queue else redirect("request", number)


def _told(request: HttpRequest, number: int, done: Done, *, in_queue: bool) -> HttpResponse:
    """The way back, with what was done: in the queue's own script at once, and otherwise on the next page."""
    if in_queue and getattr(request, "htmx", False):
        stay, leave = (number, None) if done.stays else (None, number)
        return queue_fragment(request, request.POST, opened=stay, after=leave, said=done.words)
    if done.undo:
        undo_links.say(request, done.words, address=done.undo.address, **done.undo.values)
    else:
        messages.success(request, done.words)
    return redirect("approvals") if in_queue else redirect("request", number)


@require_POST
def approve(request: HttpRequest, number: int) -> HttpResponse:
    actor, seen, reason = actor_of(request), request.POST.get("content_hash", ""), reason_of(request)

    def do() -> Done:
        row = verbs.approve(actor, number, seen_hash=seen, reason=reason)
        undo = Undo(reverse("request-withdraw-vote", args=[number]), {"back": request.POST.get("back", "")})
        if row.state == RequestState.PENDING:
            words = f"Your approval of request #{number} counts. It waits for more approvals."
            return Done(words, undo if settings.APPROVAL_UNDO_SECONDS else None)
        until = holds.undo_until(row)
        if until is None:
            return Done(f"Request #{number} is approved. Its {_what(row)} start by themselves.")
        return Done(
            f"Request #{number} is approved. Nothing starts before {timezone.localtime(until):%H:%M:%S %Z}.", undo
        )

    try:
        return _verb(request, number, do)
    except demands.NotShown as wants:
        return password_again.ask(request, why=str(wants), factor=wants.second_factor)


@require_POST
def reject(request: HttpRequest, number: int) -> HttpResponse:
    actor, reason = actor_of(request), reason_of(request)

    def do() -> str:
        verbs.reject(actor, number, reason=reason)
        return f"Request #{number} is rejected. Nothing was done."

    return _verb(request, number, do)


@require_POST
def request_changes(request: HttpRequest, number: int) -> HttpResponse:
    actor, reason = actor_of(request), reason_of(request)

    def do() -> str:
        verbs.request_changes(actor, number, reason=reason)
        return f"Request #{number} went back for changes. It returns here when it's submitted again."

    return _verb(request, number, do)


@require_POST
def withdraw_vote(request: HttpRequest, number: int) -> HttpResponse:
    """Takes the person's own approval back, in the seconds before it starts anything."""
    actor = actor_of(request)

    def do() -> Done:
        vote_withdrawal.withdraw_vote(actor, number)
        return Done(f"Your approval of request #{number} is taken back. Nothing was done.", stays=True)

    return _verb(request, number, do)


@require_POST
def withdraw(request: HttpRequest, number: int) -> HttpResponse:
    actor = actor_of(request)

    def do() -> str:
        verbs.withdraw(actor, number)
        return f"Request #{number} is withdrawn. Nothing was done; clone it to ask again."

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
            steps = [copy.approved_steps for copy in expired.copies_of_round()]
            found = snapshot.gather(expired.account, calls, until=until, steps=steps) if asks else None
        row = verbs.renew(actor, number, lookups=found)
        words = (
            "It asks for all approvals anew."
            if row.state == RequestState.PENDING
            else f"Its {_what(row)} start by themselves."
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
        steps = step_records.of_copies(copies)
        chosen = [
            copy
            for copy in copies
            if may_cancel(copy, row_steps.of_records(steps.get(copy.pk, ()), manage=True), row)
            and (copy_id is None or copy.pk == copy_id)
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
        if copies[0].existing:
            then = "What they did is being put back, and the AMI stays." if begun else "None had begun."
            return f"The steps of request #{number} are cancelled. {then}"
        words = f"{_copies(len(copies))} of request #{number} cancelled."
        return f"{words} What AWS had begun is being removed." if begun else f"{words} Nothing had begun at AWS."

    return _verb(request, number, do)


def _how_far(copy: ImageCopy) -> str:
    """How far a copy is that can be cancelled."""
    if copy.state == CopyState.COPYING:
        return f"is at {copy.progress}%"
    if copy.existing:
        return "has steps under way" if copy.state == CopyState.AVAILABLE else "has no step begun"
    if copy.state == CopyState.AVAILABLE:
        return "is there; what was done after it is undone first"
    return "hasn’t started" if copy.state == CopyState.QUEUED else "is just being started"


@require_POST
def retry(request: HttpRequest, number: int) -> HttpResponse:
    actor, copy_id = actor_of(request), row_number(request.POST.get("copy"))

    def do() -> str:
        copies = cancel_retry.retry(actor, number, copy_id=copy_id)
        many = "The steps" if copies[0].existing else _copies(len(copies))
        return f"{many} of request #{number} queued again. The approval still counts."

    return _verb(request, number, do)


@require_POST
def retry_steps(request: HttpRequest, number: int) -> HttpResponse:
    """Tries steps after a copy again that failed: one, those of a copy, or all of the request."""
    actor, copy_id, code = actor_of(request), row_number(request.POST.get("copy")), request.POST.get("step", "")

    def do() -> str:
        steps = step_actions.retry_steps(actor, number, copy_id=copy_id, code=code)
        many = "1 step is" if len(steps) == 1 else f"{len(steps)} steps are"
        return f"{many} tried again for request #{number}. The approval still counts."

    return _verb(request, number, do)


@require_POST
def put_back(request: HttpRequest, number: int) -> HttpResponse:
    """Puts the alias that a copy is published under back to what it showed before."""
    actor, copy_id = actor_of(request), row_number(request.POST.get("copy"))

    def do() -> str:
        step = step_actions.put_back(actor, number, copy_id=copy_id or 0)
        return f"{step.members['Name']} is being put back to what it showed before."

    return _verb(request, number, do)


def _what(row: CopyRequest) -> str:
    """What of an approved request begins."""
    return "steps" if row.existing else "copies"


def _copies(count: int) -> str:
    return "1 copy" if count == 1 else f"{count} copies"
