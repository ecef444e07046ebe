"""What the sandbox holds against the steps that were approved: the other half of the judge of `make chaos`.

Every change that a call ever made to permissions, dates, protection, watermarks, launch templates and parameters is in
the sandbox's journal, as it was before and is after. Each has to be one that was approved, or its undoing; at the end
each approved step has to be done, or undone where the copy was cancelled. Of amicopy only its last word on each request
and copy is taken.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from amicopy.copies.core.steps import table
from amicopy.copies.core.steps.members import Members
from benchmarks.counting import NOTHING_MADE, Asked

Row = Mapping[str, Any]
# Account, Region, and an id or a name there.
Place = tuple[str, str, str]
# What a change is about -> the step that it belongs to. Launch templates are judged by their versions.
STEP_OF = {
    "ImageWatermarks": table.WATERMARK,
    "CreateVolumePermissions": table.SNAPSHOTS,
    "LaunchPermissions": table.LAUNCH,
    "ImdsSupport": table.IMDS,
    "DeprecationTime": table.DEPRECATION,
    "DeregistrationProtection": table.PROTECTION,
    "Parameter": table.ALIAS,
}
MEMBER_OF = {code: member for member, code in STEP_OF.items()}
OF_TEMPLATES = {"Versions", "DefaultVersionNumber"}
# The operations by one of which AWS does a step.
OPERATIONS = {
    table.WATERMARK: {"AttachImageWatermark"},
    table.SNAPSHOTS: {"ModifySnapshotAttribute"},
    table.LAUNCH: {"ModifyImageAttribute"},
    table.IMDS: {"ModifyImageAttribute"},
    table.DEPRECATION: {"EnableImageDeprecation"},
    table.PROTECTION: {"EnableImageDeregistrationProtection"},
    table.TEMPLATE: {"CreateLaunchTemplateVersion", "ModifyLaunchTemplate"},
    table.ALIAS: {"PutParameter"},
}


@dataclass(frozen=True)
class Sandbox:
    """What the sandbox lists: every image ever made, the changes `before` anybody asked and those since, and what it
    answered to each call."""

    images: Sequence[Row]
    before: Sequence[Row] = ()
    changes: Sequence[Row] = ()
    answers: Sequence[Row] = ()

    @cached_property
    def of_members(self) -> Mapping[tuple[Place, str], Sequence[Row]]:
        """The changes since by what they are about, oldest first."""
        found: dict[tuple[Place, str], list[Row]] = defaultdict(list)
        for row in self.changes:
            found[_where(row), row["member"]].append(row)
        return found


@dataclass(frozen=True)
class Subject:
    """A copy, or an AMI that exists, and what was approved for it; `images` has its snapshots by image."""

    one: Asked
    place: int
    images: Mapping[str, Sequence[str]]

    @property
    def state(self) -> str:
        return self.one.states[self.place]

    @property
    def here(self) -> tuple[str, str]:
        return self.one.account, self.one.regions[self.place]

    @cached_property
    def steps(self) -> Mapping[str, Members]:
        """What may be done: nothing where nobody approved it."""
        return {} if self.one.fate in NOTHING_MADE else self.one.steps.of(self.place)

    def may_have(self, code: str) -> frozenset[str]:
        """Everybody whom a step of sharing was approved for."""
        return frozenset(value for values in self.steps.get(code, {}).values() for value in values)

    def __str__(self) -> str:
        where = f"#{self.one.number} {self.one.name} in {self.here[1]}"
        return f"{where}, {self.one.fate}, {self.state}"


@dataclass
class History:
    """What one member of one resource was at first, and what each call made of it, in a form that can be compared."""

    first: Any
    values: list[Any] = field(default_factory=list)

    @property
    def last(self) -> Any:
        return self.values[-1] if self.values else self.first


def step_deviations(asked: Iterable[Asked], sandbox: Sandbox) -> list[str]:
    """Every promise about steps that was broken, in words."""
    subjects = [each for one in asked if len(one.states) == len(one.regions) for each in _subjects(one, sandbox)]
    owners = {(*each.here, name): each for each in subjects for name in _names(each)}
    return [
        *_strays(owners, sandbox),
        *(f"{each}: {fault}" for each in subjects for fault in _faults(each, sandbox)),
        *_templates(subjects, owners, sandbox),
        *_asked_wider(subjects, owners, sandbox),
        *_requests({id(each.one): each.one for each in subjects}.values()),
        *_removed(subjects, sandbox),
    ]


def false_steps(said: Iterable[Row], answers: Iterable[Row]) -> list[str]:
    """Every event that says a step is done by an answer that was about something else."""
    known = {answer["request_id"]: answer for answer in answers}
    wrong = []
    for event in said:
        answer = known.get(event["aws_request_id"])
        if event["action"] != "step.done" or answer is None:
            continue
        if answer["action"] not in OPERATIONS[event["data"]["step"]] or not answer["carried_out"]:
            outcome = "carried out" if answer["carried_out"] else answer["code"]
            wrong.append(f"event {event['id']} step.done: {event['data']['step']} by {answer['action']}, {outcome}")
    return wrong


def _subjects(one: Asked, sandbox: Sandbox) -> Iterator[Subject]:
    for place, region in enumerate(one.regions):
        if one.existing:
            yield Subject(one, place, {one.source: one.snapshots})
            continue
        mine = [
            row
            for row in sandbox.images
            if (row["Account"], row["Region"], row["Name"]) == (one.account, region, one.name)
        ]
        yield Subject(
            one,
            place,
            {
                row["ImageId"]: [each["SnapshotId"] for each in (*row["Snapshots"], *row["DeletedSnapshots"])]
                for row in mine
            },
        )


def _names(subject: Subject) -> list[str]:
    """What belongs to nobody else: images, snapshots, and the parameter."""
    alias = subject.one.steps.of(subject.place).get(table.ALIAS, {})
    snapshots = [name for each in subject.images.values() for name in each]
    return [*subject.images, *snapshots, *([alias["Name"]] if alias else [])]


def _where(change: Row) -> Place:
    return change["account"], change["region"], change["resource"]


def _strays(owners: Mapping[Place, Subject], sandbox: Sandbox) -> Iterator[str]:
    """What was changed though nobody approved a step about it, and who was let in at any moment."""
    for change in sandbox.changes:
        subject, member = owners.get(_where(change)), change["member"]
        if member in OF_TEMPLATES:
            continue
        name = f"{member} of {change['resource']} in {change['region']} by {change['action']}"
        code = table.PROTECTION if member == "CooldownUntil" else STEP_OF.get(member)
        if subject is None:
            yield f"{name}: nobody asked for that"
            continue
        if code in {table.LAUNCH, table.SNAPSHOTS}:
            new = _plain(member, change["after"]) - _plain(member, change["before"])
            if wider := new - subject.may_have(code):
                yield f"{subject}: {name}: given to {', '.join(sorted(wider))}, whom nobody approved"
        elif code not in subject.steps:
            yield f"{subject}: {name}: nobody approved that"


def _plain(member: str, value: Any) -> Any:
    """A member's value in a form that can be compared."""
    if member in {"LaunchPermissions", "CreateVolumePermissions"}:
        return frozenset(text for row in value or () for text in row.values())
    if member == "ImageWatermarks":
        return frozenset(mark["WatermarkKey"] for mark in value or ())
    if member == "DeregistrationProtection":
        return value or "disabled"
    if member == "Parameter" and isinstance(value, Mapping):
        return value["Value"]
    return value


