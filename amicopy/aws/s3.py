"""S3, as far as amicopy needs it: putting a file where nobody can change it. Raises the errors of
`amicopy.aws.errors`."""

from datetime import datetime

from amicopy.aws.account import AwsAccount
from amicopy.aws.sessions import client, typed_errors


def put_object(
    account: AwsAccount, *, region: str, bucket: str, key: str, body: bytes, retain_until: datetime | None
) -> None:
    """Puts an object into a bucket; with `retain_until` nobody, the account's root user included, can remove or change
    this version before then, which needs a bucket with Object Lock.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
    """
    lock = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": retain_until} if retain_until else {}
    with typed_errors():
        client("s3", account, region).put_object(
            Bucket=bucket, Key=key, Body=body, ContentType="application/json", ChecksumAlgorithm="SHA256", **lock
        )


def is_listed(account: AwsAccount, *, region: str, bucket: str, key: str) -> bool:
    """Whether a bucket lists an object of this name, which needs s3:ListBucket; one behind a delete marker isn't
    listed.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
    """
    with typed_errors():
        answer = client("s3", account, region).list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1)
    return any(row["Key"] == key for row in answer.get("Contents", ()))
