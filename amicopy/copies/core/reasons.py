"""Why a copy waits: a code with data. What a code means for the engine stands here once; its words are made where
people read them, see `reason_words`.

Every code says whether the wait ends by itself or needs a person, and whom. What needs a person is counted on the
dashboard, told once, and tried again rarely; it never keeps another copy from its slot.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Who(StrEnum):
    """Who can end a wait: nobody has to, the requester, whoever administers amicopy, or the account at AWS."""

    NOBODY = ""
    REQUESTER = "requester"
    ADMINISTRATOR = "administrator"
    AWS_ADMINISTRATOR = "aws-administrator"


class Code(StrEnum):
    """The codes; stored in `ImageCopy.wait_code`."""

    NO_SLOT = "no-slot"
    THROTTLED = "throttled"
    AWS_UNREACHABLE = "aws-unreachable"
    CREDENTIALS_RENEWED = "credentials-renewed"
    SOURCE_PENDING = "source-pending"
    SOURCE_UNSEEN = "source-unseen"
    KEY_UNSEEN = "key-unseen"
    UNDO = "undo"
    START_TIME = "start-time"
    FROZEN = "frozen"
    NOT_SHOWN_YET = "not-shown-yet"
    MISSING = "missing"
    SNAPSHOTS_UNSEEN = "snapshots-unseen"
    LOOKING_FOR_IMAGE = "looking-for-image"
    REMOVING = "removing"
    # Of steps after the copy.
    STEP_UNSEEN = "step-unseen"
    ALIAS_CHECKED = "alias-checked"
    STEP_WORKING = "step-working"
    PROTECTED = "protected"
    # These need a person.
    ACCOUNT_OFF = "account-off"
    QUOTA = "quota"
    CREDENTIALS = "credentials"
    PERMISSION = "permission"
    KEY = "key"
    NEVER_SHOWN = "never-shown"
    REMOVAL_REFUSED = "removal-refused"
    FAILED_IMAGE_KEPT = "failed-image-kept"
    UNCLEAR_IMAGE = "unclear-image"
    # A sentence of before there were codes, kept as it was.
    EARLIER = "earlier"


# What isn't here ends by itself.
NEEDS: Mapping[str, Who] = {
    Code.ACCOUNT_OFF: Who.ADMINISTRATOR,
    Code.QUOTA: Who.AWS_ADMINISTRATOR,
    Code.CREDENTIALS: Who.ADMINISTRATOR,
    Code.PERMISSION: Who.AWS_ADMINISTRATOR,
    Code.KEY: Who.AWS_ADMINISTRATOR,
    Code.NEVER_SHOWN: Who.REQUESTER,
    Code.REMOVAL_REFUSED: Who.AWS_ADMINISTRATOR,
    Code.FAILED_IMAGE_KEPT: Who.AWS_ADMINISTRATOR,
    Code.UNCLEAR_IMAGE: Who.AWS_ADMINISTRATOR,
}


@dataclass(frozen=True)
class Reason:
    """Why a copy waits. `data` is JSON; AWS's own answer stands in it as `AwsCode`, `AwsMessage` and `Action`, the
    name of the operation it was about."""

    code: Code
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def who(self) -> Who:
        """Who can end the wait; nobody has to where it ends by itself."""
        return NEEDS.get(self.code, Who.NOBODY)

    @property
    def fields(self) -> dict[str, Any]:
        """As columns of an image copy."""
        return {"wait_code": self.code.value, "wait_data": dict(self.data)}

    def as_dict(self) -> dict[str, Any]:
        """For audit rows."""
        return {"waits": self.code.value, **({"because": dict(self.data)} if self.data else {})}


# The columns of a copy that waits for nothing.
NO_WAIT: Mapping[str, Any] = {"wait_code": "", "wait_data": {}}
