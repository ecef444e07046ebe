"""A failure in plain words: what happened, what it did not affect, what to do next, and where a new request would mend
it. AWS's own words stay beside it, and nothing but these words is decided by them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from amicopy.aws.causes import Cause, cause_of
from amicopy.copies.core.explanation_causes import BOTOCORES, BY_CAUSE, OF_IMAGE, OF_IMAGE_UNKNOWN, OURS
from amicopy.copies.core.explanation_table import ADMIN, BY_CODE, LATE_STEP, PLACE, Explanation
from amicopy.copies.core.models import ImageCopy
from amicopy.copies.core.parameters import BY_NAME

# https://docs.aws.amazon.com/STS/latest/APIReference/API_DecodeAuthorizationMessage.html
_ENCODED = re.compile(r"Encoded authorization failure message: ([\w+/=-]{1,10240})")
_ACTION = re.compile(r"not authorized to perform:? ([a-z0-9-]+:[A-Za-z]+)")
PLACES = ("DestinationOutpostArn", "DestinationAvailabilityZone", "DestinationAvailabilityZoneId")

_LATE = Explanation(
    "AWS gave up on this copy",
    "AWS accepted the copy and ended it later. The source and the other destinations are not affected.",
    LATE_STEP,
)
_UNKNOWN = Explanation(
    "AWS refused this copy",
    "amicopy has no explanation of its own for this answer; AWS's words are below.",
    "If they don't say what to change, show them to an administrator of the AWS account. Retrying is safe: amicopy "
    "first looks for what this attempt may have made, and goes on with that.",
)


@dataclass(frozen=True)
class Asked:
    """What a failed copy asked for, and what the look-ups knew of its destination (`place`) and of the source."""

    copy: ImageCopy
    place: Mapping[str, Any]
    source: Mapping[str, Any]
    warnings: tuple[Mapping[str, Any], ...] = ()

    @property
    def source_encrypted(self) -> bool:
        return any(volume.get("Encrypted") for volume in self.source.get("volumes") or ())

    @property
    def may_need_a_key(self) -> bool:
        asked = self.copy.parameters
        return bool(asked.get("KmsKeyId") or asked.get("Encrypted") or self.source_encrypted)


def encoded(copy: ImageCopy) -> str:
    """The encoded part of AWS's refusal, or empty: what `sts:DecodeAuthorizationMessage` takes."""
    found = _ENCODED.search(copy.error_message)
    return found[1] if found else ""


def named_action(message: str) -> str:
    """The action that AWS's words say is missing, such as ec2:CopyImage; empty where they name none."""
    found = _ACTION.search(message)
    return found[1] if found else ""


def is_ours(code: str) -> bool:
    """Whether an error is amicopy's own word, or that of its library before anything was sent: AWS didn't say it."""
    return code in OURS or code in OF_IMAGE or code in BOTOCORES


def explain(copy: ImageCopy, lookups: Mapping[str, Any] | None = None) -> Explanation:
    """The explanation of a failed copy. `lookups` are those of its request; without them only what was asked for is
    known."""
    if copy.existing:
        return OF_IMAGE.get(copy.error_code, OF_IMAGE_UNKNOWN)
    asked = _asked(copy, lookups or {})
    found = _explanation(asked)
    return replace(found, field=_field(found.field, copy))


def _asked(copy: ImageCopy, lookups: Mapping[str, Any]) -> Asked:
    rows = lookups.get("destinations") or ()
    place: Mapping[str, Any] = next((row for row in rows if row.get("destination") == copy.destination), {})
    return Asked(copy, place, lookups.get("source") or {}, tuple(lookups.get("warnings") or ()))


def _explanation(asked: Asked) -> Explanation:
    copy = asked.copy
    if copy.error_code in OURS:
        return _ours(asked)
    cause = cause_of(copy.error_code, copy.error_message)
    if cause is Cause.KMS:
        return _key(asked)
    if cause in BY_CAUSE and copy.error_code != "SnapshotLimitExceeded":
        return _with_action(BY_CAUSE[cause], copy)
    known = BY_CODE.get(copy.error_code)
    if copy.ImageId and (known is None or copy.error_code.startswith(("Internal", "Server"))):
        return _late(asked)
    if known is None:
        return _UNKNOWN
    if copy.error_code == "UnauthorizedOperation":
        return _unauthorized(known, copy)
    if copy.error_code == "AuthFailure" and "encrypts_by_default" in asked.place and not asked.place.get("place"):
        seen = "When the request was submitted amicopy could look into this Region, so that it was enabled then. "
        return replace(known, cause=seen + known.cause)
    return _with_source_facts(_with_action(known, copy), asked)


