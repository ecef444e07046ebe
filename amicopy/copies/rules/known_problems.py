"""What look-ups may find in the way of a copy: a code for each, its words, and the rules that read it.

A copy that meets one of these fails, some of them minutes after AWS has accepted the call. So a request is refused as
long as its requester doesn't say to submit it anyway, and why; form, check, API and the request's page say the same
words. What wasn't found out is never in the way.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from amicopy.copies.core.calls import Call, FieldError
from amicopy.copies.rules.case import Case
from amicopy.copies.rules.destinations import PLACES


class Known(StrEnum):
    """What is in the way."""

    ACCOUNT_NOT_ENTERED = "account-not-entered"
    ACCOUNT_IS_ANOTHER = "account-is-another"
    SOURCE_NOT_THERE = "source-not-there"
    SOURCE_UNAVAILABLE = "source-unavailable"
    REGION_UNKNOWN = "region-unknown"
    REGION_NOT_ENABLED = "region-not-enabled"
    ZONE_UNKNOWN = "zone-unknown"
    ZONE_NOT_ENABLED = "zone-not-enabled"
    OUTPOST_UNKNOWN = "outpost-unknown"
    KEY_UNKNOWN = "key-unknown"
    KEY_ELSEWHERE = "key-elsewhere"
    KEY_DISABLED = "key-disabled"
    KEY_PENDING_DELETION = "key-pending-deletion"
    KEY_NOT_ENABLED = "key-not-enabled"
    KEY_UNFIT = "key-unfit"


# What must be true, then the fact.
WORDS: Mapping[Known, str] = {
    Known.ACCOUNT_NOT_ENTERED: "amicopy must get into the account. AWS doesn't let it in ({code}).",
    Known.ACCOUNT_IS_ANOTHER: "amicopy must get into the account. Its credentials are of account {other}.",
    Known.REGION_UNKNOWN: "AWS doesn't list {region} for this account.",
    Known.REGION_NOT_ENABLED: "{region} is not enabled for this account. Enable it in the account's settings at AWS "
    "first.",
    Known.ZONE_UNKNOWN: "{region} has no Local Zone {place} for this account.",
    Known.ZONE_NOT_ENABLED: "{place} is not opted in by this account. Opt in to its zone group at AWS first.",
    Known.OUTPOST_UNKNOWN: "The account has no such Outpost in {region}.",
    Known.KEY_UNKNOWN: "KMS has no such key in {region}.",
    Known.KEY_ELSEWHERE: "KMS key must be in {region}. This key is in {other}.",
    Known.KEY_DISABLED: "KMS key must be enabled. This key is disabled.",
    Known.KEY_PENDING_DELETION: "KMS key must be enabled. This key is waiting to be deleted.",
    Known.KEY_NOT_ENABLED: "KMS key must be enabled. This key is {state}.",
    Known.KEY_UNFIT: "KMS key must be symmetric and for encryption. This key is {spec} for {usage}.",
}
# What it would cause, where AWS says so only later.
LATER = "AWS would take the request and fail the copy later."


def words(code: Known, /, **facts: str) -> str:
    """What stands in the way, for people."""
    return WORDS[code].format(**facts)


def key_of(problem: FieldError, calls: Sequence[Call]) -> str:
    """What tells a problem from the others of these calls: its code, and the destination it is about."""
    where = "" if problem.destination is None else calls[problem.destination].destination
    return f"{problem.code}:{where}"


def kept(problem: FieldError, calls: Sequence[Call]) -> dict[str, str]:
    """A problem as a request keeps it; `destination` is empty where it is about all of them."""
    where = "" if problem.destination is None else calls[problem.destination].destination
    return {"code": problem.code, "field": problem.field, "destination": where, "message": problem.message}


def key_of_kept(problem: Mapping[str, str]) -> str:
    """`key_of` of a problem that a request keeps."""
    return f"{problem['code']}:{problem['destination']}"


def looked_at(problem: Mapping[str, str], lookups: Mapping[str, Any]) -> bool:
    """Whether these look-ups had an answer about a kept problem, so that it would be among what they found."""
    code, missing = problem["code"], lookups.get("missing") or {}
    if code.startswith("account-"):
        return "account" not in missing
    if code.startswith("source-"):
        return bool(lookups.get("source") or lookups.get("source_not_there"))
    rows = lookups.get("destinations") or ()
    row = next((each for each in rows if each.get("destination") == problem["destination"]), None)
    part = {"region": "regions", "zone": "zones", "outpost": "outposts", "key": "key"}[code.partition("-")[0]]
    return row is not None and part not in (row.get("missing") or {})


def account_is_entered(case: Case) -> list[FieldError]:
    """amicopy gets into the account with its role or its credentials.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
    """
    refused = case.lookups.get("account_refused") or {}
    return (
        [FieldError("account", f"{refused['message']} No copy would start.", code=refused["code"])] if refused else []
    )


def place_is_open(case: Case) -> list[FieldError]:
    """The account can use the Region, Local Zone or Outpost, as AWS lists them for it.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeRegions.html
    """
    found = case.found.get("place")
    if not found:
        return []
    field = next((name for name in PLACES if case.get(name)), "DestinationRegion")
    return [FieldError(field, found, code=case.found.get("place_code") or Known.REGION_NOT_ENABLED)]


def key_can_encrypt(case: Case) -> list[FieldError]:
    """The chosen key is there, in the destination's Region, enabled, symmetric and for encryption.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/AMIEncryption.html
    """
    key = case.found.get("key") if case.get("KmsKeyId") else None
    if not key or not key["problem"]:
        return []
    return [FieldError("KmsKeyId", f"{key['problem']} {LATER}", code=key.get("code") or Known.KEY_UNFIT)]
