"""What a page says of changes that may wait for another administrator: what became of one, and how they take effect."""

from collections.abc import Callable

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import ObjectDoesNotExist
from django.http import HttpRequest

from amicopy.copies.lifecycle.transitions import InvalidTransition
from amicopy.copies.operations import proposals
from amicopy.copies.operations.proposals import Mode, Outcome
from amicopy.copies.voting import second_person
from amicopy.web import undo_links
from amicopy.web.undo_links import Undo

ALONE = "It took effect at once: there is only one administrator."


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
            "You are the only administrator, so your changes take effect at once, and the history says so. Rules that "
            "ask nobody don’t count for your own requests. Add another administrator to have two people agree."
        )
    if not second_person.confirmers(user, permission).exists():
        return (
            "Nobody can confirm your changes now: you took the other administrators’ power, or let them in. Whoever "
            "operates the machine can, with manage.py confirm_change."
        )
    return ""
