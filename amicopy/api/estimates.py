"""What is known of a request before anybody asks for it: how much data, how long copies take, with which keys. What it
costs isn't known here."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, Field

from amicopy.api.operations import operation
from amicopy.api.source_looks import Looked
from amicopy.api.submissions import NewRequest, read
from amicopy.api.token_auth import TokenRequest
from amicopy.copies.core.copy_speed import pace_of
from amicopy.copies.core.token_models import Scope


class Seconds(BaseModel):
    """Between what most copies of this size took lately, into this Region."""

    low: float
    high: float


class DestinationEstimate(BaseModel):
    """One copy."""

    DestinationRegion: str
    destination: str
    Name: str = Field(description="With its placeholders filled in.")
    seconds: Seconds | None = Field(description="Null without earlier copies into the Region, or without a size.")
    new_key: bool | None = Field(
        description="Whether snapshots get another KMS key than the source's have; null where AWS decides, or where "
        "something isn't known."
    )
    missing: dict[str, str] = Field(description="What AWS didn't say, and why.")


class Estimate(BaseModel):
    """What a request would copy and how long that takes. Nothing was stored."""

    GiB: int | None = Field(description="Of all volumes of the source, for one copy.")
    bytes: int | None = Field(description="Of their data, where AWS says it.")
    snapshots: int | None = Field(description="How many a copy has.")
    destinations: list[DestinationEstimate]
    seconds: Seconds | None = Field(description="Until the last of them is there; null when one isn't known.")
    missing: dict[str, str] = Field(description="What AWS didn't say of the source, and why.")


@operation("POST", "/requests/estimate", Scope.REQUEST, Estimate, refuses=(409, 413, 415, 422))
def estimate_request(request: TokenRequest, body: NewRequest) -> Estimate:
    """Says how much would be copied, how long that takes by earlier copies, and whether with new keys."""
    looked = read(request.auth, body)
    size, seen = looked.lookups.get("size") or {}, looked.lookups.get("source")
    destinations = [_destination(looked, index, size.get("GiB")) for index in range(len(looked.calls))]
    known = [each.seconds for each in destinations if each.seconds is not None]
    all_known = known and len(known) == len(destinations)
    return Estimate(
        GiB=size.get("GiB"),
        bytes=size.get("bytes"),
        snapshots=sum(bool(volume["SnapshotId"]) for volume in seen["volumes"]) if seen else None,
        destinations=destinations,
        seconds=Seconds(low=max(each.low for each in known), high=max(each.high for each in known))
        if all_known
        else None,
        missing=looked.lookups.get("missing") or {},
    )


def _destination(looked: Looked, index: int, size: int | None) -> DestinationEstimate:
    call, row = looked.calls[index], looked.lookups["destinations"][index]
    pace = pace_of(looked.account.pk, call.DestinationRegion) if size else None
    return DestinationEstimate(
        DestinationRegion=call.DestinationRegion,
        destination=call.destination,
        Name=str(call.parameters.get("Name", "")),
        seconds=Seconds(low=pace.low * size, high=pace.high * size) if pace and size else None,
        new_key=_new_key(looked.lookups.get("source") or {}, row, same_region=_stays(looked, index)),
        missing=row.get("missing") or {},
    )


def _stays(looked: Looked, index: int) -> bool:
    call = looked.calls[index]
    return bool(call.parameters.get("SourceRegion") == call.DestinationRegion)


def _new_key(source: Mapping[str, Any], row: Mapping[str, Any], *, same_region: bool) -> bool | None:
    """Whether any snapshot gets another key; KMS's keys are a Region's own."""
    volumes = {volume["SnapshotId"]: volume for volume in source.get("volumes") or ()}
    asked = row.get("key") or {}
    answers: set[bool | None] = set()
    for each in row.get("encryption") or ():
        volume, key = volumes.get(each["SnapshotId"], {}), each["KmsKeyId"]
        key = asked.get("Arn") if key and key == asked.get("asked") else key
        if each["Encrypted"] is not True:
            answers.add(each["Encrypted"])
        elif not volume.get("Encrypted") or not same_region:
            answers.add(True)
        else:
            answers.add(key != volume["KmsKeyId"] if key and volume["KmsKeyId"] else None)
    return True if True in answers else None if not answers or None in answers else False
