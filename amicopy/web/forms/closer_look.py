"""A closer look at the form's source, in a piece of the page of its own: it asks by itself and nothing waits for it."""

from collections.abc import Callable
from typing import Any

from django.utils import timezone

from amicopy.copies.core.models import Account
from amicopy.copies.lifecycle import source_binding
from amicopy.copies.lookups import async_queries, inspection, places
from amicopy.copies.lookups.async_queries import UNASKED, Looks, Question
from amicopy.copies.lookups.source import Source
from amicopy.web.forms.request_form import RequestForm
from amicopy.web.inspection import Inspected, inspected

Ask = Callable[[Question[Any]], Any]


def recalled(form: RequestForm, seen: Source, account: Account) -> Inspected:
    """What was found out lately; asks nothing."""

    def remembered(question: Question[Any]) -> Any:
        known = async_queries.known(question)
        return UNASKED if known is None else known

    return _look(form, seen, account, remembered)


def looked(form: RequestForm, seen: Source, account: Account, looks: Looks, *, until: float = 0.0) -> Inspected:
    """Asks, all side by side, and returns what is known by then."""
    for question in _questions(form, seen, account).values():
        looks.begin(question)
    return _look(form, seen, account, lambda question: looks.begin(question)(until))


def _look(form: RequestForm, seen: Source, account: Account, ask: Ask) -> Inspected:
    answers = {name: ask(question) for name, question in _questions(form, seen, account).items()}
    offered = {name: answer for name, answer in answers.items() if name in _regions(form) and isinstance(answer, list)}
    known = inspection.kept({name: answers[name] for name in answers if name not in _regions(form)})
    return inspected(source_binding.lookup_of(seen.image), known, offered, at=timezone.now())


def _questions(form: RequestForm, seen: Source, account: Account) -> dict[str, Question[Any]]:
    """Those about the source by their part, and those about its destinations by the Region."""
    aws, (region, image_id) = account.read_only(), form.source
    asked = inspection.questions(aws, region=region, image_id=image_id)
    for place in _regions(form):
        if places.is_region(aws, place):
            question = inspection.offered_question(aws, region=place, image=seen.image)
            asked |= {place: question} if question else {}
    return asked


def _regions(form: RequestForm) -> list[str]:
    calls = form.each[0].read()
    return list(dict.fromkeys(call.DestinationRegion for call in calls if call.destination == call.DestinationRegion))
