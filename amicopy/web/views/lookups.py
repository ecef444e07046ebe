"""The form's look-ups, as fragments that htmx asks for. None of them waits for AWS: each begins to ask, answers with
what is known, and is asked for again while something is on its way.

None of them answers with an input: a late answer must not overwrite what is being typed. Without a script the form's
own buttons show the same on the page; these wait, as submitting does, see `async_queries.waiting`.
"""

import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from amicopy.copies.core import permissions
from amicopy.copies.core.calls import Call
from amicopy.copies.core.models import Account, CopyRequest, Decision
from amicopy.copies.core.parameters import DESTINATION_REGION
from amicopy.copies.lookups import places, snapshot, source
from amicopy.copies.lookups.async_queries import UNASKED, Looks, Missing
from amicopy.copies.lookups.snapshot_members import Kept
from amicopy.copies.lookups.source import NotThere, Source
from amicopy.copies.operations import permission_checks
from amicopy.web.actor import signed_in
from amicopy.web.forms import closer_look, prefilled, region_ticks, sources, step_inputs
from amicopy.web.forms.context import Looked, form_context, known_source, regions_for, source_question
from amicopy.web.forms.request_form import SOURCE, RequestForm
from amicopy.web.request_filters import row_number

# A check of permissions is asked for with a button: people wait longer for it.
CHECK_SECONDS = 6.0
CHECKED = "requests/new/_check_answer.html"
# How often a fragment is asked for again, after how many milliseconds; all of it is half a minute.
TURNS, PAUSES = 20, (150, 300, 600, 1200, 2000)


# Inputs that may be sent several times, and what stands between their texts in one.
SEVERAL = {SOURCE: " ", region_ticks.BOXES: " ", DESTINATION_REGION.name: " ", prefilled.TAGS: "\n"}
SEVERAL |= dict.fromkeys(step_inputs.SEVERAL, " ")


def posted(request: HttpRequest) -> dict[str, str]:
    """What was posted, without the one character that databases refuse."""
    return plain(request.POST)


def plain(query: QueryDict) -> dict[str, str]:
    """The same of any address or body: one text for each name."""
    texts = {
        name: SEVERAL[name].join(query.getlist(name)) if name in SEVERAL else value for name, value in query.items()
    }
    return {name: text.replace("\0", "\ufffd") for name, text in texts.items() if isinstance(text, str)}


def form_of(request: HttpRequest, data: dict[str, str]) -> RequestForm:
    """The form of a person, with the accounts they may ask in. Raises NotAllowed."""
    user = signed_in(request)
    permissions.check_submit(user)
    return RequestForm.of(data, list(Account.objects.open_to(user)))


@require_POST
def source_card(request: HttpRequest) -> HttpResponse:
    """The source as AWS shows it, or the Region it is in instead."""
    form, looks = form_of(request, posted(request)), looks_of(request)
    if form.account:
        looks.begin(places.regions_question(form.account.read_only()))(0.0)
    looked = look_at_source(form, looks)
    return _fragment(request, "requests/new/_source_answer.html", form, looks, looked)


@require_POST
def inspection(request: HttpRequest) -> HttpResponse:
    """What a scan found in the source, where it comes from, and whether it can be launched in the destinations."""
    form, looks = form_of(request, posted(request)), looks_of(request)
    seen, context = known_source(form), dict[str, Any]()
    if isinstance(seen, Source) and form.account is not None:
        context = {"source": seen, "inspected": closer_look.looked(form, seen, form.account, looks)}
    return render(request, "requests/new/_inspection.html", context | turn_after(request, looks, "asks"))


@require_POST
def messages(request: HttpRequest) -> HttpResponse:
    """What is wrong with what was typed so far, and what the look-ups say about the destinations.

    An empty field is not yet wrong, unless the form was refused before.
    """
    form, looks = form_of(request, posted(request)), looks_of(request)
    name_source(form)
    found = look_at_destinations(form, looks)
    sources.check(form)
    if "checked" not in form.data:
        form.errors = {name: said for name, said in form.errors.items() if form.data.get(name, "").strip()}
    return _fragment(request, "requests/new/_messages.html", form, looks, None, found)


@require_POST
def aside(request: HttpRequest) -> HttpResponse:
    """What will happen and the equal commands, from what is known; asks AWS nothing."""
    return _fragment(request, "requests/new/_aside.html", form_of(request, posted(request)))


@require_POST
def check_permissions(request: HttpRequest) -> HttpResponse:
    """Has a worker make a dry run of the first source for every destination, once it is known as far as it can be: its
    name may be the copies'."""
    form, looks, found = form_of(request, posted(request)), looks_of(request), None
    looked = look_at_source(form, looks)
    name_source(form)
    if form.wants_source_name and looks.unanswered:
        return _fragment(request, CHECKED, form, looks, looked)
    calls = sources.check(form)[0]
    form.errors.pop("reason", None)
    if not form.errors and form.account is not None:
        # What they find is shown with the answer, and not waited for.
        found = look_at_destinations(form, looks_of(request))
        looks = looks_of(request)
        looked = check(signed_in(request), form, calls, looks, looked)
    return _fragment(request, CHECKED, form, looks, looked, found)


