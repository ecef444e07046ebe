"""The form for a new request, and for one that was sent back: shown, changed row by row without a script, checked,
submitted."""

import uuid
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from amicopy.copies.core import permissions
from amicopy.copies.core.calls import InvalidRequest
from amicopy.copies.core.models import CopyRequest, Decision
from amicopy.copies.core.parameters import DESTINATION_REGION, of_scope
from amicopy.copies.core.states import RequestState
from amicopy.copies.lifecycle.transitions import InvalidTransition
from amicopy.copies.lookups import async_queries, snapshot
from amicopy.copies.lookups.snapshot import Kept
from amicopy.copies.requests import follow_ups, verbs
from amicopy.web import unsent_posts
from amicopy.web.actor import actor_of, signed_in
from amicopy.web.forms import presets
from amicopy.web.forms.context import Looked, form_context
from amicopy.web.forms.initial_data import initial_again, initial_of, mended_of, more_of
from amicopy.web.forms.request_form import RequestForm
from amicopy.web.forms.rows import MOST
from amicopy.web.models import Preset
from amicopy.web.request_filters import row_number
from amicopy.web.views import lookups
from amicopy.web.views.request_detail import find

# Buttons that show the page again and ask AWS: what a script does without them.
LOOK = ("look", "check", "use-region")
SUBMITTED_SECONDS = 7 * 86400


@unsent_posts.keeps_unsent
@require_http_methods(["GET", "POST"])
def new_request(request: HttpRequest) -> HttpResponse:
    """GET shows the form, empty or as a clone; POST adds or removes a row, looks something up, or submits."""
    if request.method != "POST":
        if typed := unsent_posts.take(request):
            messages.warning(request, "Nothing was submitted: you had been signed out. What you typed is all here.")
            return _page(request, lookups.form_of(request, typed))
        data = _initial(request)
        form = lookups.form_of(request, data)
        fresh = data == _blank()
        if fresh and form.accounts:
            form = lookups.form_of(request, {**data, "account": form.accounts[0].name})
        return _page(request, form, fresh=fresh)
    return _posted(request, {**lookups.posted(request), "again": ""})


@require_http_methods(["GET", "POST"])
def edit_request(request: HttpRequest, number: int) -> HttpResponse:
    """The form with all of a request that was sent back to this person, to be submitted again."""
    row = find(request, number)
    permissions.check_resubmit(signed_in(request), row)
    if row.state != RequestState.CHANGES_REQUESTED:
        messages.error(request, f"Request #{number} is {row.get_state_display().lower()}: it can't be edited now.")
        return redirect("request", number)
    if request.method != "POST":
        return _page(request, lookups.form_of(request, initial_again(row)), again=row)
    return _posted(request, {**lookups.posted(request), "again": str(number)}, again=row)


def _posted(request: HttpRequest, data: dict[str, str], *, again: CopyRequest | None = None) -> HttpResponse:
    changed = _changed_rows(data)
    if changed is not None:
        return _page(request, lookups.form_of(request, changed), focus=_focus(data), again=again)
    if any(button in data for button in presets.BUTTONS[:3]):
        return _preset(request, data, again=again)
    if any(button in data for button in LOOK):
        return _looked(request, data, again=again)
    return _submit(request, lookups.form_of(request, data), again=again)


