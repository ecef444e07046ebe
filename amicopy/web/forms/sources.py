"""A form with several source images: each is checked as a request, and what is wrong is said in one place."""

from collections import Counter
from collections.abc import Mapping, Sequence

from django.conf import settings

from amicopy.copies.core.calls import Call, FieldError
from amicopy.web.forms.request_form import MOST_SOURCES, SOURCE, RequestForm


def check(form: RequestForm) -> list[list[Call]]:
    """The calls of each source, with every error at its field of the whole form."""
    if form.each == [form]:
        return [form.check()]
    calls = [each.check() for each in form.each]
    form.checked = True
    gather_errors(form)
    if len(form.sources) > MOST_SOURCES:
        form.add_error(SOURCE, f"Enter at most {MOST_SOURCES} AMIs.")
    if form.again or form.text("continues") or form.text("mends"):
        form.add_error(SOURCE, "Enter one AMI: this follows from a request, which has one.")
    if form.text("ClientToken"):
        form.add_error("ClientToken", "Leave it empty: a token is for one image, and there are several sources.")
    if settings.NAME_CLASH != "allow":
        for error in _same_names(calls):
            form.add_error(form.input_of(error), error.message)
    return calls


def gather_errors(form: RequestForm) -> None:
    """Puts the errors of each source into the whole form; what isn't said of all of them begins with whose it is."""
    forms = form.each
    said: dict[tuple[str, str], list[str]] = {}
    for each in forms:
        for name, messages in each.errors.items():
            for message in messages:
                said.setdefault((name, message), []).append(each.source[1])
    for (name, message), whose in said.items():
        form.add_error(name, message if len(whose) == len(forms) else f"{', '.join(whose)}: {message}")


def refuse(form: RequestForm, errors: Mapping[str, Sequence[FieldError]]) -> None:
    """Puts the rules' errors, by source, at the inputs of the whole form."""
    for each in form.each:
        each.errors = {}
        each.refuse(errors.get(each.source[1], ()))
    gather_errors(form)


def _same_names(calls: Sequence[Sequence[Call]]) -> list[FieldError]:
    """Names that several sources' images would have in one place. Several sources need a pattern."""
    names = Counter((index, call.destination, call.name) for each in calls for index, call in enumerate(each))
    return [
        FieldError("Name", f"Put {{source}} into the name: {number} images would have this one in {place}.", index)
        for (index, place, name), number in names.items()
        # A pattern that couldn't be filled in is refused for that.
        if number > 1 and name and place and "{" not in name
    ]
