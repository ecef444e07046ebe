"""The steps that a person or a program asks for: read from plain data, and frozen for each destination."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from amicopy.copies.core import name_templates
from amicopy.copies.core.calls import Call, FieldError
from amicopy.copies.core.steps.members import Fault, Members, Wrong
from amicopy.copies.core.steps.table import BY_CODE, Step, in_order

# A destination's own: other members than everywhere, or None where the step is left out.
Own = Mapping[str, Members | None]
FIELD = "steps"


@dataclass(frozen=True)
class WantedSteps:
    """`everywhere` is what is asked for in all destinations, by a step's code; `own` has, by the place of a destination
    in the request, what is another there. Names still have their placeholders."""

    everywhere: Mapping[str, Members] = field(default_factory=dict)
    own: Mapping[int, Own] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.everywhere) or any(self.own.values())

    def of(self, place: int) -> dict[str, Members]:
        """What is asked for in one destination, in the order in which it is done."""
        wanted = {**self.everywhere, **self.own.get(place, {})}
        return {step.code: members for step in in_order(wanted) if (members := wanted[step.code]) is not None}

    def only(self, place: int) -> "WantedSteps":
        """The same for a request that has this destination alone."""
        return WantedSteps(self.everywhere, {0: self.own[place]} if self.own.get(place) else {})

    def own_of(self, place: int) -> dict[str, Members | None]:
        """As it is kept at a destination."""
        return dict(self.own.get(place, {}))


NOTHING = WantedSteps()


def parse(
    everywhere: Any, own: Sequence[Any] | Mapping[int, Any] = (), *, now: datetime
) -> tuple[WantedSteps, list[FieldError]]:
    """Reads plain data, as JSON has it: `everywhere` is {step: members}, `own` the same for each destination in their
    order, or by place, with None for a step that is left out there. Returns what could be read, and what is wrong by
    field path, such as `steps.LaunchPermission.UserIds`, with the destination's place."""
    common, errors = _clean(everywhere or {}, None, now)
    by_place: dict[int, Own] = {}
    rows = own.items() if isinstance(own, Mapping) else enumerate(own)
    for place, plain in rows:
        if plain:
            by_place[place], found = _clean(plain, place, now)
            errors += found
    # None is for destinations only.
    return WantedSteps({code: each for code, each in common.items() if each is not None}, by_place), errors


def _clean(plain: Any, place: int | None, now: datetime) -> tuple[dict[str, Members | None], list[FieldError]]:
    if not isinstance(plain, Mapping):
        return {}, [FieldError(FIELD, "Enter the steps by name.", place, Wrong.WRONG_TYPE)]
    cleaned: dict[str, Members | None] = {}
    errors: list[FieldError] = []
    for code, members in plain.items():
        step = BY_CODE.get(code)
        if step is None:
            words = f"Choose {', '.join(BY_CODE)}. There is no step {str(code)[:40]}."
            errors.append(FieldError(FIELD, words, place, Wrong.UNKNOWN_STEP))
        elif members is None:
            cleaned[code] = None
        elif not isinstance(members, Mapping):
            errors.append(FieldError(path(code), "Enter the step's members by name.", place, Wrong.WRONG_TYPE))
        else:
            cleaned[code], faults = clean_step(step, members, now=now)
            errors += [error_of(step, fault, place) for fault in faults]
    return {step.code: cleaned[step.code] for step in in_order(cleaned)}, errors


def clean_step(step: Step, plain: Members, *, now: datetime) -> tuple[dict[str, Any], list[Fault]]:
    """The members of one step as they are kept, and what is wrong with them."""
    kept: dict[str, Any] = {}
    faults = [
        Fault(str(name), Wrong.UNKNOWN_MEMBER, f"Leave out {str(name)[:40]}: the step has no such member.")
        for name in plain
        if step.member(name) is None
    ]
    for member in step.members:
        value, found = member.clean(plain.get(member.name))
        faults += found
        if value is not None:
            kept[member.name] = value
        elif member.required and not found:
            faults.append(Fault(member.name, Wrong.MISSING, f"Enter {member.label[0].lower()}{member.label[1:]}."))
    if not faults:
        faults += step.check(kept, now)
    return kept, faults


def frozen(wanted: WantedSteps, calls: Sequence[Call], *, now: datetime, source: str) -> list[dict[str, Members]]:
    """What is to be approved, and then done, for each call: with its exceptions, and placeholders filled in. `source`
    is the source's name, empty where nobody saw it; then {source} stays as it is, which the rules refuse."""
    return [
        {code: _filled(code, members, call, now=now, source=source) for code, members in wanted.of(place).items()}
        for place, call in enumerate(calls)
    ]


def _filled(code: str, members: Members, call: Call, *, now: datetime, source: str) -> Members:
    filled = {
        member.name: name_templates.expand(members[member.name], now=now, source=source, region=call.DestinationRegion)
        for member in BY_CODE[code].members
        if member.placeholders and member.name in members
    }
    return {**members, **filled}


def path(code: str, member: str = "") -> str:
    """Where an error of a step stands."""
    return ".".join(filter(None, (FIELD, code, member)))


def error_of(step: Step, fault: Fault, place: int | None) -> FieldError:
    return FieldError(path(step.code, fault.member), fault.words, place, fault.code)
