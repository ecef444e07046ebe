"""The form's look-ups, as fragments that htmx asks for; each waits for AWS no longer than its own limit.

None of them answers with an input: a late answer must not overwrite what is being typed. Without a script the form's
own buttons show the same on the page.
"""

from collections.abc import Sequence
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from amicopy.copies.core import permissions
from amicopy.copies.core.calls import Call
from amicopy.copies.core.models import Account
from amicopy.copies.lookups import async_queries, dry_run, keys, places, snapshot, source
from amicopy.copies.lookups.async_queries import Missing, Pending
from amicopy.copies.lookups.source import NotThere, Source
from amicopy.web.actor import signed_in
from amicopy.web.forms.context import Looked, form_context, known_source, regions_for, source_question
from amicopy.web.forms.request_form import RequestForm

# A check of permissions is asked for with a button: people wait longer for it.
CHECK_SECONDS = 6.0
# An image is looked for in every Region of the account, most of which were never asked before.
ELSEWHERE_SECONDS = 6.0


def posted(request: HttpRequest) -> dict[str, str]:
    """What was posted, without the one character that databases refuse."""
    return {name: value.replace("\0", "\ufffd") for name, value in request.POST.items() if isinstance(value, str)}


def form_of(request: HttpRequest, data: dict[str, str]) -> RequestForm:
    """The form of a person, with the accounts they may ask in. Raises NotAllowed."""
    user = signed_in(request)
    permissions.check_submit(user)
    return RequestForm.of(data, list(Account.objects.open_to(user)))


@require_POST
def source_card(request: HttpRequest) -> HttpResponse:
    """The source as AWS shows it, or the Region it is in instead."""
    form, until = form_of(request, posted(request)), async_queries.deadline()
    listed = async_queries.start(places.regions_question(form.account.aws())) if form.account else None
    looked = look_at_source(form, until=until)
    if listed is not None:
        listed.wait(until)
    return _fragment(request, "requests/new/_source_answer.html", form, looked)


@require_POST
def messages(request: HttpRequest) -> HttpResponse:
    """What is wrong with what was typed so far, and what the look-ups say about the destinations.

    An empty field is not yet wrong, unless the form was refused before.
    """
    form, until = form_of(request, posted(request)), async_queries.deadline()
    name_source(form)
    found = look_at_destinations(form, until=until)
    form.check()
    if "checked" not in form.data:
        form.errors = {name: said for name, said in form.errors.items() if form.data.get(name, "").strip()}
    return _fragment(request, "requests/new/_messages.html", form, None, found)


@require_POST
def aside(request: HttpRequest) -> HttpResponse:
    """What will happen and the equal commands, from what is known; asks AWS nothing."""
    return _fragment(request, "requests/new/_aside.html", form_of(request, posted(request)))


@require_POST
def check_permissions(request: HttpRequest) -> HttpResponse:
    """A dry run for every destination."""
    form, until = form_of(request, posted(request)), async_queries.deadline(CHECK_SECONDS)
    looked = look_at_source(form, until=until)
    name_source(form)
    calls = form.check()
    form.errors.pop("reason", None)
    if not form.errors and form.account is not None:
        looked = Looked(looked.seen, looked.elsewhere, dry_runs(form.account, calls, until=until))
    return _fragment(request, "requests/new/_check_answer.html", form, looked)


@require_GET
def regions(request: HttpRequest) -> HttpResponse:
    """The account's Regions with the ones it can't use; a script puts that into the lists that are there already."""
    form = form_of(request, {"account": request.GET.get("account", "")})
    if form.account is not None:
        async_queries.start(places.regions_question(form.account.aws())).wait(async_queries.deadline())
    return render(request, "requests/new/_regions.html", {"regions": regions_for(form.account)})


def see_source(form: RequestForm, *, until: float) -> Source | NotThere | Missing | None:
    """Asks for the source; None until there is something to ask for."""
    question = source_question(form)
    return async_queries.start(question).wait(until) if question else None


def look_at_source(form: RequestForm, *, until: float) -> Looked:
    """Asks for the source, and where else it is when it isn't where it was said to be."""
    seen = see_source(form, until=until)
    elsewhere: Sequence[str] = ()
    if isinstance(seen, NotThere) and form.account is not None:
        aws, until = form.account.aws(), max(until, async_queries.deadline(ELSEWHERE_SECONDS))
        elsewhere = source.elsewhere(aws, image_id=seen.ImageId, besides=seen.Region, until=until)
    return Looked(seen, elsewhere)


def look_at_destinations(form: RequestForm, *, until: float) -> snapshot.Kept | None:
    """Asks for what the destinations suggest and what a request keeps; the suggestions are found by `form_context`."""
    account = form.account
    if account is None:
        return None
    calls, aws = form.read(), account.aws()
    suggestions: list[Pending[Any]] = []
    for region in {call.DestinationRegion for call in calls}:
        if places.is_region(aws, region):
            suggestions.append(async_queries.start(keys.aliases_question(aws, region=region)))
            suggestions.append(async_queries.start(places.zones_question(aws, region=region)))
            suggestions.append(async_queries.start(places.outposts_question(aws, region=region)))
    found = snapshot.gather(account, calls, until=until)
    for pending in suggestions:
        pending.wait(until)
    return found


def name_source(form: RequestForm) -> None:
    """Lets the form fill in the source's name, if that is known."""
    seen = known_source(form)
    form.source_name = seen.image.Name if isinstance(seen, Source) else ""


def dry_runs(account: Account, calls: Sequence[Call], *, until: float) -> list[dry_run.Permission | Missing]:
    """Whether AWS would allow each call, asked anew."""
    pending = [async_queries.start(dry_run.question(account.aws(), call), anew=True) for call in calls]
    return [each.wait(until) for each in pending]


def _fragment(
    request: HttpRequest,
    template: str,
    form: RequestForm,
    looked: Looked | None = None,
    found: snapshot.Kept | None = None,
) -> HttpResponse:
    user: User = signed_in(request)
    context: dict[str, Any] = form_context(form, user, found, looked)
    return render(request, template, context)
