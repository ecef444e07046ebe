"""Webhooks, for administrators: where events are posted to, with which key, and whether it works."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from amicopy.notify import endpoints
from amicopy.notify.models import FOR_WEBHOOKS, Endpoint, State
from amicopy.web.actor import actor_of, signed_in
from amicopy.web.finding import BIG
from amicopy.web.forms.endpoint_form import EndpointForm


@require_GET
def webhook_list(request: HttpRequest) -> HttpResponse:
    endpoints.check_manage(signed_in(request))
    rows = Endpoint.objects.annotate(
        waiting=Count("messages", filter=Q(messages__state__in=(State.WAITING, State.SENDING))),
        undelivered=Count("messages", filter=Q(messages__state=State.FAILED)),
    )
    entries = [{"row": row, "kinds": [FOR_WEBHOOKS[kind] for kind in row.kinds]} for row in rows]
    return render(request, "webhooks/list.html", {"entries": entries})


@require_http_methods(["GET", "POST"])
def new_webhook(request: HttpRequest) -> HttpResponse:
    return _edit(request, Endpoint())


@require_http_methods(["GET", "POST"])
def edit_webhook(request: HttpRequest, pk: int) -> HttpResponse:
    endpoints.check_manage(signed_in(request))
    return _edit(request, _find(pk))


@never_cache
@require_POST
def webhook_key(request: HttpRequest, pk: int) -> HttpResponse:
    """The signing key, the one it has or a new one; on this answer only."""
    endpoints.check_manage(signed_in(request))
    endpoint, new = _find(pk), request.POST.get("key") == "new"
    key = (endpoints.new_key if new else endpoints.show_key)(actor_of(request), endpoint)
    return render(request, "webhooks/key.html", {"row": endpoint, "key": key, "new": new})


@require_POST
def try_webhook(request: HttpRequest, pk: int) -> HttpResponse:
    endpoints.check_manage(signed_in(request))
    endpoint = _find(pk)
    endpoints.try_endpoint(actor_of(request), endpoint)
    messages.success(request, f"A trial message goes to {endpoint.name}. What becomes of it is in the list.")
    return redirect("messages")


def _find(pk: int) -> Endpoint:
    endpoint = Endpoint.objects.filter(pk=pk).first() if pk < BIG else None
    if endpoint is None:
        raise Http404(f"There is no webhook {pk}.")
    return endpoint


def _edit(request: HttpRequest, endpoint: Endpoint) -> HttpResponse:
    endpoints.check_manage(signed_in(request))
    new = endpoint.pk is None
    form = EndpointForm(request.POST if request.method == "POST" else None, endpoint=endpoint)
    if form.is_valid():
        try:
            saved = endpoints.save(actor_of(request), form.changed_endpoint())
        except ValidationError as refused:
            form.refuse(refused)
        else:
            messages.success(
                request, f"Webhook “{saved.name}” is {'added' if new else 'saved'}. Try it to see it work."
            )
            return redirect("webhooks")
    context = {"form": form, "row": endpoint, "new": new, "kinds": list(FOR_WEBHOOKS.items())}
    return render(request, "webhooks/edit.html", context, status=422 if form.errors else 200)
