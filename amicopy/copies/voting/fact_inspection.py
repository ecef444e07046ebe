"""What a closer look at the source tells: its scan, its watermarks, where it comes from, whether it can be launched.

Texts are empty where a fact doesn't hold, and None where nobody knows: see `fact_table`.
"""

import math
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

from django.conf import settings

from amicopy.copies.core.calls import Call
from amicopy.copies.voting.fact_evidence import Evidence

# Days for which a scan counts.
SCAN_COUNTS: int = settings.SCAN_COUNTS_DAYS


def critical(call: Call, evidence: Evidence) -> str | None:
    """A critical finding, with the day since when it can be fixed."""
    return _finding(evidence, "critical")


def high(call: Call, evidence: Evidence) -> str | None:
    """The same of a high one, where it is the worst."""
    return _finding(evidence, "high")


def scanned_clean(call: Call, evidence: Evidence) -> str | None:
    """The days since a scan that counts and had no critical finding."""
    days, scan = scan_age(call, evidence), _scan(evidence)
    if not evidence.source:
        return None
    clean = days is not None and days <= SCAN_COUNTS and scan.get("HighestFindingSeverityLabel") != "critical"
    return str(days) if clean else ""


def no_clean_scan(call: Call, evidence: Evidence) -> bool | None:
    """Whether there is no such scan."""
    clean = scanned_clean(call, evidence)
    return None if clean is None else not clean


def scan_age(call: Call, evidence: Evidence) -> int | None:
    """Whole days since the last scan; None without one."""
    at = _scan(evidence).get("FindingScanDate")
    return max(0, math.floor((evidence.looked_at - datetime.fromisoformat(at)) / timedelta(days=1))) if at else None


def watermarks(call: Call, evidence: Evidence) -> str | None:
    """The watermarks that the setting TRUSTED_WATERMARKS names."""
    if not evidence.source:
        return None
    return ", ".join(_named(evidence.source.get("ImageWatermarks") or (), settings.TRUSTED_WATERMARKS))


def no_watermark(call: Call, evidence: Evidence) -> bool | None:
    """Whether it carries none of those."""
    carried = watermarks(call, evidence)
    return None if carried is None else not carried


def descends_from(call: Call, evidence: Evidence) -> str | None:
    """The first of what it was made of that the setting TRUSTED_ANCESTORS names, by id or by owner; itself, where
    it was made of nothing."""
    chain = (evidence.lookups.get("inspection") or {}).get("ancestry")
    if chain is None:
        return None
    earlier = [each for each in chain if each["ImageId"] != evidence.source.get("ImageId")] or chain
    names = [name for each in earlier for name in (each["ImageId"], each["ImageOwnerAlias"])]
    return next(iter(_named(names, settings.TRUSTED_ANCESTORS)), "")


def other_descent(call: Call, evidence: Evidence) -> bool | None:
    """Whether it is known to descend from none of those."""
    found = descends_from(call, evidence)
    return None if found is None else not found


def not_launchable(call: Call, evidence: Evidence) -> bool | None:
    """Whether the destination's Region is known to offer no instance type for it."""
    offered = evidence.known_of(call).get("offered")
    return None if offered is None else not offered


def not_allowed(call: Call, evidence: Evidence) -> bool | None:
    """Whether the account's allowed images leave the source out, or would if they were switched on."""
    return evidence.source.get("ImageAllowed") is False if evidence.source else None


def deprecated(call: Call, evidence: Evidence) -> bool | None:
    """Whether its deprecation date was over when the source was looked at last."""
    if not evidence.source:
        return None
    at = str(evidence.source.get("DeprecationTime") or "")
    return bool(at) and datetime.fromisoformat(at) <= evidence.looked_at


def _finding(evidence: Evidence, severity: str) -> str | None:
    if not evidence.source:
        return None
    scan = _scan(evidence)
    if scan.get("HighestFindingSeverityLabel") != severity:
        return ""
    since = (scan.get("fixes") or {}).get(severity, "")
    return f"{severity} {since[:10]}".strip()


def _scan(evidence: Evidence) -> dict[str, Any]:
    return dict(evidence.source.get("ScanResults") or {})


def _named(texts: Iterable[str], patterns: Sequence[str]) -> list[str]:
    """Those that a pattern with stars for any letters fits, each once."""
    return [text for text in dict.fromkeys(texts) if any(fnmatchcase(text, pattern) for pattern in patterns)]
