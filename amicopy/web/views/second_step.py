"""The second step of signing in."""

from http import HTTPStatus

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from amicopy.audit.actor import Actor
from amicopy.client_address import address_of
from amicopy.web import door, passkeys, second_factor, second_step


@login_not_required
@never_cache
@require_http_methods(["GET", "POST"])
def second_sign_in(request: HttpRequest) -> HttpResponse:
    """Asks whose password was right for their second factor, and signs them in with it."""
    user = second_step.pending(request)
    if user is None:
        messages.info(request, "Enter your password first. The step after it is open for some minutes.")
        return redirect("sign-in")
    said, status = "", HTTPStatus.OK
    if request.method == "POST":
        actor = Actor(name=user.username, source="page", id=user.pk, address=address_of(request))
        try:
            second_factor.check(request, actor, user, what="sign-in")
        except second_factor.Refused as refused:
            said, status = str(refused), refused.status
        else:
            return redirect(second_step.finish(request, user))
    context = {"person": user, "said": said, **second_factor.offer(request, user)}
    answer = render(request, "second_step.html", context, status=status)
    return door.allow(answer, passkeys.GET)
