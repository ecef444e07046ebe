"""Rules about encryption and keys."""

import pytest

from amicopy.aws.partitions import partitions, titles
from amicopy.copies.rules import encryption
from tests.copies.conftest import make_call
from tests.copies.rules.cases import KEY, MULTI_REGION_KEY, OTHER_ACCOUNT, OUTPOST, key_arn, said, seen

ENCRYPTED = seen(volumes=[{"Encrypted": True}, {"Encrypted": False}])


def test_key_needs_encryption() -> None:
    rule = encryption.key_needs_encryption
    for without in ({}, {"Encrypted": False}):
        assert "KmsKeyId: Choose “Encrypt”" in said(rule, KmsKeyId="alias/x", **without)
    assert said(rule, KmsKeyId="alias/x", Encrypted=True) == said(rule, Encrypted=True) == ""


def test_encrypted_is_never_false() -> None:
    rule = encryption.encrypted_is_never_false
    assert said(rule, Encrypted=False).startswith("Encrypted: Choose “Same as the source”.")
    assert said(rule, Encrypted=True) == said(rule) == ""


def test_outpost_copy_is_never_unencrypted() -> None:
    rule = encryption.outpost_copy_is_never_unencrypted
    assert "always encrypted" in said(rule, DestinationOutpostArn=OUTPOST, Encrypted=False)
    assert said(rule, DestinationOutpostArn=OUTPOST, Encrypted=True) == said(rule, DestinationOutpostArn=OUTPOST) == ""


def test_key_is_in_the_destinations_region() -> None:
    rule = encryption.key_is_in_the_destinations_region
    words = said(rule, KmsKeyId=key_arn("us-east-1"))
    assert words == (
        "KmsKeyId: KMS key must be in eu-west-1. This key is in us-east-1. It is a key of the source's Region."
    )
    words = said(rule, KmsKeyId=key_arn("us-west-2", key=f"key/{MULTI_REGION_KEY}"))
    assert f"Did you mean {key_arn(key=f'key/{MULTI_REGION_KEY}')}?" in words
    assert "source's Region" not in words
    for good in (key_arn(), key_arn(key="alias/golden"), KEY, MULTI_REGION_KEY, "alias/golden"):
        assert said(rule, KmsKeyId=good) == ""


@pytest.mark.parametrize("partition", partitions())
def test_key_is_in_the_destinations_partition(partition: str) -> None:
    rule, region = encryption.key_is_in_the_destinations_partition, next(iter(titles(partition)))
    call = make_call(region, KmsKeyId=key_arn(region, partition=partition))
    assert said(rule, call, partition=partition) == ""
    call = make_call(region, KmsKeyId=key_arn(region, partition="aws-elsewhere"))
    assert f"must be in the partition {partition}." in said(rule, call, partition=partition)


def test_warn_that_an_aws_managed_key_bars_sharing() -> None:
    rule = encryption.warn_that_an_aws_managed_key_bars_sharing
    for key in ("alias/aws/ebs", key_arn(key="alias/aws/ebs")):
        assert said(rule, KmsKeyId=key) == "KmsKeyId: A copy under aws/ebs can never be shared with another account."
    assert said(rule, KmsKeyId="alias/golden") == ""


def test_warn_of_a_key_of_another_account() -> None:
    rule = encryption.warn_of_a_key_of_another_account
    assert f"The key is of account {OTHER_ACCOUNT}" in said(rule, KmsKeyId=key_arn(account=OTHER_ACCOUNT))
    assert said(rule, KmsKeyId=key_arn()) == said(rule, KmsKeyId=KEY) == ""


def test_warn_of_the_default_key() -> None:
    rule = encryption.warn_of_the_default_key
    assert said(rule, Encrypted=True) == "KmsKeyId: Without a key AWS uses the default EBS key of the Region."
    assert "Outpost is always encrypted" in said(rule, make_call("us-east-1", DestinationOutpostArn=OUTPOST))
    assert said(rule) == said(rule, Encrypted=True, KmsKeyId=KEY) == ""
    # Another rule says more of an encrypted source.
    assert said(rule, Encrypted=True, lookups=ENCRYPTED) == ""


def test_warn_of_an_encrypted_source_without_key() -> None:
    rule = encryption.warn_of_an_encrypted_source_without_key
    assert "disagree which key" in said(rule, make_call("us-east-1"), lookups=ENCRYPTED)
    assert "gets the default EBS key" in said(rule, lookups=ENCRYPTED)
    assert said(rule, Encrypted=True, KmsKeyId=KEY, lookups=ENCRYPTED) == said(rule) == ""
