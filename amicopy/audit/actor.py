"""Who does something, and from where. Passed to every verb; never looked up."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from amicopy.logs import correlation

Source = Literal["page", "api", "worker", "command"]


@dataclass(frozen=True)
class UsedToken:
    """The token of the API that somebody acts with: the part of it that may be shown, its name, and whose it is."""

    id: str
    name: str
    owner: str


@dataclass(frozen=True)
class Actor:
    """`id` is the person's primary key, None for amicopy itself; `correlation_id` is shared by all events of one
    action, and is that of what is under way, see `logs.correlation`; `also` is what each of them says of how it came
    about, such as who confirmed it; `shown_at` is when they last showed on a page who they are, `factor_at` when with a
    second factor."""

    name: str
    source: Source
    id: int | None = None
    address: str = ""
    correlation_id: uuid.UUID = field(default_factory=correlation.current)
    also: Mapping[str, Any] = field(default_factory=dict, compare=False)
    token: UsedToken | None = None
    shown_at: datetime | None = field(default=None, compare=False)
    factor_at: datetime | None = field(default=None, compare=False)


def worker(task: str) -> Actor:
    """amicopy acting by itself, in a Celery task of this name."""
    return Actor(name=f"amicopy {task}", source="worker")
