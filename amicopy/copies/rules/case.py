"""What a rule looks at: one call, the account that makes it, and what look-ups found out about source and places."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from amicopy.aws.shapes import carried_tags
from amicopy.copies.core.calls import Call


@dataclass(frozen=True)
class Case:
    """`account_id` has 12 digits; `partition` is the account's, such as aws or aws-cn.

    `lookups` are a request's; without them the rules that need them let everything pass. `mark` is the value of the
    mark that was frozen with the call, empty for none; None: it isn't submitted yet, and gets its mark then.
    """

    call: Call
    account_id: str
    partition: str
    lookups: Mapping[str, Any] = field(default_factory=dict)
    mark: str | None = None

    def get(self, member: str) -> Any:
        """A member's value, None when it isn't filled."""
        return self.call.parameters.get(member)

    def text(self, member: str) -> str:
        """A member's value when it is a text, empty otherwise: shapes are `fields`' business."""
        if member == "DestinationRegion":
            return self.call.DestinationRegion
        value = self.call.ClientToken if member == "ClientToken" else self.call.parameters.get(member)
        return value if isinstance(value, str) else ""

    @property
    def source(self) -> Mapping[str, Any]:
        """The source image as it was seen, if it is this call's; empty when it wasn't looked up."""
        seen = self.lookups.get("source")
        return seen if isinstance(seen, Mapping) and seen.get("ImageId") == self.text("SourceImageId") else {}

    @property
    def found(self) -> Mapping[str, Any]:
        """What was found out about the call's destination; empty when it wasn't looked up."""
        rows = self.lookups.get("destinations") or ()
        place = (self.call.DestinationRegion, self.call.destination)
        return next((row for row in rows if (row.get("DestinationRegion"), row.get("destination")) == place), {})

    @property
    def source_tags(self) -> set[str]:
        """The keys of the tags that CopyImageTags takes along: never AWS's own, and of another account only what it
        shares."""
        tags: Mapping[str, str] = self.source.get("tags") or {}
        own = self.source.get("OwnerId") == self.account_id
        return set(carried_tags(tags, own=own))


def quoted(text: str) -> str:
    """A value as a message shows it: in quotes, and never longer than a message should be."""
    return f"“{text if len(text) <= 40 else text[:39] + '…'}”"
