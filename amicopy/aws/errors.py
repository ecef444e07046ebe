"""AWS's errors, sorted by what can be done about them.

Only AWS's own word says that a call made nothing. What stands between amicopy and AWS answers too, with a page of HTML
and a status that looks like a refusal, after AWS has carried the call out: such an answer is doubt, `Unavailable`.

Codes: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
"""

import re
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
)

from amicopy.aws.causes import Cause, cause_of

# amicopy's own codes for what came instead of AWS's word.
NOT_AWS, UNREADABLE, NO_IMAGE_ID = "NotAwsAnswer", "UnreadableAnswer", "NoImageId"
# A code is a word; botocore puts the HTTP status in its place where it found none.
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9._-]*")


class AwsError(Exception):
    """`code` and `message` are AWS's own, `request_id` is empty where AWS never answered."""

    def __init__(self, code: str, message: str, request_id: str = "") -> None:
        self.code, self.message, self.request_id = code, message, request_id
        super().__init__(f"{code}: {message}")

    @property
    def cause(self) -> Cause:
        """What code and words point to, for words on the page only: see `cause_of`."""
        return cause_of(self.code, self.message)


class Rejected(AwsError):
    """Permanent: another try of the same call can't help."""


class Denied(Rejected):
    """Credentials or permissions are wrong; somebody has to change them."""


class NotFound(AwsError):
    """AWS has no such thing, or doesn't show it yet."""


class Throttled(AwsError):
    """Too many calls a second; nothing was done."""


class NoSlot(AwsError):
    """As much is in progress as AWS allows, which ends by itself; nothing was done."""


class QuotaReached(AwsError):
    """As much exists as the account's quota allows, which only a person can change; nothing was done."""


class NotReady(AwsError):
    """Something the call needs is still being made; nothing was done."""


class Unavailable(AwsError):
    """No answer, a server's error, or an answer that isn't AWS's: whether anything was done is not known."""


class CredentialsExpired(AwsError):
    """The call can be sent again with new credentials and the same token; nothing was done."""


KINDS: Mapping[type[AwsError], tuple[str, ...]] = {
    Throttled: (
        "RequestLimitExceeded",
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottled",
        "RequestThrottledException",
        "TooManyRequestsException",
        "EC2ThrottledException",
        "BandwidthLimitExceeded",
        "LimitExceededException",
        "SlowDown",
        "PriorRequestNotComplete",
        "TooManyUpdates",
    ),
    NoSlot: (
        "ResourceLimitExceeded",
        "PendingSnapshotLimitExceeded",
        "ConcurrentSnapshotLimitExceeded",
        "ConcurrentTagAccess",
    ),
    Unavailable: (
        "InternalError",
        "InternalFailure",
        "ServerInternal",
        "Unavailable",
        "ServiceUnavailable",
        "RequestTimeout",
        "RequestTimeoutException",
        "RetryableError",
    ),
    CredentialsExpired: ("RequestExpired", "ExpiredToken", "ExpiredTokenException"),
    Denied: (
        "UnauthorizedOperation",
        "AuthFailure",
        "AccessDenied",
        "AccessDeniedException",
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "SignatureDoesNotMatch",
        "MissingAuthenticationToken",
        "OptInRequired",
        "PendingVerification",
        "Blocked",
    ),
    NotFound: (
        "InvalidAMIID.NotFound",
        "InvalidSnapshot.NotFound",
        "NotFoundException",
        "NotFound",
    ),
    Rejected: (
        "SnapshotLimitExceeded",
        "InvalidAMIID.Malformed",
        "InvalidAMIID.Unavailable",
        "InvalidAMIName.Malformed",
        "InvalidAMIName.Duplicate",
        "InvalidRegion",
        "InvalidZone.NotFound",
        "InvalidAvailabilityZone",
        "InvalidRequest",
        "InvalidParameter",
        "InvalidParameterValue",
        "InvalidParameterCombination",
        "InvalidParameterDependency",
        "MissingParameter",
        "UnknownParameter",
        "UnsupportedOperation",
        "ValidationError",
        "InvalidCharacter",
        "IdempotentParameterMismatch",
        "InvalidClientToken",
        "TagLimitExceeded",
        "TagPolicyViolation",
        "InvalidTagKey.Malformed",
        "CustomerKeyHasBeenRevoked",
        "SnapshotCopyUnsupported.InterRegion",
        "InvalidSnapshot.InUse",
        "IncorrectState",
        "OperationNotPermitted",
        "FilterLimitExceeded",
        "InvalidMaxResults",
        "InvalidPaginationToken",
        "InvalidNextToken",
    ),
}
_BY_CODE: Mapping[str, type[AwsError]] = {code: kind for kind, codes in KINDS.items() for code in codes}


# Botocore found no credentials to sign with, so nothing was sent, and somebody has to give it some.
_NO_CREDENTIALS = (NoCredentialsError, PartialCredentialsError, ProfileNotFound)


def translate(error: ClientError | BotoCoreError) -> AwsError:
    """botocore's error as one of ours.

    An unknown code in AWS's own error document is sorted by its HTTP status: 5xx may pass, anything else stays.
    """
    if isinstance(error, ClientError):
        return _answered(error.response)
    name = type(error).__name__
    if isinstance(error, ParamValidationError):
        return Rejected(name, str(error))
    if isinstance(error, _NO_CREDENTIALS):
        return Denied(name, str(error))
    return Unavailable(name, str(error))


def is_aws_error(answer: Mapping[str, Any]) -> bool:
    """Whether an answer, as botocore parsed it, is AWS's own error document: a code in words, and AWS's request id.

    Every protocol of amicopy's services has both, EC2's in its XML:
    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
    """
    said, meta = answer.get("Error"), answer.get("ResponseMetadata")
    if not isinstance(said, Mapping) or not isinstance(meta, Mapping):
        return False
    return bool(_CODE.fullmatch(str(said.get("Code") or "")) and meta.get("RequestId"))


def _answered(answer: Mapping[str, Any]) -> AwsError:
    meta = answer.get("ResponseMetadata") or {}
    status = int(meta.get("HTTPStatusCode") or 0)
    if not is_aws_error(answer):
        return Unavailable(NOT_AWS, _what_came(answer, status))
    code, message = str(answer["Error"]["Code"]), str(answer["Error"].get("Message") or "")
    kind = _BY_CODE.get(code) or (Unavailable if status >= 500 else Rejected)
    if code == "ResourceLimitExceeded" and cause_of(code, message) is Cause.QUOTA:
        # One code, two meanings, and only AWS's words tell them apart: where they don't, it is taken to pass.
        kind = QuotaReached
    return kind(code, message, str(meta["RequestId"]))


def _what_came(answer: Mapping[str, Any], status: int) -> str:
    meta, said = answer.get("ResponseMetadata") or {}, answer.get("Error") or {}
    kind = (meta.get("HTTPHeaders") or {}).get("content-type", "")
    words = str(said.get("Message") or "") if isinstance(said, Mapping) else ""
    return f"HTTP {status}, {kind or 'of no type'}, not in AWS's form{f': {words[:300]}' if words else '.'}"
