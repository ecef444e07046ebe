"""What may have become another of a finished copy than was approved: codes, kept in `ImageCopy.drift`, and their
words."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Drift(StrEnum):
    """What is another at AWS than was approved."""

    DEREGISTERED = "deregistered"
    DISABLED = "disabled"
    TAGS = "tags"
    DESCRIPTION = "description"
    PUBLIC = "public"
    WATERMARK = "watermark"
    IMDS = "imds"
    DEPRECATION = "deprecation"
    PROTECTION = "protection"
    PERMISSIONS_LACKING = "permissions-lacking"
    PERMISSIONS_ADDED = "permissions-added"
    ALIAS = "alias"


@dataclass(frozen=True)
class Words:
    """What is so now, and what can be done about it."""

    title: str
    next_step: str


_STEP = "Set it again at AWS, or ask for a new copy."
WORDS: Mapping[Drift, Words] = {
    Drift.DEREGISTERED: Words("The AMI was deregistered", "Restore it from the recycle bin, or ask for a new copy."),
    Drift.DISABLED: Words("The AMI is disabled", "Enable it at AWS if it is to be used."),
    Drift.TAGS: Words("Its tags were changed", "Set them again at AWS. Without its mark amicopy never removes it."),
    Drift.DESCRIPTION: Words("Its description was changed", "Nothing depends on it."),
    Drift.PUBLIC: Words("The AMI is public, which nobody approved", "Take the launch permission of “all” away at AWS."),
    Drift.WATERMARK: Words("The watermark is gone", _STEP),
    Drift.IMDS: Words("IMDSv2 isn’t required any more", _STEP),
    Drift.DEPRECATION: Words("The deprecation date is another", _STEP),
    Drift.PROTECTION: Words("It isn’t protected as approved", _STEP),
    Drift.PERMISSIONS_LACKING: Words("It isn’t shared with all who were approved", "Share it again at AWS."),
    Drift.PERMISSIONS_ADDED: Words(
        "It is shared with others than were approved", "Take these launch permissions away at AWS, or ask for them."
    ),
    Drift.ALIAS: Words("The alias shows something else", "Publish the AMI again, or leave it to who changed it."),
}
