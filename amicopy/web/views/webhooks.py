"""Webhooks, for administrators: where events are posted to, with which key, and whether it works."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from amicopy.notify import endpoints
from amicopy.notify.models import FOR_WEBHOOKS, Endpoint, State
from amicopy.notify.sealing import Unreadable
from amicopy.web.actor import actor_of, signed_in
from amicopy.web.forms.endpoint_form import EndpointForm
from amicopy.web.request_filters import BIG
from amicopy.web.status import Status


@dataclass(frozen=True)
class WebhookRow:
    """A webhook in the list, and in words what it is told of. `signed` is whether it has a key."""

    row: Endpoint
    status: Status
    kinds: list[str]
    signed: bool


@require_GET
def webhook_list(request: HttpRequest) -> HttpResponse:
    endpoints.check_manage(signed_in(request))
    rows = Endpoint.objects.existing().select_related("team")
    counted = rows.order_by().annotate(
        waiting=Count("messages", filter=Q(messages__state__in=(State.WAITING, State.SENDING))),
        undelivered=Count("messages", filter=Q(messages__state=State.FAILED)),
    )
    counts = {pk: (waiting, failed) for pk, waiting, failed in counted.values_list("pk", "waiting", "undelivered")}
    entries = [
        WebhookRow(
            row,
            _status(row, waiting=counts[row.pk][0], undelivered=counts[row.pk][1]),
            [FOR_WEBHOOKS[kind] for kind in row.kinds],
            signed=row.format == Endpoint.Format.SIGNED,
        )
        for row in rows
    ]
    return render(request, "webhooks/list.html", {"entries": entries})


def _status(endpoint: Endpoint, *, undelivered: int, waiting: int) -> Status:
    if not endpoint.enabled:
        return Status("idle", "stop", "Switched off")
    if undelivered:
        return Status("fail", "fail", f"{undelivered} not delivered")
    return Status("idle", "clock", f"{waiting} waiting") if waiting else Status("ok", "ok", "Switched on")


@require_http_methods(["GET", "POST"])
def new_webhook(request: HttpRequest) -> HttpResponse:
    return _edit(request, Endpoint())


@require_http_methods(["GET", "POST"])
def edit_webhook(request: HttpRequest, pk: int) -> HttpResponse:
    endpoints.check_manage(signed_in(request))
    return _edit(request, _find(pk))


@require_http_methods(["GET", "POST"])
def delete_webhook(request: HttpRequest, pk: int) -> HttpResponse:
    """GET says what ends and what stays; POST deletes."""
    endpoints.check_manage(signed_in(request))
    endpoint = _find(pk)
    if request.method != "POST":
        states = dict(endpoint.messages.order_by().values_list("state").annotate(Count("pk")))
        context = {
            "row": endpoint,
            "waiting": states.get(State.WAITING, 0),
            "sending": states.get(State.SENDING, 0),
            "undelivered": states.get(State.FAILED, 0),
        }
        return render(request, "webhooks/delete.html", context)
    with _or_404(pk):
        dropped = endpoints.delete(actor_of(request), pk)
    words = {0: "", 1: "The message it wasn’t sent is listed as not needed."}
    rest = words.get(dropped, f"The {dropped} messages it wasn’t sent are listed as not needed.")
    messages.success(request, f"Webhook “{endpoint.name}” is deleted. {rest}")
    return redirect("webhooks")


@never_cache
@require_POST
def webhook_key(request: HttpRequest, pk: int) -> HttpResponse:
    """The signing key, the one it has or a new one; on this answer only."""
    endpoints.check_manage(signed_in(request))
    endpoint, new = _find(pk), request.POST.get("key") == "new"
    try:
        with _or_404(pk):
            key = (endpoints.new_key if new else endpoints.show_key)(actor_of(request), endpoint)
    except Unreadable:
        messages.error(request, "The signing key can’t be decrypted with the keys in ENCRYPTION_KEYS. Make a new one.")
        return redirect("webhook", pk)
    return render(request, "webhooks/key.html", {"row": endpoint, "key": key, "new": new})


@require_POST
def try_webhook(request: HttpRequest, pk: int) -> HttpResponse:
    endpoints.check_manage(signed_in(request))
    endpoint = _find(pk)
    with _or_404(pk):
        endpoints.try_endpoint(actor_of(request), endpoint)
    messages.success(request, f"A trial message goes to {endpoint.name}. What becomes of it is in the list.")
    return redirect("messages")


def _find(pk: int) -> Endpoint:
    with _or_404(pk):
        return Endpoint.objects.existing().get(pk=min(pk, BIG - 1))


@contextmanager
def _or_404(pk: int | None) -> Iterator[None]:
    """Answers 404 for a webhook that isn't there, also when it was deleted between looking and doing."""
    try:
        yield
    except Endpoint.DoesNotExist:
        raise Http404(f"There is no webhook {pk}.") from None


def _edit(request: HttpRequest, endpoint: Endpoint) -> HttpResponse:
    endpoints.check_manage(signed_in(request))
    new = endpoint.pk is None
    form = EndpointForm(request.POST if request.method == "POST" else None, endpoint=endpoint)
    if form.is_valid():
        try:
            with _or_404(endpoint.pk):
                saved = endpoints.save(actor_of(request), form.changed_endpoint())
        except ValidationError as refused:
            form.refuse(refused)
        else:
            messages.success(
                request, f"Webhook “{saved.name}” is {'added' if new else 'saved'}. Try it to see it work."
            )
            return redirect("webhooks")
    context = {
        "form": form,
        "row": endpoint,
        "new": new,
        "kinds": [(kind, words, kind in form.chosen) for kind, words in FOR_WEBHOOKS.items()],
        "has_key": not new and endpoint.format == Endpoint.Format.SIGNED,
    }
    return render(request, "webhooks/edit.html", context, status=422 if form.errors else 200)
