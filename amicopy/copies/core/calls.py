"""One CopyImage call as it will be made: the destination Region and the exact keyword arguments. Or none: an AMI that
exists, to which only steps are done.

A form, an API client or a clone ends in a list of these; the rules read them, an image copy freezes one, the engine
sends it. Nothing between adds, drops or renames a member.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Call:
    """`parameters` are CopyImage's keyword arguments in AWS's spelling, without `ClientToken`, which belongs to an
    attempt.

    `ClientToken` is the person's own token, or empty when amicopy is to make one. `existing`: nothing is called for.
    The AMI that `parameters` name, by SourceRegion and SourceImageId alone, is there, and steps are done to it.
    """

    DestinationRegion: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    ClientToken: str = ""
    existing: bool = False

    @property
    def dry_run(self) -> bool:
        return self.parameters.get("DryRun") is True

    @property
    def copies_tags(self) -> bool:
        """Whether the source's tags come along."""
        return self.parameters.get("CopyImageTags") is True

    @property
    def name(self) -> str:
        """The new image's name, or empty."""
        return str(self.parameters.get("Name", ""))

    @property
    def destination(self) -> str:
        """Where the image will be, in one string: the Outpost's ARN, the Local Zone, or else the Region."""
        for member in (
            "DestinationOutpostArn",
            "DestinationAvailabilityZone",
            "DestinationAvailabilityZoneId",
        ):
            if self.parameters.get(member):
                return str(self.parameters[member])
        return self.DestinationRegion


def existing_image(region: str, image_id: str) -> Call:
    """What a request for an AMI that exists has in place of a call."""
    return Call(region, {"SourceRegion": region, "SourceImageId": image_id}, existing=True)


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field. `destination` is the call's place in the request, None for a field of the
    request. `code` says what look-ups found, see `rules.known_problems`; empty for what no look-up said."""

    field: str
    message: str
    destination: int | None = None
    code: str = ""


class InvalidRequest(Exception):
    """The rules refuse the request; `errors` says why, by field."""

    def __init__(self, errors: Iterable[FieldError]) -> None:
        self.errors = tuple(errors)
        super().__init__("; ".join(f"{error.field}: {error.message}" for error in self.errors))


def fingerprint(value: Any) -> str:
    """SHA-256, in hex, of a value's canonical JSON: keys sorted, no spaces, UTF-8. Raises TypeError for what JSON
    lacks."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
