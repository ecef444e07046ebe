"""What the sandbox holds against what people asked for: the judge of `make chaos`.

Images and snapshots are counted where they were made. Of amicopy only its last word on each copy is taken, and that
is held against them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from amicopy.aws.errors import KINDS
from amicopy.copies.core.steps.wanted import NOTHING, WantedSteps

# What becomes of a request: its copies are made, or nothing is.
APPROVED, CANCELLED, ONE_CANCELLED, DRY_RUN = "approved", "cancelled", "one cancelled", "dry run"
REJECTED, WITHDRAWN = "rejected", "withdrawn"
NOTHING_MADE = frozenset({DRY_RUN, REJECTED, WITHDRAWN})


@dataclass
class Asked:
    """One request: what became of it, and, in the order of its Regions, what amicopy says of its copies.

    `existing`: nothing is copied, the steps are for the source itself, in its Region, which has these `snapshots`.
    `steps_failed` is how many steps the request's page says have failed.
    """

    name: str
    account: str
    source: str
    regions: Sequence[str]
    fate: str
    number: int = 0
    state: str = ""
    states: list[str] = field(default_factory=list)
    retried: int = 0
    steps: WantedSteps = NOTHING
    existing: bool = False
    snapshots: Sequence[str] = ()
    steps_failed: int = 0
    steps_retried: int = 0
    asked_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def may_be_cancelled(self, place: int) -> bool:
        """Whether somebody cancelled the copy at this place; the first is the one that is cancelled alone."""
        return self.fate == CANCELLED or (self.fate == ONE_CANCELLED and place == 0)


def deviations(asked: Iterable[Asked], images: Iterable[Mapping[str, Any]]) -> list[str]:
    """Every promise that was broken, in words; `images` are all that were ever made, as the sandbox lists them."""
    made: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for image in images:
        made.setdefault((image["Account"], image["Name"], image["Region"]), []).append(image)
    wrong: list[str] = []
    for one in asked:
        if len(one.states) != len(one.regions):
            wrong.append(f"#{one.number} {one.name} has {len(one.states)} copies of {len(one.regions)}")
            continue
        if one.existing:
            # Nothing is made for it: an image of its name is one that nobody asked for.
            continue
        for place, (region, state) in enumerate(zip(one.regions, one.states, strict=True)):
            found = made.pop((one.account, one.name, region), [])
            wrong += [
                f"#{one.number} {one.name} in {region}, {one.fate}, {state}: {fault}"
                for fault in _faults(one, place, state, found)
            ]
    wrong += [f"{len(found)} images {place} that nobody asked for" for place, found in made.items()]
    return wrong


AWS_CODES = frozenset(code for codes in KINDS.values() for code in codes)
# The operation of which an event says that AWS carried it out.
DONE = {
    "copy.copying": "CopyImage",
    "aws.image_deregistered": "DeregisterImage",
    "aws.snapshot_deleted": "DeleteSnapshot",
    "aws.image_unprotected": "DisableImageDeregistrationProtection",
}
# The others that speak of an answer, whose data may name the operation.
SPEAK = frozenset({*DONE, "copy.checked", "aws.refused", "aws.answered"})


def false_words(said: Iterable[Mapping[str, Any]], answers: Iterable[Mapping[str, Any]]) -> list[str]:
    """Every event that says of AWS what AWS never said, in words; `answers` is the sandbox's own log.

    An event names its answer by AWS's request id; those that SPEAK of one have to. What it says was done was carried
    out, on that image or snapshot, what it says was refused was refused with that code, and to the operation that it
    speaks of.
    """
    known = {answer["request_id"]: answer for answer in answers}
    wrong: list[str] = []
    for event in said:
        name, action, data = f"event {event['id']} {event['action']}", event["action"], event["data"]
        answer = known.get(event["aws_request_id"])
        if answer is None:
            wrong.append(f"{name}: AWS gave no answer {event['aws_request_id']}".rstrip())
            continue
        wanted = DONE.get(action) or ("CopyImage" if action == "copy.checked" else data.get("operation"))
        if wanted and answer["action"] != wanted:
            wrong.append(f"{name}: speaks of {answer['action']}")
        # A code of amicopy's own may rest on an answer too: a source that is gone rests on AWS's NotFound.
        if event["error_code"] in AWS_CODES and event["error_code"] != (answer["code"] or event["error_code"]):
            wrong.append(f"{name}: says {event['error_code']}, AWS said {answer['code']}")
        if action in DONE and not answer["carried_out"]:
            wrong.append(f"{name}: says it was done, AWS said {answer['code'] or answer['status']}")
        meant = data.get("SnapshotId") or event["image_id"]
        named = answer["shown"] if action == "copy.copying" else answer["ids"]
        if action in SPEAK - {"copy.checked"} and meant not in named:
            wrong.append(f"{name}: says {meant}, AWS's answer was about {', '.join(named) or 'nothing'}")
    return wrong


def _faults(one: Asked, place: int, state: str, found: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    there = [image for image in found if image["State"] not in {"deregistered", "failed"}]
    gone = [image for image in found if image["State"] == "deregistered"]
    orphans = [row["SnapshotId"] for image in gone for row in image["Snapshots"]]
    failed = [image for image in found if image["State"] == "failed"]
    # What AWS made and gave up is no good image, unless it finished it after all and nobody had removed it.
    good = [image for image in found if not image["Failed"] or image in there]
    if one.fate in NOTHING_MADE:
        if found:
            yield f"{len(found)} images made though nothing was to be"
        wanted = "CHECKED" if one.fate == DRY_RUN else "CANCELLED"
        if state != wanted:
            yield f"is not {wanted}"
        return
    if orphans:
        yield f"{len(orphans)} snapshots without an image"
    if state == "CANCELLED":
        if not one.may_be_cancelled(place):
            yield "cancelled by nobody"
        if there or failed or len(good) > 1:
            yield f"{len(found)} images made, {len(there)} there"
    elif state == "AVAILABLE":
        if (len(good), len(there)) != (1, 1):
            yield f"{len(found)} images made, {len(there)} there"
        elif there[0]["State"] != "available" or any(row["State"] != "completed" for row in there[0]["Snapshots"]):
            yield f"the image is {there[0]['State']}"
        elif there[0]["SourceImageId"] != one.source:
            yield f"a copy of {there[0]['SourceImageId']}"
    elif state == "FAILED" and one.may_be_cancelled(place):
        # It had failed before somebody could cancel it. What AWS finishes after all is a leftover, for a person to see.
        if any(not image["Failed"] for image in there):
            yield f"{len(found)} images made, {len(there)} there"
    else:
        yield "did not end as it should"
