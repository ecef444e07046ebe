"""CopyImage's members, one row each. Forms, pages, previews and audit loop over this table; none names a field.

A test compares the table with botocore's model of CopyImage (names, types, required members, lengths), so an upgrade
that brings a field fails a test. Source of limits and meanings:
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CopyImage.html
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["text", "long text", "flag", "three-way", "number", "tags"]
Section = Literal["Source", "New image", "Destinations", "Tags", "Timing", "Advanced"]
# request: the same in every call; destination: its own in each; both: a default that a destination can override.
Scope = Literal["request", "destination", "both"]


@dataclass(frozen=True)
class Parameter:
    """`minimum` and `maximum` are lengths of a text, values of a number; `pattern` must match the whole text."""

    name: str
    kind: Kind
    section: Section
    scope: Scope
    label: str
    help: str = ""
    required: bool = False
    minimum: int | None = None
    maximum: int | None = None
    step: int = 1
    pattern: str = ""
    pattern_words: str = ""
    mono: bool = False


# Digits are spelled [0-9]: \d takes those of every script.
REGION = r"(?:[a-z]+-){2,3}[0-9]+"
# CreateImage's page lists these; InvalidAMIName.Malformed lists fewer, NAME_SURELY.
NAME_CHARACTERS = r"A-Za-z0-9()\[\] ./\-'@_"
NAME_SURELY = r"A-Za-z0-9()./\-_"
AMI_ID = r"ami-(?:[0-9a-f]{8}|[0-9a-f]{17})"
OUTPOST_ID = r"op-[a-f0-9]{17}"
OUTPOST_ARN = rf"arn:aws(?:[a-z-]+)?:outposts:[a-z0-9-]+:[0-9]{{12}}:outpost/{OUTPOST_ID}"
ZONE_NAME = rf"{REGION}-[a-z]{{3}}-[0-9]+[a-z]"
ZONE_ID = r"[a-z]+[0-9]+-[a-z]{3}[0-9]+-az[0-9]+"
KEY_ID = r"(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|mrk-[0-9a-f]{32})"
KEY_ALIAS = r"alias/[a-zA-Z0-9:/_-]{1,250}"
KEY_ARN = rf"arn:aws[a-z-]*:kms:{REGION}:[0-9]{{12}}:(?:key/{KEY_ID}|{KEY_ALIAS})"

PARAMETERS: tuple[Parameter, ...] = (
    Parameter(
        "SourceRegion",
        "text",
        "Source",
        "request",
        "Source Region",
        "Where the AMI is now.",
        required=True,
        maximum=32,
        pattern=REGION,
        pattern_words="a Region's code such as us-east-1",
        mono=True,
    ),
    Parameter(
        "SourceImageId",
        "text",
        "Source",
        "request",
        "Source AMI",
        "The AMI's ID in the source Region.",
        required=True,
        pattern=AMI_ID,
        pattern_words="ami- and 8 or 17 characters of 0-9 and a-f",
        mono=True,
    ),
    Parameter(
        "Name",
        "text",
        "New image",
        "both",
        "Name",
        "3 to 128 characters: letters, digits, spaces and ( ) [ ] . / - ' @ _. {date}, {source} and {region} are "
        "filled in before you submit.",
        required=True,
        minimum=3,
        maximum=128,
        pattern=rf"[{NAME_CHARACTERS}]*",
        pattern_words="letters, digits, spaces and ( ) [ ] . / - ' @ _",
    ),
    Parameter(
        "Description",
        "long text",
        "New image",
        "request",
        "Description",
        "Up to 255 characters.",
        minimum=0,
        maximum=255,
    ),
    Parameter(
        "DestinationOutpostArn",
        "text",
        "Destinations",
        "destination",
        "Outpost",
        "The Outpost's ARN. The source AMI must be in the Outpost's Region; the copy is always encrypted.",
        maximum=255,
        pattern=OUTPOST_ARN,
        pattern_words="an Outpost's ARN such as arn:aws:outposts:us-east-1:111122223333:outpost/op-0123456789abcdef0",
        mono=True,
    ),
    Parameter(
        "DestinationAvailabilityZone",
        "text",
        "Destinations",
        "destination",
        "Local Zone",
        "The Local Zone's name. The source AMI must be in the zone's Region.",
        pattern=ZONE_NAME,
        pattern_words="a Local Zone's name such as us-east-1-bos-1a",
        mono=True,
    ),
    Parameter(
        "DestinationAvailabilityZoneId",
        "text",
        "Destinations",
        "destination",
        "Local Zone ID",
        "Instead of the name: the zone's ID, which is the same in every account.",
        pattern=ZONE_ID,
        pattern_words="a Local Zone's ID such as use1-bos1-az1",
        mono=True,
    ),
    Parameter(
        "Encrypted",
        "three-way",
        "Destinations",
        "both",
        "Encryption",
        "“Same as the source” sends nothing: an encrypted AMI stays encrypted, an unencrypted one unencrypted "
        "unless the Region encrypts by default. Encrypted=false is never sent: AWS refuses it for an encrypted AMI.",
    ),
    Parameter(
        "KmsKeyId",
        "text",
        "Destinations",
        "both",
        "KMS key",
        "Key ID, alias or ARN in the destination Region. Left empty, AWS uses the default EBS key there.",
        maximum=2048,
        pattern=rf"(?:{KEY_ID}|{KEY_ALIAS}|{KEY_ARN})",
        pattern_words="a key ID, alias/name, or the ARN of a key or alias",
        mono=True,
    ),
    Parameter(
        "CopyImageTags",
        "flag",
        "Tags",
        "request",
        "Copy the source AMI's tags",
        "Tags of the AMI only, never of its snapshots; aws: tags and other accounts' tags don't come along.",
    ),
    Parameter(
        "TagSpecifications",
        "tags",
        "Tags",
        "request",
        "New tags",
        "Up to 50 for the AMI and 50 for its snapshots.",
    ),
    Parameter(
        "SnapshotCopyCompletionDurationMinutes",
        "number",
        "Timing",
        "both",
        "Complete within",
        "Minutes: a multiple of 15, from 15 to 2,880. AWS charges extra. Left empty, AWS copies as fast as it can.",
        minimum=15,
        maximum=2880,
        step=15,
    ),
    Parameter(
        "ClientToken",
        "text",
        "Advanced",
        "request",
        "Client token",
        "Up to 64 characters. The same token never creates a second image. Left empty, amicopy makes one.",
        maximum=64,
        pattern=r"[\x20-\x7e]*",
        pattern_words="ASCII: letters, digits and signs without accents",
        mono=True,
    ),
    Parameter(
        "DryRun",
        "flag",
        "Advanced",
        "request",
        "Only check permissions",
        "A dry run: AWS says whether the copy would be allowed, and makes nothing.",
    ),
)

BY_NAME: Mapping[str, Parameter] = {parameter.name: parameter for parameter in PARAMETERS}
# What a destination is besides CopyImage's own members: the Region whose endpoint is called.
DESTINATION_REGION = Parameter(
    "DestinationRegion",
    "text",
    "Destinations",
    "destination",
    "Region",
    "Where the new AMI will be.",
    required=True,
    maximum=32,
    pattern=REGION,
    pattern_words="a Region's code such as eu-west-1",
    mono=True,
)


def of_section(section: Section, scopes: Iterable[Scope] = ("request", "both")) -> list[Parameter]:
    """The rows of one part of the form, in the table's order."""
    wanted = set(scopes)
    return [parameter for parameter in PARAMETERS if parameter.section == section and parameter.scope in wanted]


def shown(parameters: Mapping[str, Any]) -> list[tuple[Parameter, Any]]:
    """The filled members of a call in the table's order, for pages."""
    return [(parameter, parameters[parameter.name]) for parameter in PARAMETERS if parameter.name in parameters]
