"""The table of steps after a copy, a row a step, in the order in which they are done.

Members are spelt as AWS does, `code` is AWS's name of what the step sets. Forms, the API, pages and histories loop over
this table. A test compares it with botocore's models and with the engine's calls, so that no step lacks either.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from amicopy.copies.core.steps.members import Fault, Member, Members, Wrong, time_of

# AWS's limits: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ami-quotas.html (entities an AMI is shared with),
# API_ModifySnapshotAttribute.html (accounts in a call), API_EnableImageDeprecation.html (years).
MOST_ENTITIES = 1000
MOST_SNAPSHOT_ACCOUNTS = 500
MOST_DAYS = 3650
PUBLIC_MOST_DAYS = 730
# A date that is nearer than this is past by the time the copy is there.
SOONEST = timedelta(hours=1)

ACCOUNT = r"[0-9]{12}"
# https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_LaunchPermissionConfiguration.html
ORGANIZATION_ARN = r"arn:aws[a-z-]*:organizations::[0-9]{12}:organization/o-[a-z0-9]{10,32}"
UNIT_ARN = r"arn:aws[a-z-]*:organizations::[0-9]{12}:ou/o-[a-z0-9]{10,32}/ou-[0-9a-z]{4,32}-[0-9a-z]{8,32}"
TEMPLATE_ID = r"lt-(?:[0-9a-f]{8}|[0-9a-f]{17})"

WATERMARK = "ImageWatermark"
SNAPSHOTS = "CreateVolumePermission"
LAUNCH = "LaunchPermission"
IMDS = "ImdsSupport"
DEPRECATION = "ImageDeprecation"
PROTECTION = "ImageDeregistrationProtection"
TEMPLATE = "LaunchTemplateVersion"
ALIAS = "Parameter"

Check = Callable[[Members, datetime], list[Fault]]


def _nothing(members: Members, now: datetime) -> list[Fault]:
    return []


@dataclass(frozen=True)
class Step:
    """`shown` is its place where people see the steps; `check` says what is wrong with its members together, at a
    moment; `permissions` are the IAM actions that it and its undoing need; `publishes`: others use what it points to
    from then on."""

    code: str
    label: str
    help: str
    members: tuple[Member, ...]
    shown: int
    permissions: tuple[str, ...]
    check: Check = _nothing
    publishes: bool = False

    def member(self, name: str) -> Member | None:
        return next((member for member in self.members if member.name == name), None)


def _somebody(members: Members, now: datetime) -> list[Fault]:
    faults = [] if members else [Fault("", Wrong.MISSING, "Say who it is to be shared with.")]
    count = sum(len(each) for each in members.values() if isinstance(each, list))
    if count > MOST_ENTITIES:
        words = f"AWS shares an AMI with at most {MOST_ENTITIES:,} of all kinds together. These are {count:,}."
        faults.append(Fault("", Wrong.TOO_MANY, words))
    return faults


def _one_of(names: tuple[str, str], words: str) -> Check:
    def check(members: Members, now: datetime) -> list[Fault]:
        return [] if sum(name in members for name in names) == 1 else [Fault(names[0], Wrong.ONE_OF, words)]

    return check


_one_date = _one_of(("DeprecateAt", "DaysAfterCopy"), "Enter either a date or a number of days after the copy.")


def _in_time(members: Members, now: datetime) -> list[Fault]:
    faults = _one_date(members, now)
    when = time_of(members["DeprecateAt"]) if "DeprecateAt" in members else None
    if when is not None and when < now + SOONEST:
        faults.append(Fault("DeprecateAt", Wrong.PAST, "Enter a date in the future: AWS takes none of the past."))
    if when is not None and when > now + timedelta(days=MOST_DAYS):
        faults.append(Fault("DeprecateAt", Wrong.TOO_LATE, "Enter a date in the next ten years."))
    return faults


STEPS: tuple[Step, ...] = (
    Step(
        WATERMARK,
        "Watermark",
        "Marks the AMI as approved. The mark goes along with copies of it; a marked AMI can't be made public.",
        (
            Member(
                "WatermarkName",
                "text",
                "Name",
                "3 to 128 letters, digits and signs.",
                required=True,
                minimum=3,
                maximum=128,
                pattern=r"[A-Za-z0-9()\[\] ./\-'@_]+",
                pattern_words="letters, digits, spaces and ( ) [ ] . / - ' @ _",
            ),
        ),
        7,
        ("ec2:AttachImageWatermark", "ec2:DetachImageWatermark"),
    ),
    Step(
        SNAPSHOTS,
        "Share its snapshots",
        "These accounts may make volumes of the AMI's snapshots. AWS shares snapshots with accounts only.",
        (
            Member(
                "UserIds",
                "texts",
                "Accounts",
                "12 digits each.",
                required=True,
                most=MOST_SNAPSHOT_ACCOUNTS,
                pattern=ACCOUNT,
                pattern_words="the 12 digits of an account",
                mono=True,
            ),
        ),
        2,
        ("ec2:ModifySnapshotAttribute", "ec2:DescribeSnapshotAttribute"),
    ),
    Step(
        LAUNCH,
        "Share the AMI",
        "These may launch the AMI.",
        (
            Member(
                "UserIds",
                "texts",
                "Accounts",
                "12 digits each.",
                most=MOST_ENTITIES,
                pattern=ACCOUNT,
                pattern_words="the 12 digits of an account",
                mono=True,
            ),
            Member(
                "OrganizationArns",
                "texts",
                "Organizations",
                "By ARN: all accounts of the organization.",
                most=MOST_ENTITIES,
                pattern=ORGANIZATION_ARN,
                pattern_words="an organization's ARN such as "
                "arn:aws:organizations::111122223333:organization/o-a1b2c3d4e5",
                mono=True,
            ),
            Member(
                "OrganizationalUnitArns",
                "texts",
                "Organizational units",
                "By ARN: all accounts in the unit and below it.",
                most=MOST_ENTITIES,
                pattern=UNIT_ARN,
                pattern_words="a unit's ARN such as "
                "arn:aws:organizations::111122223333:ou/o-a1b2c3d4e5/ou-a1b2-c3d4e5f6",
                mono=True,
            ),
            Member(
                "UserGroups",
                "texts",
                "Everybody",
                "“all” makes the AMI public, where an approval rule allows that.",
                most=1,
                choices=("all",),
            ),
        ),
        1,
        ("ec2:ModifyImageAttribute", "ec2:DescribeImageAttribute"),
        check=_somebody,
    ),
    Step(
        IMDS,
        "Require IMDSv2",
        "Instances launched from the AMI ask for IMDSv2 from the start. It can't be taken back simply.",
        (Member("Value", "text", "Version", required=True, choices=("v2.0",)),),
        8,
        ("ec2:ModifyImageAttribute",),
    ),
    Step(
        DEPRECATION,
        "Deprecate",
        "From then on AWS leaves the AMI out of lists; who knows its ID can still launch it.",
        (
            Member("DeprecateAt", "time", "On", "In UTC, to the minute."),
            Member("DaysAfterCopy", "number", "Days after the copy", minimum=1, maximum=MOST_DAYS),
        ),
        4,
        ("ec2:EnableImageDeprecation", "ec2:DisableImageDeprecation"),
        check=_in_time,
    ),
    Step(
        PROTECTION,
        "Protect from deregistration",
        "Nobody can deregister the AMI while it is protected, amicopy neither.",
        (
            Member(
                "WithCooldown",
                "flag",
                "With a cooldown",
                "After the protection ends, AWS protects the AMI for another 24 hours.",
            ),
        ),
        5,
        ("ec2:EnableImageDeregistrationProtection", "ec2:DisableImageDeregistrationProtection"),
    ),
    Step(
        TEMPLATE,
        "New version of a launch template",
        "A version with the AMI, and all else as in the version it is made from.",
        (
            Member(
                "LaunchTemplateId",
                "text",
                "Launch template",
                "By its ID.",
                pattern=TEMPLATE_ID,
                pattern_words="lt- and 8 or 17 characters of 0-9 and a-f",
                mono=True,
            ),
            Member(
                "LaunchTemplateName",
                "text",
                "Or by name",
                minimum=3,
                maximum=128,
                pattern=r"[a-zA-Z0-9()./_\-]+",
                pattern_words="letters, digits and ( ) . / - _",
            ),
            Member(
                "SourceVersion",
                "text",
                "Made from version",
                "A number, $Latest or $Default; without it from $Latest.",
                pattern=r"[1-9][0-9]{0,8}|\$Latest|\$Default",
                pattern_words="a number, $Latest or $Default",
            ),
            Member("SetDefaultVersion", "flag", "Make it the default version"),
        ),
        6,
        (
            "ec2:CreateLaunchTemplateVersion",
            "ec2:ModifyLaunchTemplate",
            "ec2:DescribeLaunchTemplates",
            "ec2:DescribeLaunchTemplateVersions",
        ),
        check=_one_of(
            ("LaunchTemplateId", "LaunchTemplateName"), "Enter a launch template by either its ID or its name."
        ),
        publishes=True,
    ),
    Step(
        ALIAS,
        "Publish under an alias",
        "A Systems Manager parameter with the AMI's ID, by which launches find it.",
        (
            Member(
                "Name",
                "text",
                "Parameter",
                "{date}, {source} and {region} are filled in before it is submitted.",
                required=True,
                maximum=1011,
                pattern=r"(?!/?(?i:aws|ssm))(?:[a-zA-Z0-9_.\-]+|(?:/[a-zA-Z0-9_.\-]+){1,15})",
                pattern_words="a parameter's name such as /golden/al2023: letters, digits, . - _ and up to 15 levels, "
                "never beginning with aws or ssm",
                placeholders=True,
                mono=True,
            ),
            Member(
                "Overwrite", "flag", "Overwrite it", "Where the parameter is there, it shows this AMI from then on."
            ),
            Member("Description", "text", "Description", maximum=1024),
        ),
        3,
        ("ssm:PutParameter", "ssm:GetParameter", "ssm:DeleteParameter"),
        publishes=True,
    ),
)
BY_CODE: Mapping[str, Step] = {step.code: step for step in STEPS}
SHOWN: tuple[Step, ...] = tuple(sorted(STEPS, key=lambda step: step.shown))


def in_order(codes: Collection[str]) -> list[Step]:
    """The steps among these, in the order in which they are done; what the table has no more is left out."""
    return [step for step in STEPS if step.code in codes]
