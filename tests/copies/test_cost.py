"""What a request would cost: every line and every trap, from look-ups and a list, without AWS or a database."""

from decimal import Decimal
from typing import Any

import pytest

from amicopy.copies.core import cost, cost_words, prices
from amicopy.copies.core.calls import Call
from amicopy.copies.core.cost import Amount, Estimate, Extent, Why

ME, OTHER = "111122223333", "999900001111"
KEY, OTHER_KEY = "arn:aws:kms:eu-west-1:111122223333:key/a", "arn:aws:kms:eu-west-1:111122223333:key/b"
GIB = 2**30
PRICES = prices.read(
    {
        "currency": "USD",
        "sources": [{"id": "s", "name": "s", "address": "https://example.com", "published": "2026-11-20"}],
        "storage": {"s": {"us-east-1": "0.05", "eu-west-1": "0.055"}},
        "transfer": {"s": {"us-east-1": {"eu-west-1": "0.02"}}},
        "surcharge": {"s": {"us-east-1": {"tier1": "0.02", "tier7": "0.005"}}},
    }
)


def call(region: str = "eu-west-1", **parameters: Any) -> Call:
    return Call(region, {"SourceRegion": "us-east-1", "SourceImageId": "ami-1", "Name": "n", **parameters})


def seen(
    region: str = "eu-west-1",
    *,
    sizes: tuple[int | None, ...] = (10 * GIB,),
    volume: int = 40,
    key: str | None = None,
    **source: Any,
) -> dict[str, Any]:
    """Look-ups of an image with a volume for each size; `key` is the one that the copy gets."""
    volumes = [
        {"DeviceName": f"/dev/{n}", "SnapshotId": f"snap-{n}", "VolumeSize": volume, "Encrypted": False, "KmsKeyId": ""}
        for n in range(len(sizes))
    ]
    snapshots = {f"snap-{n}": {"FullSnapshotSizeInBytes": size} for n, size in enumerate(sizes) if size}
    predicted = [
        {"SnapshotId": each["SnapshotId"], "Encrypted": key is not None, "KmsKeyId": key or ""} for each in volumes
    ]
    return {
        "source": {"ImageId": "ami-1", "OwnerId": ME, "RootDeviceType": "ebs", "volumes": volumes, **source},
        "snapshots": snapshots,
        "destinations": [{"destination": region, "DestinationRegion": region, "encryption": predicted}],
    }


def estimate(one: Call, lookups: dict[str, Any], **more: Any) -> Estimate:
    return cost.estimate([one], lookups, PRICES, account_id=ME, **more)


def both(amount: str) -> Amount:
    return Amount(Decimal(amount), Decimal(amount))


def test_a_first_copy_into_a_region_is_all_of_it() -> None:
    found = estimate(call(), seen())
    assert found.copies[0].extent is Extent.FULL
    assert found.transfer == both("0.2000")
    assert found.surcharge == both("0")
    assert found.month == both("0.5500")


def test_the_size_of_a_snapshot_counts_and_not_the_volumes() -> None:
    assert estimate(call(), seen(sizes=(10 * GIB, 2 * GIB))).bytes == 12 * GIB


@pytest.mark.parametrize("size", [0, None])
def test_where_aws_says_no_size_the_volume_counts(size: int | None) -> None:
    assert estimate(call(), seen(sizes=(10 * GIB, size))).bytes == 50 * GIB


def test_within_a_region_nothing_is_transferred() -> None:
    found = estimate(call("us-east-1"), seen("us-east-1", key=KEY))
    assert found.transfer == both("0")
    assert found.month == both("0.5000")
    # Also of what nobody has seen.
    assert estimate(call("us-east-1"), {}).transfer == both("0")


def test_within_region_account_and_key_only_changes_are_kept() -> None:
    found = estimate(call("us-east-1"), seen("us-east-1"))
    assert found.copies[0].extent is Extent.CHANGES
    assert found.month == Amount(Decimal(0), Decimal("0.5000"))


def test_somebody_elses_image_is_copied_whole_within_a_region_too() -> None:
    assert estimate(call("us-east-1"), seen("us-east-1", OwnerId=OTHER)).copies[0].extent is Extent.FULL


def test_after_an_earlier_copy_under_the_same_key_it_may_be_next_to_nothing() -> None:
    lookups = seen(key=KEY)
    keys = cost.keys_of(lookups["destinations"][0])
    assert keys
    found = estimate(call(Encrypted=True, KmsKeyId=KEY), lookups, earlier=[{keys}])
    assert found.transfer == Amount(Decimal(0), Decimal("0.2000"))
    assert found.month == Amount(Decimal(0), Decimal("0.5500"))


