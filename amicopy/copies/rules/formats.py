"""The written form of names, ids, Regions, zones, ARNs and keys, and what was probably meant by another."""

import re
from collections.abc import Callable

from amicopy.aws.partitions import partition_of, region_meant, titles
from amicopy.copies.core.calls import FieldError
from amicopy.copies.core.parameters import (
    AMI_ID,
    BY_NAME,
    DESTINATION_REGION,
    KEY_ALIAS,
    KEY_ID,
    NAME_CHARACTERS,
    NAME_SURELY,
    OUTPOST_ID,
    REGION,
    ZONE_ID,
    ZONE_NAME,
    Parameter,
)
from amicopy.copies.rules.case import Case
from amicopy.copies.rules.characters import invisible, to_remove
from amicopy.copies.rules.fields import length_error, plain

REGIONS = (BY_NAME["SourceRegion"], DESTINATION_REGION)
# What the first letters of an id say it is of.
OTHER_IDS = {
    "snap": "a snapshot's ID",
    "i": "an instance's ID",
    "vol": "a volume's ID",
    "lt": "a launch template's ID",
    "aki": "a kernel's ID",
}


def name_has_only_allowed_characters(case: Case) -> list[FieldError]:
    """Letters, digits, spaces and ( ) [ ] . / - ' @ _ of ASCII.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateImage.html
    """

    def meant(name: str) -> str:
        return to_remove(name, re.sub(rf"[{NAME_CHARACTERS}]", "", name))

    return _pattern_errors(case, BY_NAME["Name"], meant)


def source_image_id_is_an_ami_id(case: Case) -> list[FieldError]:
    """ami- and 8 or 17 characters of 0-9 and a-f.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html
    """

    def meant(text: str) -> str:
        inside = re.search(rf"{AMI_ID}(?![0-9a-z])", text.lower())
        if inside:
            return f"Did you mean {inside[0]}?"
        if re.fullmatch(r"[0-9a-f]{8}|[0-9a-f]{17}", text):
            return f"Did you mean ami-{text}?"
        other = OTHER_IDS.get(text.split("-")[0])
        if other and re.fullmatch(r"[a-z]+-[0-9a-f]+", text):
            return f"This is {other}."
        digits = re.fullmatch(r"ami-([0-9a-f]+)", text)
        return f"This has {len(digits[1])} after ami-." if digits else ""

    return _pattern_errors(case, BY_NAME["SourceImageId"], meant)


def regions_are_region_codes(case: Case) -> list[FieldError]:
    """A Region is given by its code such as eu-west-1, not by its name, a zone or an endpoint.

    https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html
    """

    def meant(text: str) -> str:
        zone = re.fullmatch(rf"({REGION})[a-z]", text)
        if zone:
            return f"This is an Availability Zone. Did you mean {zone[1]}?"
        code = region_meant(text)
        return f"Did you mean {code}?" if code else ""

    return [error for parameter in REGIONS for error in _pattern_errors(case, parameter, meant)]


def regions_are_of_a_known_partition(case: Case) -> list[FieldError]:
    """A code of the right form that belongs to no partition would only fail at AWS.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
    """
    errors = []
    for name, region in _region_codes(case):
        if not partition_of(region):
            code = region_meant(region)
            meant = f" Did you mean {code}?" if code else ""
            errors.append(FieldError(name, f"Choose a Region of AWS. {region} isn't one.{meant}"))
    return errors


def outpost_arn_is_well_formed(case: Case) -> list[FieldError]:
    """arn:PARTITION:outposts:REGION:ACCOUNT:outpost/op- and 17 characters of 0-9 and a-f, in at most 255.

    https://docs.aws.amazon.com/outposts/latest/APIReference/API_Outpost.html
    """

    def meant(text: str) -> str:
        if re.fullmatch(OUTPOST_ID, text):
            region = case.call.DestinationRegion
            partition = partition_of(region) or case.partition
            return f"Did you mean arn:{partition}:outposts:{region}:{case.account_id}:outpost/{text}?"
        return _of_another_service(text, "outposts")

    return _pattern_errors(case, BY_NAME["DestinationOutpostArn"], meant)


def local_zone_name_is_well_formed(case: Case) -> list[FieldError]:
    """A Local Zone's name such as us-east-1-bos-1a; an Availability Zone or a Wavelength Zone is none.

    https://docs.aws.amazon.com/local-zones/latest/ug/available-local-zones.html
    """

    def meant(text: str) -> str:
        if re.fullmatch(ZONE_ID, text):
            return "This is a zone's ID: enter it as Local Zone ID, and leave this empty."
        return _not_local(text)

    return _pattern_errors(case, BY_NAME["DestinationAvailabilityZone"], meant)


def local_zone_id_is_well_formed(case: Case) -> list[FieldError]:
    """A Local Zone's ID such as use1-bos1-az1.

    https://docs.aws.amazon.com/local-zones/latest/ug/available-local-zones.html
    """

    def meant(text: str) -> str:
        if re.fullmatch(ZONE_NAME, text):
            return "This is a zone's name: enter it as Local Zone, and leave this empty."
        return _not_local(text)

    return _pattern_errors(case, BY_NAME["DestinationAvailabilityZoneId"], meant)


