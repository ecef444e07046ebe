"""Signing in and out, and the theme: what a page needs around its content."""

from typing import Any

from django.conf import settings
from django.contrib.auth import login, logout
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.models import User
from django.contrib.auth.views import LoginView
from django.db import DatabaseError, connection, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from amicopy.audit.actor import Actor
from amicopy.audit.log import record
from amicopy.web.actor import actor_of, address_of

YEAR = 365 * 24 * 3600


@method_decorator(login_not_required, name="dispatch")
class SignIn(LoginView):
    """Django's own login, with an audit event for each try."""

    template_name = "sign_in.html"
    redirect_authenticated_user = True

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        user = form.get_user()
        assert isinstance(user, User)  # noqa: S101, AUTH_USER_MODEL is Django's own
        login(self.request, user)
        with transaction.atomic():
            record("person.signed_in", actor=actor_of(self.request))
        return redirect(self.get_success_url())

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        name = str(form.data.get("username", ""))[:150]
        if name:
            with transaction.atomic():
                # The name as it was typed: no password, and nothing that says whether the account exists.
                actor = Actor(name="nobody", source="page", address=address_of(self.request))
                record("person.sign_in_failed", actor=actor, data={"username": _printable(name)})
        return self.render_to_response(self.get_context_data(form=form), status=422)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return super().dispatch(request, *args, **kwargs)


def locked_out(request: HttpRequest, credentials: dict[str, Any], *args: Any, **kwargs: Any) -> HttpResponse:
    """What somebody sees who has tried too often; the pause is django-axes' business."""
    with transaction.atomic():
        actor = Actor(name="nobody", source="page", address=address_of(request))
        record(
            "person.locked_out", actor=actor, data={"username": _printable(str(credentials.get("username", ""))[:150])}
        )
    form = AuthenticationForm(request)
    form.errors["__all__"] = form.error_class(["Wait 15 minutes, then try again. There were too many wrong passwords."])
    return render(request, "sign_in.html", {"form": form, "next": ""}, status=429)


def _printable(text: str) -> str:
    return "".join(character for character in text if character.isprintable())


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """Ends the person's session."""
    with transaction.atomic():
        record("person.signed_out", actor=actor_of(request))
    logout(request)
    return redirect(settings.LOGOUT_REDIRECT_URL)


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Keeps the chosen theme in a cookie and goes back to the page."""
    wanted = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    answer = redirect(wanted if safe else "requests")
    if request.POST.get("theme") in {"light", "dark"}:
        answer.set_cookie("theme", request.POST["theme"], max_age=YEAR, samesite="Lax", secure=request.is_secure())
    return answer


@login_not_required
@require_GET
def healthz(request: HttpRequest) -> HttpResponse:
    """200 while the database answers, 503 otherwise; for load balancers and the launcher."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return HttpResponse("database unreachable\n", status=503, content_type="text/plain")
    return HttpResponse("ok\n", content_type="text/plain")
