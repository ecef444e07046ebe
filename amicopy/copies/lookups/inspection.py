"""A closer look at a source: what a scan found in it, where it comes from, what uses it, and whether a destination
offers instance types that a copy could be launched on.

All of it is help. Each question has a permission of its own, and an account that doesn't give it gets "not known":
never an error, never a wait of the form. What DescribeImages says by itself (scan results, watermarks, the last launch)
is part of the source. Allowed images aren't asked about in destinations: they never restrict an account's own images,
which a copy is (API_GetAllowedImagesSettings.html).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from amicopy.aws import inspection
from amicopy.aws.account import AwsAccount
from amicopy.aws.inspection import Ancestor, Findings, References
from amicopy.aws.shapes import SEVERITIES, Image
from amicopy.copies.lookups.async_queries import UNASKED, Missing, Question

# What a Region offers changes with the seasons.
OFFERED_KEPT_SECONDS = 3600
# The findings that are kept one by one, the worst first; what uses an image, too.
WORST = 10
USERS = 10
# Usual families of instance types by what they run (https://docs.aws.amazon.com/ec2/latest/instancetypes/).
FAMILIES: Mapping[str, Sequence[str]] = {
    "i386": ("t2", "t3", "m3", "c3", "m5"),
    "x86_64": ("t3", "t3a", "m5", "m6i", "m7i", "c5", "c6i", "r5", "r6i"),
    "arm64": ("t4g", "m6g", "m7g", "m8g", "c6g", "c7g", "c8g", "r6g", "r7g"),
    "x86_64_mac": ("mac1",),
    "arm64_mac": ("mac2", "mac2-m2", "mac2-m2pro", "mac-m4"),
}


class KeptFinding(TypedDict):
    """One finding, by AWS's names."""

    Title: str
    SeverityLabel: str
    Score: float
    FixAvailable: bool


class KeptFindings(TypedDict):
    """How many by severity, the worst of them, and whether there are others that weren't read."""

    counts: dict[str, int]
    worst: list[KeptFinding]
    more: bool


class KeptAncestor(TypedDict):
    """The source or an image that it was made of; `CreationDate` in ISO 8601, or empty."""

    ImageId: str
    ImageOwnerAlias: str
    CreationDate: str


class KeptReferences(TypedDict):
    """How many by AWS's type of resource, the first of them by their ARNs, and whether there are others that weren't
    read."""

    counts: dict[str, int]
    arns: list[str]
    more: bool


class KeptInspection(TypedDict, total=False):
    """What is known. `ancestry` ends with the root, and has the source itself, too. `not_known` says by the part's name
    why it isn't; `again` are the parts that another try may tell, and `looked_again_at` is when one did: see
    `closer_looks`."""

    findings: KeptFindings
    ancestry: list[KeptAncestor]
    references: KeptReferences
    not_known: dict[str, str]
    again: list[str]
    looked_again_at: str


PARTS = ("findings", "ancestry", "references")


def questions(account: AwsAccount, *, region: str, image_id: str) -> dict[str, Question[Any]]:
    """What can be asked of a source, by the part that it answers. Ask only what `source.askable` lets through."""
    arguments = (region, image_id)
    return {
        "findings": Question(
            "findings", account, arguments, lambda: inspection.findings(account, region=region, image_id=image_id)
        ),
        "ancestry": Question(
            "ancestry", account, arguments, lambda: inspection.ancestry(account, region=region, image_id=image_id)
        ),
        "references": Question(
            "references", account, arguments, lambda: inspection.references(account, region=region, image_id=image_id)
        ),
    }


def kept(answers: Mapping[str, Any]) -> KeptInspection:
    """The answers as a request keeps them; nothing is said of what is on its way."""
    found = KeptInspection()
    if isinstance(findings := answers.get("findings"), Findings):
        found["findings"] = _findings(findings)
    if isinstance(chain := answers.get("ancestry"), list):
        found["ancestry"] = [_ancestor(each) for each in chain]
    if isinstance(users := answers.get("references"), References):
        found["references"] = _references(users)
    reasons = {
        name: answer.reason for name, answer in answers.items() if isinstance(answer, Missing) and answer is not UNASKED
    }
    if reasons:
        found["not_known"] = reasons
    return found


def offered_question(account: AwsAccount, *, region: str, image: Image) -> Question[list[str]] | None:
    """The instance types a Region offers of those an image is for, the first of them; None where it can't be told which
    those are."""
    types, families = image.SupportedInstanceTypes, () if image.SupportedInstanceTypes else families_of(image)
    if not types and not families:
        return None

    def ask() -> list[str]:
        return inspection.offered_types(account, region=region, types=types, families=families)

    return Question("offered", account, (region, *types, *families), ask, OFFERED_KEPT_SECONDS)


def families_of(image: Image) -> Sequence[str]:
    """Usual families that run an image of this architecture."""
    return FAMILIES.get(image.Architecture, ())


def _findings(found: Findings) -> KeptFindings:
    severity = {name: place for place, name in enumerate(SEVERITIES)}
    ordered = sorted(found.found, key=lambda each: (-severity.get(each.SeverityLabel, -1), -each.Score, each.Title))
    counts = Counter(each.SeverityLabel for each in ordered)
    worst = [
        KeptFinding(
            Title=each.Title, SeverityLabel=each.SeverityLabel, Score=each.Score, FixAvailable=each.FixAvailable
        )
        for each in ordered[:WORST]
    ]
    return KeptFindings(
        counts={name: counts[name] for name in reversed(SEVERITIES) if counts[name]}, worst=worst, more=found.more
    )


def _references(users: References) -> KeptReferences:
    counts = Counter(each.ResourceType for each in users.found)
    arns = sorted(each.Arn for each in users.found)[:USERS]
    return KeptReferences(counts=dict(sorted(counts.items())), arns=arns, more=users.more)


def _ancestor(each: Ancestor) -> KeptAncestor:
    made = each.CreationDate.isoformat() if each.CreationDate else ""
    return KeptAncestor(ImageId=each.ImageId, ImageOwnerAlias=each.ImageOwnerAlias, CreationDate=made)
