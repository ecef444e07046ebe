"""What a request would cost, from what the look-ups saw and a price list; nothing here asks AWS or the database.

Three lines a copy: transfer between Regions and the surcharge of a timed copy, once; snapshot storage, a month. Each
has a band. At most all data is copied and kept: the size AWS says of each snapshot, or the volume's where it says
none. At least it is as much, or nothing where AWS keeps only what has changed: where an earlier copy of the same image
under the same key is known in the Region, or a copy stays in Region, account and key. What has no price, and what is of
no known size, isn't known; that is never 0.

Facts: EBS User Guide, "Copy an Amazon EBS snapshot" and "Time-based copies"; EC2 User Guide, "Copy an AMI".
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from enum import StrEnum
from typing import Any

from amicopy.copies.core import source_volumes
from amicopy.copies.core.calls import Call
from amicopy.copies.core.prices import Prices

GIB = Decimal(2**30)
# What is kept of an amount: a part of a cent, rounded up.
EXACT = Decimal("0.0001")
# The keys that a copy's snapshots get, by the source's: None: not encrypted.
Keys = frozenset[tuple[str, str | None]]


class Extent(StrEnum):
    """How much of the data is copied."""

    FULL = "full"
    # Only what differs from earlier copies, which is anything between nothing and all of it.
    CHANGES = "changes"
    # A dry run makes nothing.
    NOTHING = "nothing"
    UNKNOWN = "unknown"


class Why(StrEnum):
    """Why a line isn't known."""

    SIZE = "size"
    PRICE = "price"
    # Snapshots in a Local Zone or on an Outpost have prices that no list has by their place.
    PLACE = "place"
    # An image in S3 has no snapshots.
    KIND = "kind"


@dataclass(frozen=True)
class Amount:
    """Money, from `low` to `high`; both None where it isn't known, and then `why`."""

    low: Decimal | None
    high: Decimal | None
    why: Why | None = None

    @property
    def known(self) -> bool:
        return self.high is not None

    def __add__(self, other: "Amount") -> "Amount":
        if self.low is None or self.high is None or other.low is None or other.high is None:
            return Amount(None, None, self.why or other.why)
        return Amount(self.low + other.low, self.high + other.high)

    @classmethod
    def sum_of(cls, amounts: Iterable["Amount"]) -> "Amount":
        """All of them; not known where one isn't."""
        total = cls(Decimal(0), Decimal(0))
        for amount in amounts:
            total = total + amount
        return total

    def as_dict(self) -> dict[str, str | None]:
        return {
            "low": None if self.low is None else str(self.low),
            "high": None if self.high is None else str(self.high),
            "why": self.why,
        }

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> "Amount":
        low, high = (None if kept.get(name) is None else Decimal(kept[name]) for name in ("low", "high"))
        return cls(low, high, Why(kept["why"]) if kept.get("why") else None)


NOTHING = Amount(Decimal(0), Decimal(0))


@dataclass(frozen=True)
class Lines:
    """What one copy costs."""

    transfer: Amount
    surcharge: Amount
    storage: Amount


@dataclass(frozen=True)
class CopyEstimate:
    """One copy. `paid_by` is the account that owns the source where that isn't the one that copies: it pays the
    transfer."""

    destination: str
    DestinationRegion: str
    extent: Extent
    bytes: int | None
    transfer: Amount
    surcharge: Amount
    storage: Amount
    paid_by: str = ""

    @property
    def once(self) -> Amount:
        return self.transfer + self.surcharge

    def as_dict(self) -> dict[str, Any]:
        return {
            "destination": self.destination,
            "DestinationRegion": self.DestinationRegion,
            "extent": self.extent,
            "bytes": self.bytes,
            "transfer": self.transfer.as_dict(),
            "surcharge": self.surcharge.as_dict(),
            "storage": self.storage.as_dict(),
            "paid_by": self.paid_by,
        }


