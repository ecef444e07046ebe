"""Who does something, and from where. Passed to every verb; never looked up."""

import uuid
from dataclasses import dataclass, field
from typing import Literal

Source = Literal["page", "api", "worker", "command"]


@dataclass(frozen=True)
class Actor:
    """`id` is the person's primary key, None for amicopy itself; `correlation_id` is shared by all events of one
    action."""

    name: str
    source: Source
    id: int | None = None
    address: str = ""
    correlation_id: uuid.UUID = field(default_factory=uuid.uuid4)


def worker(task: str) -> Actor:
    """amicopy acting by itself, in a Celery task of this name."""
    return Actor(name=f"amicopy {task}", source="worker")
