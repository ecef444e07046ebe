"""What a rule looks at: one call, and the account that makes it."""

from dataclasses import dataclass
from typing import Any

from amicopy.copies.calls import Call


@dataclass(frozen=True)
class Case:
    """`account_id` has 12 digits; `partition` is the account's, such as aws or aws-cn."""

    call: Call
    account_id: str
    partition: str

    def get(self, member: str) -> Any:
        """A member's value, None when it isn't filled."""
        return self.call.parameters.get(member)

    def text(self, member: str) -> str:
        """A member's value when it is a text, empty otherwise: shapes are `fields`' business."""
        value = self.call.parameters.get(member)
        return value if isinstance(value, str) else ""
