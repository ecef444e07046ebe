"""Tokens of the API, and access keys of the EC2 endpoint: a person's own, and for who manages people everybody's. A new
one is shown once."""

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from amicopy.copies.core.calls import InvalidRequest
from amicopy.copies.core.token_models import ApiToken
from amicopy.copies.lifecycle.transitions import InvalidTransition
from amicopy.copies.operations import access_keys
from amicopy.copies.operations import tokens as token_verbs
from amicopy.web.actor import actor_of, signed_in
from amicopy.web.forms.token_form import AccessKeyForm, TokenForm
from amicopy.web.request_filters import BIG

MOST_PAST = 20


@never_cache
@require_http_methods(["GET", "POST"])
def tokens(request: HttpRequest) -> HttpResponse:
    """GET lists those the person may see, with the form to make one; POST makes one and shows it."""
    user = signed_in(request)
    form = TokenForm(request.POST if request.method == "POST" else None, user=user)
    if form.is_valid():
        try:
            row, text = token_verbs.make(actor_of(request), **form.wanted())
        except InvalidRequest as invalid:
            for error in invalid.errors:
                form.add_error(error.field, error.message)
        else:
            return render(request, "tokens/made.html", {"row": row, "text": text})
    return _shown(request, form, AccessKeyForm(user=user))


def _shown(request: HttpRequest, form: TokenForm, key_form: AccessKeyForm) -> HttpResponse:
    """The page with its lists, and both forms as they were sent."""
    user, now = signed_in(request), timezone.now()
    seen = token_verbs.visible_to(user).select_related("person__service", "made_by")
    running = seen.filter(revoked_at=None, expires_at__gt=now)
    context = {
        "form": form,
        "key_form": key_form if settings.EC2_DOOR and user.has_perm("copies.submit_request") else None,
        "summary": [*form.summary, *key_form.summary],
        "running": [(row, token_verbs.stopped(row)) for row in running],
        "past": seen.exclude(pk__in=running.values("pk")).order_by("-created_at")[:MOST_PAST],
        "own_services": user.services.select_related("user").prefetch_related("owners"),
        "sees_all": user.has_perm("copies.manage_people"),
    }
    return render(request, "tokens/list.html", context, status=422 if form.errors or key_form.errors else 200)


@never_cache
@require_POST
def new_access_key(request: HttpRequest) -> HttpResponse:
    """Makes an access key for the EC2 endpoint and shows it."""
    if not settings.EC2_DOOR:
        raise Http404("The EC2 endpoint is switched off here.")
    form = AccessKeyForm(request.POST, user=signed_in(request))
    if form.is_valid():
        try:
            row, secret = access_keys.make(actor_of(request), **form.wanted())
        except InvalidRequest as invalid:
            for error in invalid.errors:
                form.add_error("account" if error.field == "accounts" else error.field, error.message)
        else:
            made = {"row": row, "text": secret, "endpoint": f"{settings.SITE_URL}{reverse('ec2:door')}"}
            return render(request, "tokens/made.html", made)
    return _shown(request, TokenForm(user=signed_in(request)), form)


@require_POST
def revoke_token(request: HttpRequest, pk: int) -> HttpResponse:
    """Ends one that the person may see, now."""
    try:
        row = token_verbs.revoke(actor_of(request), min(pk, BIG - 1))
    except ApiToken.DoesNotExist as missing:
        raise Http404(f"There is no token {pk} that you may see.") from missing
    except InvalidTransition as overtaken:
        messages.info(request, str(overtaken))
    else:
        messages.success(request, f"The token “{row.name}” is revoked. Whatever used it is refused from now on.")
    return redirect("tokens")
