"""What can be found out before AWS is asked: against the sandbox, and with AWS slow, broken or refusing."""

import time
from typing import Any

import boto3
import pytest
from django.utils import timezone

from amicopy.aws.account import AwsAccount
from amicopy.aws.ec2 import EbsEncryption
from amicopy.aws.shapes import Volume
from amicopy.copies.core.models import Account
from amicopy.copies.lookups import async_queries, encryption, keys, names, places, snapshot, source
from amicopy.copies.lookups.async_queries import Missing, Question, T
from amicopy.copies.requests import verbs
from amicopy.copies.voting import fact_evidence, fact_table, fact_words
from amicopy.sandbox.server import Server
from tests.conftest import Control
from tests.copies.conftest import SOURCE, acting, make_call, make_person

pytestmark = pytest.mark.usefixtures("patient")
AWS = AwsAccount("111122223333")
KEY = "alias/golden-images"


def answer(question: Question[T], *, seconds: float = 30) -> T | Missing:
    return async_queries.start(question).wait(async_queries.deadline(seconds))


def source_of(image_id: str, region: str = "us-east-1") -> source.Source:
    found = answer(source.question(AWS, region=region, image_id=image_id))
    assert isinstance(found, source.Source), found
    return found


def codes(found: source.Source) -> set[str]:
    return {warning.code for warning in source.warnings(found, account_id=AWS.account_id, now=timezone.now())}


def test_a_source_is_seen_with_its_volumes_and_their_snapshots(sandbox: Control) -> None:
    found = source_of(SOURCE)
    assert found.image.Name == "golden-al2023-x86_64-2026.11.18"
    assert found.size == 52
    assert found.unreadable == []
    assert found.shared == (0, 0)
    assert codes(found) == set()


@pytest.mark.django_db
def test_whom_an_own_source_is_shared_with_is_seen(sandbox: Control, server: Server, account: Account) -> None:
    session = boto3.Session("AKIASANDBOX000000000", "not-checked", region_name="us-east-1")
    session.client("ec2", endpoint_url=server.url).modify_image_attribute(
        ImageId=SOURCE, LaunchPermission={"Add": [{"UserId": "444455556666"}, {"UserId": "777788889999"}]}
    )
    kept = snapshot.gather(account, [make_call()], until=async_queries.deadline(30))
    assert kept["shared_with"] == {"accounts": 2, "organizations": 0}
    assert "launch permissions of 2 accounts" in kept["not_copied"]
    evidence = fact_evidence.Evidence(account=account, lookups=kept)
    told = {each.code: each for each in fact_table.tell([make_call()], evidence)}["launch-permissions"]
    assert (told.level, fact_words.chip_of(told)) == (fact_table.Level.NONE, "Source shared with 2 accounts")


def test_a_source_is_seen_without_whom_it_is_shared_with(sandbox: Control) -> None:
    sandbox("faults", kind="error", code="UnauthorizedOperation", status=403, action="DescribeImageAttribute")
    assert source_of(SOURCE).shared is None
    # AWS tells the owner alone: others aren't asked about.
    assert source_of("ami-027e9a5d1f3b8c460").shared is None
    assert len(sandbox("calls?action=DescribeImageAttribute")) == 1


@pytest.mark.parametrize(
    ("image_id", "region", "expected"),
    [
        ("ami-0f15c8e2a9b7364d0", "us-east-1", {"deprecated"}),
        ("ami-027e9a5d1f3b8c460", "us-east-1", {"not-yours"}),
        ("ami-0490c7d3f5e2b68a1", "us-east-1", {"not-yours", "unreadable", "billing"}),
        ("ami-05a1d8e406f3c79b2", "us-west-2", {"not-yours", "unreadable"}),
    ],
)
def test_what_would_surprise_about_a_source_is_said(
    sandbox: Control, image_id: str, region: str, expected: set[str]
) -> None:
    assert codes(source_of(image_id, region)) == expected


def test_an_id_of_another_region_says_which(sandbox: Control) -> None:
    assert isinstance(answer(source.question(AWS, region="eu-west-1", image_id=SOURCE)), source.NotThere)
    found = source.elsewhere(AWS, image_id=SOURCE, besides="eu-west-1", until=async_queries.deadline(30))
    assert found == ["us-east-1"]


def test_tags_of_another_account_come_along_only_when_shared(sandbox: Control) -> None:
    image = source_of("ami-027e9a5d1f3b8c460").image
    taken, left = source.tags_carried(image, account_id=AWS.account_id)
    assert set(taken) == {"ec2:SharedTag/support"}
    assert set(left) == {"internal"}