def _history(subject: Subject, resource: str, member: str, sandbox: Sandbox) -> History | None:
    """What became of one member of a resource; None where no call ever touched it."""
    rows = sandbox.of_members.get(((*subject.here, resource), member), ())
    if not rows:
        return None
    return History(_plain(member, rows[0]["before"]), [_plain(member, row["after"]) for row in rows])


def _faults(subject: Subject, sandbox: Sandbox) -> Iterator[str]:
    """What is wrong with the steps of one copy, but for those of launch templates."""
    there = [row["ImageId"] for row in sandbox.images if row["ImageId"] in subject.images and not row["Removed"]]
    images = list(subject.images) if subject.one.existing else there
    for code, members in subject.steps.items():
        if code == table.TEMPLATE:
            continue
        if code == table.ALIAS:
            yield from _alias_faults(subject, members, images, sandbox)
            continue
        for image_id in subject.images:
            for resource in subject.images[image_id] if code == table.SNAPSHOTS else [image_id]:
                history = _history(subject, resource, MEMBER_OF[code], sandbox)
                last = image_id in images
                yield from (f"{code} of {resource}: {words}" for words in _judged(subject, code, history, last=last))


def _judged(subject: Subject, code: str, history: History | None, *, last: bool) -> Iterator[str]:
    """What is wrong with what became of one member; `last`: its image is there, so that it counts how it ended."""
    if history is None:
        # What the source had, a copy has without a call, as is seen before a call is repeated.
        if subject.state == "AVAILABLE" and last and code != table.IMDS:
            yield "was never done"
        return
    undone = subject.state == "CANCELLED"
    for value in history.values:
        if not (_fits(subject, code, value, history.first) or (undone and value == history.first)):
            yield f"became {_shown(value)}"
    if subject.state == "AVAILABLE" and last and not _fits(subject, code, history.last, history.first):
        yield f"is {_shown(history.last)} at the end"
    if undone and last and code != table.IMDS and history.last != history.first:
        yield f"is {_shown(history.last)} though it was undone"


