"""What EC2 knows of an image beyond what it is: findings of a scan, its ancestry, what uses it, and which instance
types a Region offers. Every function raises the errors of `amicopy.aws.errors` and no other; all of it is help, none of
it needed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from amicopy.aws.account import AwsAccount
from amicopy.aws.list_pages import literal
from amicopy.aws.sessions import client, typed_errors

# An image may have thousands of findings: the page that AWS gives first is enough to show and to count.
FINDINGS_AT_MOST = 1000
OFFERINGS_AT_MOST = 100
REFERENCES_AT_MOST = 100


@dataclass(frozen=True)
class Finding:
    """One of API_ImageFinding.html. `SeverityLabel` is AWS's: informational, low, medium, high or critical."""

    Title: str
    SeverityLabel: str
    Score: float
    FixAvailable: bool
    FirstObservedAt: datetime | None


@dataclass(frozen=True)
class Findings:
    """`more`: there are others that weren't read."""

    found: tuple[Finding, ...]
    more: bool


@dataclass(frozen=True)
class Ancestor:
    """One of API_ImageAncestryEntry.html. `ImageOwnerAlias` is amazon and the like, or an account's number."""

    ImageId: str
    ImageOwnerAlias: str
    CreationDate: datetime | None
    SourceImageId: str
    SourceImageRegion: str


@dataclass(frozen=True)
class Reference:
    """One of API_ImageReference.html. `ResourceType` is AWS's, such as ec2:LaunchTemplate."""

    ResourceType: str
    Arn: str


@dataclass(frozen=True)
class References:
    """What of the account uses an image; `more`: there is more that wasn't read."""

    found: tuple[Reference, ...]
    more: bool


@typed_errors()
def findings(account: AwsAccount, *, region: str, image_id: str, quick: bool = True) -> Findings:
    """What a scan found in an image (API_GetImageFindings.html)."""
    answer = client("ec2", account, region, quick=quick).get_image_findings(
        ImageId=image_id, MaxResults=FINDINGS_AT_MOST
    )
    rows = answer.get("ImageFindings") or ()
    return Findings(tuple(map(_finding, rows)), more=bool(answer.get("NextToken")))


@typed_errors()
def ancestry(account: AwsAccount, *, region: str, image_id: str, quick: bool = True) -> list[Ancestor]:
    """Where an image comes from, itself first and its root last, as far as AWS knows it (API_GetImageAncestry.html)."""
    answer = client("ec2", account, region, quick=quick).get_image_ancestry(ImageId=image_id)
    return [
        Ancestor(
            ImageId=row.get("ImageId", ""),
            ImageOwnerAlias=row.get("ImageOwnerAlias", ""),
            CreationDate=row.get("CreationDate"),
            SourceImageId=row.get("SourceImageId", ""),
            SourceImageRegion=row.get("SourceImageRegion", ""),
        )
        for row in answer.get("ImageAncestryEntries") or ()
    ]


@typed_errors()
def references(account: AwsAccount, *, region: str, image_id: str, quick: bool = True) -> References:
    """What of the account's own in the Region uses an image: instances, launch templates, parameters and recipes
    (API_DescribeImageReferences.html)."""
    answer = client("ec2", account, region, quick=quick).describe_image_references(
        ImageIds=[image_id], IncludeAllResourceTypes=True, MaxResults=REFERENCES_AT_MOST
    )
    rows = answer.get("ImageReferences") or ()
    found = tuple(Reference(row.get("ResourceType", ""), row.get("Arn", "")) for row in rows)
    return References(found, more=bool(answer.get("NextToken")))


@typed_errors()
def offered_types(
    account: AwsAccount, *, region: str, types: Sequence[str] = (), families: Sequence[str] = (), quick: bool = True
) -> list[str]:
    """The instance types that a Region offers of these, and of these families, such as `m7g`
    (API_DescribeInstanceTypeOfferings.html); of many the first. Give at least one, at most 200 together."""
    values = [*map(literal, types), *(f"{literal(family)}.*" for family in families)]
    ec2 = client("ec2", account, region, quick=quick)
    found: list[str] = []
    # AWS may answer with a page that is empty and not the last.
    pages = ec2.pages(
        "describe_instance_type_offerings",
        LocationType="region",
        Filters=[{"Name": "instance-type", "Values": values}],
        PaginationConfig={"PageSize": OFFERINGS_AT_MOST},
    )
    for page in pages:
        found += [row["InstanceType"] for row in page.get("InstanceTypeOfferings") or ()]
        if found:
            break
    return found


def _finding(raw: Mapping[str, Any]) -> Finding:
    return Finding(
        Title=raw.get("Title", ""),
        SeverityLabel=raw.get("SeverityLabel", ""),
        Score=float(raw.get("Score") or 0),
        FixAvailable=bool(raw.get("FixAvailable", False)),
        FirstObservedAt=raw.get("FirstObservedAt"),
    )
