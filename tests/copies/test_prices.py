"""Price lists: the one that comes with amicopy, the one AWS tells, and what neither knows."""

import json
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command

from amicopy.audit.models import AuditEvent
from amicopy.copies.core import price_products, prices
from amicopy.copies.core.models import Account, PriceList
from tests.conftest import Control


def test_every_price_that_comes_along_names_a_source() -> None:
    data = json.loads(prices.SHIPPED.read_text("utf-8"))
    named = {source["id"] for source in data["sources"]}
    for kind in ("storage", "transfer", "surcharge"):
        assert data[kind], kind
        assert set(data[kind]) <= named, kind
    assert all(source["address"].startswith("https://") for source in data["sources"])


def test_the_list_that_comes_along_knows_what_its_sources_do() -> None:
    found = prices.shipped()
    assert found.storage("sa-east-1") == Decimal("0.068")
    assert found.transfer("us-east-1", "us-east-2") == Decimal("0.01")
    assert found.transfer("us-east-1", "eu-west-1") == Decimal("0.02")
    assert found.transfer("af-south-1", "eu-west-1") == Decimal("0.147")
    assert found.surcharge("eu-west-1", 15) == Decimal("0.02")
    assert found.surcharge("eu-west-1", 45) == Decimal("0.018")
    assert found.surcharge("eu-west-1", 2880) == Decimal("0.005")


def test_what_is_in_no_list_has_no_price() -> None:
    found = prices.shipped()
    assert found.storage("mx-central-1") is None
    assert found.transfer("mx-central-1", "eu-west-1") is None


def test_nothing_is_transferred_within_a_region() -> None:
    assert prices.shipped().transfer("mx-central-1", "mx-central-1") == 0


def test_of_two_sources_the_later_one_counts() -> None:
    def source(name: str, day: str) -> dict[str, str]:
        return {"id": name, "name": name, "address": "https://example.com", "published": day}

    found = prices.read(
        {
            "currency": "USD",
            "sources": [source("new", "2026-11-01"), source("old", "2021-05-13")],
            "storage": {"new": {"eu-west-1": "0.05"}, "old": {"eu-west-1": "0.09", "eu-west-2": "0.08"}},
        }
    )
    assert (found.storage("eu-west-1"), found.storage("eu-west-2")) == (Decimal("0.05"), Decimal("0.08"))
    assert found.oldest.isoformat() == "2021-05-13"


def product(usage: str, price: str, begin: str = "0", **attributes: str) -> str:
    dimension = {"unit": "GB", "beginRange": begin, "pricePerUnit": {"USD": price}}
    return json.dumps(
        {
            "product": {"productFamily": "", "attributes": {"usagetype": usage, **attributes}},
            "terms": {"OnDemand": {"t": {"priceDimensions": {"d": dimension}}}},
            "publicationDate": "2026-11-20T18:04:33Z",
        }
    )


@pytest.mark.parametrize(
    "usage",
    [
        "EUW2-EBS:SnapshotUsage.outposts",
        "EUW2-EBS:SnapshotUsageUnderBilling",
        "EUW2-EBS:SnapshotArchiveStorage",
        "EUW2-EBS:VolumeIOUsage",
    ],
)
def test_only_snapshot_storage_is_taken_for_it(usage: str) -> None:
    pair = {"fromRegionCode": "eu-west-2", "toRegionCode": "eu-west-1", "transferType": "InterRegion Outbound"}
    transfer = [product("EUW2-EU-AWS-Out-Bytes", "0.02", **pair)]
    plain = product("EBS:SnapshotUsage", "0.05", regionCode="us-east-1")
    data = price_products.price_list([plain, product(usage, "9", regionCode="eu-west-2")], transfer)
    assert data["storage"]["AmazonEC2"] == {"us-east-1": "0.05"}


def test_an_answer_without_prices_makes_no_list() -> None:
    with pytest.raises(ValueError, match="No prices"):
        price_products.price_list([], [])


@pytest.mark.django_db
def test_the_command_asks_aws_and_its_list_is_used(
    sandbox: Control, account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("prices")
    said = capsys.readouterr().out
    assert "2026-11-20  AWS Price List, AmazonEC2" in said
    # Ten pairs of each Region; those to a Local Zone are none.
    assert "Prices in USD: 11 of storage, 110 of transfer, 77 of surcharge." in said
    found = prices.current()
    assert found.oldest.isoformat() == "2026-11-20"
    assert found.storage("us-east-1") == Decimal("0.05")
    assert found.transfer("sa-east-1", "eu-west-1") == Decimal("0.138")
    assert found.surcharge("eu-west-1", 30) == Decimal("0.018")
    event = AuditEvent.objects.get(action="prices.refreshed")
    assert event.data["transfer"] == 110


@pytest.mark.django_db
def test_a_refusal_leaves_the_list_as_it_is(sandbox: Control, account: Account) -> None:
    sandbox("faults", kind="error", service="pricing", code="AccessDeniedException", message="No.", status=400)
    with pytest.raises(CommandError, match="pricing:GetProducts"):
        call_command("prices")
    assert not PriceList.objects.exists()
    assert prices.current() == prices.shipped()


@pytest.mark.django_db
def test_only_the_last_lists_are_kept(sandbox: Control, account: Account) -> None:
    for _ in range(14):
        call_command("prices", verbosity=0)
    assert PriceList.objects.count() == 12
