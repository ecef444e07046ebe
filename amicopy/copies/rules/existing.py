"""The rules of an AMI that exists, to which steps are done without a copy. All of them refuse: what isn't the account's
own, or isn't there as it was seen, can't be changed, and nobody can say to submit it anyway.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/sharingamis-explicit.html
"""

from collections.abc import Sequence

from amicopy.copies.core.calls import Call, FieldError
from amicopy.copies.rules.case import Case
from amicopy.copies.rules.known_problems import Known

MEMBERS = ("SourceRegion", "SourceImageId")


def only_the_image_is_named(case: Case) -> list[FieldError]:
    """Nothing is called for, so that only the AMI is named, by Region and ID."""
    errors = [
        FieldError(name, "Leave it out: nothing is copied.") for name in case.call.parameters if name not in MEMBERS
    ]
    errors += [FieldError("ClientToken", "Leave it out: nothing is copied.")] if case.call.ClientToken else []
    if not case.text("SourceRegion"):
        errors.append(FieldError("SourceRegion", "Choose the AMI's Region."))
    elif case.call.DestinationRegion != case.text("SourceRegion"):
        errors.append(FieldError("SourceRegion", "Name the Region once: the AMI stays where it is."))
    return errors + ([] if case.text("SourceImageId") else [FieldError("SourceImageId", "Enter the AMI's ID.")])


def image_was_seen(case: Case) -> list[FieldError]:
    """AWS shows the AMI in its Region: what nobody saw can't be approved.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImages.html
    """
    image_id, region = case.text("SourceImageId"), case.text("SourceRegion")
    if case.source or not (image_id and region):
        return []
    if not case.lookups.get("source_not_there"):
        return [FieldError("SourceImageId", f"Try again: AWS hasn't said yet whether {image_id} is in {region}.")]
    elsewhere = (case.lookups.get("source_not_there") or {}).get("elsewhere") or []
    where = f" It is in {' and '.join(elsewhere)}." if elsewhere else ""
    words = f"Enter an AMI that is there. AWS shows the account no {image_id} in {region}.{where}"
    return [FieldError("SourceImageId", words, code=Known.SOURCE_NOT_THERE)]


def image_is_the_accounts_own(case: Case) -> list[FieldError]:
    """The account owns the AMI: AWS lets nobody else change who may launch it, its dates or its protection.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyImageAttribute.html
    """
    owner = case.source.get("OwnerId", case.account_id)
    if owner == case.account_id:
        return []
    return [FieldError("SourceImageId", f"Choose an AMI of the account's own. This one is {owner}'s; copy it first.")]


def image_is_available(case: Case) -> list[FieldError]:
    """The AMI is available: one that is pending, disabled or gone takes no changes."""
    state = case.source.get("State", "available")
    if state == "available":
        return []
    words = f"Choose an AMI that is available. This one is {state}."
    return [FieldError("SourceImageId", words, code=Known.SOURCE_UNAVAILABLE)]


def one_image(calls: Sequence[Call]) -> list[FieldError]:
    """A request is about one AMI, and no copies beside it."""
    return [] if len(calls) == 1 else [FieldError("SourceImageId", "Name one AMI: each has a request of its own.")]
