"""The form for steps for an AMI that exists: shown, filled in by a link, looked at, submitted; and the same for a
request that was sent back."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from amicopy.copies.core import permissions
from amicopy.copies.core.calls import InvalidRequest
from amicopy.copies.core.models import Account, CopyRequest
from amicopy.copies.lifecycle.transitions import InvalidTransition
from amicopy.copies.lookups import async_queries, snapshot
from amicopy.copies.lookups.snapshot_members import Kept
from amicopy.copies.lookups.source import Source
from amicopy.copies.requests import verbs
from amicopy.web import unsent_posts
from amicopy.web.actor import actor_of, signed_in
from amicopy.web.forms import existing_form, prefilled, step_inputs
from amicopy.web.forms.context import Looked, form_context
from amicopy.web.forms.existing_form import ExistingForm
from amicopy.web.request_filters import row_number
from amicopy.web.views import lookups

LOOK = "look"


@unsent_posts.keeps_unsent
@require_http_methods(["GET", "POST"])
def existing_request(request: HttpRequest) -> HttpResponse:
    """GET shows the form, empty, from a link or as a clone; POST looks the AMI up, or submits."""
    if request.method == "POST":
        return posted(request, {**lookups.posted(request), "again": ""})
    if typed := unsent_posts.take(request):
        messages.warning(request, "Nothing was submitted: you had been signed out. What you typed is all here.")
        return _page(request, _form_of(request, typed))
    return _page(request, _form_of(request, _initial(request)))


def edit(request: HttpRequest, row: CopyRequest) -> HttpResponse:
    """The same for a request of the person's that was sent back."""
    if request.method == "POST":
        return posted(request, {**lookups.posted(request), "again": str(row.pk)}, again=row)
    return _page(request, _form_of(request, existing_form.initial_of(row, again=True)), again=row)


@require_POST
def image_card(request: HttpRequest) -> HttpResponse:
    """The AMI as AWS shows it, and what speaks against it; a fragment."""
    form, looks = _form_of(request, lookups.posted(request)), lookups.looks_of(request)
    looked = lookups.look_at_source(form, looks)
    context = _context(request, form, looked=looked) | lookups.turn_after(request, looks)
    return render(request, "requests/new/_source.html", context)


def posted(request: HttpRequest, data: dict[str, str], *, again: CopyRequest | None = None) -> HttpResponse:
    """Looks the AMI up with a button that does what a script does besides, or submits."""
    if "use-region" in data:
        data = {**data, "SourceRegion": data["use-region"]}
    form = _form_of(request, data)
    if LOOK in data or "use-region" in data:
        with async_queries.waiting() as until:
            looked = lookups.look_at_source(form, lookups.patient(request), until=until)
        return _page(request, form, looked=looked, again=again)
    return _submit(request, form, again=again)


def _submit(request: HttpRequest, form: ExistingForm, *, again: CopyRequest | None) -> HttpResponse:
    calls, account = form.check(), form.account
    if form.errors or account is None:
        return _page(request, form, status=422, again=again)
    with async_queries.waiting() as until:
        looks = lookups.patient(request)
        seen = lookups.see_source(form, looks, until=until)
        form.source_name = seen.image.Name if isinstance(seen, Source) else ""
        found = snapshot.gather(account, calls, until=until, ask=looks.begin, steps=form.frozen_steps(calls))
    handed_in: dict[str, Any] = {
        "account": account,
        "reason": form.text("reason"),
        "calls": calls,
        "lookups": found,
        "start_not_before": form.start_not_before,
        "steps": form.steps,
    }
    try:
        if again is not None:
            row = verbs.resubmit(actor_of(request), again.pk, **handed_in)
        else:
            row = verbs.submit(actor_of(request), submission=uuid.UUID(form.submission), **handed_in)
    except InvalidRequest as invalid:
        form.refuse(invalid.errors)
        return _page(request, form, status=422, again=again, found=found)
    except InvalidTransition as refused:
        messages.error(request, str(refused))
        return redirect("request", form.again)
    words = f"Request #{row.pk} is submitted{' again' if again else ''}. This page follows it by itself."
    messages.success(request, words)
    return redirect("request", row.pk)


def _form_of(request: HttpRequest, data: dict[str, str]) -> ExistingForm:
    """The form of a person, with the accounts they may ask in. Raises NotAllowed."""
    user = signed_in(request)
    permissions.check_submit(user)
    form = ExistingForm.of(data, list(Account.objects.open_to(user)))
    assert isinstance(form, ExistingForm)  # noqa: S101, made by its own class
    return form


def _initial(request: HttpRequest) -> dict[str, str]:
    number = row_number(request.GET.get("clone", ""))
    rows = CopyRequest.objects.visible_to(signed_in(request)).select_related("account")
    cloned = rows.filter(pk=number, existing=True).first() if number is not None else None
    if cloned is not None:
        return existing_form.initial_of(cloned, again=False)
    return prefilled.fields_of(lookups.plain(request.GET))


def _context(
    request: HttpRequest, form: ExistingForm, *, looked: Looked | None = None, found: Kept | None = None
) -> dict[str, Any]:
    context = form_context(form, signed_in(request), found, looked)
    seen, account = context.get("source"), form.account
    return context | {
        "existing": True,
        "look_page": "request-existing-look",
        "steps": step_inputs.without_days(context["steps"]),
        "source_warnings": existing_form.in_the_way(form.calls(), seen, account) if seen and account else [],
        "sources": [],
    }


def _page(
    request: HttpRequest,
    form: ExistingForm,
    *,
    status: int = 200,
    looked: Looked | None = None,
    found: Kept | None = None,
    again: CopyRequest | None = None,
) -> HttpResponse:
    context = _context(request, form, looked=looked, found=found) | lookups.again_context(again)
    return render(request, "requests/existing/form.html", context, status=status)