def test_regions_and_zones_the_account_cannot_use_are_listed_with_the_reason(sandbox: Control) -> None:
    regions = answer(places.regions_question(AWS))
    assert not isinstance(regions, Missing)
    by_name = {place.name: place for place in regions}
    assert by_name["eu-west-1"].usable
    assert by_name["af-south-1"].reason == "not enabled for this account"
    zones = answer(places.zones_question(AWS, region="ap-southeast-2"))
    assert not isinstance(zones, Missing)
    assert [(zone.name, zone.usable) for zone in zones] == [("ap-southeast-2-per-1a", False)]
    outposts = answer(places.outposts_question(AWS, region="us-east-1"))
    assert not isinstance(outposts, Missing)
    assert [outpost.Name for outpost in outposts] == ["plant-floor"]


@pytest.mark.parametrize(
    ("key_id", "problem"),
    [
        (KEY, ""),
        ("alias/retired", "must be enabled. This key is disabled"),
        ("alias/nowhere", "no such key in eu-west-1"),
    ],
)
def test_a_key_is_looked_at_before_aws_fails_half_an_hour_later(sandbox: Control, key_id: str, problem: str) -> None:
    found = answer(keys.key_question(AWS, region="eu-west-1", key_id=key_id))
    assert isinstance(found, keys.KeyCheck)
    assert problem in found.problem
    assert bool(found.problem) == bool(problem)


def test_aliases_of_other_services_are_not_suggested(sandbox: Control) -> None:
    found = answer(keys.listed_question(AWS, region="eu-west-1"))
    assert not isinstance(found, Missing)
    assert {key.AliasName for key in found} == {"alias/aws/ebs", KEY, "alias/retired"}


def test_a_name_that_is_taken_in_a_destination_is_found(sandbox: Control) -> None:
    taken = names.clash_question(AWS, region="us-east-1", name="bastion-encrypted-3.2")
    assert answer(taken) == ["ami-0d2f6b80c5e1794a3"]
    assert answer(names.clash_question(AWS, region="eu-west-1", name="bastion-encrypted-3.2")) == []


def test_an_answer_is_kept_and_asked_for_once(sandbox: Control) -> None:
    for _ in range(3):
        source_of(SOURCE)
    assert sandbox()["calls"]["ec2"]["us-east-1"]["DescribeImages"] == 1


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"kind": "throttle"}, "too often"),
        ({"kind": "error", "code": "InternalError", "status": 500}, "didn't answer"),
        ({"kind": "error", "code": "UnauthorizedOperation", "status": 403}, "UnauthorizedOperation"),
        ({"kind": "drop"}, "didn't answer"),
        ({"kind": "expired"}, "expired"),
    ],
)
def test_an_answer_that_does_not_come_is_missing_with_words(
    sandbox: Control, fault: dict[str, Any], words: str
) -> None:
    sandbox("faults", **fault, action="DescribeImages")
    found = answer(source.question(AWS, region="us-east-1", image_id=SOURCE))
    assert isinstance(found, Missing)
    assert words in found.reason


def test_whoever_asks_waits_no_longer_than_their_limit_and_the_next_one_has_the_answer(sandbox: Control) -> None:
    sandbox("faults", kind="latency", seconds=1, action="DescribeImages")
    began = time.monotonic()
    question = source.question(AWS, region="us-east-1", image_id=SOURCE)
    assert answer(question, seconds=0.2) == Missing("AWS didn't answer in time.")
    assert time.monotonic() - began < 0.9
    assert isinstance(answer(question), source.Source)
    assert sandbox()["calls"]["ec2"]["us-east-1"]["DescribeImages"] == 1


DEFAULT = "arn:aws:kms:eu-west-1:111122223333:key/default"
OFF, ON = EbsEncryption(by_default=False, KmsKeyId=DEFAULT), EbsEncryption(by_default=True, KmsKeyId=DEFAULT)
OUTPOST = {"DestinationOutpostArn": "arn:aws:outposts:us-east-1:111122223333:outpost/op-0a1b2c3d4e5f67890"}
ZONE = {"DestinationAvailabilityZone": "us-east-1-bos-1a"}


