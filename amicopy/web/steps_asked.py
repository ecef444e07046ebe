"""What follows the copies of a request, spelled out for who decides on it: who will be able to launch them, until when,
under which name they are found and what that shows now."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from amicopy.copies.core.models import Account, CopyRequest, ImageCopy
from amicopy.copies.core.steps.members import Members
from amicopy.copies.core.steps.table import ALIAS, DEPRECATION, LAUNCH, SHOWN, SNAPSHOTS, Step
from amicopy.copies.rules import steps as step_rules
from amicopy.web import step_words


@dataclass(frozen=True)
class Line:
    """Something that a step does. `sub` is a second line, `warn`: it has to be looked at."""

    words: str
    sub: str = ""
    warn: bool = False


@dataclass(frozen=True)
class AskedStep:
    """A step as it is asked for in some destinations; `places` is empty where it is all of them."""

    step: Step
    lines: Sequence[Line]
    places: Sequence[str] = field(default=())


def asked_of(row: CopyRequest, copies: Sequence[ImageCopy]) -> list[AskedStep]:
    """The steps after these copies as people see them, each once for all destinations in which it is the same."""
    if not any(copy.approved_steps for copy in copies):
        return []
    names = _names(copies)
    known = {each.get("destination"): each for each in (row.lookups or {}).get("destinations") or ()}
    found = []
    for step in SHOWN:
        groups: list[tuple[list[Line], list[str]]] = []
        for copy in copies:
            if (members := copy.approved_steps.get(step.code)) is None:
                continue
            lines = _lines(step.code, members, names, known.get(copy.destination) or {})
            same = next((places for each, places in groups if each == lines), None)
            if same is None:
                groups.append((lines, [copy.destination]))
            else:
                same.append(copy.destination)
        found += [
            AskedStep(step, lines, () if len(places) == len(copies) else tuple(places)) for lines, places in groups
        ]
    return found


def key_statement(lookups: Mapping[str, Any], partition: str) -> str:
    """The statement, as JSON, that the policy of a copy's key lacks for the accounts that it is shared with; empty
    where none is known to be lacking."""
    places = lookups.get("destinations") or ()
    lacking = {each for place in places for each in (place.get("steps") or {}).get("key_policy_lacks") or ()}
    return json.dumps(step_rules.key_statement(sorted(lacking), partition), indent=2) if lacking else ""


def _names(copies: Sequence[ImageCopy]) -> dict[str, str]:
    """The names of the accounts among those shared with that amicopy knows."""
    steps = [members for copy in copies for members in copy.approved_steps.values()]
    ids = {each for members in steps for each in members.get("UserIds", ())}
    return dict(Account.objects.filter(account_id__in=ids).values_list("account_id", "name")) if ids else {}


def _lines(code: str, members: Members, names: Mapping[str, str], known: Mapping[str, Any]) -> list[Line]:
    if code in {LAUNCH, SNAPSHOTS}:
        return _sharing(members, names)
    if code == DEPRECATION:
        return [_end(members, timezone.now())]
    if code == ALIAS:
        looked = known.get("steps") or {}
        return [_alias(members, looked.get("alias")), *_users(looked.get("alias_users"))]
    return [Line(step_words.told(code, members))]


def _sharing(members: Members, names: Mapping[str, str]) -> list[Line]:
    everybody = [Line("Everybody: the AMI becomes public", warn=True)] if "all" in members.get("UserGroups", ()) else []
    accounts = [
        Line(f"{names[each]} ({each})") if each in names else Line(each, "an account that amicopy doesn’t know", True)
        for each in members.get("UserIds", ())
    ]
    organizations = [
        Line("Every account of an organization", each, True) for each in members.get("OrganizationArns", ())
    ]
    units = [
        Line("Every account of an organizational unit", each, True)
        for each in members.get("OrganizationalUnitArns", ())
    ]
    return everybody + accounts + organizations + units


def _end(members: Members, now: datetime) -> Line:
    """The date as it will be; of days, counted from today, for nobody knows when the copy will be there."""
    words = step_words.told(DEPRECATION, members)
    days = members.get("DaysAfterCopy")
    sub = f"{now + timedelta(days=days):%-d %b %Y}, if the copy were there today" if days else ""
    return Line(words[0].upper() + words[1:], sub)


def _users(users: Mapping[str, Any] | None) -> list[Line]:
    """Which launch templates would launch the AMI as soon as the alias shows it."""
    if not users or not users["count"]:
        return []
    number, more = users["count"], users["more"] or users["count"] > len(users["templates"])
    said = "1 launch template launches" if number == 1 else f"{number} launch templates launch"
    return [Line(f"{said} what it shows", ", ".join(users["templates"]) + (" and more" if more else ""), True)]


def _alias(members: Members, there: Mapping[str, Any] | None) -> Line:
    """The name, with what it shows now as far as that was looked up."""
    name = str(members["Name"])
    if there is None:
        words = "It may be there already, and would be overwritten" if members.get("Overwrite") else ""
        return Line(name, words, bool(words))
    if not there.get("Value") or there.get("Name") != name:
        return Line(name, "It isn’t there yet")
    return Line(name, f"It shows {there.get('Value')} now, which is overwritten", True)
