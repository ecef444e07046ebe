"""What a request costs, as pages say it: two sums, what they are of, what isn't known and why, and budgets."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from amicopy.copies.core import cost_words
from amicopy.copies.core.cost import GIB, Amount, Estimate


@dataclass(frozen=True)
class Line:
    """A sum in words, what it is of, and why it isn't known; the last two may be empty."""

    words: str
    of: str = ""
    why: str = ""


@dataclass(frozen=True)
class BudgetLine:
    """What a team's budget says; `over` is None where that can't be told."""

    team: str
    words: str
    over: bool | None


@dataclass(frozen=True)
class Shown:
    """`payers` are accounts of others that pay the transfer, `prices` of what day the prices are."""

    once: Line
    month: Line
    payers: list[str]
    prices: str
    budgets: list[BudgetLine]

    @property
    def over(self) -> bool:
        return any(budget.over for budget in self.budgets)


def shown(kept: Mapping[str, Any]) -> Shown | None:
    """An estimate as a request keeps it; None where there is none, as for requests of before, or nothing is made."""
    found = Estimate.of(kept)
    if found is None or all(copy.extent == "nothing" for copy in found.copies):
        return None
    return Shown(
        once=_line(found.once, found.currency, _once_of(found)),
        month=_line(found.month, found.currency, "snapshots"),
        payers=found.payers,
        prices=cost_words.prices_of(found),
        budgets=[_budget(each, found.currency) for each in kept.get("budgets") or ()],
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
