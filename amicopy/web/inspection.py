"""A closer look at a source in words, the same on the form and for whoever decides: what a scan found, where it comes
from, what uses it, and whether a copy can be launched; see `copies.lookups.inspection`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from amicopy.aws.shapes import SEVERITIES
from amicopy.copies.lookups.inspection import KeptFinding, KeptFindings, KeptInspection, KeptReferences
from amicopy.copies.voting import fact_words

# What may use an image, by AWS's type of resource.
USERS: Mapping[str, tuple[str, str]] = {
    "ec2:Instance": ("instance", "instances"),
    "ec2:LaunchTemplate": ("launch template", "launch templates"),
    "ssm:Parameter": ("parameter", "parameters"),
    "imagebuilder:ImageRecipe": ("image recipe", "image recipes"),
    "imagebuilder:ContainerRecipe": ("container recipe", "container recipes"),
}


@dataclass(frozen=True)
class Line:
    """One thing that is known, or that isn't, with its colour and icon."""

    colour: str
    icon: str
    words: str


@dataclass(frozen=True)
class Inspected:
    """`findings` are the worst ones, `users` the first ARNs of what uses the source."""

    lines: Sequence[Line]
    findings: Sequence[KeptFinding] = ()
    users: Sequence[str] = ()
    # What uses it, counted; empty where nothing does, or nobody knows.
    used: str = ""

    @property
    def fold(self) -> str:
        """What can be unfolded, in words; empty where there is nothing."""
        return ". ".join([*(["The worst findings"] if self.findings else []), *([self.used] if self.used else [])])


def inspected(
    source: Mapping[str, Any], known: KeptInspection, offered: Mapping[str, Sequence[str]], *, at: datetime
) -> Inspected:
    """`source` is the image as a request keeps it, `offered` the instance types by destination, where that is known;
    days are counted until `at`."""
    lines = [
        *_scan(source.get("ScanResults") or {}, at),
        *_findings(known),
        *_marks(source),
        *_ancestry(known, source),
        *_references(known),
        *_launch(source, offered),
    ]
    findings, users = known.get("findings"), known.get("references")
    worst, arns = findings["worst"] if findings else (), users["arns"] if users else ()
    return Inspected(lines, worst, arns, _used(users) if users else "")


def _scan(scan: Mapping[str, Any], at: datetime) -> Iterator[Line]:
    if not scan:
        yield Line("idle", "info", "No scan known")
        return
    days = max(timedelta(), at.astimezone(UTC) - datetime.fromisoformat(scan["FindingScanDate"])).days
    when, worst = f"Scanned {fact_words.days_ago(days)}", scan["HighestFindingSeverityLabel"]
    since = (scan.get("fixes") or {}).get(worst, "")
    fix = f", fix since {date.fromisoformat(since[:10]):%-d %b %Y}" if since else ""
    colour = {"critical": "fail", "high": "warn"}.get(worst, "ok")
    found = f"worst finding {worst}{fix}" if worst else "nothing found"
    yield Line(colour, "ok" if colour == "ok" else "finding", f"{when}, {found}")


def _findings(known: KeptInspection) -> Iterator[Line]:
    if reason := _not_known(known, "findings"):
        yield Line("idle", "info", f"Findings not known. {reason}")
    elif (findings := known.get("findings")) and findings["counts"]:
        yield Line("idle", "finding", _counted(findings))


def _counted(findings: KeptFindings) -> str:
    # A database keeps no order of members.
    counts = [(findings["counts"].get(severity), severity) for severity in reversed(SEVERITIES)]
    said = ", ".join(f"{count} {severity}" for count, severity in counts if count)
    return f"Findings: {said}{' and more' if findings['more'] else ''}"


def _marks(source: Mapping[str, Any]) -> Iterator[Line]:
    if marks := source.get("ImageWatermarks"):
        yield Line("ok", "shield", f"Watermark {', '.join(marks)}")
    if source.get("ImageAllowed") is False:
        yield Line("fail", "stop", "Not among the account’s allowed AMIs")
    if launched := source.get("LastLaunchedTime"):
        yield Line("idle", "clock", f"Last launched {datetime.fromisoformat(launched):%-d %b %Y}")


def _ancestry(known: KeptInspection, source: Mapping[str, Any]) -> Iterator[Line]:
    if reason := _not_known(known, "ancestry"):
        yield Line("idle", "info", f"Ancestry not known. {reason}")
    if "ancestry" not in known:
        return
    chain = [each for each in known["ancestry"] if each["ImageId"] != source["ImageId"]]
    if not chain:
        yield Line("idle", "arrow", "Made of no other AMI that AWS knows")
        return
    root = chain[-1]
    far = "" if len(chain) == 1 else f", {len(chain)} generations back"
    yield Line("idle", "arrow", f"Descends from {root['ImageId']} of {root['ImageOwnerAlias']}{far}")


def _references(known: KeptInspection) -> Iterator[Line]:
    if reason := _not_known(known, "references"):
        yield Line("idle", "info", f"What uses it isn’t known. {reason}")
    if "references" in known and not known["references"]["counts"]:
        yield Line("idle", "info", "Nothing in its Region uses it")


def _used(users: KeptReferences) -> str:
    said = [
        f"{count} {one if count == 1 else many}"
        for kind, (one, many) in USERS.items()
        if (count := users["counts"].get(kind))
    ]
    more = " and more" if users["more"] else ""
    return f"Used in its Region by {', '.join(said)}{more}" if said else ""


def _launch(source: Mapping[str, Any], offered: Mapping[str, Sequence[str]]) -> Iterator[Line]:
    wanted = ", ".join(source.get("SupportedInstanceTypes") or ()) or f"for {source.get('Architecture', '')}"
    lacking = [place for place, types in offered.items() if not types]
    if lacking:
        yield Line("warn", "warn", f"{', '.join(lacking)}: no instance type {wanted} found")
    elif offered:
        yield Line(
            "ok", "ok", f"Instance types {wanted} in {'each Region' if len(offered) > 1 else next(iter(offered))}"
        )


def _not_known(known: KeptInspection, part: str) -> str:
    return (known.get("not_known") or {}).get(part, "")