def _shown(value: Any) -> str:
    return ", ".join(sorted(value)) or "nothing" if isinstance(value, frozenset) else str(value)


def _fits(subject: Subject, code: str, value: Any, first: Any) -> bool:
    """Whether a member is as approved, with what was there before."""
    members = subject.steps[code]
    if code in {table.LAUNCH, table.SNAPSHOTS}:
        return bool(value == first | subject.may_have(code))
    if code == table.WATERMARK:
        return bool(value == first | {f"{subject.one.account}:{members['WatermarkName']}"})
    if code == table.IMDS:
        return bool(value == members["Value"])
    if code == table.PROTECTION:
        return bool(value == f"enabled-{'with' if members.get('WithCooldown') else 'without'}-cooldown")
    if value is None:
        return False
    when = datetime.fromisoformat(value)
    if "DeprecateAt" in members:
        return when == datetime.fromisoformat(members["DeprecateAt"])
    # Days after it was there, which was since the run began; to the minute.
    since = when - timedelta(days=members["DaysAfterCopy"])
    return not when.second and subject.one.asked_at - timedelta(minutes=1) <= since <= datetime.now(UTC)


def _alias_faults(subject: Subject, members: Members, images: Sequence[str], sandbox: Sandbox) -> Iterator[str]:
    name = members["Name"]
    history = _history(subject, name, "Parameter", sandbox)
    if history is None:
        if subject.state == "AVAILABLE":
            yield f"{name} was never published"
        return
    if history.first is not None and not members.get("Overwrite"):
        yield f"{name} was overwritten"
    for value in history.values:
        if value not in subject.images and not (subject.state == "CANCELLED" and value == history.first):
            yield f"{name} showed {value}"
    if subject.state == "AVAILABLE" and history.last not in images:
        yield f"{name} shows {history.last} at the end"
    if subject.state == "CANCELLED" and history.last != history.first:
        yield f"{name} still shows {history.last}"
    wanted = {"Type": "String", "DataType": "aws:ec2:image", "Description": members.get("Description", "")}
    for row in sandbox.of_members[(*subject.here, name), "Parameter"]:
        after = row["after"]
        if isinstance(after, Mapping) and after["Value"] in subject.images:
            odd = sorted(each for each, value in wanted.items() if after[each] != value)
            if odd:
                yield f"{name} has another {', '.join(odd)}"


