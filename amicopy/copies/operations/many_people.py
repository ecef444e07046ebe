"""Many people at once, from lines that were pasted: looked at first, then added, each by the verb that adds one.

Looking is adding, taken back: so it is refused as ever, and what would become of a line is known. Lines that are wrong
are named and left out; the others are added in one transaction.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from amicopy.audit.actor import Actor
from amicopy.copies.core import permissions
from amicopy.copies.core.permissions import person
from amicopy.copies.core.roles import ROLES
from amicopy.copies.core.team_models import team_groups
from amicopy.copies.operations import people, proposal_queries, proposals

# So many at once; each of them takes a moment, in which nobody else can change anything.
MOST = 100
COLUMNS = ("name", "email", "roles", "teams")
# What a first line may call them.
HEADINGS = {
    "name": "name",
    "user name": "name",
    "username": "name",
    "user": "name",
    "login": "name",
    "email": "email",
    "e-mail": "email",
    "mail": "email",
    "address": "email",
    "role": "roles",
    "roles": "roles",
    "team": "teams",
    "teams": "teams",
    "group": "teams",
    "groups": "teams",
}


@dataclass
class Line:
    """A line as it was pasted, with what is wrong with it, or what becomes of it. `waits` names what another
    administrator has to confirm."""

    number: int
    text: str
    name: str = ""
    email: str = ""
    roles: list[str] = field(default_factory=list)
    teams: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    waits: list[str] = field(default_factory=list)
    # The person that was added.
    user: User | None = None
    mailed: bool = False


class _TakenBack(Exception):
    """Ends a look."""


def lines_of(text: str) -> list[Line]:
    """What was pasted, line by line: a name, an e-mail address, roles and teams, with commas or tabs between them and
    semicolons within. A first line of headings says the order; columns it calls otherwise are left out."""
    columns: Sequence[str] = COLUMNS
    found: list[Line] = []
    for number, raw in enumerate(text.splitlines(), start=1):
        if not raw.strip():
            continue
        cells = _cells(raw)
        headings = [HEADINGS.get(cell.casefold(), "") for cell in cells]
        if not found and columns is COLUMNS and "name" in headings and cells[0].casefold() in HEADINGS:
            columns = headings
            continue
        found.append(_line(number, raw, cells, columns))
    return found


def look(actor: Actor, lines: Sequence[Line], *, mail: bool) -> None:
    """Says of each line what would become of it. Changes nothing. Raises NotAllowed."""
    permissions.check_manage_people(person(actor))
    try:
        with transaction.atomic():
            _add(actor, lines, mail=mail)
            raise _TakenBack
    except _TakenBack:
        for line in lines:
            line.user = None


def add(actor: Actor, lines: Sequence[Line], *, mail: bool) -> None:
    """Adds those of the lines that nothing is wrong with. With `mail`, whoever can be written to gets the link with
    which they set a password. Raises NotAllowed."""
    permissions.check_manage_people(person(actor))
    with transaction.atomic():
        _add(actor, lines, mail=mail)


def _add(actor: Actor, lines: Sequence[Line], *, mail: bool) -> None:
    teams = {team.name: team for team in team_groups()}
    blocked = proposal_queries.waiting_on("team", [team.pk for team in teams.values()])
    for line in lines:
        line.wrong += _unknown(line, teams)
        line.wrong += [
            f"A change of team {name} waits. Decide on that first."
            for name in line.teams
            if name in teams and teams[name].pk in blocked
        ]
        if not line.wrong:
            _add_one(actor, line, mail=mail)
    for name, team in teams.items():
        joining = [line for line in lines if line.user and name in line.teams]
        if joining:
            outcome = proposals.join_team(actor, team, *(line.user for line in joining if line.user))
            for line in joining:
                line.waits += [f"team {name}"] if outcome.proposal else []


def _add_one(actor: Actor, line: Line, *, mail: bool) -> None:
    try:
        with transaction.atomic():
            outcome = proposals.add_person(actor, name=line.name, email=line.email, roles=line.roles)
            user = User.objects.get(pk=outcome.target or 0)
            # A link that can't be mailed would be seen by nobody.
            if mail and settings.EMAIL_ON and user.email:
                people.password_link(actor, user.pk)
                line.mailed = True
    except ValidationError as refused:
        line.wrong += refused.messages
    else:
        line.user = user
        line.waits += ["roles"] if outcome.proposal else []


def _unknown(line: Line, teams: dict[str, Group]) -> Iterator[str]:
    for role in line.roles:
        if role not in ROLES:
            yield f"There is no role “{role}”. Roles are {', '.join(ROLES)}."
    for team in line.teams:
        if team not in teams:
            yield f"There is no team “{team}”."


def _line(number: int, raw: str, cells: Sequence[str], columns: Sequence[str]) -> Line:
    said: dict[str, str] = {column: cell for column, cell in zip(columns, cells, strict=False) if column}
    line = Line(number, raw, said.get("name", ""), said.get("email", ""))
    line.roles = [role.casefold() for role in _listed(said.get("roles", ""))]
    line.teams = _listed(said.get("teams", ""))
    if "\0" in raw:
        line.wrong.append("Leave out what is no text.")
    elif len(cells) > len(columns):
        line.wrong.append("It has more columns than there are. Put semicolons between roles and between teams.")
    elif not line.name:
        line.wrong.append("Enter a user name.")
    if line.email and not line.wrong:
        line.wrong += _address(line.email)
    return line


def _address(email: str) -> list[str]:
    try:
        validate_email(email)
    except ValidationError:
        return ["Enter an e-mail address, such as name@example.com."]
    return []


def _cells(raw: str) -> list[str]:
    """The cells of a line, with tabs between them as a spreadsheet copies them, or commas."""
    delimiter = "\t" if "\t" in raw else ","
    reader = csv.reader([raw.replace("\0", "\ufffd")], delimiter=delimiter, skipinitialspace=True)
    return [cell.strip() for cell in next(reader, [])]


def _listed(text: str) -> list[str]:
    """Names with semicolons or bars between them, each once."""
    return list(dict.fromkeys(name.strip() for name in text.replace("|", ";").split(";") if name.strip()))
