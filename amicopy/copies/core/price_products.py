"""From products, as the Price List API answers them, to a price list of `prices`.

Each is a JSON text with `product` and `terms` (API_pricing_GetProducts.html). Of the many products only three kinds
count, told apart by the end of `usagetype`; us-east-1 has no prefix there, every other Region its own.
"""

import json
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

CURRENCY = "USD"
# Neither `.outposts` nor `SnapshotUsageUnderBilling`, and no archive.
_STORAGE = re.compile(r"(?:[A-Z0-9]+-)?EBS:SnapshotUsage")
_SURCHARGE = re.compile(r"(?:[A-Z0-9]+-)?EBS:TimeBasedSnapshotCopy\.(?P<tier>tier[0-9]+)")
_TRANSFER = re.compile(r"[A-Z0-9]+-[A-Z0-9]+-AWS-Out-Bytes|[A-Z0-9]+-AWS-Out-Bytes")
_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-[0-9]+")
ADDRESS = "https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/price-changes.html"


def price_list(ec2: Iterable[str], transfer: Iterable[str]) -> dict[str, Any]:
    """The list made of these products of the services AmazonEC2 and AWSDataTransfer. Raises ValueError, KeyError or
    TypeError for what is no product, and ValueError where a kind has no price at all."""
    storage: dict[str, str] = {}
    surcharge: dict[str, dict[str, str]] = {}
    pairs: dict[str, dict[str, str]] = {}
    days: dict[str, str] = {}
    for item in map(json.loads, ec2):
        attributes, price = item["product"]["attributes"], _first_price(item)
        usage, region = attributes.get("usagetype", ""), attributes.get("regionCode", "")
        if price is None or not _REGION.fullmatch(region):
            continue
        if _STORAGE.fullmatch(usage):
            storage[region] = price
        elif tier := _SURCHARGE.fullmatch(usage):
            surcharge.setdefault(region, {})[tier["tier"]] = price
        else:
            continue
        _note_day(days, "AmazonEC2", item)
    for item in map(json.loads, transfer):
        attributes, price = item["product"]["attributes"], _first_price(item)
        source, to = attributes.get("fromRegionCode", ""), attributes.get("toRegionCode", "")
        fits = attributes.get("transferType") == "InterRegion Outbound" and _TRANSFER.fullmatch(
            attributes.get("usagetype", "")
        )
        # From and to Local Zones and Wavelength has Region codes too, that aren't those of Regions.
        if price is not None and fits and _REGION.fullmatch(source) and _REGION.fullmatch(to):
            pairs.setdefault(source, {})[to] = price
            _note_day(days, "AWSDataTransfer", item)
    if not storage or not pairs:
        raise ValueError("No prices of snapshot storage, or none of transfer between Regions, are among these.")
    return {
        "currency": CURRENCY,
        "sources": [
            {"id": service, "name": f"AWS Price List, {service}", "address": ADDRESS, "published": day}
            for service, day in sorted(days.items())
        ],
        "storage": {"AmazonEC2": storage},
        "transfer": {"AWSDataTransfer": pairs},
        "surcharge": {"AmazonEC2": surcharge},
    }


def _first_price(item: Mapping[str, Any]) -> str | None:
    """The price of the first unit, which is the dearest; None where nothing is asked in this currency."""
    dimensions = [
        dimension
        for term in (item.get("terms", {}).get("OnDemand") or {}).values()
        for dimension in term["priceDimensions"].values()
        if CURRENCY in dimension["pricePerUnit"]
    ]
    if not dimensions:
        return None
    first = min(dimensions, key=lambda dimension: Decimal(dimension.get("beginRange") or "0"))
    return f"{Decimal(first['pricePerUnit'][CURRENCY]).normalize():f}"


def _note_day(days: dict[str, str], service: str, item: Mapping[str, Any]) -> None:
    day = str(item["publicationDate"])[:10]
    days[service] = min(days.get(service, day), day)
