"""Rules about where a copy may go."""

import pytest

from amicopy.aws.partitions import partitions, titles
from amicopy.copies.rules import check_request, destinations
from tests.copies.conftest import make_call
from tests.copies.rules.cases import ACCOUNT, LOCAL_ZONE, LOCAL_ZONE_ID, OTHER_ACCOUNT, OUTPOST, said


def test_at_most_one_place() -> None:
    rule = destinations.at_most_one_place
    places = {
        "DestinationOutpostArn": OUTPOST,
        "DestinationAvailabilityZone": LOCAL_ZONE,
        "DestinationAvailabilityZoneId": LOCAL_ZONE_ID,
    }
    for one in places:
        assert said(rule, **{one: places[one]}) == ""
        for other in places:
            if one < other:
                assert "a copy goes to one place" in said(rule, **{one: places[one], other: places[other]})
    assert said(rule, **places).count("a copy goes to one place") == 2
    assert said(rule) == ""


@pytest.mark.parametrize("account", partitions())
@pytest.mark.parametrize("source", partitions())
@pytest.mark.parametrize("to", partitions())
def test_all_is_in_the_accounts_partition(account: str, source: str, to: str) -> None:
    call = make_call(next(iter(titles(to))), SourceRegion=next(iter(titles(source))))
    words = said(destinations.all_is_in_the_accounts_partition, call, partition=account)
    if account == source == to:
        assert words == ""
    else:
        field, outside = ("SourceRegion", source) if source != account else ("DestinationRegion", to)
        assert words.startswith(f"{field}: Choose a Region of the partition {account}, where the account is.")
        assert f"is in {outside}, and CopyImage never crosses partitions; CreateStoreImageTask" in words
        assert "\n" not in words, "one cause, one message"


def test_f20_a_source_of_another_partition_is_said_once() -> None:
    call = make_call("eu-west-1", SourceRegion="cn-north-1")
    errors = check_request(
        [call, make_call("us-west-2", SourceRegion="cn-north-1")], account_id=ACCOUNT, partition="aws"
    )
    assert [error.field for error in errors] == ["SourceRegion"]
    assert "cn-north-1 is in aws-cn" in errors[0].message


def test_source_is_in_the_outposts_region() -> None:
    rule = destinations.source_is_in_the_outposts_region
    call = make_call("us-east-1", SourceRegion="us-west-2", DestinationOutpostArn=OUTPOST)
    assert said(rule, call).startswith("DestinationOutpostArn: The source AMI must be in the Outpost's Region.")
    assert "It is in us-west-2, the Outpost in us-east-1: copy to us-east-1 first" in said(rule, call)
    assert said(rule, make_call("us-east-1", DestinationOutpostArn=OUTPOST)) == ""


def test_destination_is_the_outposts_region() -> None:
    rule = destinations.destination_is_the_outposts_region
    words = said(rule, make_call("eu-west-1", DestinationOutpostArn=OUTPOST))
    assert words == "DestinationRegion: Choose us-east-1, the Region of the Outpost."
    assert said(rule, make_call("us-east-1", DestinationOutpostArn=OUTPOST)) == ""


def test_outpost_arn_is_of_its_regions_partition() -> None:
    rule = destinations.outpost_arn_is_of_its_regions_partition
    foreign = OUTPOST.replace("arn:aws:", "arn:aws-cn:")
    assert "must begin with arn:aws:." in said(rule, make_call("us-east-1", DestinationOutpostArn=foreign))
    nowhere = OUTPOST.replace("us-east-1", "us-nowhere")
    assert "us-nowhere in the ARN isn't a Region" in said(rule, DestinationOutpostArn=nowhere)
    assert said(rule, make_call("us-east-1", DestinationOutpostArn=OUTPOST)) == ""


def test_outpost_is_of_the_account() -> None:
    rule = destinations.outpost_is_of_the_account
    words = said(rule, DestinationOutpostArn=OUTPOST.replace(ACCOUNT, OTHER_ACCOUNT))
    assert f"must be of account {ACCOUNT}. This ARN is of {OTHER_ACCOUNT}." in words
    assert said(rule, DestinationOutpostArn=OUTPOST) == ""


@pytest.mark.parametrize(
    "place", [{"DestinationAvailabilityZone": LOCAL_ZONE}, {"DestinationAvailabilityZoneId": LOCAL_ZONE_ID}]
)
def test_source_is_in_the_local_zones_region(place: dict[str, str]) -> None:
    rule = destinations.source_is_in_the_local_zones_region
    words = said(rule, make_call("us-east-1", SourceRegion="us-west-2", **place))
    assert words.startswith(f"{next(iter(place))}: The source AMI must be in the Local Zone's Region.")
    assert "copy to us-east-1 first" in words
    assert said(rule, make_call("us-east-1", **place)) == ""


def test_destination_is_the_local_zones_region() -> None:
    rule = destinations.destination_is_the_local_zones_region
    words = said(rule, make_call("eu-west-1", DestinationAvailabilityZone=LOCAL_ZONE))
    assert words == "DestinationRegion: Choose us-east-1, the Region of the Local Zone."
    assert said(rule, make_call("us-east-1", DestinationAvailabilityZone=LOCAL_ZONE)) == ""


def test_warn_that_only_some_zones_take_snapshots() -> None:
    rule = destinations.warn_that_only_some_zones_take_snapshots
    assert "Only some Local Zones" in said(rule, make_call("us-east-1", DestinationAvailabilityZoneId=LOCAL_ZONE_ID))
    assert said(rule, DestinationOutpostArn=OUTPOST) == said(rule) == ""


@pytest.mark.parametrize(
    ("region", "zone_id"),
    [("us-east-1", LOCAL_ZONE_ID), ("ap-southeast-2", "apse2-per1-az1"), ("us-west-2", "usw2-lax1-az1")],
)
def test_warn_of_a_zone_id_of_another_region(region: str, zone_id: str) -> None:
    rule = destinations.warn_of_a_zone_id_of_another_region
    assert said(rule, make_call(region, DestinationAvailabilityZoneId=zone_id)) == ""
    assert "usually begin with euw1" in said(rule, make_call("eu-west-1", DestinationAvailabilityZoneId=zone_id))
