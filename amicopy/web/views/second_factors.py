"""A person's own second factors: what they have, adding and removing them, and recovery codes, shown once."""

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from amicopy.copies.core.factor_models import SecondFactor
from amicopy.copies.core.permissions import NotAllowed
from amicopy.copies.operations import second_factors
from amicopy.notify import sealing
from amicopy.web import door, passkeys, qr_code, second_factor, sessions
from amicopy.web.actor import actor_of, signed_in
from amicopy.web.forms.factor_forms import AppForm, PasskeyForm
from amicopy.web.request_filters import BIG

# The secret of an app that is being added, sealed, in the session.
NEW_APP = "new-app"


@never_cache
@require_GET
def factor_list(request: HttpRequest) -> HttpResponse:
    """What the person has, and the ways to add more."""
    return _page(request, PasskeyForm())


def _page(request: HttpRequest, form: PasskeyForm) -> HttpResponse:
    user = signed_in(request)
    factors = second_factors.of(user)
    demanded = second_factors.demanded(user)
    context = {
        "factors": factors,
        "has_app": any(factor.kind == SecondFactor.Kind.TOTP for factor in factors),
        "codes_left": second_factors.codes_left(user),
        "demanded": demanded,
        "closed": demanded and sessions.FACTOR not in request.session,
        "form": form,
        "asked": passkeys.ask_new(request, user) if passkeys.available() else "",
    }
    answer = render(request, "account/second_factors.html", context, status=422 if form.errors else 200)
    return door.allow(answer, passkeys.CREATE)


@never_cache
@require_http_methods(["GET", "POST"])
def add_app(request: HttpRequest) -> HttpResponse:
    """GET shows a new secret, as a QR code too; POST adds the app that gives a code of it."""
    user = signed_in(request)
    secret = _secret(request, anew=request.method == "GET")
    form = AppForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            factor = second_factors.add_app(actor_of(request), secret=secret, **form.cleaned_data)
        except ValidationError as refused:
            form.refuse(refused)
        else:
            request.session.pop(NEW_APP, None)
            return _added(request, user, factor)
    context = {"form": form, "secret": secret, "qr": qr_code.svg(second_factors.address(user, secret))}
    return render(request, "account/app.html", context, status=422 if form.errors else 200)


def _secret(request: HttpRequest, *, anew: bool) -> str:
    """The secret of the app that is being added; the same until it is, or the page is opened once more."""
    try:
        kept = "" if anew else sealing.unseal(request.session.get(NEW_APP, ""))
    except sealing.Unreadable:
        kept = ""
    secret = kept or second_factors.new_secret()
    if not kept:
        request.session[NEW_APP] = sealing.seal(secret)
    return secret


@never_cache
@require_POST
def add_passkey(request: HttpRequest) -> HttpResponse:
    """Adds the passkey that the browser made."""
    form = PasskeyForm(request.POST)
    if form.is_valid():
        try:
            credential, counter = passkeys.made(request)
            factor = second_factors.add_passkey(
                actor_of(request), credential=credential, counter=counter, **form.cleaned_data
            )
        except passkeys.Wrong:
            form.add_error(None, "No passkey was made. Try again; a browser has to run scripts for it.")
        except ValidationError as refused:
            form.refuse(refused)
        else:
            return _added(request, signed_in(request), factor)
    return _page(request, form)


def _added(request: HttpRequest, user: User, factor: SecondFactor) -> HttpResponse:
    """After the first one: signed in nowhere else, and with recovery codes."""
    second_factor.note(request)
    messages.success(request, f"“{factor.name}” is added. Signing in asks for it from now on.")
    if len(second_factors.of(user)) > 1:
        return redirect("second-factors")
    sessions.end_all(actor_of(request), user, but=request.session.session_key)
    return _codes(request)


@never_cache
@require_POST
def make_codes(request: HttpRequest) -> HttpResponse:
    """Makes recovery codes and shows them, once."""
    try:
        return _codes(request)
    except NotAllowed as refused:
        messages.error(request, str(refused))
        return redirect("second-factors")


def _codes(request: HttpRequest) -> HttpResponse:
    codes = second_factors.make_codes(actor_of(request))
    return render(request, "account/recovery_codes.html", {"codes": codes})


@require_POST
def remove(request: HttpRequest, pk: int) -> HttpResponse:
    try:
        factor = second_factors.remove(actor_of(request), min(pk, BIG - 1))
    except SecondFactor.DoesNotExist as missing:
        raise Http404(f"You have no second factor {pk}.") from missing
    except NotAllowed as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, f"“{factor.name}” is removed.")
    return redirect("second-factors")
