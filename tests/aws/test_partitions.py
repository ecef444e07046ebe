"""Partitions and their consoles."""

import pytest

from amicopy.aws.partitions import console_url


@pytest.mark.parametrize(
    ("region", "begins"),
    [
        ("eu-west-1", "https://eu-west-1.console.aws.amazon.com/ec2/home?region=eu-west-1#"),
        ("cn-north-1", "https://cn-north-1.console.amazonaws.cn/ec2/home?region=cn-north-1#"),
        ("us-gov-west-1", "https://us-gov-west-1.console.amazonaws-us-gov.com/ec2/home?region=us-gov-west-1#"),
        ("eusc-de-east-1", "https://eusc-de-east-1.console.amazonaws-eusc.eu/ec2/home?region=eusc-de-east-1#"),
        ("us-iso-east-1", ""),
        ("nowhere-1", ""),
    ],
)
def test_consoles_are_those_of_the_partition(region: str, begins: str) -> None:
    address = console_url("snapshot", region=region, resource_id="snap-1")
    assert address == (f"{begins}SnapshotDetails:snapshotId=snap-1" if begins else "")
