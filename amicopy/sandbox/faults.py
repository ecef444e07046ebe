"""Fault rules: what is to go wrong, with which calls, how often.

A rule matches on service, action, region and account (empty is any), lets `skip` calls pass, then strikes
`count` times (null: until it is cleared), each time with probability `chance`. Kinds:

    throttle    RequestLimitExceeded
    error       any `code`, `status` and `message`
    expired     the credentials have expired
    latency     waits `seconds`, then goes on
    drop        cuts the connection; nothing was done
    drop-after  carries the call out, then cuts the connection
    hang        no answer for `seconds` (null: 120); nothing was done
    hide        a new image is unknown for `seconds` (null: for ever)
    fail        a new copy fails at `percent` with `reason`
"""

import random
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from amicopy.sandbox.world import world

KINDS = {"throttle", "error", "expired", "latency", "drop", "drop-after", "hang", "hide", "fail"}
MATCHED = ("service", "action", "region", "account")


@dataclass
class Rule:
    """One rule; the fields are the names in JSON."""

    kind: str
    service: str = ""
    action: str = ""
    region: str = ""
    account: str = ""
    skip: int = 0
    count: int | None = 1
    chance: float = 1.0
    seed: int = field(default_factory=lambda: secrets.randbelow(2**32))
    seconds: float | None = None
    code: str = "InternalError"
    status: int | None = None
    message: str = "An internal error has occurred"
    percent: int = 50
    reason: str = "Copy image failed with an internal error"
    id: int = 0
    seen: int = 0
    used: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(sorted(KINDS))}.")
        if self.kind == "latency" and self.seconds is None:
            raise ValueError("latency needs seconds.")
        self.dice = random.Random(self.seed)  # noqa: S311  # a seed must give the same faults again

    def strikes(self) -> bool:
        """Counts a matching call and says whether the rule acts on it."""
        self.seen += 1
        if self.seen <= self.skip or (self.count is not None and self.used >= self.count):
            return False
        if self.dice.random() >= self.chance:
            return False
        self.used += 1
        return True


def add(params: dict[str, Any]) -> dict[str, Any]:
    """Adds a rule and returns it with its id. Raises TypeError or ValueError for what doesn't fit."""
    with world.lock:
        rule = Rule(**params)
        rule.id = next(world.numbers)
        world.rules.append(rule)
    return asdict(rule)


def listed(_params: dict[str, Any]) -> dict[str, Any]:
    """All rules with how often they were used, and the last uses."""
    return {"rules": [asdict(rule) for rule in world.rules], "uses": list(world.uses)}


def clear(params: dict[str, Any]) -> dict[str, Any]:
    """Removes the rule with `id`, or all."""
    with world.lock:
        world.rules = [rule for rule in world.rules if "id" in params and rule.id != int(params["id"])]
    return listed({})


def striking(call: dict[str, Any], *kinds: str) -> Iterator[Rule]:
    """The rules of these kinds that act on `call`; each is counted when it is its turn."""
    for rule in list(world.rules):
        if rule.kind not in kinds or any(getattr(rule, name) not in {"", call[name]} for name in MATCHED):
            continue
        with world.lock:
            strikes = rule.strikes()
            if strikes:
                use = {name: call[name] for name in (*MATCHED, "request_id")}
                world.uses.append({"time": world.now(), "rule": rule.id, "kind": rule.kind, **use})
        if strikes:
            yield rule