@dataclass(frozen=True)
class Estimate:
    """All copies of a request. `oldest` and `newest` are the days of the prices, as text."""

    currency: str
    oldest: str
    newest: str
    copies: tuple[CopyEstimate, ...]

    @property
    def transfer(self) -> Amount:
        return Amount.sum_of(copy.transfer for copy in self.copies)

    @property
    def surcharge(self) -> Amount:
        return Amount.sum_of(copy.surcharge for copy in self.copies)

    @property
    def once(self) -> Amount:
        return self.transfer + self.surcharge

    @property
    def month(self) -> Amount:
        """Storage."""
        return Amount.sum_of(copy.storage for copy in self.copies)

    @property
    def bytes(self) -> int | None:
        """Of all copies together, at most."""
        sizes = [copy.bytes for copy in self.copies]
        return None if None in sizes else sum(size or 0 for size in sizes)

    @property
    def payers(self) -> list[str]:
        """Other accounts that pay for transfer."""
        return sorted({copy.paid_by for copy in self.copies if copy.paid_by})

    def as_dict(self) -> dict[str, Any]:
        """For the request and its events; the sums stand in it for who reads the history."""
        return {
            "currency": self.currency,
            "prices_of": [self.oldest, self.newest],
            "once": self.once.as_dict(),
            "month": self.month.as_dict(),
            "copies": [copy.as_dict() for copy in self.copies],
        }

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> "Estimate | None":
        """What a request keeps; None where it keeps none."""
        if not kept.get("copies"):
            return None
        copies = tuple(
            CopyEstimate(
                destination=each["destination"],
                DestinationRegion=each["DestinationRegion"],
                extent=Extent(each["extent"]),
                bytes=each["bytes"],
                transfer=Amount.of(each["transfer"]),
                surcharge=Amount.of(each["surcharge"]),
                storage=Amount.of(each["storage"]),
                paid_by=each["paid_by"],
            )
            for each in kept["copies"]
        )
        oldest, newest = kept["prices_of"]
        return cls(kept["currency"], oldest, newest, copies)


def estimate(
    calls: Sequence[Call],
    lookups: Mapping[str, Any],
    prices: Prices,
    *,
    account_id: str,
    earlier: Sequence[Collection[Keys]] = (),
) -> Estimate:
    """What these calls cost in an account. `earlier` has, for each call, the keys of copies of the same image that are
    known to be in the same place."""
    rows = lookups.get("destinations") or []
    source = _source_in(lookups)
    copies = []
    for index, call in enumerate(calls):
        row = rows[index] if index < len(rows) and rows[index].get("destination") == call.destination else {}
        known = earlier[index] if index < len(earlier) else ()
        copies.append(_copy(call, row, source, lookups.get("snapshots") or {}, prices, account_id, known))
    return Estimate(prices.currency, prices.oldest.isoformat(), prices.newest.isoformat(), tuple(copies))


def _copy(
    call: Call,
    row: Mapping[str, Any],
    source: Mapping[str, Any],
    sizes: Mapping[str, Mapping[str, int]],
    prices: Prices,
    account_id: str,
    earlier: Collection[Keys],
) -> CopyEstimate:
    owner = str(source.get("OwnerId") or "")
    region = str(call.parameters.get("SourceRegion") or "")
    about = {"destination": call.destination, "DestinationRegion": call.DestinationRegion}
    if call.dry_run or call.existing:
        return CopyEstimate(
            **about, extent=Extent.NOTHING, bytes=0, transfer=NOTHING, surcharge=NOTHING, storage=NOTHING
        )
    size = size_of(source, sizes)
    extent = _extent(call, row, source, own=owner == account_id, earlier=earlier) if source else Extent.UNKNOWN
    kind = Why.KIND if source.get("RootDeviceType") == "instance-store" else None
    found = lines(call, size, prices, extent, unknown=kind)
    shared = bool(owner) and owner != account_id and region != call.DestinationRegion
    return CopyEstimate(
        **about,
        extent=extent,
        bytes=size,
        transfer=found.transfer,
        surcharge=found.surcharge,
        storage=found.storage,
        paid_by=owner if shared else "",
    )


