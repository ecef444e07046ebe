"""Changing one's own password."""

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from amicopy.audit.log import record
from amicopy.copies.operations import password_links
from amicopy.web import sessions
from amicopy.web.actor import actor_of, signed_in


@require_http_methods(["GET", "POST"])
def change_password(request: HttpRequest) -> HttpResponse:
    """Sets another password and ends the person's other sessions. Who it is was asked by `password_again`."""
    user, actor = signed_in(request), actor_of(request)
    form: SetPasswordForm[User] = SetPasswordForm(user, request.POST if request.method == "POST" else None)
    if form.is_valid():
        with transaction.atomic():
            form.save()
            password_links.end(user, "The person changed their password.")
            record("person.password_changed", actor=actor, data={"person": user.username, "person_id": user.pk})
            update_session_auth_hash(request, user)
            sessions.end_all(actor, user, but=request.session.session_key)
        messages.success(request, "Your password is changed. You are signed out everywhere else.")
        return redirect("password-change")
    return render(request, "account/password.html", {"form": form}, status=422 if form.errors else 200)
