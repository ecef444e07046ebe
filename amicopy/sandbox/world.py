"""What the whole sandbox shares: clock, settings, counters, the log of calls, and the journal.

moto keeps its own state once per process, so this does too: one sandbox a process.
"""

import json
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from moto.core.base_backend import backend_lock


@dataclass(frozen=True)
class Settings:
    """What `POST /_sandbox/settings` may change.

    copy_seconds: how long a small copy takes
    limit: pending copies at once per account and destination Region
    leave_snapshots: cancelling a pending copy leaves its snapshots behind
    sparse: pending and failed copies show neither Name nor SnapshotId, as was reported for real AWS
    alias_seconds: how long Parameter Store takes to check the image that a parameter is to name
    trail_seconds: how long an event takes to be in CloudTrail's history
    buckets: AWS's token buckets, refilled this many times as fast; 0 is off
    """

    copy_seconds: float = 20.0
    limit: int = 5
    leave_snapshots: bool = True
    sparse: bool = False
    alias_seconds: float = 2.0
    trail_seconds: float = 60.0
    buckets: float = 0.0


ANSWERS_KEPT = 20_000
NOUNS: dict[type, str] = {bool: "true or false", int: "a number of 0 or more", float: "a number of 0 or more"}


class World:
    """The shared state. `lock` guards every step that looks before it changes something. It is moto's own, under which
    moto makes a service of a place when that is first asked for: of two locks, two calls could each hold one and wait
    for the other's."""

    def __init__(self) -> None:
        self.lock = backend_lock
        self.initial = Settings()
        self.journal: Path | None = None
        self.clear()

    def clear(self) -> None:
        """Back to the settings of the start, with a clock that agrees with the machine's."""
        self.settings = self.initial
        self.offset = 0.0
        self.counters: Counter[tuple[str, str, str]] = Counter()
        self.refusals: Counter[str] = Counter()
        self.calls: deque[dict[str, Any]] = deque(maxlen=5000)
        # Fault rules and their last uses, see `faults.py`; tokens left in buckets, see `buckets.py`.
        self.rules: list[Any] = []
        self.uses: deque[dict[str, Any]] = deque(maxlen=5000)
        self.numbers = count(1)
        self.tokens: dict[tuple[str, ...], tuple[float, float]] = {}
        # What was answered to each call, see `answers.py`.
        self.answers: deque[dict[str, Any]] = deque(maxlen=ANSWERS_KEPT)
        # CloudTrail's events, oldest first, each with its account and Region: see `trail.py`.
        self.trail: deque[tuple[tuple[str, str], dict[str, Any]]] = deque(maxlen=ANSWERS_KEPT)
        # What calls changed about images, snapshots, parameters and the rest, oldest first: see `record`.
        self.changes: list[dict[str, Any]] = []
        # Parameters of Parameter Store by account and Region, and values that wait for their check: `parameters.py`.
        self.parameters: dict[tuple[str, str], dict[str, Any]] = {}
        self.waiting: list[dict[str, Any]] = []
        # Every copy ever accepted, also those deregistered since: image id -> account, Region and plan.
        self.copies: dict[str, dict[str, Any]] = {}

    def now(self) -> float:
        """Seconds since 1970 on the sandbox's clock."""
        return time.time() + self.offset

    def change(self, **values: Any) -> None:
        """Changes settings by name. Raises TypeError for an unknown name, ValueError for a wrong value."""
        kinds = {name: type(value) for name, value in asdict(Settings()).items()}
        for name, value in values.items():
            kind = kinds.get(name)
            if kind is None:
                raise TypeError(f"There is no setting {name}.")
            if (kind is bool) != isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
                raise ValueError(f"{name} must be {NOUNS[kind]}.")
        self.settings = replace(self.settings, **{name: kinds[name](value) for name, value in values.items()})

    def record(self, call: dict[str, Any], resource: str, member: str, before: Any, after: Any) -> None:
        """Notes that `call` made `member` of `resource` (an id or a name) what it is now, also if it was that before.

        The control address `changes` lists these, and the journal brings them back.
        """
        of = {name: call[name] for name in ("request_id", "service", "action", "account", "region")}
        entry = {"do": "change", "time": self.now(), **of, "resource": resource, "member": member}
        entry |= {"before": before, "after": after}
        with self.lock:
            self.changes.append(entry)
            self.write(**entry)

    def write(self, **entry: Any) -> None:
        """Adds a line to the journal, if there is one. It is out before the caller gets an answer."""
        if self.journal:
            with self.lock, self.journal.open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")

    def entries(self) -> Iterator[dict[str, Any]]:
        """The journal's lines, oldest first. A last line cut off by a hard kill is taken out of the file."""
        if self.journal and self.journal.exists():
            whole, _, _cut_off = self.journal.read_text("utf-8").rpartition("\n")
            self.journal.write_text(whole and whole + "\n", "utf-8")
            yield from map(json.loads, whole.splitlines())


def moment(seconds: float) -> datetime:
    """Seconds since 1970 as the time moto's serialiser expects: UTC without a zone."""
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)


world = World()
