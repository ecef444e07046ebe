"""What copies cost, as JSON: amounts as text, so that no digit is lost, and null where they aren't known."""

from pydantic import BaseModel, Field

from amicopy.copies.core.cost import Amount, CopyEstimate, Estimate, Extent


class Money(BaseModel):
    """An amount, from `low` to `high`, as decimal numbers in text; both null where it isn't known."""

    low: str | None = Field(description="At least; 0 where earlier copies may have all of it.")
    high: str | None = Field(description="At most.")

    @classmethod
    def of(cls, amount: Amount) -> "Money":
        low, high = (None if each is None else str(each) for each in (amount.low, amount.high))
        return cls(low=low, high=high)


class CopyCost(BaseModel):
    """What one copy costs, without discounts."""

    transfer: Money = Field(description="Between Regions, once.")
    surcharge: Money = Field(description="Of a timed copy, once.")
    once: Money = Field(description="Transfer and surcharge.")
    storage: Money = Field(description="Of its snapshots, a month.")
    extent: Extent = Field(description="How much is copied: all, only what has changed, or nothing.")
    transfer_paid_by: str | None = Field(
        description="The account that owns the source and pays the transfer; null where that is the one that copies."
    )

    @classmethod
    def of(cls, copy: CopyEstimate) -> "CopyCost":
        return cls(
            transfer=Money.of(copy.transfer),
            surcharge=Money.of(copy.surcharge),
            once=Money.of(copy.once),
            storage=Money.of(copy.storage),
            extent=copy.extent,
            transfer_paid_by=copy.paid_by or None,
        )


class Cost(BaseModel):
    """What all copies of a request cost together, without discounts."""

    currency: str
    prices_of: str = Field(description="The day of the oldest prices in the list, as 2026-11-20.")
    transfer: Money
    surcharge: Money
    once: Money = Field(description="Transfer and surcharge.")
    month: Money = Field(description="Storage, for each month that all copies are kept.")

    @classmethod
    def of(cls, found: Estimate) -> "Cost":
        return cls(
            currency=found.currency,
            prices_of=found.oldest,
            transfer=Money.of(found.transfer),
            surcharge=Money.of(found.surcharge),
            once=Money.of(found.once),
            month=Money.of(found.month),
        )
