"""A closer look at a source: what it finds, what a refused permission makes of it, and what facts and rules tell."""

import os
import subprocess
import sys
from datetime import timedelta
from typing import Any

import boto3
import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.utils import timezone
from pytest_django import Settings

from amicopy.copies.core.calls import Call
from amicopy.copies.core.models import Account
from amicopy.copies.lookups import async_queries, snapshot
from amicopy.copies.lookups.snapshot_members import Kept
from amicopy.copies.voting import fact_evidence, fact_table, fact_words, facts, rulebook
from amicopy.sandbox.server import Server
from tests.conftest import Control
from tests.copies.conftest import SOURCE, make_call, make_rule

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("patient")]
VULNERABLE, CLEAN, FOREIGN = "ami-0c4a9e17b3d8250f6", "ami-0e93a1c7d64f5b082", "ami-027e9a5d1f3b8c460"
ARM, GPU, DEPRECATED = "ami-0b81d5e6f0a297c34", "ami-016d7b4f8e2c093a5", "ami-0f15c8e2a9b7364d0"
DENIED = {"kind": "error", "code": "UnauthorizedOperation", "status": 403, "count": None}
LOOKS = ("GetImageFindings", "GetImageAncestry", "DescribeImageReferences", "DescribeInstanceTypeOfferings")


def call_to(region: str, source: str) -> Call:
    return make_call(region, SourceImageId=source)


def gathered(account: Account, source: str, *, region: str = "eu-west-1") -> Kept:
    return snapshot.gather(account, [call_to(region, source)], until=async_queries.deadline(30))


def told(account: Account, source: str, *, region: str = "eu-west-1") -> dict[str, str]:
    """The words of the facts that are shown, by their codes."""
    evidence = fact_evidence.Evidence(account=account, lookups=gathered(account, source, region=region))
    return {
        each.code: words for each, words in fact_words.chips_of(fact_table.tell([call_to(region, source)], evidence))
    }


def test_findings_ancestry_and_instance_types_are_kept(sandbox: Control, account: Account) -> None:
    kept = gathered(account, SOURCE)
    assert kept["source"]["ScanResults"]["HighestFindingSeverityLabel"] == "medium"
    assert kept["source"]["LastLaunchedTime"] == "2026-11-27T06:14:00Z"
    found = kept["inspection"]
    assert found["findings"]["counts"] == {"medium": 1, "low": 1}
    assert [each["SeverityLabel"] for each in found["findings"]["worst"]] == ["medium", "low"]
    assert [each["ImageOwnerAlias"] for each in found["ancestry"]] == ["111122223333"] * 2 + ["amazon"]
    assert "not_known" not in found
    assert kept["destinations"][0]["offered"]
    assert snapshot.missing_parts(kept) == set()


def test_what_nothing_depends_on_is_asked_for_by_who_wants_it(sandbox: Control, account: Account) -> None:
    call = make_call()
    kept = snapshot.gather(account, [call], until=async_queries.deadline(30), closely=False)
    assert "inspection" not in kept
    assert [action for action in LOOKS if sandbox(f"calls?action={action}")] == []


def test_a_refused_permission_is_not_known_and_no_error(sandbox: Control, account: Account) -> None:
    for action in LOOKS:
        sandbox("faults", action=action, **DENIED)
    kept = gathered(account, SOURCE)
    reason = "AWS doesn't let amicopy look there (UnauthorizedOperation)."
    assert kept["inspection"] == {"not_known": {"findings": reason, "ancestry": reason, "references": reason}}
    assert "offered" not in kept["destinations"][0]
    # Nobody looks again for it, and a rule that asks for it can't tell.
    assert not snapshot.incomplete(kept)
    evidence = fact_evidence.Evidence(account=account, lookups=kept)
    codes = ("other-descent", "not-launchable", "no-clean-scan")
    assert [fact_table.BY_CODE[code].holds(make_call(), evidence) for code in codes] == [None, None, False]


def test_an_aws_that_hangs_at_a_closer_look_keeps_the_rest(sandbox: Control, account: Account) -> None:
    sandbox("faults", kind="hang", action="GetImageAncestry", seconds=20)
    kept = snapshot.gather(account, [make_call()], until=async_queries.deadline(3))
    assert kept["source"]["ImageId"] == SOURCE
    assert kept["inspection"]["not_known"] == {"ancestry": async_queries.LATE.reason}


@pytest.mark.parametrize(
    ("source", "region", "code", "words"),
    [
        (VULNERABLE, "eu-west-1", "critical-finding", "Critical finding, fix since "),
        (VULNERABLE, "eu-west-1", "scan-old", "Scanned 16 days ago"),
        (SOURCE, "eu-west-1", "scanned-clean", None),
        (SOURCE, "eu-west-1", "critical-finding", None),
        (SOURCE, "eu-west-1", "descends-from", None),
        (CLEAN, "eu-west-1", "watermark", "Watermark 111122223333:golden"),
        (ARM, "sa-east-1", "not-launchable", "No instance type there"),
        (ARM, "eu-west-1", "not-launchable", None),
        (GPU, "eu-west-1", "not-launchable", "No instance type there"),
        (GPU, "us-west-2", "not-launchable", None),
        (DEPRECATED, "eu-west-1", "deprecated-source", "Deprecated"),
        (SOURCE, "eu-west-1", "no-watermark", None),
    ],
)
def test_chips_say_what_was_found(
    sandbox: Control, account: Account, source: str, region: str, code: str, words: str | None
) -> None:
    said = told(account, source, region=region).get(code)
    assert (said or "").startswith(words) if words else said is None