def key_is_an_id_an_alias_or_an_arn(case: Case) -> list[FieldError]:
    """A key's id (a UUID in lower case, or mrk- and 32 of 0-9 and a-f), alias/NAME, or the ARN of a key or alias.

    https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html#key-id
    """

    def meant(text: str) -> str:
        inside = re.fullmatch(rf"/?key/({KEY_ID})", text)
        if inside:
            return f"Did you mean {inside[1]}?"
        named = re.fullmatch(r"(?i:/?alias[/:])(.+)", text)
        if named and re.fullmatch(KEY_ALIAS, f"alias/{named[1]}"):
            return f"Did you mean alias/{named[1]}?"
        arn = text.split(":", 5)
        if len(arn) == 6 and arn[0] == "arn" and arn[2] == "kms" and not re.fullmatch(r"[0-9]{12}", arn[4]):
            return "The account in a key's ARN has 12 digits."
        if arn[0] == "arn":
            return _of_another_service(text, "kms")
        return f"Did you mean alias/{text}?" if re.fullmatch(KEY_ALIAS, f"alias/{text}") else ""

    return _pattern_errors(case, BY_NAME["KmsKeyId"], meant)


def client_token_is_ascii(case: Case) -> list[FieldError]:
    """A token is ASCII; upper and lower case differ.

    https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html
    """
    return _pattern_errors(case, BY_NAME["ClientToken"], lambda text: "")


def warn_of_characters_only_some_pages_allow(case: Case) -> list[FieldError]:
    """AWS's list of error codes allows fewer characters in a name than CreateImage's page.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
    """
    name = plain(case, BY_NAME["Name"])
    wrong = sorted(set(re.findall(rf"[^{NAME_SURELY}]", name)))
    if not wrong or re.search(rf"[^{NAME_CHARACTERS}]", name):
        return []
    words = " ".join("a space" if character == " " else character for character in wrong)
    return [
        FieldError("Name", f"AWS's pages disagree whether a name may have {words}. Letters, digits, - _ . / are safe.")
    ]


def warn_of_regions_newer_than_botocore(case: Case) -> list[FieldError]:
    """A Region that this version of botocore doesn't list is new, or mistyped.

    https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html
    """
    warnings = []
    for name, region in _region_codes(case):
        partition = partition_of(region)
        if partition and region not in titles(partition):
            code = region_meant(region)
            meant = f" Did you mean {code}?" if code else ""
            warnings.append(
                FieldError(name, f"{region} isn't among the Regions known here: it is new, or mistyped.{meant}")
            )
    return warnings


def _pattern_errors(case: Case, parameter: Parameter, meant: Callable[[str], str]) -> list[FieldError]:
    """What is said of a text that isn't of its parameter's form: what it must be, and what was probably meant."""
    text = plain(case, parameter)
    if not text or re.fullmatch(parameter.pattern, text):
        return []
    words = _simply_meant(parameter, text) or meant(text.strip()) or to_remove(text, "".join(filter(invisible, text)))
    must = f"{parameter.label} must be {parameter.pattern_words}."
    return [FieldError(parameter.name, f"{must} {words}".rstrip())]


def _simply_meant(parameter: Parameter, text: str) -> str:
    """White space, quotes and upper case: right but for these."""

    def fits(candidate: str) -> bool:
        return bool(re.fullmatch(parameter.pattern, candidate)) and not length_error(parameter, candidate)

    bare = text.strip()
    if bare != text and fits(bare):
        around = {character for character in text if character.isspace() and character != " "}
        return to_remove(text, "".join(around)) or "Remove the space around it."
    bare = re.sub(r"\s", "", text.strip("\"'`“”‘’,;. \t\n"))
    for candidate in (bare, bare.lower()):
        if candidate != text and fits(candidate) and parameter.name != "Name":
            return f"Did you mean {candidate}?"
    return ""


def _of_another_service(arn: str, service: str) -> str:
    parts = arn.split(":")
    if parts[0] != "arn" or len(parts) < 6 or parts[2] == service or not re.fullmatch(r"[a-z0-9-]{1,30}", parts[2]):
        return ""
    return f"This is an ARN of {parts[2]}."


def _not_local(text: str) -> str:
    if re.fullmatch(rf"{REGION}[a-z]|[a-z]+[0-9]+-az[0-9]+", text):
        return "This is an Availability Zone: a copy goes to its Region as a whole."
    if "-wl" in text:
        return "This is a Wavelength Zone, where no snapshot can be copied to."
    return "This is a Region." if re.fullmatch(REGION, text) else ""


def _region_codes(case: Case) -> list[tuple[str, str]]:
    """The Regions that have a Region's form."""
    texts = [(parameter.name, plain(case, parameter)) for parameter in REGIONS]
    return [(name, text) for name, text in texts if re.fullmatch(REGION, text)]
