"""When the closer look at a pending request's source is to be repeated, and what of a later one counts.

What came late, or failed for a reason that may pass, is asked again soon; what was found is asked again once it is old,
since a source is scanned anew, deprecated or used while its request waits. What an account doesn't permit is left. The
members of a source that an approval binds to (`source_binding.MEMBERS`) are never renewed.
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, cast

from amicopy.aws import errors
from amicopy.copies.lookups.async_queries import Missing
from amicopy.copies.lookups.inspection import PARTS, KeptInspection
from amicopy.copies.lookups.snapshot_members import Kept, KeptDestination

# So old a closer look is taken again, while its request is pending.
OLD = timedelta(hours=12)
# What DescribeImages tells beside what goes into a copy.
OF_SOURCE = ("DeprecationTime", "ImageAllowed", "ImageWatermarks", "LastLaunchedTime", "ScanResults")


def passes(answer: Missing) -> bool:
    """Whether another try may help: anything but a refusal of AWS's that only a person can change."""
    return answer.code not in errors.KINDS[errors.Denied]


def lacking(kept: Mapping[str, Any]) -> set[str]:
    """What of a closer look that was taken may still be found out: its parts, and destinations as "eu-west-1:
    offered"."""
    return set((kept.get("inspection") or {}).get("again") or ())


def due_at(kept: Mapping[str, Any]) -> datetime | None:
    """When it is old; None where there was none."""
    looked = (kept.get("inspection") or {}).get("looked_again_at") or kept.get("asked_at")
    if "inspection" not in kept or not looked:
        return None
    return datetime.fromisoformat(looked) + OLD


def wanted(kept: Mapping[str, Any], now: datetime) -> bool:
    """Whether it is time to look closer again."""
    at = due_at(kept)
    return bool(lacking(kept)) or (at is not None and at <= now)


def renewed(kept: Mapping[str, Any], later: Kept) -> Kept:
    """What a request keeps, with what a later closer look found; what that didn't find stays as it was."""
    new = later.get("inspection")
    if "inspection" not in kept or new is None:
        return cast("Kept", dict(kept))
    merged = cast("Kept", dict(kept))
    merged["inspection"] = _merged(kept["inspection"], new, later["asked_at"])
    source, seen = kept.get("source") or {}, later.get("source") or {}
    if source.get("ImageId") and source.get("ImageId") == seen.get("ImageId"):
        merged["source"] = {**source, **{name: seen[name] for name in OF_SOURCE if name in seen}}
    offered = {row["destination"]: row["offered"] for row in later["destinations"] if "offered" in row}
    merged["destinations"] = [
        cast("KeptDestination", {**row, "offered": offered[row["destination"]]})
        if row["destination"] in offered
        else row
        for row in kept.get("destinations") or ()
    ]
    return merged


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> set[str]:
    """What is another after a look: parts, members of the source, and destinations' instance types."""
    was, now = before.get("inspection") or {}, after.get("inspection") or {}
    parts = {name for name in (*PARTS, "not_known") if _said(was.get(name)) != _said(now.get(name))}
    source, seen = before.get("source") or {}, after.get("source") or {}
    parts |= {name for name in OF_SOURCE if source and _said(source.get(name)) != _said(seen.get(name))}
    offered = {row["destination"]: row.get("offered") for row in before.get("destinations") or ()}
    return parts | {
        f"{row['destination']}: offered"
        for row in after.get("destinations") or ()
        if row["destination"] in offered and row.get("offered") != offered[row["destination"]]
    }


def _said(value: Any) -> str:
    """As the database keeps it, which knows no tuples."""
    return json.dumps(value, sort_keys=True)


def _merged(was: KeptInspection, new: KeptInspection, at: str) -> KeptInspection:
    known = cast("KeptInspection", {name: value for name, value in {**was, **new}.items() if name in PARTS})
    reasons = {name: why for name, why in (new.get("not_known") or {}).items() if name not in known}
    if reasons:
        known["not_known"] = reasons
    known["again"] = list(new.get("again") or ())
    known["looked_again_at"] = at
    return known