def test_a_changed_key_copies_all_of_it() -> None:
    before = cost.keys_of(seen(key=OTHER_KEY)["destinations"][0])
    assert before
    found = estimate(call(Encrypted=True, KmsKeyId=KEY), seen(key=KEY), earlier=[{before}])
    assert found.transfer == both("0.2000")


def test_encrypting_what_was_copied_unencrypted_copies_all_of_it() -> None:
    before = cost.keys_of(seen()["destinations"][0])
    assert before
    assert estimate(call(Encrypted=True), seen(key=KEY), earlier=[{before}]).month == both("0.5500")


def test_where_aws_decides_about_a_key_nothing_is_taken_off() -> None:
    lookups = seen()
    lookups["destinations"][0]["encryption"][0] |= {"Encrypted": True, "KmsKeyId": ""}
    assert cost.keys_of(lookups["destinations"][0]) is None
    assert estimate(call(), lookups, earlier=[{frozenset({("snap-0", None)})}]).month == both("0.5500")


def test_an_alias_is_compared_by_the_key_behind_it() -> None:
    lookups = seen(key="alias/golden")
    lookups["destinations"][0]["key"] = {"asked": "alias/golden", "Arn": KEY}
    assert cost.keys_of(lookups["destinations"][0]) == frozenset({("snap-0", KEY)})


@pytest.mark.parametrize(("minutes", "surcharge"), [(15, "0.2000"), (2880, "0.0500")])
def test_a_timed_copy_costs_more_by_its_duration(minutes: int, surcharge: str) -> None:
    found = estimate(call(SnapshotCopyCompletionDurationMinutes=minutes), seen())
    assert found.surcharge == both(surcharge)
    assert found.once.high == Decimal("0.2000") + Decimal(surcharge)


def test_a_duration_that_is_no_number_has_no_price() -> None:
    assert estimate(call(SnapshotCopyCompletionDurationMinutes="soon"), seen()).surcharge.high is None


def test_a_price_that_is_missing_is_not_known_and_never_0() -> None:
    found = estimate(call(SnapshotCopyCompletionDurationMinutes=45), seen())
    assert found.surcharge == Amount(None, None, Why.PRICE)
    assert (found.once.high, found.month.high) == (None, Decimal("0.5500"))
    elsewhere = estimate(call("mx-central-1"), seen("mx-central-1"))
    assert elsewhere.month == elsewhere.transfer == Amount(None, None, Why.PRICE)


def test_one_unknown_copy_makes_the_sum_unknown() -> None:
    found = cost.estimate([call(), call("mx-central-1")], seen(), PRICES, account_id=ME)
    assert [copy.storage.known for copy in found.copies] == [True, False]
    assert found.month == Amount(None, None, Why.PRICE)


def test_a_source_that_was_not_seen_has_no_known_cost() -> None:
    found = estimate(call(), {})
    assert found.once == Amount(None, None, Why.SIZE)
    assert found.copies[0].extent is Extent.UNKNOWN


@pytest.mark.parametrize(
    "where",
    [
        {"DestinationOutpostArn": "arn:aws:outposts:eu-west-1:111122223333:outpost/op-1"},
        {"DestinationAvailabilityZone": "eu-west-1-lhr-1a"},
    ],
)
def test_local_zones_and_outposts_have_no_known_price(where: dict[str, str]) -> None:
    found = estimate(call(**where), seen())
    assert found.month == Amount(None, None, Why.PLACE)
    assert found.transfer == Amount(None, None, Why.PLACE)


def test_an_image_in_s3_has_no_known_price() -> None:
    assert estimate(call(), seen(RootDeviceType="instance-store")).month == Amount(None, None, Why.KIND)


def test_a_dry_run_costs_nothing() -> None:
    found = estimate(call(DryRun=True), {})
    assert found.once == found.month == both("0")


def test_the_owner_of_a_shared_ami_pays_for_its_transfer() -> None:
    assert estimate(call(), seen(OwnerId=OTHER)).payers == [OTHER]
    assert estimate(call(), seen()).payers == []
    assert estimate(call("us-east-1"), seen("us-east-1", OwnerId=OTHER)).payers == []


def test_what_is_kept_says_the_same() -> None:
    found = cost.estimate([call(), call("mx-central-1")], seen(), PRICES, account_id=ME)
    assert Estimate.of(found.as_dict()) == found
    assert Estimate.of({}) is None


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        (both("0"), "Nothing"),
        (both("9.511"), "At most US$ 9.52"),
        (both("28.01"), "At most US$ 29"),
        (both("1234"), "At most US$ 1,234"),
        (both("0.0001"), "Less than US$ 0.01"),
        (Amount(Decimal(0), Decimal("9.52")), "From nothing up to US$ 9.52"),
        (Amount(None, None, Why.PRICE), "Not known"),
    ],
)
def test_money_in_words(amount: Amount, said: str) -> None:
    assert cost_words.words(amount, "USD") == said