def _ours(asked: Asked) -> Explanation:
    if asked.copy.error_code == "ImageFailed" and asked.may_need_a_key:
        return _late(asked)
    return OURS[asked.copy.error_code]


def _late(asked: Asked) -> Explanation:
    """AWS took the copy and failed it later: "internal error" is what it says of keys it can't use, too."""
    copy = asked.copy
    bare = copy.error_code == "ImageFailed" or "internal" in f"{copy.error_code} {copy.error_message}".lower()
    if not (bare and asked.may_need_a_key):
        return _LATE
    return Explanation(
        "AWS gave up on this copy, most likely because of a KMS key",
        f"AWS accepted the copy and ended it later without naming a reason, as it does when it can't use a key. "
        f"{_key_words(asked)} The other destinations are not affected.",
        _KEY_STEP,
        field="KmsKeyId",
    )


_KEY_STEP = (
    "Ask the key's owner to see that it is enabled and allows the role kms:CreateGrant, kms:DescribeKey and "
    "kms:ReEncrypt*. Then retry, or fix it and ask again with another key."
)


def _key(asked: Asked) -> Explanation:
    copy = asked.copy
    how = (
        "AWS accepted the copy and gave up when it used the key"
        if copy.ImageId
        else "AWS refused the copy because of a key"
    )
    action = named_action(copy.error_message)
    lacks = f" It isn't allowed {action}." if action.startswith("kms:") else ""
    return Explanation(
        "The KMS key can't be used for this copy",
        f"{how}.{lacks} {_key_words(asked)} The other destinations are not affected.",
        _KEY_STEP,
        field="KmsKeyId",
    )


def _key_words(asked: Asked) -> str:
    """Which key the copy asks for, and what KMS said of it before."""
    key, region = asked.copy.parameters.get("KmsKeyId"), asked.copy.DestinationRegion
    of_source = sorted({str(each["KmsKeyId"]) for each in asked.source.get("volumes") or () if each.get("KmsKeyId")})
    sources = f" The source's snapshots are encrypted with {', '.join(of_source)}." if of_source else ""
    if not key:
        default = asked.place.get("default_key")
        named = f", {default}" if default else ""
        return f"No key was asked for: AWS takes the default EBS key of {region}{named}, or the source's.{sources}"
    seen = asked.place.get("key")
    if not seen:
        known = "It wasn't looked at before."
    elif seen.get("problem"):
        known = f"When it was looked at before: {seen['problem']}"
    else:
        known = f"When it was looked at before, KMS knew it in {region} as enabled and symmetric."
    return f"The request asks for {key}. {known}{sources}"


def _unauthorized(known: Explanation, copy: ImageCopy) -> Explanation:
    """What is missing, as far as AWS says so."""
    if named_action(copy.error_message):
        return _with_action(known, copy)
    if encoded(copy):
        words = "Which permission is missing is in the encoded part of AWS's message; an administrator can decode it."
    else:
        words = (
            "AWS doesn't say which permission is missing: the account's page tries each, “Check permissions” this copy."
        )
    return replace(known, next_step=f"{ADMIN} {words}")


def _with_action(known: Explanation, copy: ImageCopy) -> Explanation:
    action = named_action(copy.error_message)
    return replace(known, next_step=f"{known.next_step} The missing action is {action}.") if action else known


def _with_source_facts(known: Explanation, asked: Asked) -> Explanation:
    """What the look-ups knew to stop a copy of this source, where the error is about the source."""
    stops = [str(each["message"]) for each in asked.warnings if each.get("stops")]
    if known.field != "SourceImageId" or not stops:
        return known
    return replace(known, cause=f"{known.cause} When the request was submitted this was known: {' '.join(stops)}")


def _field(field: str, copy: ImageCopy) -> str:
    """The input at which a new request would mend it; of a parameter that AWS's words name where the table can't."""
    if field == PLACE:
        return next((name for name in PLACES if copy.parameters.get(name)), "DestinationRegion")
    if not field and copy.error_code.startswith(("InvalidParameter", "RefusedByRules")):
        return next((name for name in sorted(BY_NAME, key=len, reverse=True) if name in copy.error_message), "")
    return field
