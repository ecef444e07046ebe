"""The Price List API: GetProducts for what copies cost, in the shapes and with the traps of AWS's own list.

https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_pricing_GetProducts.html. Prices are the
sandbox's, and the same every time.
"""

import json
from collections.abc import Iterator
from typing import Any

from werkzeug.wrappers import Response

from amicopy.sandbox.catalogue import CATALOGUE
from amicopy.sandbox.errors import Refused

PUBLISHED = "2026-11-20T18:04:33Z"
PRICES: dict[str, Any] = CATALOGUE["prices"]
# AWS answers with up to 100 a page; a smaller one shows that the pages are followed.
MOST, REGIONS_SERVED = 100, ("us-east-1", "eu-central-1", "ap-south-1")
Product = dict[str, Any]


def answer(call: dict[str, Any]) -> Response:
    """Answers GetProducts. Raises Refused for any other action, service or filter."""
    if call["action"] != "GetProducts":
        raise Refused("InvalidParameterException", f"The sandbox doesn't know {call['action']} of the Price List API.")
    if call["region"] not in REGIONS_SERVED:
        raise Refused("UnknownEndpoint", f"The Price List API isn't served in {call['region']}.", status=404)
    asked = call["params"]
    products = {"AmazonEC2": _ec2, "AWSDataTransfer": _transfer}.get(asked.get("ServiceCode", ""))
    if products is None:
        raise Refused("InvalidParameterException", "Input Parameters are invalid: ServiceCode.")
    fitting = [each for each in products() if all(_fits(each, wanted) for wanted in asked.get("Filters") or ())]
    token, size = asked.get("NextToken") or "0", min(int(asked.get("MaxResults") or MOST), MOST)
    if not token.isdigit():
        raise Refused("InvalidNextTokenException", "The pagination token is invalid.")
    begin, end = int(token), int(token) + size
    body: dict[str, Any] = {"FormatVersion": "aws_v1", "PriceList": [json.dumps(each) for each in fitting[begin:end]]}
    if end < len(fitting):
        body["NextToken"] = str(end)
    return Response(json.dumps(body), content_type="application/x-amz-json-1.1")


def _fits(product: Product, wanted: dict[str, str]) -> bool:
    attributes = {**product["product"]["attributes"], "productFamily": product["product"]["productFamily"]}
    value = attributes.get(wanted["Field"], "")
    if wanted["Type"] == "CONTAINS":
        return wanted["Value"] in value
    if wanted["Type"] in ("TERM_MATCH", "EQUALS"):
        return bool(wanted["Value"] == value)
    raise Refused("InvalidParameterException", f"The sandbox doesn't know filters of type {wanted['Type']}.")


def _ec2() -> Iterator[Product]:
    for region, row in PRICES["regions"].items():
        prefix = "" if region == "us-east-1" else f"{row['prefix']}-"
        for usage, price in (
            ("EBS:SnapshotUsage", row["storage"]),
            ("EBS:SnapshotUsage.outposts", "0.027"),
            ("EBS:SnapshotUsageUnderBilling", "0"),
            ("EBS:SnapshotArchiveStorage", "0.0125"),
        ):
            yield _product("AmazonEC2", "Storage Snapshot", "GB-Mo", price, regionCode=region, usagetype=prefix + usage)
        for number, price in enumerate(PRICES["surcharge"], start=1):
            usage = f"{prefix}EBS:TimeBasedSnapshotCopy.tier{number}"
            yield _product("AmazonEC2", "System Operation", "GB", price, regionCode=region, usagetype=usage)
        usage = f"{prefix}EBS:VolumeIOUsage"
        yield _product("AmazonEC2", "System Operation", "IOs", "0.00000005", regionCode=region, usagetype=usage)


def _transfer() -> Iterator[Product]:
    kind = {"transferType": "InterRegion Outbound"}
    for source, row in PRICES["regions"].items():
        for to, other in PRICES["regions"].items():
            if source == to:
                continue
            price = "0.01" if {source, to} == {"us-east-1", "us-east-2"} else row["transfer"]
            codes = {"fromRegionCode": source, "toRegionCode": to}
            usage = f"{row['prefix']}-{other['prefix']}-AWS-Out-Bytes"
            yield _product("AWSDataTransfer", "Data Transfer", "GB", price, usagetype=usage, **codes, **kind)
        codes = {"fromRegionCode": source, "toRegionCode": "us-east-1-bos-1"}
        usage = f"{row['prefix']}-USE1BOS1-AWS-Out-Bytes"
        yield _product("AWSDataTransfer", "Data Transfer", "GB", "0.02", usagetype=usage, **codes, **kind)


def _product(service: str, family: str, unit: str, price: str, **attributes: str) -> Product:
    sku = attributes["usagetype"] + attributes.get("regionCode", attributes.get("toRegionCode", ""))
    dimension = {"unit": unit, "beginRange": "0", "endRange": "Inf", "pricePerUnit": {"USD": f"{float(price):.10f}"}}
    term = {"sku": sku, "effectiveDate": "2026-11-01T00:00:00Z", "priceDimensions": {f"{sku}.R": dimension}}
    return {
        "product": {"productFamily": family, "sku": sku, "attributes": {"servicecode": service, **attributes}},
        "serviceCode": service,
        "terms": {"OnDemand": {f"{sku}.T": term}},
        "version": "20261120180433",
        "publicationDate": PUBLISHED,
    }
