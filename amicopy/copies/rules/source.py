"""What the source must be, as far as it was looked at. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/CopyingAMIs.html"""

from amicopy.copies.core.calls import FieldError
from amicopy.copies.rules.case import Case
from amicopy.copies.rules.known_problems import Known

NOT_YET = frozenset({"pending", "transient"})


def source_is_where_aws_shows_it(case: Case) -> list[FieldError]:
    """AWS shows the source in its Region when it is looked at; where else it is, if it isn't there, is said.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImages.html
    """
    missing = case.lookups.get("source_not_there") or {}
    image_id, region = case.text("SourceImageId"), case.text("SourceRegion")
    if not image_id or (missing.get("ImageId"), missing.get("Region")) != (image_id, region):
        return []
    elsewhere = missing.get("elsewhere") or ()
    if elsewhere:
        words = f"Choose {' or '.join(elsewhere)}. {image_id} is in {' and '.join(elsewhere)}, not in {region}."
        return [FieldError("SourceRegion", words, code=Known.SOURCE_NOT_THERE)]
    words = (
        f"Enter an AMI of {region}. AWS shows this account no {image_id} there, nor in any other Region that answered."
    )
    return [FieldError("SourceImageId", words, code=Known.SOURCE_NOT_THERE)]


def source_is_available(case: Case) -> list[FieldError]:
    """A disabled or failed source isn't copied; one still being made is waited for.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/disable-an-ami.html
    """
    state = case.source.get("State") or "available"
    if state == "available" or state in NOT_YET:
        return []
    way = " Enable it first." if state == "disabled" else ""
    words = f"The source must be available. {case.source['ImageId']} is {state}.{way}"
    return [FieldError("SourceImageId", words, code=Known.SOURCE_UNAVAILABLE)]


def warn_of_a_source_still_being_made(case: Case) -> list[FieldError]:
    """Whether CopyImage takes a pending source isn't documented; the copy starts once it is available."""
    if case.source.get("State") not in NOT_YET:
        return []
    return [FieldError("SourceImageId", "The source isn't finished yet. The copy starts once it is available.")]


def instance_store_keeps_its_encryption(case: Case) -> list[FieldError]:
    """An AMI in S3 has no snapshots that could be encrypted."""
    if case.source.get("RootDeviceType") != "instance-store" or case.get("Encrypted") is not True:
        return []
    words = "Choose “Same as the source”. The source is in S3, not on EBS, and its encryption can't be changed."
    return [FieldError("Encrypted", words)]


def warn_of_a_paravirtual_source(case: Case) -> list[FieldError]:
    """Paravirtual AMIs go to Regions that support them only."""
    if case.source.get("VirtualizationType") != "paravirtual":
        return []
    return [FieldError("DestinationRegion", "The source is paravirtual, which only some older Regions support.")]
