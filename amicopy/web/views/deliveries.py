"""What was sent and what waits, for administrators; and trying again."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from amicopy.notify import endpoints
from amicopy.notify.models import Message, State
from amicopy.web.actor import actor_of, signed_in
from amicopy.web.capped_counts import counts
from amicopy.web.request_filters import MOST_COUNTED, row_number
from amicopy.web.status import Status

PAGE = 50
# The views of the list: name in the address -> words and states.
VIEWS = {
    "all": ("All", tuple(State)),
    "waiting": ("Waiting", (State.WAITING, State.SENDING)),
    "failed": ("Not delivered", (State.FAILED,)),
    "sent": ("Sent", (State.SENT,)),
    "dropped": ("Not needed", (State.DROPPED,)),
}


@dataclass(frozen=True)
class MessageRow:
    """A message in the list: what became of it, or when it is tried next, and whether that can be now."""

    message: Message
    status: Status
    under_way: bool
    sent_at: datetime | None
    next_at: datetime | None
    doubt: str
    can_retry: bool
    can_repeat: bool


@require_GET
def message_list(request: HttpRequest) -> HttpResponse:
    """Newest first, a page at a time by key."""
    user = signed_in(request)
    endpoints.check_manage(user)
    view = request.GET.get("view", "")
    view = view if view in VIEWS else "all"
    rows = Message.objects.select_related("person", "endpoint").order_by("-pk")
    rows = rows if view == "all" else rows.filter(state__in=VIEWS[view][1])
    before = row_number(request.GET.get("before"))
    found = list((rows.filter(pk__lt=before) if before is not None else rows)[: PAGE + 1])
    most = MOST_COUNTED + 1
    states = counts(user, {state: (Message.objects.filter(state=state), most) for state in State})
    context = {
        "rows": [_row(message) for message in found[:PAGE]],
        "older": f"?view={view}&before={found[PAGE - 1].pk}" if len(found) > PAGE else "",
        "newest": f"?view={view}" if before is not None else "",
        "view": view,
        "views": [
            {
                "name": name,
                "words": words,
                "count": min(most, sum(states.get(state, 0) for state in group)),
                "here": name == view,
            }
            for name, (words, group) in VIEWS.items()
        ],
        "undelivered": states.get(State.FAILED, 0),
        "waiting": states.get(State.WAITING, 0),
        "email": _email_in_words(),
        "email_on": settings.EMAIL_ON,
        "no_trial": not settings.EMAIL_ON or not user.email,
    }
    return render(request, "messages/list.html", context)


def _row(message: Message) -> MessageRow:
    again = message.state == State.WAITING and message.tries > 0
    doubt = "In doubt: a try ended without an answer." if message.in_doubt else ""
    if doubt and message.state != State.DROPPED:
        doubt = f"{doubt} The next one bears the same ID."
    return MessageRow(
        message,
        _status(message),
        under_way=message.state == State.SENDING,
        sent_at=message.sent_at if message.state == State.SENT else None,
        next_at=message.next_try_at if again else None,
        doubt=doubt,
        can_retry=message.state == State.FAILED or again,
        can_repeat=message.state == State.SENT and message.endpoint is not None and not message.endpoint.deleted_at,
    )


def _status(message: Message) -> Status:
    """What became of a message; when that was, or will be, the page adds."""
    known = {
        State.SENT: Status("ok", "ok", "Sent"),
        State.SENDING: Status("run", "run", "Being sent"),
        State.FAILED: Status("fail", "fail", "Not delivered", message.last_error),
        State.DROPPED: Status("idle", "stop", "Not needed", message.last_error),
    }
    if message.state in known:
        return known[State(message.state)]
    if not message.tries:
        return Status("idle", "clock", "Waiting", message.last_error)
    times = "1 time" if message.tries == 1 else f"{message.tries} times"
    return Status("warn", "clock", f"Tried {times}", message.last_error)


@require_POST
def try_again(request: HttpRequest) -> HttpResponse:
    """One message, or all that wait or were given up, become due at once."""
    endpoints.check_manage(signed_in(request))
    one = "message" in request.POST
    number = row_number(request.POST["message"]) if one else None
    try:
        if one and number is None:
            raise Message.DoesNotExist
        count = endpoints.try_again(actor_of(request), number)
    except Message.DoesNotExist:
        raise Http404("There is no such message.") from None
    if count:
        words = "1 message is" if count == 1 else f"{count} messages are"
        messages.success(request, f"{words} tried again now. Reload in a few seconds to see what became of it.")
    else:
        messages.error(request, "Nothing is left to try. It was sent or taken up meanwhile.")
    return redirect("messages")


@require_POST
def try_email(request: HttpRequest) -> HttpResponse:
    """An e-mail to the person themselves."""
    user = signed_in(request)
    endpoints.check_manage(user)
    if not settings.EMAIL_ON or not user.email:
        messages.error(
            request, "No e-mail can be sent to you. It needs a mail server, and your address on your page in People."
        )
    else:
        endpoints.try_email(actor_of(request))
        messages.success(request, f"A trial e-mail goes to {user.email}. What becomes of it is in the list.")
    return redirect("messages")


def _email_in_words() -> str:
    if settings.EMAIL_HOST:
        return f"E-mail goes through {settings.EMAIL_HOST}, from {settings.DEFAULT_FROM_EMAIL}."
    if settings.SANDBOX:
        return "This is the sandbox: e-mails become files in the folder mail of AMICOPY_VAR_DIR."
    return "E-mail is off: no mail server is set. EMAIL_HOST names one."