def lines(call: Call, size: int | None, prices: Prices, extent: Extent, *, unknown: Why | None = None) -> Lines:
    """What copying so many bytes costs, where it costs anything. A Local Zone and an Outpost have prices of their own
    that the list doesn't tell by place; `unknown` is another reason why nothing is known."""
    region = str(call.parameters.get("SourceRegion") or "")
    minutes = call.parameters.get("SnapshotCopyCompletionDurationMinutes")
    why = unknown or (Why.PLACE if call.destination != call.DestinationRegion else None)

    def line(price: Decimal | None) -> Amount:
        return Amount(None, None, why) if why else _line(size, price, extent)

    stays = region == call.DestinationRegion
    return Lines(
        transfer=NOTHING if stays else line(prices.transfer(region, call.DestinationRegion)),
        # What was typed and is no number yet has no price.
        surcharge=line(prices.surcharge(region, minutes) if isinstance(minutes, int) else None) if minutes else NOTHING,
        storage=line(prices.storage(call.DestinationRegion)),
    )


def size_of(source: Mapping[str, Any], sizes: Mapping[str, Mapping[str, int]]) -> int | None:
    """Bytes of the source's snapshots, at most: FullSnapshotSizeInBytes, or the volume's size where AWS says none of
    it. None where the source has no snapshots, or wasn't seen."""
    volumes = source_volumes.copied(source.get("volumes") or ())
    if not volumes:
        return None
    return sum(
        sizes.get(volume["SnapshotId"], {}).get("FullSnapshotSizeInBytes") or int(volume["VolumeSize"]) * 2**30
        for volume in volumes
    )


def keys_of(row: Mapping[str, Any]) -> Keys | None:
    """The keys that a copy's snapshots get, as the look-ups of its destination foretell them; None where AWS decides
    one, or nothing was foretold."""
    asked, found = row.get("key") or {}, []
    for each in row.get("encryption") or ():
        key = each["KmsKeyId"]
        key = asked.get("Arn") if key and key == asked.get("asked") else key
        if each["Encrypted"] is None or (each["Encrypted"] and not key):
            return None
        found.append((each["SnapshotId"], key if each["Encrypted"] else None))
    return frozenset(found) or None


def new_key(source: Mapping[str, Any], row: Mapping[str, Any], *, same_region: bool) -> bool | None:
    """Whether any snapshot gets another key than the source's have; None where AWS decides, or it isn't known. KMS's
    keys are a Region's own."""
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


def _extent(
    call: Call, row: Mapping[str, Any], source: Mapping[str, Any], *, own: bool, earlier: Collection[Keys]
) -> Extent:
    """A copy within Region, account and key is of changes only, and so is one that follows another under the same key;
    the first one into a Region, and every one under a new key, is full."""
    same_region = call.parameters.get("SourceRegion") == call.DestinationRegion
    if own and same_region and new_key(source, row, same_region=True) is False:
        return Extent.CHANGES
    keys = keys_of(row)
    return Extent.CHANGES if keys is not None and keys in earlier else Extent.FULL


def _line(size: int | None, price: Decimal | None, extent: Extent) -> Amount:
    if size is None:
        return Amount(None, None, Why.SIZE)
    if price is None:
        return Amount(None, None, Why.PRICE)
    high = money(size, price)
    return Amount(Decimal(0) if extent is Extent.CHANGES else high, high)


def money(size: int, price: Decimal) -> Decimal:
    """So many bytes at a price for a GiB, rounded up."""
    return (Decimal(size) / GIB * price).quantize(EXACT, rounding=ROUND_CEILING)


def _source_in(lookups: Mapping[str, Any]) -> Mapping[str, Any]:
    source = lookups.get("source")
    return source if isinstance(source, Mapping) and source.get("ImageId") else {}
