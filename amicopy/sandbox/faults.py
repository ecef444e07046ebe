"""Fault rules: what is to go wrong, with which calls or images, how often.

A rule matches on service, action, region and account (empty is any), lets `skip` calls pass, then strikes
`count` times (null: until it is cleared), each time with probability `chance`. Kinds that act on calls:

    throttle      RequestLimitExceeded
    error         any `code`, `status` and `message`
    expired       the credentials have expired
    latency       waits `seconds`, then goes on
    drop          cuts the connection; nothing was done
    drop-after    carries the call out, then cuts the connection
    late          carries the call out, then waits `seconds` before it answers
    hang          no answer for `seconds` (null: 120); nothing was done
    answer        an answer that isn't AWS's: `status` and `body` (see `foreign.py`); nothing was done
    answer-after  carries the call out, then gives such an answer
    fail          a new copy fails at `percent` with `reason`; after `seconds` it is available after all (null: never)

These act on images and snapshots (see `visibility.py`); `skip` and `count` count those, not calls:

    hide          `action` doesn't see what is there
    linger        `action` still sees what is gone

These act as long as they stand, unless `count` says otherwise (see `policies.py`):

    needs-tag     what `action` names must carry `tag` with a value that begins with `value`
    refuses-tag   a call that sets `tag` to a value that begins with `value` is refused
"""

import random
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from amicopy.sandbox.world import world

MATCHED = ("service", "action", "region", "account")
EVERY_KIND = {"kind", *MATCHED, "skip", "count", "chance", "seed"}
# Kind -> the fields it takes besides those.
KINDS: dict[str, set[str]] = {
    "throttle": set(),
    "error": {"code", "status", "message"},
    "expired": set(),
    "latency": {"seconds"},
    "drop": set(),
    "drop-after": set(),
    "late": {"seconds"},
    "hang": {"seconds"},
    "answer": {"status", "body", "text"},
    "answer-after": {"status", "body", "text"},
    "fail": {"percent", "reason", "seconds"},
    "hide": {"resource", "resource_id", "since", "after", "seconds", "most_seconds", "every"},
    "linger": {"resource", "resource_id", "seconds", "most_seconds", "state"},
    "needs-tag": {"tag", "value"},
    "refuses-tag": {"tag", "value"},
}
POLICIES = {"needs-tag", "refuses-tag"}
CHOICES = {
    "body": {"html", "json", "text", "empty", "cut", "no-id"},
    "resource": {"image", "source", "snapshot", "any"},
    "since": {"creation", "rule", "seen"},
}


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
    body: str = "html"
    text: str | None = None
    percent: int = 50
    reason: str = "Copy image failed with an internal error"
    resource: str = "image"
    resource_id: str = ""
    since: str = "creation"
    after: float = 0.0
    most_seconds: float | None = None
    every: float | None = None
    state: str = ""
    tag: str = ""
    value: str = ""
    id: int = 0
    seen: int = 0
    used: int = 0

    def __post_init__(self) -> None:
        if self.kind in {"latency", "late"} and self.seconds is None:
            raise ValueError(f"{self.kind} needs seconds.")
        if self.kind in POLICIES and not self.tag:
            raise ValueError(f"{self.kind} needs tag.")
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be one of {', '.join(sorted(allowed))}.")
        if self.most_seconds is not None:
            if self.seconds is not None:
                raise ValueError("seconds and most_seconds exclude each other.")
            self.every = 2 * self.most_seconds if self.every is None else self.every
            if self.most_seconds <= 0 or self.every < 2 * self.most_seconds:
                raise ValueError("most_seconds must be above 0, and every at least twice as much.")
        self.dice = random.Random(self.seed)  # noqa: S311  # a seed must give the same faults again
        # What `visibility.py` remembers, by id: what it acts on, as the how-manieth, and when that was seen first.
        self.at = world.now()
        self.chosen: dict[str, int | None] = {}
        self.first_shown: dict[str, float] = {}

    def strikes(self) -> bool:
        """Counts a matching call and says whether the rule acts on it."""
        self.seen += 1
        if self.seen <= self.skip or (self.count is not None and self.used >= self.count):
            return False
        if self.dice.random() >= self.chance:
            return False
        self.used += 1
        return True

    def shown(self) -> dict[str, Any]:
        """The fields that mean something for this kind."""
        names = EVERY_KIND | KINDS[self.kind] | {"id", "seen", "used"}
        return {name: value for name, value in asdict(self).items() if name in names}


def add(params: dict[str, Any]) -> dict[str, Any]:
    """Adds a rule and returns it with its id. Raises ValueError for what doesn't fit, TypeError without a kind."""
    kind = params.get("kind")
    if kind is not None and kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(sorted(KINDS))}.")
    if kind and (odd := params.keys() - EVERY_KIND - KINDS[kind]):
        raise ValueError(f"A rule of kind {kind} takes no {', '.join(sorted(odd))}.")
    with world.lock:
        rule = Rule(**({"count": None} if kind in POLICIES else {}) | params)
        rule.id = next(world.numbers)
        world.rules.append(rule)
    return rule.shown()


def listed(_params: dict[str, Any]) -> dict[str, Any]:
    """All rules with how often they were used, and the last uses."""
    return {"rules": [rule.shown() for rule in world.rules], "uses": list(world.uses)}


def clear(params: dict[str, Any]) -> dict[str, Any]:
    """Removes the rule with `id`, or all."""
    with world.lock:
        world.rules = [rule for rule in world.rules if "id" in params and rule.id != int(params["id"])]
    return listed({})


def matching(call: dict[str, Any], *kinds: str) -> Iterator[Rule]:
    """The rules of these kinds that are about `call`, whether they act on it or not."""
    for rule in list(world.rules):
        if rule.kind in kinds and all(getattr(rule, name) in {"", call[name]} for name in MATCHED):
            yield rule


def acts(rule: Rule, call: dict[str, Any], **about: str) -> bool:
    """Counts a use of `rule`, and logs it with what it was `about` if the rule acts."""
    with world.lock:
        strikes = rule.strikes()
        if strikes:
            use = {name: call[name] for name in (*MATCHED, "request_id")}
            world.uses.append({"time": world.now(), "rule": rule.id, "kind": rule.kind, **use, **about})
    return strikes


def striking(call: dict[str, Any], *kinds: str) -> Iterator[Rule]:
    """The rules of these kinds that act on `call`; each is counted when it is its turn."""
    return (rule for rule in matching(call, *kinds) if acts(rule, call))