def _submit(request: HttpRequest, form: RequestForm, *, again: CopyRequest | None) -> HttpResponse:
    account, looks = form.account, _patient(request)
    with async_queries.waiting() as until:
        if form.wants_source_name:
            lookups.see_source(form, looks, until=until)
            lookups.name_source(form)
        calls = form.check()
        asks = not form.errors and account is not None
        found = snapshot.gather(account, calls, until=until, ask=looks.begin) if asks and account else Kept()
    if not form.errors and account is not None:
        handed_in: dict[str, Any] = {
            "account": account,
            "reason": form.text("reason"),
            "calls": calls,
            "lookups": found,
            "start_not_before": form.start_not_before,
            "anyway": form.anyway,
        }
        try:
            if again is None:
                row = verbs.submit(
                    actor_of(request),
                    submission=uuid.UUID(form.submission),
                    # What is no number is no request's.
                    continues=(row_number(form.text("continues")) or 0) if form.text("continues") else None,
                    mends=(row_number(form.text("mends")) or 0) if form.text("mends") else None,
                    **handed_in,
                )
            else:
                row = verbs.resubmit(actor_of(request), again.pk, **handed_in)
        except InvalidRequest as invalid:
            form.refuse(invalid.errors)
        except InvalidTransition as refused:
            messages.error(request, str(refused))
            return redirect("request", form.again)
        else:
            # True for as long as the page stays open: what becomes of the request is said below, and moves.
            words = f"is submitted{' again' if again else ''}"
            messages.success(request, f"Request #{row.pk} {words}. This page follows it by itself.")
            answer = redirect("request", row.pk)
            # Tells static/form.js that what it kept has arrived.
            answer.set_cookie(
                "submitted", form.submission, max_age=SUBMITTED_SECONDS, samesite="Lax", secure=request.is_secure()
            )
            return answer
    return _page(request, form, status=422, again=again, found=found or None)


def _preset(request: HttpRequest, data: dict[str, str], *, again: CopyRequest | None) -> HttpResponse:
    """Saves, loads or deletes a preset and shows the form again, with everything typed unless it was loaded over."""
    user = signed_in(request)
    try:
        if "save-preset" in data:
            saved = presets.save(user, data.get("preset-name", ""), data)
            messages.success(request, f"Preset “{saved.name}” is saved. Nothing was submitted.")
        elif "load-preset" in data:
            loaded, data = presets.load(user, row_number(data.get("preset")), data)
            messages.success(request, f"Preset “{loaded.name}” is filled in. Check it before you submit.")
        else:
            deleted = presets.delete(user, row_number(data.get("preset")))
            messages.success(request, f"Preset “{deleted.name}” is deleted.")
    except presets.Refused as refused:
        messages.error(request, str(refused))
    return _page(request, lookups.form_of(request, data), again=again)


def _looked(request: HttpRequest, data: Mapping[str, str], *, again: CopyRequest | None) -> HttpResponse:
    """The page with what the look-ups found; with `check`, what a worker has heard of AWS about dry runs, too: a second
    press shows what the first one asked."""
    data = {**data, "SourceRegion": data["use-region"]} if "use-region" in data else dict(data)
    form, looks, turn = lookups.form_of(request, data), _patient(request), dict[str, Any]()
    with async_queries.waiting(lookups.CHECK_SECONDS) as until:
        looked = lookups.look_at_source(form, looks, until=until)
        lookups.name_source(form)
        found = lookups.look_at_destinations(form, looks, until=until)
        if "check" in data:
            calls = form.check()
            form.errors.pop("reason", None)
            if not form.errors:
                checks = async_queries.Looks(looks.person)
                looked = lookups.check(signed_in(request), form, calls, checks, looked)
                turn = lookups.turn_after(request, checks, "checking")
    return _page(request, form, found=found, looked=looked, again=again, turn=turn)


def _patient(request: HttpRequest) -> async_queries.Looks:
    """Look-ups of a page that waits for them, if it may, and doesn't come back for what is late."""
    return async_queries.Looks(signed_in(request).pk, last=True)


def _initial(request: HttpRequest) -> dict[str, str]:
    original = _visible(request, request.GET.get("continues", ""))
    if original is not None and follow_ups.may_continue(signed_in(request), original):
        return more_of(original.calls_as_asked(), account=original.account, number=original.pk)
    failed = follow_ups.failed_copy(signed_in(request), row_number(request.GET.get("mends", "")))
    if failed is not None:
        return mended_of(failed)
    cloned = _visible(request, request.GET.get("clone", ""))
    if cloned is not None:
        return initial_of(cloned.calls_as_asked(), account=cloned.account, reason=cloned.reason)
    return _blank()


