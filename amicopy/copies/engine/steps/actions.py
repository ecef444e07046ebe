"""What the engine does for each row of `core.steps.table`: how it reads, compares, changes and undoes it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from amicopy.aws import ec2
from amicopy.aws.account import AwsAccount
from amicopy.aws.errors import NotFound
from amicopy.aws.shapes import Image
from amicopy.copies.core.steps.members import Members


@dataclass(frozen=True)
class Target:
    """What a step is done to: an image of an account in a Region, with its snapshots; `available_at` is when it was
    there first. `members` are those that were approved; `before`, `answer` and `token` are the step's row's.
    `existing`: amicopy didn't make the image, and it stays whatever becomes of the request."""

    account: AwsAccount
    region: str
    image_id: str
    snapshots: tuple[str, ...]
    request: int
    copy: int
    available_at: datetime
    members: Members
    before: Mapping[str, Any] = field(default_factory=dict)
    answer: Mapping[str, Any] = field(default_factory=dict)
    token: str = ""
    # The step was begun before, so that AWS may have done it.
    repeated: bool = False
    existing: bool = False

    @property
    def place(self) -> dict[str, Any]:
        """As AWS's calls take it."""
        return {"account": self.account, "region": self.region}


@dataclass(frozen=True)
class Changed:
    """AWS took a change; `answer` is what is kept of what it said."""

    request_id: str
    answer: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Action:
    """`read` is what AWS shows; those with the same one are read together. `before` is what has to be known before the
    first change, so that it can be put back: empty where nothing has. `undo` returns AWS's request id, or an empty text
    where there was nothing to undo; without it, what was done goes with the image. An image that existed before stays:
    `before_existing` and `undo_existing` are those of what is its own. `settles` is how long AWS takes to check what it
    has accepted: it isn't asked to change that again, and what then isn't so failed."""

    read: Callable[[Target], Any]
    fits: Callable[[Any, Target], bool]
    change: Callable[[Target, Any], Changed]
    before: Callable[[Target], Mapping[str, Any]] | None = None
    undo: Callable[[Target], str] | None = None
    settles: timedelta | None = None
    before_existing: Callable[[Target], Mapping[str, Any]] | None = None
    undo_existing: Callable[[Target], str] | None = None

    def before_of(self, target: Target) -> Mapping[str, Any]:
        """What has to be known before the first change; empty where nothing has."""
        ask = (self.before_existing if target.existing else None) or self.before
        return ask(target) if ask else {}

    def undoing(self, *, existing: bool) -> Callable[[Target], str] | None:
        """How the step is undone; None where nothing has to be, or can be."""
        return (self.undo_existing if existing else None) or self.undo


def image_of(target: Target) -> Image:
    """The image as AWS shows it. Raises NotFound, among others, where it doesn't."""
    found = ec2.describe_images(**target.place, image_ids=[target.image_id])
    if target.image_id not in found:
        raise NotFound("InvalidAMIID.NotFound", f"AWS doesn't list {target.image_id}.")
    return found[target.image_id]
