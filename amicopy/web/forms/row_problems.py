"""What speaks against a destination, under its row, with the ways out of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from amicopy.copies.core.calls import Call, FieldError
from amicopy.copies.rules.known_problems import Known
from amicopy.web.forms.notes import Note
from amicopy.web.forms.request_form import RequestForm

# What is wrong with the key, and not only with its Region.
KEYS = frozenset(code for code in Known if code.startswith("key-"))


@dataclass(frozen=True)
class Way:
    """A way out: a link to the input `to`, or a button of the form, which sends `name` with `value`."""

    words: str
    to: str = ""
    name: str = ""
    value: str = ""


@dataclass(frozen=True)
class RowProblem:
    """One thing that speaks against a destination; `kind` is its colour."""

    kind: Literal["fail", "warn"]
    words: str
    ways: Sequence[Way] = field(default_factory=list)


def by_row(
    form: RequestForm, calls: Sequence[Call], problems: Sequence[FieldError], names: Mapping[int, Sequence[Note]]
) -> list[list[RowProblem]]:
    """For each destination what is known to be in its way, and what is said of its name (see `notes.names_taken`). The
    only destination's name is the request's, and it is said there."""
    return [
        [
            *(
                RowProblem("fail", each.message, _ways(each, index, form))
                for each in problems
                if each.destination == index
            ),
            *(
                RowProblem("warn", note.words, [_own_name(form, index), *_away(index, form)])
                for note in names.get(index, ())
                if len(calls) > 1 or form.destinations[index].get("Name", "")
            ),
        ]
        for index in range(len(calls))
    ]


def _ways(problem: FieldError, index: int, form: RequestForm) -> list[Way]:
    if problem.code in KEYS:
        return [Way("Choose another key", to=f"f-destinations-{index}-KmsKeyId"), *_away(index, form)]
    return _away(index, form)


def _own_name(form: RequestForm, index: int) -> Way:
    own = form.destinations[index].get("Name", "")
    return Way("Use another name" if own else "Use a name of its own", to=f"f-destinations-{index}-Name")


def _away(index: int, form: RequestForm) -> list[Way]:
    """The last destination can't be taken away."""
    if len(form.destinations) == 1:
        return []
    what = "the Region" if form.destinations[index].get("kind") == "region" else "it"
    return [Way(f"Take {what} out", name="remove-destination", value=str(index))]
