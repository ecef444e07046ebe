"""What copies did cost: a row a copy from its approval on, filled in once the copy is there, closed when its image is
gone. Amounts are at most: where AWS copied only changes, it doesn't say how much."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from amicopy.copies.core import cost, prices
from amicopy.copies.core.cost import Amount, Estimate, Extent
from amicopy.copies.core.models import CopyCost, CopyRequest, ImageCopy


@dataclass(frozen=True)
class Actual:
    """Of a copy that is there: `bytes` of its snapshots, None where AWS didn't say it of each, and the money for
    them; `less` where it may have been less, since earlier copies of the same key were there."""

    currency: str
    bytes: int | None
    less: bool
    once: Decimal | None
    month: Decimal | None

    def as_dict(self) -> dict[str, Any]:
        """For the event of the copy."""
        money = {name: None if value is None else str(value) for name, value in self._money.items()}
        return {"currency": self.currency, "bytes": self.bytes, "less": self.less, **money}

    @property
    def _money(self) -> Mapping[str, Decimal | None]:
        return {"once": self.once, "month": self.month}


def begin(request: CopyRequest, copies: Sequence[ImageCopy], *, at: datetime) -> None:
    """Opens the rows of an approved request's copies; dry runs cost nothing and have none."""
    known = Estimate.of(request.estimate)
    rows = []
    for copy in copies:
        if copy.dry_run:
            continue
        mine = known.copies[copy.position] if known and copy.position < len(known.copies) else None
        row = CopyCost(copy=copy, currency=known.currency if known else prices.current().currency, approved_at=at)
        row.estimated_once = mine.once.high if mine else None
        row.estimated_month = mine.storage.high if mine else None
        rows.append(row)
    CopyCost.objects.bulk_create(rows, ignore_conflicts=True)


def of(copy: ImageCopy, sizes: Iterable[int] | None) -> Actual:
    """What a finished copy costs by the prices of now; `sizes` are the FullSnapshotSizeInBytes of its snapshots, 0
    where AWS doesn't say it, None where amicopy may not look at them."""
    listed, list_ = list(sizes or ()), prices.current()
    size = sum(listed) if listed and all(listed) else None
    call, kept = copy.call(), Estimate.of(copy.request.estimate)
    mine = kept.copies[copy.position] if kept and copy.position < len(kept.copies) else None
    extent = mine.extent if mine else Extent.UNKNOWN
    lines = cost.lines(call, size, list_, Extent.FULL)
    return Actual(
        currency=list_.currency,
        bytes=size,
        less=extent is not Extent.FULL,
        once=(lines.transfer + lines.surcharge).high,
        month=lines.storage.high,
    )


def keep(copy: ImageCopy, actual: Actual, *, at: datetime) -> None:
    """Fills in the row of a copy that is there now; in the transaction that tells it."""
    found = {
        "currency": actual.currency,
        "bytes": actual.bytes,
        "less": actual.less,
        "once": actual.once,
        "month": actual.month,
        "kept_from": at,
    }
    CopyCost.objects.update_or_create(
        copy=copy, defaults=found, create_defaults={**found, "approved_at": copy.queued_at or at}
    )


def ended(places: Iterable[tuple[str, str, str]], *, at: datetime) -> None:
    """Closes the rows of images that are gone, each as account id, Region and image id."""
    for account_id, region, image_id in places:
        CopyCost.objects.filter(
            copy__account__account_id=account_id,
            copy__DestinationRegion=region,
            copy__ImageId=image_id,
            kept_from__isnull=False,
            kept_until__isnull=True,
        ).update(kept_until=at)


def band(row: CopyCost) -> Amount:
    """What a copy did cost once: all of it, or less where that isn't known."""
    return _band(row, row.once)


def estimated(amount: Decimal | None) -> Amount:
    """What was estimated of a copy that isn't there yet."""
    return Amount(amount, amount)


def month_band(row: CopyCost) -> Amount:
    """The same of a month of storage."""
    return _band(row, row.month)


def _band(row: CopyCost, most: Decimal | None) -> Amount:
    return Amount(most, most) if most is None or not row.less else Amount(Decimal(0), most)