@pytest.mark.parametrize(
    ("source", "code", "detail"),
    [
        (SOURCE, "scanned-clean", True),
        (VULNERABLE, "scanned-clean", False),
        (SOURCE, "descends-from", True),
        (CLEAN, "descends-from", False),
    ],
)
def test_what_is_as_it_should_be_is_for_rules_and_no_chip(
    sandbox: Control, account: Account, source: str, code: str, detail: bool
) -> None:
    evidence = fact_evidence.Evidence(account=account, lookups=gathered(account, source))
    assert fact_table.BY_CODE[code].holds(make_call(SourceImageId=source), evidence) is detail


def test_an_image_that_is_not_allowed_is_a_risk(sandbox: Control, server: Server, account: Account) -> None:
    session = boto3.Session("AKIASANDBOX000000000", "not-checked", region_name="us-east-1")
    ec2 = session.client("ec2", endpoint_url=server.url)
    # Without criteria nobody's images are allowed but the account's own.
    ec2.enable_allowed_images_settings(AllowedImagesSettingsState="audit-mode")
    assert told(account, FOREIGN)["not-allowed"] == "Not an allowed AMI"
    assert "not-allowed" not in told(account, SOURCE)


def test_an_image_of_a_trusted_owner_descends_from_it(account: Account) -> None:
    itself = {"ImageId": SOURCE, "ImageOwnerAlias": "amazon", "CreationDate": ""}
    lookups = {"source": {"ImageId": SOURCE}, "inspection": {"ancestry": [itself]}}
    evidence = fact_evidence.Evidence(account=account, lookups=lookups)
    assert fact_table.BY_CODE["descends-from"].tell(make_call(), evidence) == "amazon"
    assert fact_table.BY_CODE["other-descent"].holds(make_call(), evidence) is False


def scanned(days: float, severity: str = "") -> dict[str, Any]:
    at = (timezone.now() - timedelta(days=days)).isoformat()
    scan = {"FindingScanDate": at, "HighestFindingSeverityLabel": severity, "fixes": {}}
    return {"source": {"ImageId": SOURCE, "ScanResults": scan}}


@pytest.mark.parametrize(
    ("lookups", "holds"),
    [
        (scanned(1), False),
        (scanned(1, "high"), False),
        (scanned(1, "critical"), True),
        (scanned(8.5), True),
        ({"source": {"ImageId": SOURCE}}, True),
        ({}, None),
    ],
)
def test_a_rule_can_ask_where_no_clean_scan_is_known(account: Account, lookups: Any, holds: bool | None) -> None:
    evidence = fact_evidence.Evidence(account=account, lookups=lookups)
    assert fact_table.BY_CODE["no-clean-scan"].holds(make_call(), evidence) is holds
    assert "no-clean-scan" not in {each.code for each in fact_table.tell([make_call()], evidence)}


def test_which_watermarks_and_ancestors_are_trusted_is_a_setting(
    sandbox: Control, account: Account, settings: Settings
) -> None:
    settings.TRUSTED_WATERMARKS, settings.TRUSTED_ANCESTORS = ["999988887777:*"], ["ami-0aa11bb22cc33dd44"]
    assert "watermark" not in told(account, CLEAN)
    evidence = fact_evidence.Evidence(account=account, lookups=gathered(account, SOURCE))
    assert fact_table.BY_CODE["descends-from"].tell(make_call(), evidence) == "ami-0aa11bb22cc33dd44"
    evidence = fact_evidence.Evidence(account=account, lookups=gathered(account, CLEAN))
    holds = [fact_table.BY_CODE[code].holds(make_call(), evidence) for code in ("no-watermark", "other-descent")]
    assert holds == [True, True]


def test_a_critical_finding_asks_for_more(sandbox: Control, account: Account, requester: User) -> None:
    rule = make_rule("Critical", facts=["critical-finding"], requirements=[{"group": "security", "count": 1}])
    applies = {}
    for source in (VULNERABLE, SOURCE):
        call = call_to("eu-west-1", source)
        seen = facts.facts_for(account, requester, gathered(account, source), calls=[call])
        applies[source] = rulebook.facts_hold(rule, call, seen)
    assert applies == {VULNERABLE: True, SOURCE: False}


def test_a_source_that_was_not_seen_at_first_is_looked_at_closely_later(sandbox: Control, account: Account) -> None:
    sandbox("faults", kind="throttle", action="DescribeImages", count=None)
    first = gathered(account, SOURCE)
    assert "source" not in first
    sandbox("faults", method="DELETE")
    # An error is kept for seconds.
    cache.clear()
    later = snapshot.gather(account, [make_call()], until=async_queries.deadline(30), as_worker=True)
    merged = snapshot.completed(first, later)
    assert merged["inspection"]["findings"]["counts"] == {"medium": 1, "low": 1}
    assert merged["destinations"][0]["offered"]


def test_for_how_long_a_scan_counts_is_a_setting() -> None:
    program = (
        "import django; django.setup()\n"
        "from amicopy.copies.voting import fact_table, fact_words\n"
        "print(fact_words.WORDS['scan-old'].name, fact_table.BY_CODE['scan-old'].least)"
    )
    environ = {**os.environ, "SCAN_COUNTS_DAYS": "3", "DJANGO_SETTINGS_MODULE": "amicopy.settings"}
    said = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "the source’s last scan is older than 3 days 4"
