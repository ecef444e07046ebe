"""Each rule: what it refuses, with which words, at which field, and what it lets through."""

import pytest

from amicopy.copies.calls import Call
from amicopy.copies.rules import check_call, check_request, warnings
from amicopy.copies.rules.timing import feasible_minutes
from tests.copies.conftest import make_call

OUTPOST = "arn:aws:outposts:us-east-1:111122223333:outpost/op-0a1b2c3d4e5f67890"
KEY = "12345678-1234-1234-1234-123456789012"


def errors(call: Call, partition: str = "aws") -> list[tuple[str, str]]:
    return [(error.field, error.message) for error in check_call(call, account_id="111122223333", partition=partition)]


@pytest.mark.parametrize(
    "call",
    [
        make_call(),
        make_call(Name="a b(c)[d]./-'@_1"),
        make_call(Encrypted=True),
        *(
            make_call(Encrypted=True, KmsKeyId=key)
            for key in (
                KEY,
                "mrk-" + "0" * 32,
                "alias/golden-images",
                f"arn:aws:kms:eu-west-1:111122223333:key/{KEY}",
                "arn:aws:kms:eu-west-1:444455556666:alias/golden",
            )
        ),
        make_call("us-east-1", DestinationOutpostArn=OUTPOST, Encrypted=True),
        make_call("us-east-1", DestinationAvailabilityZone="us-east-1-bos-1a"),
        make_call("us-east-1", DestinationAvailabilityZoneId="use1-bos1-az1"),
        make_call(SnapshotCopyCompletionDurationMinutes=2880),
        make_call(Description="d" * 255),
        make_call(TagSpecifications=[{"ResourceType": "snapshot", "Tags": [{"Key": "k" * 127, "Value": "v" * 256}]}]),
        make_call(SourceImageId="ami-0a1b2c3d"),
    ],
)
def test_good_calls_pass(call: Call) -> None:
    assert errors(call) == []


@pytest.mark.parametrize(
    ("call", "field", "words"),
    [
        (make_call(Name="ab"), "Name", "at least 3"),
        (make_call(Name="a" * 129), "Name", "at most 128"),
        (make_call(Name="über"), "Name", "Remove ü"),
        (make_call(Name=5), "Name", "Enter a text"),
        (make_call(SourceImageId="AMI-0A7F3C92D41BE6058"), "SourceImageId", "Did you mean ami-0a7f3c92d41be6058?"),
        (make_call(SourceImageId=" ami-0a7f3c92d41be6058"), "SourceImageId", "Remove the space"),
        (make_call(SourceRegion="eu-west-1a"), "SourceRegion", "Did you mean eu-west-1?"),
        (make_call(Description="a\x07b"), "Description", "U+0007"),
        (make_call(Colour="red"), "Colour", "no such member"),
        (make_call(ClientToken="x"), "ClientToken", "no such member"),
        (make_call(Encrypted="true"), "Encrypted", "yes or no"),
        (make_call(Encrypted=False), "Encrypted", "Same as the source"),
        (make_call(KmsKeyId="alias/x"), "KmsKeyId", "needs encryption"),
        (make_call(Encrypted=True, KmsKeyId="not a key"), "KmsKeyId", "must be a key ID"),
        (
            make_call(Encrypted=True, KmsKeyId=f"arn:aws:kms:us-east-1:111122223333:key/{KEY}"),
            "KmsKeyId",
            "KMS key must be in eu-west-1. This key is in us-east-1. It is a key of the source's Region.",
        ),
        (
            make_call(Encrypted=True, KmsKeyId="arn:aws:kms:us-west-2:111122223333:key/mrk-" + "0" * 32),
            "KmsKeyId",
            "replica there has the same ID",
        ),
        (
            make_call(Encrypted=True, KmsKeyId="arn:aws-cn:kms:eu-west-1:111122223333:alias/x"),
            "KmsKeyId",
            "partition aws",
        ),
        (make_call("us-gov-west-1"), "DestinationRegion", "never crosses partitions"),
        (make_call(DestinationOutpostArn=OUTPOST), "DestinationRegion", "Choose us-east-1"),
        (
            make_call("us-east-1", SourceRegion="us-west-2", DestinationOutpostArn=OUTPOST),
            "DestinationOutpostArn",
            "copy to us-east-1 first",
        ),
        (
            make_call("us-east-1", DestinationOutpostArn=OUTPOST.replace("1111", "9999")),
            "DestinationOutpostArn",
            "must be of account 111122223333",
        ),
        (
            make_call("us-east-1", DestinationOutpostArn=OUTPOST, DestinationAvailabilityZone="us-east-1-bos-1a"),
            "DestinationAvailabilityZone",
            "goes to one place",
        ),
        (
            make_call("eu-west-1", DestinationAvailabilityZone="us-east-1-bos-1a"),
            "DestinationRegion",
            "Choose us-east-1",
        ),
        (make_call("us-east-1", DestinationAvailabilityZone="us-east-1a"), "DestinationAvailabilityZone", "Local Zone"),
        (
            make_call("us-east-1", DestinationOutpostArn=OUTPOST, SnapshotCopyCompletionDurationMinutes=60),
            "SnapshotCopyCompletionDurationMinutes",
            "to an Outpost can't",
        ),
        (
            make_call(
                "us-east-1", DestinationAvailabilityZone="us-east-1-bos-1a", SnapshotCopyCompletionDurationMinutes=60
            ),
            "SnapshotCopyCompletionDurationMinutes",
            "to a Local Zone can't",
        ),
        (make_call(SnapshotCopyCompletionDurationMinutes=7), "SnapshotCopyCompletionDurationMinutes", "is 15"),
        (make_call(SnapshotCopyCompletionDurationMinutes=2895), "SnapshotCopyCompletionDurationMinutes", "is 2880"),
        (
            make_call(TagSpecifications=[{"ResourceType": "vpc", "Tags": []}]),
            "TagSpecifications",
            "image or on its snap",
        ),
        (
            make_call(TagSpecifications=[{"ResourceType": "image", "Tags": [{"Key": "AWS:x", "Value": ""}]}]),
            "TagSpecifications",
            "must not begin with aws:",
        ),
        (
            make_call(TagSpecifications=[{"ResourceType": "image", "Tags": [{"Key": "a", "Value": ""}] * 2}]),
            "TagSpecifications",
            "'a' 2 times",
        ),
        (
            make_call(
                TagSpecifications=[{"ResourceType": "image", "Tags": [{"Key": str(n), "Value": ""} for n in range(51)]}]
            ),
            "TagSpecifications",
            "Remove 1 tags",
        ),
    ],
)
def test_bad_calls_are_refused_at_the_field_with_the_way_out(call: Call, field: str, words: str) -> None:
    found = errors(call)
    assert any(name == field and words in message for name, message in found), found


