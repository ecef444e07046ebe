"""The signed head in an S3 bucket, over HTTP."""

import uuid
from datetime import timedelta
from typing import Any

import boto3
import pytest
from django.utils import timezone
from pytest_django import Settings

from amicopy.audit import chain_verification, heads
from amicopy.audit.models import AuditEvent
from amicopy.aws.errors import AwsError
from amicopy.copies import tasks
from amicopy.copies.operations import head_upload
from amicopy.sandbox.server import Server
from tests.audit.writing import write
from tests.conftest import Control
from tests.doctor import findings

pytestmark = pytest.mark.django_db


@pytest.fixture
def bucket(sandbox: Control, server: Server, settings: Settings) -> Any:
    """An S3 client, with a bucket with Object Lock set up for heads; amicopy's own client isn't asked."""
    s3 = boto3.Session("AKIASANDBOX000000000", "sandbox").client("s3", "us-east-1", endpoint_url=server.url)
    settings.AUDIT_HEAD_BUCKET = f"heads-{uuid.uuid4()}"
    s3.create_bucket(Bucket=settings.AUDIT_HEAD_BUCKET, ObjectLockEnabledForBucket=True)
    write("person.signed_in")
    return s3


def test_the_bucket_gets_the_signed_head_that_the_chain_leads_to(bucket: Any, settings: Settings) -> None:
    tasks.deposit_head()
    [row] = bucket.list_objects_v2(Bucket=settings.AUDIT_HEAD_BUCKET)["Contents"]
    head = heads.from_json(bucket.get_object(Bucket=settings.AUDIT_HEAD_BUCKET, Key=row["Key"])["Body"].read().decode())
    assert head.hash == heads.current().hash
    assert chain_verification.missing_head(head, "the bucket") == ""


def test_a_head_is_locked_for_as_long_as_the_setting_says(bucket: Any, settings: Settings) -> None:
    settings.AUDIT_HEAD_LOCK_DAYS = 30
    key = head_upload.deposit()
    stored = bucket.head_object(Bucket=settings.AUDIT_HEAD_BUCKET, Key=key)
    assert stored["ObjectLockMode"] == "COMPLIANCE"
    assert timedelta(days=29) < stored["ObjectLockRetainUntilDate"] - timezone.now() <= timedelta(days=30)


def test_a_bucket_that_takes_no_head_is_told_by_the_doctor_and_stops_nothing(bucket: Any, settings: Settings) -> None:
    there, settings.AUDIT_HEAD_BUCKET = settings.AUDIT_HEAD_BUCKET, "elsewhere"
    with pytest.raises(AwsError):
        head_upload.deposit()
    tasks.deposit_head()
    assert [found.ok for found in findings() if found.what == "heads"] == [False]
    settings.AUDIT_HEAD_BUCKET = there
    tasks.deposit_head()
    assert [found.ok for found in findings() if found.what == "heads"] == [True]


def test_a_bucket_that_was_emptied_is_an_event_and_told_by_the_doctor(bucket: Any, settings: Settings) -> None:
    settings.AUDIT_HEAD_SECONDS = 0
    name = head_upload.deposit()
    bucket.delete_object(Bucket=settings.AUDIT_HEAD_BUCKET, Key=name)
    tasks.deposit_head()
    assert AuditEvent.objects.get(action="audit.head_lost").data["name"] == name
    [finding] = [found for found in findings() if found.what == "heads"]
    assert (finding.ok, f"{name} was in it and is gone" in finding.words) == (False, True)


def test_a_head_is_deposited_when_it_is_time(bucket: Any, settings: Settings) -> None:
    for _ in range(2):
        tasks.deposit_head()
    assert len(bucket.list_objects_v2(Bucket=settings.AUDIT_HEAD_BUCKET)["Contents"]) == 1


def test_without_a_store_nothing_is_sent_and_the_doctor_warns(sandbox: Control) -> None:
    tasks.deposit_head()
    [finding] = [found for found in findings() if found.what == "heads"]
    assert (finding.ok, finding.warning) == (True, True)
