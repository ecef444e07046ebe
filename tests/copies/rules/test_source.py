"""Rules about the source as it was looked up."""

import pytest

from amicopy.copies.rules import source
from tests.copies.conftest import SOURCE
from tests.copies.rules.cases import said, seen


@pytest.mark.parametrize(("state", "way"), [("disabled", "Enable it first."), ("failed", "")])
def test_source_is_available(state: str, way: str) -> None:
    rule = source.source_is_available
    words = said(rule, lookups=seen(State=state))
    assert words.startswith("SourceImageId: The source must be available.")
    assert f"is {state}." in words
    assert words.endswith(way)
    assert said(rule, lookups=seen()) == said(rule, lookups=seen(State="pending")) == said(rule) == ""
    # What was seen of another image says nothing of this one.
    assert said(rule, SourceImageId="ami-0a1b2c3d", lookups=seen(State=state)) == ""


def test_warn_of_a_source_still_being_made() -> None:
    rule = source.warn_of_a_source_still_being_made
    assert "starts once it is available" in said(rule, lookups=seen(State="pending"))
    assert said(rule, lookups=seen()) == said(rule) == ""


def test_instance_store_keeps_its_encryption() -> None:
    rule, in_s3 = source.instance_store_keeps_its_encryption, seen(RootDeviceType="instance-store")
    assert "its encryption can't be changed" in said(rule, Encrypted=True, lookups=in_s3)
    assert said(rule, lookups=in_s3) == said(rule, Encrypted=True, lookups=seen(RootDeviceType="ebs")) == ""


def test_warn_of_a_paravirtual_source() -> None:
    rule = source.warn_of_a_paravirtual_source
    assert "paravirtual" in said(rule, lookups=seen(VirtualizationType="paravirtual"))
    assert said(rule, lookups=seen(VirtualizationType="hvm")) == ""


def test_source_is_where_aws_shows_it() -> None:
    rule = source.source_is_where_aws_shows_it
    missing = {"ImageId": SOURCE, "Region": "us-east-1", "elsewhere": ["us-west-2"]}
    words = said(rule, lookups={"source_not_there": missing})
    assert words == f"SourceRegion: Choose us-west-2. {SOURCE} is in us-west-2, not in us-east-1."
    words = said(rule, lookups={"source_not_there": {**missing, "elsewhere": []}})
    assert words.startswith("SourceImageId: Enter an AMI of us-east-1.")
    for other in ({"Region": "eu-west-1"}, {"ImageId": "ami-0a1b2c3d"}):
        assert said(rule, lookups={"source_not_there": {**missing, **other}}) == ""
    assert said(rule) == said(rule, lookups=seen()) == ""
