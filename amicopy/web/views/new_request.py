"""The form for a new request, and for one that was sent back: shown, changed row by row without a script, checked,
submitted."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_http_methods

from amicopy.copies.core import permissions
from amicopy.copies.core.calls import Call, InvalidRequest
from amicopy.copies.core.models import CopyRequest
from amicopy.copies.core.parameters import of_scope
from amicopy.copies.core.states import RequestState
from amicopy.copies.lifecycle.transitions import InvalidTransition
from amicopy.copies.lookups import async_queries, snapshot
from amicopy.copies.lookups.snapshot_members import Kept
from amicopy.copies.lookups.source import Source
from amicopy.copies.requests import follow_ups, request_sets, verbs
from amicopy.web import unsent_posts
from amicopy.web.actor import actor_of, signed_in
from amicopy.web.forms import (
    closer_look,
    in_the_way,
    prefilled,
    presets,
    region_sets,
    row_buttons,
    sources,
    step_inputs,
)
from amicopy.web.forms.context import Looked, form_context
from amicopy.web.forms.initial_data import clone_of, initial_again, mended_of, more_of
from amicopy.web.forms.request_form import RequestForm
from amicopy.web.request_filters import row_number
from amicopy.web.views import existing_request, lookups
from amicopy.web.views.request_detail import find

# Buttons that show the page again and ask AWS: what a script does without them.
TAKE_OVER = "take-over"
LOOK = ("look", "check", "use-region")
SUBMITTED_SECONDS = 7 * 86400
# For the look-ups of a set, once the names of its sources are known; the form has made most of them before.
SET_SECONDS = 1.0


# The heaviest page by far. What is secret in it, the token of its form, is another each time, so that its length tells
# nobody anything.
@gzip_page
@unsent_posts.keeps_unsent
@require_http_methods(["GET", "POST"])
def new_request(request: HttpRequest) -> HttpResponse:
    """GET shows the form, empty or as a clone; POST adds or removes a row, looks something up, or submits."""
    if request.method != "POST":
        if typed := unsent_posts.take(request):
            messages.warning(request, "Nothing was submitted: you had been signed out. What you typed is all here.")
            return _page(request, lookups.form_of(request, typed))
        cloned = _visible(request, request.GET.get("clone", ""))
        if cloned is not None and cloned.existing:
            return redirect(f"{reverse('request-existing')}?clone={cloned.pk}")
        data = _initial(request)
        form = lookups.form_of(request, data)
        fresh = data == _blank()
        if fresh and form.accounts:
            usual = in_the_way.usual_account(form.accounts, signed_in(request))
            form = lookups.form_of(request, {**data, "account": usual.name})
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
    if row.existing:
        return existing_request.edit(request, row)
    if request.method != "POST":
        return _page(request, lookups.form_of(request, initial_again(row)), again=row)
    return _posted(request, {**lookups.posted(request), "again": str(number)}, again=row)


def _posted(request: HttpRequest, data: dict[str, str], *, again: CopyRequest | None = None) -> HttpResponse:
    more = region_sets.regions_of(signed_in(request), data.get(region_sets.BUTTON, ""))
    typed = lookups.form_of(request, data)
    data, focus, redrawn = row_buttons.pressed(data, typed.account, more)
    if redrawn:
        return _page(request, lookups.form_of(request, data), focus=focus, again=again)
    if any(button in data for button in presets.BUTTONS[:3]):
        return _preset(request, data, again=again)
    if TAKE_OVER in data:
        return _taken_over(request, data, again=again)
    if any(button in data for button in LOOK):
        return _looked(request, data, again=again)
    return _submit(request, RequestForm.of(data, typed.accounts), again=again)


def _submit(request: HttpRequest, form: RequestForm, *, again: CopyRequest | None) -> HttpResponse:
    account, looks = form.account, lookups.patient(request)
    with async_queries.waiting() as until:
        if any(each.wants_source_name for each in form.each):
            lookups.see_source(form, looks, until=until)
            lookups.name_source(form)
        calls = sources.check(form)
        asks = not form.errors and account is not None
        found = (
            snapshot.gather_many(
                account,
                calls,
                until=_soon(until, calls),
                ask=looks.begin,
                steps=[each.frozen_steps(own) for each, own in zip(form.each, calls, strict=True)],
            )
            if asks and account
            else [Kept() for _ in calls]
        )
    if not form.errors and account is not None:
        handed_in: dict[str, Any] = {
            "account": account,
            "reason": form.text("reason"),
            "start_not_before": form.start_not_before,
            "anyway": form.anyway,
            "typed": form.typed,
            "steps": form.steps,
        }
        try:
            if again is not None:
                row = verbs.resubmit(actor_of(request), again.pk, calls=calls[0], lookups=found[0], **handed_in)
                return _submitted(request, form, "request", row.pk, f"Request #{row.pk} is submitted again.")
            submission = uuid.UUID(form.submission)
            if len(calls) > 1:
                parts = [request_sets.Part(each, kept) for each, kept in zip(calls, found, strict=True)]
                made = request_sets.submit_set(actor_of(request), parts=parts, submission=submission, **handed_in)
                return _submitted(request, form, "set", made.pk, f"{len(parts)} requests are submitted.")
            row = verbs.submit(
                actor_of(request),
                calls=calls[0],
                lookups=found[0],
                submission=submission,
                # What is no number is no request's.
                continues=(row_number(form.text("continues")) or 0) if form.text("continues") else None,
                mends=(row_number(form.text("mends")) or 0) if form.text("mends") else None,
                **handed_in,
            )
            return _submitted(request, form, "request", row.pk, f"Request #{row.pk} is submitted.")
        except InvalidRequest as invalid:
            form.refuse(invalid.errors)
        except request_sets.InvalidSet as invalid:
            sources.refuse(form, invalid.errors)
        except InvalidTransition as refused:
            messages.error(request, str(refused))
            return redirect("request", form.again)
        return _page(request, form, status=422, again=again, found=found[0])
    return _page(request, form, status=422, again=again)


def _soon(until: float, calls: Sequence[Sequence[Call]]) -> float:
    """The moment until which look-ups of what is submitted may take: storing a set takes its time, too, and what isn't
    known by then is looked at again, as ever."""
    return until if len(calls) == 1 else min(until, async_queries.deadline(SET_SECONDS))


def _submitted(request: HttpRequest, form: RequestForm, page: str, number: int, words: str) -> HttpResponse:
    """On to the page that follows what was submitted."""
    # True for as long as the page stays open: what becomes of it is said below, and moves.
    messages.success(request, f"{words} This page follows {'it' if page == 'request' else 'them'} by itself.")
    answer = redirect(page, number)
    # Tells static/form.js that what it kept has arrived.
    answer.set_cookie(
        "submitted", form.submission, max_age=SUBMITTED_SECONDS, samesite="Lax", secure=request.is_secure()
    )
    return answer


def _preset(request: HttpRequest, data: dict[str, str], *, again: CopyRequest | None) -> HttpResponse:
    """Saves, loads or deletes a preset and shows the form again, with everything typed unless it was loaded over."""
    user = signed_in(request)
    try:
        if "save-preset" in data:
            saved = presets.save(actor_of(request), user, data.get("preset-name", ""), data)
            whose = f" for {saved.team.name}" if saved.team else ""
            messages.success(request, f"Preset “{saved.name}” is saved{whose}. Nothing was submitted.")
        elif "load-preset" in data:
            loaded, data = presets.load(user, row_number(data.get("preset")), data)
            messages.success(request, f"Preset “{loaded.name}” is filled in. Check it before you submit.")
        else:
            deleted = presets.delete(actor_of(request), user, row_number(data.get("preset")))
            messages.success(request, f"Preset “{deleted.name}” is deleted.")
    except presets.Refused as refused:
        messages.error(request, str(refused))
    return _page(request, lookups.form_of(request, data), again=again)


def _looked(request: HttpRequest, data: Mapping[str, str], *, again: CopyRequest | None) -> HttpResponse:
    """The page with what the look-ups found; with `check`, what a worker has heard of AWS about dry runs, too: a second
    press shows what the first one asked."""
    data = {**data, "SourceRegion": data["use-region"]} if "use-region" in data else dict(data)
    form, looks, turn = lookups.form_of(request, data), lookups.patient(request), dict[str, Any]()
    with async_queries.waiting(lookups.CHECK_SECONDS) as until:
        looked = lookups.look_at_source(form, looks, until=until)
        lookups.name_source(form)
        found = lookups.look_at_destinations(form, looks, until=until)
        if isinstance(looked.seen, Source) and form.account is not None:
            closer_look.looked(form, looked.seen, form.account, looks, until=until)
        if "check" in data:
            calls = sources.check(form)[0]
            form.errors.pop("reason", None)
            if not form.errors:
                checks = async_queries.Looks(looks.person)
                looked = lookups.check(signed_in(request), form, calls, checks, looked)
                turn = lookups.turn_after(request, checks, "checking")
    return _page(request, form, found=found, looked=looked, again=again, turn=turn)


def _taken_over(request: HttpRequest, data: dict[str, str], *, again: CopyRequest | None) -> HttpResponse:
    """The page with what is to follow the copies as the source has it."""
    form = lookups.form_of(request, data)
    with async_queries.waiting() as until:
        looked = lookups.look_at_source(form, lookups.patient(request), until=until)
    if isinstance(looked.seen, Source) and form.account is not None:
        mine = form.account.account_id
        data = step_inputs.taken_over(data, looked.seen, account_id=mine, now=timezone.now())
    else:
        messages.error(request, "The source wasn't seen, so there is nothing to take over from it.")
    form = lookups.form_of(request, data)
    return _page(request, form, looked=looked, again=again, focus=step_inputs.FIRST)


def _initial(request: HttpRequest) -> dict[str, str]:
    original = _visible(request, request.GET.get("continues", ""))
    if original is not None and follow_ups.may_continue(signed_in(request), original):
        steps = original.steps_as_asked()
        return more_of(original.calls_as_asked(), account=original.account, number=original.pk, steps=steps)
    failed = follow_ups.failed_copy(signed_in(request), row_number(request.GET.get("mends", "")))
    if failed is not None:
        return mended_of(failed)
    cloned = _visible(request, request.GET.get("clone", ""))
    if cloned is not None:
        return clone_of(cloned)
    return {**_blank(), **filled} if (filled := prefilled.fields_of(lookups.plain(request.GET))) else _blank()


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
        "link": lookups.link_to(request, form),
        "focus": focus,
        "fresh": fresh,
        "region_sets": region_sets.sets_for(signed_in(request)),
        "presets": presets.open_to(signed_in(request)),
        "teams": presets.teams_of(signed_in(request)),
        "latest": CopyRequest.objects.filter(requester=signed_in(request), existing=False).order_by("-pk").first()
        if fresh
        else None,
        **lookups.again_context(again),
        **(turn or {}),
    }
    return render(request, "requests/new.html", context, status=status)
