"""Whether the prices that estimates are made with are of now."""

from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from amicopy.copies.core import prices
from amicopy.copies.core.models import PriceList
from amicopy.copies.operations.health.finding import Finding, Part, look, well

# AWS changes prices rarely, and adds Regions a few times a year.
OLD = timedelta(days=120)


def prices_in_use() -> Iterator[Finding]:
    """How old the price list is; the one that comes along is as old as its oldest source."""
    asked = PriceList.objects.order_by("-pk").values_list("fetched_at", flat=True).first()
    day = prices.current().oldest
    if asked is None:
        # The sandbox's own prices are as good as any.
        say = well if settings.AWS_ENDPOINT else look
        yield say(Part.PRICES, "prices-shipped", day=f"{day:%-d %b %Y}")
    elif asked < timezone.now() - OLD:
        days = (timezone.now() - asked).days
        yield look(Part.PRICES, "prices-old", since=asked, days=days)
    else:
        yield well(Part.PRICES, "prices-known", since=asked, day=f"{day:%-d %b %Y}")
