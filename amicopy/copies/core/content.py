"""What an approval binds to: everything the approver saw and agreed to, as one hash.

The round isn't in it: the same content submitted again keeps its approvals, and the event of the approval names the
round.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from amicopy.copies.core.calls import Call, fingerprint

# How the hash of a request is made. 1 covered account, calls and source only; requests of then keep it.
HASH_VERSION = 2


@dataclass(frozen=True)
class Content:
    """What is asked for. `keys` has, for each call, the ARN behind its key's alias as the look-ups saw it, or "";
    `source_seen` is the source's fingerprint, empty when AWS didn't show it; `rules` are those that ask for the `plan`,
    each with its version; `anyway` is why it was submitted although something known is in its way, and what, empty
    where nothing is."""

    account_id: str
    calls: Sequence[Call]
    keys: Sequence[str]
    source_seen: Mapping[str, Any]
    reason: str
    start_not_before: datetime | None
    plan: Sequence[Mapping[str, Any]]
    rules: Sequence[Mapping[str, Any]]
    anyway: Mapping[str, Any] = field(default_factory=dict)
    # The steps after each copy, {code: members}, in the order of the calls; or nothing at all.
    steps: Sequence[Mapping[str, Any]] = ()


def content_hash(content: Content, *, version: int = HASH_VERSION) -> str:
    """The hash an approval binds to, SHA-256 in hex; the order of destinations counts."""
    return fingerprint(hashed(content, version=version))


def hashed(content: Content, *, version: int = HASH_VERSION) -> dict[str, Any]:
    """What the hash of a content covers, as JSON says it."""
    covered: dict[str, Any] = {"account": content.account_id, "calls": [_members(call) for call in content.calls]}
    if content.source_seen:
        covered["source"] = dict(content.source_seen)
    if version > 1:
        start = content.start_not_before
        covered |= {
            "version": version,
            "keys": list(content.keys),
            "reason": content.reason,
            "start_not_before": start.astimezone(UTC).isoformat() if start else "",
            "plan": list(content.plan),
            "rules": list(content.rules),
        }
    if content.anyway:
        # Requests of before, and all that nothing stood in the way of, keep their hashes.
        covered["submitted_anyway"] = dict(content.anyway)
    if any(content.steps):
        # As do those without steps.
        covered["steps"] = [dict(each) for each in content.steps]
    return covered


def _members(call: Call) -> dict[str, Any]:
    return {
        "DestinationRegion": call.DestinationRegion,
        "parameters": dict(call.parameters),
        "ClientToken": call.ClientToken,
        # So that what was approved for an AMI that exists never becomes a call; calls keep their hashes.
        **({"existing": True} if call.existing else {}),
    }
