"""Asking AWS for its prices, and keeping what it says as the list that estimates are made with."""

from typing import Any

from django.db import transaction
from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.audit.log import record
from amicopy.aws import pricing
from amicopy.copies.core import price_products, prices
from amicopy.copies.core.models import Account, PriceList

# Lists that are kept: the last of them is in use.
KEPT = 12


class NoPrices(Exception):
    """What AWS answered makes no list; the words are fit to be shown."""


def ask(account: Account) -> dict[str, Any]:
    """The list of now, asked for as the account's role that only looks. Raises AwsError and NoPrices."""
    aws = account.read_only()
    ec2 = pricing.products(
        aws,
        "AmazonEC2",
        [("TERM_MATCH", "productFamily", "Storage Snapshot")],
    ) + pricing.products(
        aws,
        "AmazonEC2",
        [
            ("TERM_MATCH", "productFamily", "System Operation"),
            ("CONTAINS", "usagetype", "EBS:TimeBasedSnapshotCopy"),
        ],
    )
    transfer = pricing.products(aws, "AWSDataTransfer", [("TERM_MATCH", "transferType", "InterRegion Outbound")])
    try:
        data = price_products.price_list(ec2, transfer)
        prices.read(data)
    except (ArithmeticError, KeyError, TypeError, ValueError) as error:
        raise NoPrices(f"What AWS answered makes no price list: {error}") from error
    return data


def keep(data: dict[str, Any], *, actor: Actor) -> prices.Prices:
    """Stores a list, which is used from then on, with its event; old ones go."""
    found = prices.read(data)
    with transaction.atomic():
        row = PriceList.objects.create(data=data, fetched_at=timezone.now())
        old = list(PriceList.objects.order_by("-pk").values_list("pk", flat=True)[KEPT:])
        PriceList.objects.filter(pk__in=old).delete()
        record(
            "prices.refreshed",
            actor=actor,
            data={"list": row.pk, "currency": found.currency, "sources": data["sources"], **found.counts()},
        )
    prices.forget()
    return found
