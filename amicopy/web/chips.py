"""The facts of requests as chips: an icon and some words for each, the same wherever a request is shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from amicopy.copies.core.models import CopyRequest, ImageCopy
from amicopy.copies.voting import fact_evidence, fact_table, fact_words

ICONS: Mapping[str, str] = {
    "submitted-anyway": "fail",
    "no-copy": "sliders",
    "source-unseen": "warn",
    "public-source": "person",
    "foreign-owner": "person",
    "key-changes": "key",
    "default-key": "key",
    "unencrypted": "key",
    "becomes-encrypted": "lock",
    "known-to-fail": "warn",
    "launch-permissions": "person",
    "critical-finding": "finding",
    "high-finding": "finding",
    "scan-old": "history",
    "scanned-clean": "shield",
    "no-clean-scan": "finding",
    "watermark": "shield",
    "no-watermark": "shield",
    "descends-from": "arrow",
    "other-descent": "arrow",
    "not-launchable": "warn",
    "not-allowed": "stop",
    "deprecated-source": "history",
    "sensitive-tags": "warn",
    "large": "disk",
    "new-region": "pin",
    "costs": "coin",
    "over-budget": "coin",
    "old-source": "history",
    "made-public": "person",
    "shared-with-foreign": "person",
    "shared-with-organization": "person",
    "alias-overwritten": "history",
    "starts-later": "clock",
}


# The riskiest first.
RISKS = (fact_table.Level.HIGH, fact_table.Level.SOME, fact_table.Level.LESS)


@dataclass(frozen=True)
class Chip:
    """`risk` is empty, less, some or high."""

    code: str
    risk: str
    icon: str
    words: str


def standing_out(chips: Sequence[Chip]) -> list[Chip]:
    """Those that ask to be looked at, or speak for a request, the riskiest first."""
    return sorted((chip for chip in chips if chip.risk), key=lambda chip: RISKS.index(chip.risk))


def chips_of(rows: Sequence[tuple[CopyRequest, Sequence[ImageCopy]]]) -> dict[int, list[Chip]]:
    """The chips of requests with these copies, by their numbers; in two statements for all of them."""
    found: dict[int, list[Chip]] = {}
    for (row, copies), evidence in zip(rows, fact_evidence.evidence_of(rows), strict=True):
        told = fact_table.tell([copy.call() for copy in copies], evidence)
        found[row.pk] = [
            Chip(each.code, each.level, ICONS[each.code], words) for each, words in fact_words.chips_of(told)
        ]
    return found