def _blank() -> dict[str, str]:
    """An empty form, with a row for each tag that every copy must have, or one to begin with."""
    data = {parameter.name: parameter.initial for parameter in of_scope("request", "both") if parameter.initial}
    for index, (key, allowed) in enumerate(settings.REQUIRED_TAGS.items() or [("", ())]):
        row = {"Key": key, "Value": allowed[0] if len(allowed) == 1 else "", "image": "on", "snapshot": "on"}
        data |= {f"tags-{index}-{name}": value for name, value in row.items() if value}
    return data


def _visible(request: HttpRequest, number: str) -> CopyRequest | None:
    """The request of this number, if there is one that the person may see."""
    pk = row_number(number)
    rows = CopyRequest.objects.visible_to(signed_in(request)).select_related("account")
    return rows.filter(pk=pk).first() if pk is not None else None


def _changed_rows(data: Mapping[str, str]) -> dict[str, str] | None:
    """The data with a row more or less, when one of those buttons was pressed; otherwise None."""
    form = RequestForm.of(data, [])
    rows = {"destinations": form.destinations, "tags": form.tags}
    if data.get("add") == "destination" and len(form.destinations) < MOST:
        rows["destinations"] = [*form.destinations, {"kind": "region"}]
    elif data.get("add") == "tag" and len(form.tags) < MOST:
        rows["tags"] = [*form.tags, {"image": "on", "snapshot": "on"}]
    elif "remove-destination" in data:
        rows["destinations"] = _without(form.destinations, data["remove-destination"])
    elif "remove-tag" in data:
        rows["tags"] = _without(form.tags, data["remove-tag"])
    elif "add" not in data and "restore" not in data:
        return None
    kept = {name: value for name, value in data.items() if not name.startswith(("destinations-", "tags-"))}
    for prefix, changed in rows.items():
        for index, row in enumerate(changed):
            kept |= {f"{prefix}-{index}-{name}": value for name, value in row.items()}
    return kept


def _focus(data: Mapping[str, str]) -> str:
    """Where the person goes on after a row came or went: in the new row, or at the button that adds one."""
    form = RequestForm.of(data, [])
    if data.get("add") == "destination":
        return f"destinations-{len(form.destinations)}-{DESTINATION_REGION.name}"
    if data.get("add") == "tag":
        return "tag"
    if "restore" in data:
        return ""
    return "add-tag" if "remove-tag" in data else "add-destination"


def _without(rows: list[dict[str, str]], index: str) -> list[dict[str, str]]:
    if not (index.isascii() and index.isdecimal()) or len(index) > 4:
        return rows
    return [row for number, row in enumerate(rows) if number != int(index)]


def _page(
    request: HttpRequest,
    form: RequestForm,
    *,
    status: int = 200,
    found: Kept | None = None,
    looked: Looked | None = None,
    focus: str = "",
    fresh: bool = False,
    again: CopyRequest | None = None,
    turn: Mapping[str, Any] | None = None,
) -> HttpResponse:
    """`focus` is the input the person goes on with, `fresh` says that nothing was typed yet, `again` is the request
    that is edited, `turn` when the answers to dry runs are asked for again."""
    context = {
        **form_context(form, signed_in(request), found, looked),
        "focus": focus,
        "fresh": fresh,
        "presets": Preset.objects.filter(person=signed_in(request)),
        "latest": CopyRequest.objects.filter(requester=signed_in(request)).order_by("-pk").first() if fresh else None,
        "again": again,
        "sent_back": again.decisions.filter(round=again.round, kind=Decision.Kind.REQUEST_CHANGES).last()
        if again
        else None,
        **(turn or {}),
    }
    return render(request, "requests/new.html", context, status=status)
