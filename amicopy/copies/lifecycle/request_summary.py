"""What a message says of a request besides its name: source, size, what sets it apart, and why it is wanted.

A decision is made on the page, so a message only links there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from amicopy.copies.core import cost_words, source_volumes
from amicopy.copies.core.cost import Estimate
from amicopy.copies.core.models import CopyRequest, ImageCopy
from amicopy.copies.core.steps.table import in_order
from amicopy.copies.voting import fact_evidence, fact_table, fact_words
from amicopy.copies.voting.fact_table import Told

# A reason is quoted up to here; all of it is on the page.
QUOTED = 1000
# Facts that a message has lines of its own for, unless they stand out.
OWN_LINES = frozenset({"large", "costs"})


@dataclass(frozen=True)
class RequestSummary:
    """Of a request with these copies."""

    request: CopyRequest
    copies: Sequence[ImageCopy]
    # What sets it apart, where that is known already.
    known: Sequence[Told] | None = None

    @cached_property
    def told(self) -> Sequence[Told]:
        """What sets it apart."""
        if self.known is not None:
            return self.known
        (evidence,) = fact_evidence.evidence_of([(self.request, self.copies)])
        return fact_table.tell([copy.call() for copy in self.copies], evidence)

    @property
    def size(self) -> int | None:
        """GiB of all copies, None where nobody saw the source."""
        if self.request.existing:
            return None
        volumes = fact_evidence.source_in(self.request.lookups).get("volumes") or ()
        return source_volumes.gib(volumes) * len(self.copies) or None

    @property
    def cost(self) -> str:
        """What it would cost, and whose budget it is above; empty for a dry run, and where nothing was estimated."""
        found = Estimate.of(self.request.estimate)
        if found is None or self.request.dry_run or self.request.existing:
            return ""
        over = [each["team"] for each in self.request.estimate.get("budgets") or () if each["over"]]
        above = f" Above the budget of {', '.join(over)}." if over else ""
        return f"{cost_words.sentence(found)}{above}"

    @property
    def lines(self) -> list[str]:
        """A line each, as "Size: 40 GiB"; what isn't known is left out."""
        apart = fact_words.in_words([each for each in self.told if each.level or each.code not in OWN_LINES])
        source = "AMI" if self.request.existing else "Source"
        return [
            f"{source}: {self.request.SourceImageId} in {self.request.SourceRegion}",
            *self._asked,
            *([f"Size: {fact_words.size(self.size)} for all copies"] if self.size else []),
            *([f"Cost: {cost}"] if (cost := self.cost) else []),
            *([f"Look at: {apart}"] if apart else []),
            f"Why: {quoted(self.request.reason)}",
        ]

    @property
    def _asked(self) -> list[str]:
        """The steps for an AMI that exists, which are all there is to decide on."""
        if not self.request.existing:
            return []
        codes = {code for copy in self.copies for code in copy.approved_steps}
        return [f"To be done: {', '.join(step.label for step in in_order(codes))}"]

    @property
    def values(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "reason": self.request.reason,
            "size": self.size,
            "cost": self.request.estimate or None,
            "facts": [
                {"code": each.code, "level": each.level.value, "value": each.value, "destinations": list(each.places)}
                for each in self.told
            ],
        }


def quoted(text: str) -> str:
    """The beginning of a longer text."""
    return text if len(text) <= QUOTED else text[:QUOTED].rstrip() + "…"
