"""What a page says of changes that may wait for another administrator: what became of one, and how they take effect."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import ObjectDoesNotExist
from django.http import HttpRequest
from django.utils.dateparse import parse_datetime

from amicopy.copies.core.proposal_models import Proposal
from amicopy.copies.lifecycle.transitions import InvalidTransition
from amicopy.copies.operations import proposals
from amicopy.copies.operations.proposals import Mode, Outcome
from amicopy.copies.voting import second_person, votes
from amicopy.web import undo_links
from amicopy.web.event_details import Difference, differences
from amicopy.web.undo_links import Undo

ALONE = "It took effect at once: there is only one administrator."


# What the fields of rules, windows, people and accounts are called here, where that isn't their own name.
LABELS = {
    "name": "Name",
    "enabled": "Switched on",
    "account": "Account",
    "DestinationRegion": "Into Regions",
    "SourceAccount": "From account",
    "encryption": "Encryption",
    "dry_runs": "Kind of call",
    "larger_than": "Larger than, in GiB",
    "at_most": "At most, in GiB",
    "requester_group": "Requester’s role or team",
    "asked_by": "Asked for by",
    "costs_more_a_month": "Above USD a month",
    "costs_more_once": "Above USD once",
    "team": "Team",
    "amount": "USD a month",
    "requirements": "Asks for",
    "sign_in_minutes": "Signed in at most so many minutes ago",
    "second_factor": "Approved with a second factor",
    "allows_public": "A copy may be made public",
    "order": "Order of the rules",
    "order of those on": "Order of those switched on",
    "starts_at": "Starts",
    "ends_at": "Ends",
    "roles": "Roles",
    "owners": "Owners",
    "teams": "Teams that own it",
    "members": "Members",
    "joining gives power": "Being in it gives power",
    "leaving gives power": "Leaving it gives power",
    "switched on": "Switched on",
    "superuser": "Superuser",
    "account_id": "Account ID",
    "partition": "Partition",
    "role_arn": "Role to assume",
    "read_only_role_arn": "Read-only role",
    "requester_groups": "Who may ask",
}
# What an empty value means, where that is something.
EMPTY = {
    "roles": "none",
    "teams": "none",
    "members": "nobody",
    "account": "any",
    "DestinationRegion": "all",
    "SourceAccount": "any",
    "encryption": "encrypted or not",
    "requester_group": "anybody",
    "asked_by": "people and machines",
    "sign_in_minutes": "at any time",
    "requester_groups": "every requester",
    "role_arn": "none: amicopy’s own credentials",
    "read_only_role_arn": "none: the web server gets in as workers do",
}


def differences_of(proposal: Proposal) -> list[Difference]:
    """What would change, in the words of pages; a target that isn't there has no values."""
    there = (bool(proposal.before), bool(proposal.after))
    said = {
        LABELS.get(name, name): [
            _words(name, value) if is_there else "" for value, is_there in zip(pair, there, strict=True)
        ]
        for name, pair in proposal.changes.items()
    }
    return differences({name: pair for name, pair in said.items() if any(pair)})


def _words(name: str, value: Any) -> str:
    if name == "requirements":
        return votes.words(value) if value else "nobody: approved at once"
    if name in {"starts_at", "ends_at"}:
        return f"{parse_datetime(value):%-d %b %Y, %H:%M:%S} UTC"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value in (None, "", []):
        return EMPTY.get(name, "")
    return ", ".join(value) if isinstance(value, list) else str(value)


def say(request: HttpRequest, outcome: Outcome, words: str, *, undo: Undo | None = None) -> None:
    """Says that it was done, in these words and with this button, or that it waits."""
    if outcome.proposal:
        title = outcome.proposal.title
        messages.info(request, f"{title}: nothing has changed yet. It waits for another administrator, under Changes.")
        return
    words = f"{words} {ALONE}" if outcome.alone else words
    if undo:
        undo_links.say(request, words, address=undo.address, **undo.values)
    else:
        messages.success(request, words)


def do(request: HttpRequest, verb: Callable[[], Outcome], words: str, *, undo: Undo | None = None) -> None:
    """Runs a change of a row that is there and says what became of it; a refusal is a message too."""
    try:
        say(request, verb(), words, undo=undo)
    except InvalidTransition as refused:
        messages.error(request, str(refused))
    except ObjectDoesNotExist:
        messages.error(request, "It was deleted meanwhile.")


def how(user: User, permission: str) -> str:
    """How changes that need this permission take effect for a person, in words; empty where two people make them."""
    mode = proposals.mode(user, permission)
    if mode is Mode.OFF:
        return "One administrator is enough for any change here: TWO_PERSON_CHANGES is off."
    if mode is Mode.ALONE:
        return (
            "You are the only administrator, so your changes take effect at once, and the history says so. For your "
            "own requests rules that ask nobody don’t count, and what you make weaker stays as it was until somebody "
            "confirms it. Add another administrator to have two people agree."
        )
    if not second_person.confirmers(user, permission).exists():
        return (
            "Nobody can confirm your changes now: you took the other administrators’ power, or you and they were let "
            "in by the same person. Whoever operates the machine can, with manage.py confirm_change."
        )
    return ""
