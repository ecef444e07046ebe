"""Money in words: rounded up, at most, and never 0 for what isn't known."""

from collections.abc import Mapping
from datetime import date
from decimal import ROUND_CEILING, Decimal

from amicopy.copies.core.cost import Amount, Estimate, Why

SIGNS = {"USD": "US$"}
WHY: Mapping[Why, str] = {
    Why.SIZE: "AWS didn’t say how much data it is",
    Why.PRICE: "no price is known for these Regions",
    Why.PLACE: "no price is known for a Local Zone or an Outpost",
    Why.KIND: "no price is known for an AMI in S3",
}
NOT_KNOWN = "Not known"
CENT = Decimal("0.01")


def money(amount: Decimal | str | int, currency: str) -> str:
    """An amount, rounded up: to the cent below 20, otherwise to whole units."""
    value, sign = Decimal(amount), SIGNS.get(currency, currency)
    if 0 < value < CENT:
        return f"less than {sign} {CENT}"
    step = CENT if value < 20 else Decimal(1)
    return f"{sign} {value.quantize(step, rounding=ROUND_CEILING):,}"


def words(amount: Amount, currency: str) -> str:
    """A band: "At most US$ 9.52", "From nothing up to US$ 9.52", "Nothing", or "Not known"."""
    if amount.high is None:
        return NOT_KNOWN
    if not amount.high:
        return "Nothing"
    high = money(amount.high, currency)
    if amount.high < CENT:
        return f"L{high[1:]}"
    return f"At most {high}" if amount.low else f"From nothing up to {high}"


def why(amount: Amount) -> str:
    """Why an amount isn't known, or empty."""
    return WHY[amount.why] if amount.why else ""


def prices_of(found: Estimate) -> str:
    """Of what day the prices are."""
    oldest, newest = date.fromisoformat(found.oldest), date.fromisoformat(found.newest)
    return f"{oldest:%-d %b %Y}" + (" and later" if newest > oldest else "")


def sentence(found: Estimate) -> str:
    """An estimate in one sentence, for messages and lists."""
    once, month = (words(each, found.currency) for each in (found.once, found.month))
    said = f"Once: {once[:1].lower()}{once[1:]}. A month: {month[:1].lower()}{month[1:]}."
    return f"{said} By prices of {prices_of(found)}, without discounts."
