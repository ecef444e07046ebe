"""The source image as AWS shows it, by the look-up of the form: asked for once, and answered when it is there."""

from enum import StrEnum
from typing import Annotated, Any

from django.http import HttpResponse
from ninja import Query
from ninja.responses import Status
from pydantic import BaseModel, Field

from amicopy.api.operations import operation
from amicopy.api.problems import Problem, not_found
from amicopy.api.source_looks import find_account
from amicopy.api.token_auth import TokenRequest
from amicopy.copies.core.calls import Call
from amicopy.copies.core.token_models import Scope
from amicopy.copies.lookups import snapshot
from amicopy.copies.lookups.async_queries import TOO_MANY, Looks
from amicopy.copies.lookups.snapshot_members import Kept

# When it is worth asking again.
RETRY_SECONDS = "1"


class Seen(StrEnum):
    """What is known of a source."""

    ASKED = "asked"
    FOUND = "found"
    NOT_THERE = "not-there"
    UNKNOWN = "unknown"


class SourceWarning(BaseModel):
    """What may surprise; `stops`: AWS would refuse the copy as things are."""

    code: str
    message: str
    stops: bool


class SourceOut(BaseModel):
    """A source image, as amicopy keeps it with a request that is made of it."""

    seen: Seen
    detail: str = Field(description="Why it isn't there, or isn't known; else empty.")
    elsewhere: list[str] = Field(description="The account's other Regions in which it is.")
    usable: bool | None = Field(description="Whether nothing stops a copy as things are; null while it isn't known.")
    warnings: list[SourceWarning]
    not_copied: list[str] = Field(description="What AWS leaves behind.")
    tags_copied: dict[str, str] = Field(description="What CopyImageTags would take along.")
    tags_left: dict[str, str]
    GiB: int | None
    bytes: int | None
    image: dict[str, Any] | None = Field(description="Members by AWS's names, volumes with their snapshots.")


@operation("GET", "/source", Scope.REQUEST, {200: SourceOut, 202: SourceOut}, refuses=(404, 422))
def look_up_source(
    request: TokenRequest,
    response: HttpResponse,
    account: Annotated[
        str,
        Query(
            pattern="^[0-9]{12}$",
            description="The account to look with.",
            example="111122223333",
        ),
    ],
    SourceRegion: Annotated[str, Query(pattern="^[a-z0-9-]{1,32}$", example="us-east-1")],
    SourceImageId: Annotated[str, Query(pattern="^ami-[0-9a-f]{8,32}$", example="ami-0a7f3c92d41be6058")],
) -> Status[SourceOut]:
    """The source image: 202 with Retry-After while AWS is asked, 200 once it is known what it is, or that it isn't."""
    row = find_account(request.auth, account)
    if row is None:
        raise not_found(f"There is no account {account} that this token reaches.")
    looks = Looks(request.auth.person.pk)
    wanted = {"SourceRegion": SourceRegion, "SourceImageId": SourceImageId, "CopyImageTags": True}
    kept = snapshot.gather(
        row, [Call(DestinationRegion="", parameters=wanted)], until=0.0, ask=looks.begin, closely=False
    )
    if kept["missing"].get("source") == TOO_MANY.reason:
        raise Problem(429, "too-many-calls", TOO_MANY.reason, headers={"Retry-After": "60"})
    if looks.unanswered:
        response["Retry-After"] = RETRY_SECONDS
        return Status(202, _shown(kept, Seen.ASKED))
    seen = Seen.FOUND if "source" in kept else Seen.NOT_THERE if "source_not_there" in kept else Seen.UNKNOWN
    return Status(200, _shown(kept, seen))


def _shown(kept: Kept, seen: Seen) -> SourceOut:
    warnings, size = kept.get("warnings", []), kept.get("size") or {}
    absence = kept.get("source_not_there")
    return SourceOut(
        seen=seen,
        detail=kept["missing"].get("source", "") if seen is not Seen.ASKED else "",
        elsewhere=absence["elsewhere"] if absence else [],
        usable=not any(each["stops"] for each in warnings) if seen is Seen.FOUND else None,
        warnings=[SourceWarning(**each) for each in warnings],
        not_copied=kept.get("not_copied", []),
        tags_copied=kept.get("tags_copied", {}),
        tags_left=kept.get("tags_left", {}),
        GiB=size.get("GiB"),
        bytes=size.get("bytes"),
        image=kept.get("source"),
    )
