"""Undo, where it can be: a message with a button that posts the inverse verb.

The button is a plain form for the verb's own address, so what undoes is checked, recorded and answered as always.
What has no inverse verb asks before it happens instead.
"""

import json
from dataclasses import asdict, dataclass

from django.contrib import messages
from django.contrib.messages.storage.base import Message
from django.http import HttpRequest


@dataclass(frozen=True)
class Undo:
    """Where the button posts to, and what."""

    address: str
    values: dict[str, str]


def say(request: HttpRequest, words: str, *, address: str, **values: str) -> None:
    """Says what was done, with the button that undoes it."""
    messages.success(request, words, extra_tags=json.dumps(asdict(Undo(address, values))))


def undo_of(message: Message) -> Undo | None:
    """The button of a message, if it has one."""
    return Undo(**json.loads(message.extra_tags)) if message.extra_tags else None
