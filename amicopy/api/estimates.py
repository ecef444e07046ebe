"""What is known of a request before anybody asks for it: how much data, how long copies take, with which keys, and what
they cost."""

from pydantic import BaseModel, Field

from amicopy.api.costs import CopyCost, Cost
from amicopy.api.operations import operation
from amicopy.api.source_looks import Looked
from amicopy.api.submissions import NewRequest, read
from amicopy.api.token_auth import TokenRequest
from amicopy.copies.core import cost, earlier_copies, source_volumes
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
    cost: CopyCost
    missing: dict[str, str] = Field(description="What AWS didn't say, and why.")


class Estimate(BaseModel):
    """What a request would copy, how long that takes and what it costs. Nothing was stored."""

    GiB: int | None = Field(description="Of all snapshots of the source, for one copy.")
    bytes: int | None = Field(description="Of their data, where AWS says it.")
    snapshots: int | None = Field(description="How many a copy has.")
    destinations: list[DestinationEstimate]
    seconds: Seconds | None = Field(description="Until the last of them is there; null when one isn't known.")
    cost: Cost
    missing: dict[str, str] = Field(description="What AWS didn't say of the source, and why.")


@operation("POST", "/requests/estimate", Scope.REQUEST, Estimate, refuses=(409, 413, 415, 422))
def estimate_request(request: TokenRequest, body: NewRequest) -> Estimate:
    """Says how much would be copied, how long that takes by earlier copies, if with new keys, and what it costs."""
    looked = read(request.auth, body)
    size, seen = looked.lookups.get("size") or {}, looked.lookups.get("source")
    costs = earlier_copies.estimate(looked.account, looked.calls, looked.lookups)
    destinations = [_destination(looked, index, size.get("GiB"), each) for index, each in enumerate(costs.copies)]
    known = [each.seconds for each in destinations if each.seconds is not None]
    all_known = known and len(known) == len(destinations)
    return Estimate(
        GiB=size.get("GiB"),
        bytes=size.get("bytes"),
        snapshots=len(source_volumes.copied(seen["volumes"])) if seen else None,
        destinations=destinations,
        seconds=Seconds(low=max(each.low for each in known), high=max(each.high for each in known))
        if all_known
        else None,
        cost=Cost.of(costs),
        missing=looked.lookups.get("missing") or {},
    )


def _destination(looked: Looked, index: int, size: int | None, costs: cost.CopyEstimate) -> DestinationEstimate:
    call, row = looked.calls[index], looked.lookups["destinations"][index]
    pace = pace_of(looked.account.pk, call.DestinationRegion) if size else None
    return DestinationEstimate(
        DestinationRegion=call.DestinationRegion,
        destination=call.destination,
        Name=str(call.parameters.get("Name", "")),
        seconds=Seconds(low=pace.low * size, high=pace.high * size) if pace and size else None,
        new_key=cost.new_key(looked.lookups.get("source") or {}, row, same_region=_stays(looked, index)),
        cost=CopyCost.of(costs),
        missing=row.get("missing") or {},
    )


def _stays(looked: Looked, index: int) -> bool:
    call = looked.calls[index]
    return bool(call.parameters.get("SourceRegion") == call.DestinationRegion)
