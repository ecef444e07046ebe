"""What a request costs, as pages say it: two sums, what they are of, what isn't known and why, and budgets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from amicopy.copies.core import actual_cost, cost_words
from amicopy.copies.core.cost import GIB, Amount, Estimate
from amicopy.copies.core.cost_models import DAYS_A_MONTH
from amicopy.copies.core.models import CopyCost, CopyRequest, ImageCopy
from amicopy.copies.core.steps.deprecation import deprecates_at
from amicopy.copies.core.steps.members import Members
from amicopy.copies.core.steps.table import DEPRECATION


@dataclass(frozen=True)
class Line:
    """A sum in words, what it is of, and why it isn't known; the last two may be empty."""

    words: str
    of: str = ""
    why: str = ""

    @property
    def within(self) -> str:
        """The words behind others."""
        return self.words[:1].lower() + self.words[1:]


@dataclass(frozen=True)
class BudgetLine:
    """What a team's budget says; `over` is None where that can't be told."""

    team: str
    words: str
    over: bool | None


@dataclass(frozen=True)
class Shown:
    """`payers` are accounts of others that pay the transfer, `prices` of what day the prices are; `until` what storage
    costs until deprecation, empty where not all copies have one or that isn't known."""

    once: Line
    month: Line
    until: str
    payers: list[str]
    prices: str
    budgets: list[BudgetLine]

    @property
    def over(self) -> bool:
        return any(budget.over for budget in self.budgets)


def shown(kept: Mapping[str, Any], steps: Sequence[Mapping[str, Members]], *, at: datetime) -> Shown | None:
    """An estimate as a request keeps it; None where there is none, as for requests of before, or nothing is made.
    `steps` are those after each copy, which is counted as there since `at`."""
    found = Estimate.of(kept)
    if found is None or all(copy.extent == "nothing" for copy in found.copies):
        return None
    return Shown(
        once=_line(found.once, found.currency, _once_of(found)),
        month=_line(found.month, found.currency, "snapshots"),
        until=_until_deprecation(found, steps, at),
        payers=found.payers,
        prices=cost_words.prices_of(found),
        budgets=[_budget(each, found.currency) for each in kept.get("budgets") or ()],
    )


def together(rows: Sequence[CopyRequest]) -> str:
    """What several requests would cost as one sum, in a sentence; empty where there is no estimate of one, or nothing
    is made."""
    found = [Estimate.of(row.estimate or {}) for row in rows]
    known = [each for each in found if each is not None]
    once, month = Amount.sum_of(each.once for each in known), Amount.sum_of(each.month for each in known)
    if len(known) < len(found) or (once + month).high == 0:
        return ""
    said = [cost_words.words(each, known[0].currency) for each in (once, month)]
    return f"Together once: {said[0][:1].lower()}{said[0][1:]}. A month: {said[1][:1].lower()}{said[1][1:]}."


@dataclass(frozen=True)
class CopyLine:
    """One copy's two sums, each at most and as short as a column wants it; both empty where neither is known."""

    once: str
    month: str

    @classmethod
    def of(cls, once: Decimal | None, month: Decimal | None, currency: str) -> "CopyLine":
        if once is None and month is None:
            return cls("", "")
        return cls(*("not known" if each is None else cost_words.money(each, currency) for each in (once, month)))


def of_copy(copy: ImageCopy, estimate: Estimate | None) -> tuple[CopyLine | None, CopyLine | None]:
    """What a copy was estimated at, by its request's estimate, and what it did cost; None where nobody has said."""
    listed = estimate.copies if estimate else ()
    found = listed[copy.position] if copy.position < len(listed) else None
    asked = None
    if estimate and found and found.extent != "nothing":
        asked = CopyLine.of(found.once.high, found.storage.high, estimate.currency)
    row: CopyCost | None = getattr(copy, "cost", None)
    if row is None or row.kept_from is None:
        return asked, None
    return asked, CopyLine.of(row.once, row.month, row.currency)


@dataclass(frozen=True)
class Actual:
    """What copies that are there did cost, in words; `size` is empty where AWS didn't say it of each."""

    copies: int
    size: str
    once: str
    month: str
    kept: str


def actual(copies: Sequence[ImageCopy]) -> Actual | None:
    """What these copies did cost, as far as they are there; None while none is."""
    rows = [row for row in CopyCost.objects.filter(copy__in=[copy.pk for copy in copies]) if row.kept_from]
    if not rows:
        return None
    now, currency = timezone.now(), rows[0].currency
    sizes, so_far = [row.bytes for row in rows], [row.storage_so_far(now) for row in rows]
    once, month = Amount.sum_of(map(actual_cost.band, rows)), Amount.sum_of(map(actual_cost.month_band, rows))
    kept = max(row.months(now) for row in rows)
    months = "less than a month" if kept < 1 else f"{kept:.0f} month{'s' if round(kept) != 1 else ''}"
    known = None not in so_far
    paid = f", at most {cost_words.money(sum(each or Decimal(0) for each in so_far), currency)} so far" if known else ""
    gone = sum(row.kept_until is not None for row in rows)
    ended = f" {gone} of {len(rows)} gone since." if gone else ""
    return Actual(
        copies=len(rows),
        size="" if None in sizes else gib(sum(size or 0 for size in sizes)),
        once=cost_words.words(once, currency),
        month=cost_words.words(month, currency),
        kept=f"Kept {months}{paid}.{ended}",
    )


def gib(size: int | None) -> str:
    """Bytes in GiB, as people say it."""
    if size is None:
        return ""
    value = Decimal(size) / GIB
    return f"{value:.1f} GiB" if value < 10 else f"{value:,.0f} GiB"


def _line(amount: Amount, currency: str, of: str) -> Line:
    if amount.known:
        return Line(cost_words.words(amount, currency), of if amount.high else "")
    return Line(cost_words.words(amount, currency), why=cost_words.why(amount))


def _until_deprecation(found: Estimate, steps: Sequence[Mapping[str, Members]], at: datetime) -> str:
    """What storage costs until deprecation, which itself ends nothing: what is deprecated is kept and billed on."""
    total = Decimal(0)
    for copy, mine in zip(found.copies, steps, strict=False):
        end = deprecates_at(mine.get(DEPRECATION, {}), at)
        if end is None or copy.storage.high is None:
            return ""
        total += copy.storage.high * max(Decimal(0), Decimal((end - at) / timedelta(days=1))) / DAYS_A_MONTH
    if not total:
        return ""
    return f"At most {cost_words.money(total, found.currency)} until deprecation, more as long as it is kept"


def _once_of(found: Estimate) -> str:
    parts = [f"transfer of {gib(found.bytes)}"] if found.transfer.high else []
    return " and ".join([*parts, "timed copy"] if found.surcharge.high else parts)


def _budget(said: Mapping[str, Any], currency: str) -> BudgetLine:
    amount, spent = cost_words.money(said["amount"], currency), cost_words.money(said["spent"], currency)
    if said["with"] is None:
        words = f"{spent} of {amount} this month, and this request isn’t known"
    else:
        words = f"{cost_words.money(said['with'], currency)} of {amount} this month with this request"
    return BudgetLine(said["team"], words, said["over"])
