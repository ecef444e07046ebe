"""The signed head of the history in an S3 bucket with Object Lock: out of reach of whoever can change the database."""

import logging
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from amicopy.audit import head_store, heads
from amicopy.audit.actor import Actor
from amicopy.audit.models import HeadStore
from amicopy.aws import errors, s3
from amicopy.aws.account import AwsAccount
from amicopy.aws.partitions import partition_of

logger = logging.getLogger(__name__)

BUCKET, Fault = HeadStore.Kind.BUCKET, HeadStore.Fault


def deposit_due(actor: Actor) -> None:
    """Notices whether the bucket still has the last head and, when it is time, puts the current one into it. What fails
    is kept for whoever operates amicopy, and tried again."""
    row = HeadStore.objects.filter(kind=BUCKET).first()
    if not head_store.due(BUCKET):
        return
    try:
        if row is not None and row.name not in ("", row.lost) and not _is_there(row.name):
            head_store.lost(BUCKET, actor)
        logger.info("Head put into %s as %s", settings.AUDIT_HEAD_BUCKET, deposit())
    except heads.NoKey as error:
        head_store.failed(BUCKET, Fault.NO_KEY, str(error))
    except errors.AwsError as error:
        head_store.failed(BUCKET, Fault.REFUSED, f"{settings.AUDIT_HEAD_BUCKET} takes no head: {error}")


def deposit() -> str:
    """Puts the current head into AUDIT_HEAD_BUCKET, with the ambient credentials, and returns its key.

    Raises NoKey, and AwsError when the bucket doesn't take it; the next one proves the same and more.
    """
    days = settings.AUDIT_HEAD_LOCK_DAYS
    head = heads.current()
    name, content = heads.name_of(head), heads.to_json(head)
    s3.put_object(
        _account(),
        region=settings.AUDIT_HEAD_BUCKET_REGION,
        bucket=settings.AUDIT_HEAD_BUCKET,
        key=name,
        body=content.encode(),
        retain_until=timezone.now() + timedelta(days=days) if days else None,
    )
    head_store.written(BUCKET, head, name=name, content=content)
    return name


def _is_there(name: str) -> bool:
    """Whether the bucket lists a head; True as well where amicopy may not ask, for lack of s3:ListBucket."""
    region, bucket = settings.AUDIT_HEAD_BUCKET_REGION, settings.AUDIT_HEAD_BUCKET
    try:
        return s3.is_listed(_account(), region=region, bucket=bucket, key=name)
    except errors.Denied:
        return True


def _account() -> AwsAccount:
    return AwsAccount("", partition=partition_of(settings.AUDIT_HEAD_BUCKET_REGION) or "aws")
