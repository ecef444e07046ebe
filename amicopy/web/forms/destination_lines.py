"""Destinations that were pasted, each with steps of its own where it says so: JSON as the API takes them, or CSV, as
from a spreadsheet, whose first line has the form's names. A line that can't be read is named; others are good.

Of a step a CSV has the columns of its members, `Parameter-Name`, and its own, `Parameter`: `own`, or `none` where it is
left out there. What a value must be is for the rules to say, as of what is typed.
"""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from amicopy.copies.core.parameters import DESTINATION_REGION, of_destination, of_scope
from amicopy.web.forms import step_inputs
from amicopy.web.forms.rows import MOST, Row

# What is said again of a line that is none.
SHOWN = 60
STEPS = "steps"
_MEMBERS = frozenset(parameter.name for parameter in of_destination())
# What tells one destination from another.
_PLACES = (
    DESTINATION_REGION.name,
    *(parameter.name for parameter in of_scope("destination") if parameter.section == "Destinations"),
)
NAMES = _MEMBERS | step_inputs.NAMES


@dataclass
class Pasted:
    """What a text says: `rows` of the form, `problems` in words, and the `left` lines, which they are about."""

    rows: list[Row] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


def read(text: str) -> Pasted:
    """The destinations of a text."""
    return _read_json(text) if text.lstrip().startswith(("{", "[")) else _read_csv(text)


def added(rows: Sequence[Row], new: Sequence[Row]) -> list[Row]:
    """The form's rows with these: a place that is there gets the new values, and rows without a place go."""
    kept = {_place(row): row for row in rows if any(_place(row))}
    for row in new:
        kept[_place(row)] = {**kept.get(_place(row), {"picked": "on"}), **row}
    return list(kept.values())[: MOST + 1]


def _place(row: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(row.get(name, "").strip() for name in _PLACES)


def _read_csv(text: str) -> Pasted:
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        return Pasted()
    mark = next((mark for mark in ("\t", ",", ";") if mark in lines[0]), ",")
    try:
        cells = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=mark, strict=True)]
    except csv.Error:
        return Pasted(problems=["A quote isn’t closed, or something follows one."], left=lines)
    if len(cells) != len(lines):
        return Pasted(problems=["A cell goes over several lines. Put it on one."], left=lines)
    header, *rest = cells
    if set(header) - NAMES:
        odd = ", ".join(name or "an empty one" for name in header if name not in NAMES)
        words = f"The first line must name columns of the form, such as {DESTINATION_REGION.name}. Not known: "
        return Pasted(problems=[words + odd[: 4 * SHOWN] + "."], left=lines)
    found = Pasted()
    for number, (line, row) in enumerate(zip(lines[1:], rest, strict=True), 2):
        values = {name: value for name, value in zip(header, row, strict=False) if value}
        if len(row) > len(header) or not any(_place(values)):
            why = "has more cells than the first" if len(row) > len(header) else "names no destination"
            found.problems.append(f"Line {number} {why}: “{line.strip()[:SHOWN]}”.")
            found.left.append(line)
        elif any(values):
            found.rows.append(_with_steps(values))
    found.left = [lines[0], *found.left] if found.left else []
    return found


def _with_steps(row: Row) -> Row:
    """A row, whose steps are unfolded where it says something of them."""
    return {**row, step_inputs.UNFOLDED: "1"} if row.keys() & step_inputs.NAMES else row


def _read_json(text: str) -> Pasted:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError) as error:
        return Pasted(problems=[f"Line {getattr(error, 'lineno', 1)} isn’t JSON."], left=text.splitlines())
    if isinstance(said, dict):
        said = said["destinations"] if isinstance(said.get("destinations"), list) else [said]
    found, bad = Pasted(), []
    for number, entry in enumerate(said, 1):
        row, problem = _of_entry(entry)
        if problem:
            found.problems.append(f"Destination {number} {problem}.")
            bad.append(entry)
        else:
            found.rows.append(_with_steps(row))
    found.left = json.dumps(bad, ensure_ascii=False, indent=1).splitlines() if bad else []
    return found


def _of_entry(entry: Any) -> tuple[Row, str]:
    """A row, and what is wrong with the entry in words; empty where nothing is."""
    if not isinstance(entry, dict):
        return {}, "must be an object"
    steps = entry.get(STEPS)
    odd = [name for name in entry if name not in _MEMBERS | {STEPS}]
    row = {name: _text(value) for name, value in entry.items() if name != STEPS and value is not None}
    if odd:
        return {}, f"has what no destination has: {', '.join(odd)[:SHOWN]}"
    if unfit := [name for name, value in row.items() if value is None]:
        return {}, f"must have a text for {', '.join(unfit)[:SHOWN]}"
    if not isinstance(steps, dict | None):
        return {}, "must have an object for its steps"
    own, problem = step_inputs.row_of(steps or {})
    plain = {name: value for name, value in row.items() if value is not None}
    return ({}, problem) if problem else ({**plain, **own}, "" if any(_place(plain)) else "names no place")


def _text(value: Any) -> str | None:
    """A value as its input has it; None where no input has such."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int) else None
