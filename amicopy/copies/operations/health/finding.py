"""What a check found: a code with data. Words are made of it in `words`, numbers in `operations.metrics`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """How something stands: it does its work; it does, but somebody should look; or it doesn't."""

    WELL = "well"
    LOOK = "look"
    DOWN = "down"


class Part(StrEnum):
    """What a finding is about, as doctor and pages call it."""

    DATABASE = "database"
    RESTORE = "restore"
    BROKER = "broker"
    WORKERS = "workers"
    BEAT = "beat"
    WEB = "web"
    CLOCKS = "clocks"
    VERSIONS = "versions"
    WORK = "work"
    DISK = "disk"
    SESSIONS = "sessions"
    EMAIL = "e-mail"
    WEBHOOKS = "webhooks"
    ACCESS_KEYS = "access keys"
    SECOND_FACTORS = "second factors"
    HISTORY = "history"
    HEADS = "heads"
    RULES = "rules"
    CHANGES = "changes"
    TOKENS = "tokens"
    EVENTS = "events"
    PRICES = "prices"
    ACCOUNT = "account"


@dataclass(frozen=True)
class Finding:
    """One thing that was seen. `place` says which of several, `since` when it began or was last otherwise."""

    part: Part
    code: str
    state: State = State.WELL
    place: str = ""
    since: datetime | None = None
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def what(self) -> str:
        """What it is about, in words."""
        return f"{self.part} {self.place}".strip()


def down(part: Part, code: str, *, place: str = "", since: datetime | None = None, **data: Any) -> Finding:
    """A finding of something that doesn't do its work."""
    return Finding(part, code, State.DOWN, place, since, data)


def look(part: Part, code: str, *, place: str = "", since: datetime | None = None, **data: Any) -> Finding:
    """A finding of something that somebody should look at."""
    return Finding(part, code, State.LOOK, place, since, data)


def well(part: Part, code: str, *, place: str = "", since: datetime | None = None, **data: Any) -> Finding:
    """A finding that all is well."""
    return Finding(part, code, State.WELL, place, since, data)