@require_GET
def regions(request: HttpRequest) -> HttpResponse:
    """The account's Regions with the ones it can't use; a script puts that into the lists that are there already."""
    form, looks = form_of(request, {"account": request.GET.get("account", "")}), looks_of(request)
    if form.account is not None:
        looks.begin(places.regions_question(form.account.read_only()))(0.0)
    context = {"form": form, "regions": regions_for(form.account), "asks_again": looks.unanswered}
    return render(request, "requests/new/_regions.html", context | turn_after(request, looks))


def again_context(again: CopyRequest | None) -> dict[str, Any]:
    """What the page of a form says of a request that was sent back and is edited; None: it is a new one."""
    changes = again.decisions.filter(round=again.round, kind=Decision.Kind.REQUEST_CHANGES) if again else None
    return {"again": again, "sent_back": changes.last() if changes is not None else None}


def link_to(request: HttpRequest, form: RequestForm) -> str:
    """The address that opens a new form as this one stands."""
    return request.build_absolute_uri(f"{reverse('request-new')}?{prefilled.query_of(form.data)}")


def see_source(form: RequestForm, looks: Looks, *, until: float = 0.0) -> Source | NotThere | Missing | None:
    """Asks for the sources side by side, and returns what is known of the first; None until there is something to ask
    for, or while the answer is on its way."""
    questions = [source_question(each) for each in form.each]
    waits = [looks.begin(question) if question else None for question in questions]
    seen = [wait(until) if wait else None for wait in waits]
    return None if seen[0] is UNASKED else seen[0]


def look_at_source(form: RequestForm, looks: Looks, *, until: float = 0.0) -> Looked:
    """Asks for the source, and where else it is when it isn't where it was said to be."""
    seen = see_source(form, looks, until=until)
    elsewhere: Sequence[str] = ()
    if isinstance(seen, NotThere) and form.account is not None:
        aws = form.account.read_only()
        elsewhere = source.elsewhere(aws, image_id=seen.ImageId, besides=seen.Region, until=until, ask=looks.begin)
    return Looked(seen, elsewhere)


def look_at_destinations(form: RequestForm, looks: Looks, *, until: float = 0.0) -> Kept | None:
    """Asks for what a request keeps of its look-ups, but for the closer look, which has its own piece of the page."""
    account = form.account
    if account is None:
        return None
    first = form.each[0]
    calls = first.read()
    steps = first.frozen_steps(calls)
    return snapshot.gather(account, calls, until=until, ask=looks.begin, closely=False, steps=steps)


def name_source(form: RequestForm) -> None:
    """Lets the form fill in the sources' names, as far as they are known."""
    for each in form.each:
        seen = known_source(each)
        each.source_name = seen.image.Name if isinstance(seen, Source) else ""


def check(person: User, form: RequestForm, calls: Sequence[Call], looks: Looks, looked: Looked) -> Looked:
    """What is known of whether AWS would allow each call: a worker is asked, and no page waits for it."""
    if form.account is None:
        return looked
    asked, answers = permission_checks.ask(person, _asked(form), form.account, calls, last=looks.last)
    looks.unanswered |= UNASKED in answers
    return replace(looked, permissions=answers, asked=str(asked or ""))


def _asked(form: RequestForm) -> uuid.UUID | None:
    """Which question the page waits for an answer to, if it does."""
    try:
        return uuid.UUID(form.data.get("asked", ""))
    except ValueError:
        return None


def turn_of(request: HttpRequest) -> int:
    """How many times this fragment was asked for again."""
    return min(row_number((request.POST if request.method == "POST" else request.GET).get("turn")) or 0, TURNS)


def patient(request: HttpRequest) -> Looks:
    """Look-ups of a page that waits for them, if it may, and doesn't come back for what is late."""
    return Looks(signed_in(request).pk, last=True)


def looks_of(request: HttpRequest) -> Looks:
    """The questions of a fragment, which comes back for what is late as often as it may."""
    return Looks(signed_in(request).pk, last=turn_of(request) >= TURNS)


def turn_after(request: HttpRequest, looks: Looks, name: str = "looking") -> dict[str, Any]:
    """When a fragment is to be asked for again, which it is where `name` is true. `asker` names the element that asks.
    It is a new one in every answer: one that stayed from an answer before might have asked already."""
    turn = turn_of(request)
    pause = PAUSES[min(turn, len(PAUSES) - 1)]
    return {name: looks.unanswered, "turn": turn + 1, "asker": uuid.uuid4().hex, "pause": pause}


def _fragment(
    request: HttpRequest,
    template: str,
    form: RequestForm,
    looks: Looks | None = None,
    looked: Looked | None = None,
    found: Kept | None = None,
) -> HttpResponse:
    user: User = signed_in(request)
    context: dict[str, Any] = form_context(form, user, found, looked) | {"link": link_to(request, form)}
    name = "checking" if template == CHECKED else "looking"
    return render(request, template, context | (turn_after(request, looks, name) if looks else {}))