def _templates(subjects: Sequence[Subject], owners: Mapping[Place, Subject], sandbox: Sandbox) -> Iterator[str]:
    """What is wrong with launch templates: one version for each image that was approved to have one, and no other."""
    named = {_where(row): row["after"] for row in sandbox.before if row["member"] == "LaunchTemplate"}
    numbers: dict[int, list[int]] = defaultdict(list)
    version_of: dict[tuple[Place, int], Subject] = {}
    defaults: dict[Place, int] = {}
    for change in sandbox.changes:
        where, after = _where(change), change["after"]
        if change["member"] == "DefaultVersionNumber":
            owner = version_of.get((where, after))
            approved = owner is not None and owner.steps[table.TEMPLATE].get("SetDefaultVersion")
            if not approved and after != 1:
                yield f"version {after} of {named[where]['Name']} became the default: nobody approved that"
            defaults[where] = after
        if change["member"] != "Versions":
            continue
        data, first = after["LaunchTemplateData"], named.get(where, {}).get("LaunchTemplateData", {})
        owner = owners.get((*where[:2], data.get("ImageId", "")))
        wanted = owner.steps.get(table.TEMPLATE, {}).get("LaunchTemplateName") if owner else None
        if owner is None or wanted != named.get(where, {}).get("Name"):
            yield f"a version of {where[2]} with {data.get('ImageId')}: nobody approved that"
            continue
        if {**data, "ImageId": ""} != {**first, "ImageId": ""}:
            yield f"{owner}: the version of {wanted} isn't as the one it was made from"
        version_of[where, after["VersionNumber"]] = owner
        numbers[id(owner)].append(after["VersionNumber"])
    places = {(*where[:2], made["Name"]): where for where, made in named.items()}
    for subject in subjects:
        members = subject.steps.get(table.TEMPLATE)
        if members is None:
            continue
        made = numbers[id(subject)]
        if len(made) > 1 or (subject.state == "AVAILABLE" and len(made) != 1):
            yield f"{subject}: {len(made)} versions of {members['LaunchTemplateName']}"
        if members.get("SetDefaultVersion"):
            default = defaults.get(places[*subject.here, members["LaunchTemplateName"]], 1)
            wanted_default = made[-1] if subject.state == "AVAILABLE" and made else 1
            if default != wanted_default:
                yield f"{subject}: version {default} of {members['LaunchTemplateName']} is the default"


def _asked_wider(subjects: Sequence[Subject], owners: Mapping[Place, Subject], sandbox: Sandbox) -> Iterator[str]:
    """Calls that would have let somebody in whom nobody approved, whether they were carried out or not. One about an
    image that the sandbox doesn't list is held against all that was approved in its account and Region."""
    codes = {"ModifyImageAttribute": table.LAUNCH, "ModifySnapshotAttribute": table.SNAPSHOTS}
    for answer in sandbox.answers:
        if not answer.get("gives"):
            continue
        here = answer["account"], answer["region"]
        subject = next(filter(None, (owners.get((*here, name)) for name in answer["ids"])), None)
        of = [subject] if subject else [each for each in subjects if each.here == here]
        allowed = frozenset[str]().union(*(each.may_have(codes[answer["action"]]) for each in of))
        if wider := set(answer["gives"]) - allowed:
            about = subject or ", ".join(answer["ids"])
            yield f"{about}: {answer['action']} asked to let in {', '.join(sorted(wider))}, whom nobody approved"


def _requests(asked: Iterable[Asked]) -> Iterator[str]:
    """What a request says of its steps against how many its page says have failed."""
    for one in asked:
        if one.steps_failed and one.state not in {"PARTIAL", "APPROVED"}:
            yield f"#{one.number} {one.name} is {one.state} though {one.steps_failed} steps failed"
        elif one.steps_failed:
            yield f"#{one.number} {one.name}: {one.steps_failed} steps failed to the end"
        if one.existing and (fault := _ended_wrong(one)):
            yield f"#{one.number} {one.name} for {one.source}, {one.fate}: is {fault}"


def _ended_wrong(one: Asked) -> str:
    """The state of what exists where it isn't one in which it may end; else nothing."""
    [state] = one.states
    allowed = {"CANCELLED"} if one.fate in NOTHING_MADE else {"AVAILABLE"}
    return "" if state in allowed | ({"CANCELLED"} if one.may_be_cancelled(0) else set()) else state


def _removed(subjects: Sequence[Subject], sandbox: Sandbox) -> Iterator[str]:
    """An AMI that existed, or a snapshot of it, that was asked to be removed."""
    theirs = {name for each in subjects if each.one.existing for name in _names(each)}
    for answer in sandbox.answers:
        if answer["action"] in {"DeregisterImage", "DeleteSnapshot"} and (named := theirs & set(answer["ids"])):
            yield f"{answer['action']} of {', '.join(named)}, which amicopy didn't make"