@pytest.mark.parametrize(
    ("asked", "encrypted", "own", "defaults", "expected"),
    [
        # The table of AMIEncryption.html, cell by cell; None stands where AWS decides.
        ({}, False, True, OFF, (False, "")),
        ({}, False, True, ON, (True, DEFAULT)),
        ({}, False, True, None, (None, "")),
        # The source's key is of its Region: in another one the copy gets the default key, whoever owns the source.
        ({}, True, True, OFF, (True, DEFAULT)),
        ({"SourceRegion": "eu-west-1"}, True, True, ON, (True, "")),
        ({}, True, False, OFF, (True, DEFAULT)),
        ({"Encrypted": True}, False, True, OFF, (True, DEFAULT)),
        ({"Encrypted": True}, True, True, OFF, (True, DEFAULT)),
        ({"Encrypted": True, "SourceRegion": "eu-west-1"}, True, True, OFF, (True, "")),
        ({"Encrypted": True}, True, False, OFF, (True, DEFAULT)),
        ({"Encrypted": True, "KmsKeyId": KEY}, False, True, ON, (True, KEY)),
        ({"Encrypted": True, "KmsKeyId": KEY}, True, True, OFF, (True, KEY)),
        ({"Encrypted": True, "KmsKeyId": KEY}, True, False, None, (True, KEY)),
        ({"Encrypted": False}, False, True, OFF, (False, "")),
        ({"Encrypted": False}, False, True, ON, (None, "")),
        ({"Encrypted": False}, True, True, OFF, (None, "")),
        (OUTPOST, False, True, OFF, (True, DEFAULT)),
        (OUTPOST, False, True, None, (True, "")),
        (ZONE, False, True, OFF, (None, "")),
        (ZONE, False, True, ON, (True, DEFAULT)),
    ],
)
def test_encryption_is_predicted_as_aws_documents_it(
    asked: dict[str, Any], encrypted: bool, own: bool, defaults: EbsEncryption | None, expected: tuple[bool, str]
) -> None:
    volume = Volume("/dev/xvda", "snap-0123456789abcdef0", 8, "gp3", encrypted, "")
    prediction = encryption.predict(make_call(**asked), [volume], own=own, defaults=defaults)[0]
    assert (prediction.Encrypted, prediction.KmsKeyId) == expected
    assert prediction.words


@pytest.mark.django_db
def test_a_request_keeps_what_was_found_and_binds_to_the_source_as_it_was(sandbox: Control, account: Account) -> None:
    make_person("approver", "approver")
    calls = [
        make_call("eu-central-1", Name="bastion-encrypted-3.2", CopyImageTags=True),
        make_call(
            "us-east-1",
            Name="bastion-encrypted-3.2",
            CopyImageTags=True,
            Encrypted=True,
            KmsKeyId="alias/retired",
        ),
    ]
    request = verbs.submit(
        acting(make_person("requester", "requester")),
        account=account,
        reason="x",
        calls=calls,
        lookups=snapshot.gather(account, calls, until=async_queries.deadline(30)),
        anyway=verbs.Anyway("The key is enabled before the start."),
    )
    found = request.lookups
    assert found["source"]["ImageId"] == SOURCE
    assert found["size"]["GiB"] == 52
    assert set(found["tags_copied"]) == {"os", "team", "build"}
    first, second = found["destinations"]
    assert first["encrypts_by_default"] is True
    assert [each["Encrypted"] for each in first["encryption"]] == [True, True]
    assert first["clashes"] == []
    assert second["clashes"] == ["ami-0d2f6b80c5e1794a3"]
    assert "disabled" in second["key"]["problem"]
    assert found["missing"] == first["missing"] == second["missing"] == {}
    assert request.source_seen["ImageId"] == SOURCE
    assert request.source_seen["tags"]["os"] == "al2023"


@pytest.mark.django_db
def test_a_request_is_accepted_when_aws_does_not_answer_in_time(sandbox: Control, account: Account) -> None:
    make_person("approver", "approver")
    sandbox("faults", kind="hang", count=None)
    calls, began = [make_call()], time.monotonic()
    lookups = snapshot.gather(account, calls, until=async_queries.deadline(0.5))
    assert time.monotonic() - began < 1.5
    request = verbs.submit(
        acting(make_person("requester", "requester")), account=account, reason="x", calls=calls, lookups=lookups
    )
    assert request.lookups["missing"] == dict.fromkeys(("account", "source"), "AWS didn't answer in time.")
    assert set(request.lookups["destinations"][0]["missing"]) == {"regions", "encryption", "clashes"}
    assert request.source_seen == {}
