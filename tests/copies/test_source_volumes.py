"""An image may have volumes without a snapshot, which are made empty at launch: nothing of them is copied, so they
count nowhere."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from amicopy.aws.account import AwsAccount
from amicopy.aws.shapes import Volume
from amicopy.copies.core import source_volumes
from amicopy.copies.core.models import Account, CopyRequest
from amicopy.copies.core.steps.deprecation import deprecates_at
from amicopy.copies.lifecycle.request_summary import RequestSummary
from amicopy.copies.lookups import async_queries, encryption, images, source
from amicopy.copies.rules import timing
from amicopy.copies.voting import fact_table, facts
from amicopy.copies.voting.fact_evidence import Evidence
from amicopy.web import destination_rows, review_summary
from tests.conftest import Control
from tests.copies.conftest import SOURCE, Submit, make_call
from tests.copies.rules.cases import said

PLAIN: dict[str, Any] = {"Encrypted": False, "KmsKeyId": "", "VolumeType": "gp3"}
FULL = {"DeviceName": "/dev/xvda", "SnapshotId": "snap-1", "VolumeSize": 40, **PLAIN}
EMPTY = {"DeviceName": "/dev/sdb", "SnapshotId": "", "VolumeSize": 5000, **PLAIN}
LOOKUPS: dict[str, Any] = {"source": {"ImageId": SOURCE, "OwnerId": "111122223333", "volumes": [FULL, EMPTY]}}
EMPTY_ONLY: dict[str, Any] = {"source": {**LOOKUPS["source"], "volumes": [EMPTY]}}


def test_what_is_copied_has_a_snapshot() -> None:
    assert (source_volumes.copied([FULL, EMPTY]), source_volumes.gib([FULL, EMPTY])) == ([FULL], 40)
    assert (source_volumes.gib([EMPTY]), source_volumes.gib([])) == (0, 0)


@pytest.mark.django_db
def test_chips_rules_messages_and_pages_leave_out_what_is_not_copied(
    account: Account, requester: User, submit: Submit
) -> None:
    calls = [make_call("eu-west-1"), make_call("us-west-2")]
    evidence = Evidence(account=account, lookups=LOOKUPS)
    (large,) = [told for told in fact_table.tell(calls, evidence) if told.code == "large"]
    assert (large.value, large.level) == (80, fact_table.Level.NONE)
    assert facts.facts_for(account, requester, LOOKUPS, calls=calls).size == 40
    locked: dict[str, Any] = {"source": {**LOOKUPS["source"], "volumes": [{**FULL, "Encrypted": True}, EMPTY]}}
    assert facts.facts_for(account, requester, locked, calls=calls).source_encrypted is True
    told = {each.code: each.value for each in fact_table.tell(calls, Evidence(account=account, lookups=locked))}
    assert not told.get("unencrypted")
    # A rule that asks for the size counts what nobody knows against the request.
    assert facts.facts_for(account, requester, EMPTY_ONLY, calls=calls).size is None
    row = submit(*calls)
    CopyRequest.objects.update(lookups=LOOKUPS)
    row.refresh_from_db()
    copies = list(row.copies_of_round())
    assert RequestSummary(row, copies).size == 80
    assert review_summary.found_of(row, copies, []).total == 80
    shown = destination_rows.rows_of(requester, row, copies, asked="", manage=False)
    assert [each["gib"] for each in shown] == [40, 40]


def test_a_time_is_enough_for_what_is_copied() -> None:
    rule, minutes = timing.warn_of_a_duration_that_is_too_short, {"SnapshotCopyCompletionDurationMinutes": 15}
    assert said(rule, lookups=LOOKUPS, **minutes) == ""
    large = {"source": {**LOOKUPS["source"], "volumes": [{**FULL, "VolumeSize": 5000}]}}
    assert "5,000 GiB" in said(rule, lookups=large, **minutes)


@pytest.mark.usefixtures("patient")
def test_nothing_stops_a_source_with_an_empty_volume(sandbox: Control) -> None:
    """It isn't among the snapshots that the account can't read."""
    asked = source.question(AwsAccount("111122223333"), region="us-east-1", image_id=SOURCE)
    found = async_queries.start(asked).wait(async_queries.deadline(30))
    assert isinstance(found, source.Source)
    image = replace(found.image, volumes=(*found.image.volumes, Volume(**EMPTY)))
    with_one = source.Source(image, found.snapshots, found.permissions)
    assert (with_one.size, len(with_one.copied)) == (found.size, 2)
    assert source.warnings(with_one, account_id=image.OwnerId, now=timezone.now()) == []
    listed = images._row(AwsAccount(image.OwnerId), image, found.snapshots)
    assert (listed.size, listed.volumes, listed.problem) == (found.size, 2, "")
    call = make_call(Encrypted=True)
    assert len(encryption.predict(call, image.volumes, own=True, defaults=None)) == 2


def test_when_it_is_deprecated_is_told_to_the_minute() -> None:
    there = datetime(2026, 11, 24, 9, 41, 27, 5, tzinfo=UTC)
    assert deprecates_at({"DaysAfterCopy": 90}, there) == datetime(2027, 2, 22, 9, 41, tzinfo=UTC)
    assert deprecates_at({"DeprecateAt": "2027-01-02T03:04:00Z"}, there) == datetime(2027, 1, 2, 3, 4, tzinfo=UTC)
    assert deprecates_at({}, there) is None
