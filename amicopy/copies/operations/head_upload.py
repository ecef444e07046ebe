"""The signed head of the history in an S3 bucket with Object Lock: out of reach of whoever can change the database."""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from amicopy.audit import heads
from amicopy.aws import s3
from amicopy.aws.account import AwsAccount
from amicopy.aws.partitions import partition_of
from amicopy.copies.core.engine_models import Pulse

PULSE = "head-deposited"


def deposit() -> str:
    """Puts the current head into AUDIT_HEAD_BUCKET, with the ambient credentials, and returns its key.

    Raises AwsError when the bucket doesn't take it; the next one proves the same and more.
    """
    region, days = settings.AUDIT_HEAD_BUCKET_REGION, settings.AUDIT_HEAD_LOCK_DAYS
    head = heads.current()
    s3.put_object(
        AwsAccount("", partition=partition_of(region) or "aws"),
        region=region,
        bucket=settings.AUDIT_HEAD_BUCKET,
        key=heads.name_of(head),
        body=heads.to_json(head).encode(),
        retain_until=timezone.now() + timedelta(days=days) if days else None,
    )
    Pulse.mark(PULSE)
    return heads.name_of(head)
