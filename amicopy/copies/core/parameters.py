"""CopyImage's members, one row each: forms, reviews, commands, documents and histories loop over this table.

Only what knows something about one member names it: rules, look-ups, what compares images.
A test compares the table with botocore's model of CopyImage (names, types, required members, lengths), so an upgrade
that brings a field fails a test. Source of limits and meanings:
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CopyImage.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

Kind = Literal["text", "long text", "flag", "three-way", "number", "tags"]
Section = Literal["Source", "New image", "Destinations", "Tags", "Advanced"]
# request: the same in every call; destination: its own in each; both: a default that a destination can override.
Scope = Literal["request", "destination", "both"]
DestinationKind = Literal["region", "outpost", "zone"]
# What an input offers: of the account, or of the destination's Region, as far as AWS was asked.
Options = Literal["", "regions", "sources", "keys", "zones", "zone-ids", "outposts"]

SECTIONS: tuple[Section, ...] = get_args(Section)


@dataclass(frozen=True)
class Place:
    """How an input stands: over `width` of twelve columns, with or without its `help`; `folded` in a destination's row:
    it isn't in the line, but unfolds below it."""

    width: int = 12
    folded: bool = False
    help: bool = True


@dataclass(frozen=True)
class Parameter:
    """A member, and its inputs in the order of the form.

    `minimum` and `maximum` are lengths of a text, values of a number; `pattern` must match the whole text. `place` is
    the input's for the whole request, `own` that in a destination's row, `of_kind` the only kind of destination that
    has it. `answers` are the words for a three-way that is left out, true, false; `initial` is what an empty form has.
    """

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
    place: Place = Place()
    own: Place = Place()
    of_kind: DestinationKind | Literal[""] = ""
    # Said where its kind of destination is chosen and nothing of that kind filled in.
    asked: str = ""
    options: Options = ""
    answers: tuple[str, str, str] = ("Not said", "Yes", "No")
    unit: str = ""
    initial: str = ""
    # Spaces around it are the person's; those around any other text are dropped.
    spaces: bool = False
    # {date}, {source} and {region} in it are filled in.
    placeholders: bool = False
    # A destination that answers this member with "as the source" takes no default of the row's either.
    goes_with: str = ""


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
        place=Place(width=6),
        options="regions",
    ),
    Parameter(
        "SourceImageId",
        "text",
        "Source",
        "request",
        "Source AMI",
        "Its ID in the source Region. Several IDs make a request each, submitted together.",
        required=True,
        pattern=AMI_ID,
        pattern_words="ami- and 8 or 17 characters of 0-9 and a-f",
        mono=True,
        place=Place(width=12),
        options="sources",
    ),
    Parameter(
        "Name",
        "text",
        "New image",
        "both",
        "Name",
        "3 to 128 characters: letters, digits, spaces and ( ) [ ] . / - ' @ _. "
        "{date}, {source} and {region} are filled in before it is submitted.",
        required=True,
        minimum=3,
        maximum=128,
        pattern=rf"[{NAME_CHARACTERS}]*",
        pattern_words="letters, digits, spaces and ( ) [ ] . / - ' @ _",
        place=Place(width=7),
        own=Place(width=7, help=False),
        spaces=True,
        placeholders=True,
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
        place=Place(width=5),
    ),
    Parameter(
        "Encrypted",
        "three-way",
        "Destinations",
        "both",
        "Encryption",
        "“Same as the source” sends nothing: an encrypted AMI stays encrypted, an unencrypted one unencrypted "
        "unless the Region encrypts by default. Encrypted=false is never sent: AWS refuses it for an encrypted AMI.",
        place=Place(width=5, help=False),
        own=Place(width=5, help=False),
        answers=("Same as the source", "Encrypt", "Don't encrypt"),
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
        own=Place(folded=True),
        of_kind="outpost",
        asked="Enter the Outpost's ARN, or choose “Region” for this destination.",
        options="outposts",
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
        own=Place(width=7, folded=True),
        of_kind="zone",
        asked="Enter the Local Zone's name or ID, or choose “Region” for this destination.",
        options="zones",
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
        own=Place(width=5, folded=True, help=False),
        of_kind="zone",
        options="zone-ids",
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
        place=Place(width=7, help=False),
        own=Place(help=False),
        options="keys",
        goes_with="Encrypted",
    ),
    Parameter(
        "SnapshotCopyCompletionDurationMinutes",
        "number",
        "Destinations",
        "both",
        "Complete within",
        "Minutes: a multiple of 15, from 15 to 2,880. AWS charges extra. Left empty, AWS copies as fast as it can.",
        minimum=15,
        maximum=2880,
        step=15,
        place=Place(help=False),
        own=Place(width=5, help=False),
        of_kind="region",
        unit="min",
    ),
    Parameter(
        "CopyImageTags",
        "flag",
        "Tags",
        "request",
        "Copy the source AMI's tags",
        "Tags of the AMI only, never of its snapshots; aws: tags and other accounts' tags don't come along.",
        initial="on",
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
        "DryRun",
        "flag",
        "Advanced",
        "request",
        "Only check permissions",
        "A dry run: AWS says whether the copy would be allowed, and makes nothing.",
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
    own=Place(width=7, help=False),
    options="regions",
)


def of_scope(*scopes: Scope) -> list[Parameter]:
    """The rows of these scopes, in the table's order."""
    return [parameter for parameter in PARAMETERS if parameter.scope in scopes]


def of_section(section: Section) -> list[Parameter]:
    """What is filled in once for the whole request in a section of the form, in the table's order."""
    return [parameter for parameter in of_scope("request", "both") if parameter.section == section]


def of_destination(kind: str = "") -> list[Parameter]:
    """What is filled in for each destination, its Region first; of one kind of destination, or of all."""
    rows = [DESTINATION_REGION, *of_scope("destination", "both")]
    return [parameter for parameter in rows if not kind or parameter.of_kind in {"", kind}]


def shown(parameters: Mapping[str, Any]) -> list[tuple[Parameter, Any]]:
    """The filled members of a call in the table's order, for pages."""
    return [(parameter, parameters[parameter.name]) for parameter in PARAMETERS if parameter.name in parameters]