@pytest.mark.parametrize(
    ("partition", "source", "to"),
    [
        ("aws-cn", "cn-north-1", "cn-northwest-1"),
        ("aws-us-gov", "us-gov-west-1", "us-gov-east-1"),
        ("aws-iso", "us-iso-east-1", "us-iso-west-1"),
        ("aws-eusc", "eusc-de-east-1", "eusc-de-east-1"),
    ],
)
def test_every_partition_is_known(partition: str, source: str, to: str) -> None:
    assert errors(make_call(to, SourceRegion=source), partition) == []
    assert errors(make_call(to, SourceRegion=source), "aws") != []


def test_rules_between_destinations() -> None:
    def found(*calls: Call) -> list[tuple[str, int | None]]:
        answers = check_request(calls, account_id="111122223333", partition="aws")
        return [(error.field, error.destination) for error in answers]

    assert found() == [("destinations", None)]
    assert found(make_call(), make_call()) == [("DestinationRegion", 1)]
    assert found(make_call(), make_call("us-west-2", Name="other-name")) == [("Name", None)]
    assert found(make_call(), make_call("us-west-2", DryRun=True)) == [("DryRun", None), ("DryRun", None)]
    token = [
        Call(c.DestinationRegion, c.parameters, "one")
        for c in (make_call("us-east-1"), make_call("us-east-1", DestinationAvailabilityZone="us-east-1-bos-1a"))
    ]
    assert found(*token) == [("ClientToken", None)]
    assert found(make_call(Name="x"), make_call("us-west-2", Name="x")) == [("Name", None)]


def test_surprises_are_warned_about() -> None:
    assert [warning.field for warning in warnings([make_call(Encrypted=True, KmsKeyId="alias/aws/ebs")])] == [
        "KmsKeyId"
    ]
    assert warnings([make_call()]) == []


@pytest.mark.parametrize(("mib", "minutes"), [(0, 15), (900_000, 30), (16 * 2**20, 570), (64 * 2**20, 2250)])
def test_the_feasible_minimum_is_the_documented_one(mib: int, minutes: int) -> None:
    assert feasible_minutes(mib * 2**20) == minutes
