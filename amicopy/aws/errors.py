"""AWS's errors, sorted by what can be done about them.

Codes: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
"""

from collections.abc import Mapping

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, ParamValidationError


class AwsError(Exception):
    """`code` and `message` are AWS's own, `request_id` is empty where AWS never answered."""

    def __init__(self, code: str, message: str, request_id: str = "") -> None:
        self.code, self.message, self.request_id = code, message, request_id
        super().__init__(f"{code}: {message}")


class Rejected(AwsError):
    """Permanent: another try of the same call can't help."""


class Denied(Rejected):
    """Credentials or permissions are wrong; somebody has to change them."""


class NotFound(AwsError):
    """AWS has no such thing, or doesn't show it yet."""


class Throttled(AwsError):
    """Too many calls a second; nothing was done."""


class NoSlot(AwsError):
    """As much is in progress as AWS allows; nothing was done."""


class NotReady(AwsError):
    """Something the call needs is still being made; nothing was done."""


class Unavailable(AwsError):
    """No answer, or a server's error: whether anything was done is not known."""


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


def translate(error: ClientError | BotoCoreError) -> AwsError:
    """botocore's error as one of ours. An unknown code is sorted by its HTTP status: 5xx may pass, anything else
    stays."""
    if isinstance(error, ClientError):
        answer, meta = error.response.get("Error", {}), error.response.get("ResponseMetadata", {})
        code, status = str(answer.get("Code") or "Unknown"), int(meta.get("HTTPStatusCode") or 0)
        kind = _BY_CODE.get(code) or (Unavailable if status >= 500 else Rejected)
        return kind(code, str(answer.get("Message") or ""), str(meta.get("RequestId") or ""))
    name = type(error).__name__
    if isinstance(error, ParamValidationError):
        return Rejected(name, str(error))
    if isinstance(error, NoCredentialsError):
        return Denied(name, str(error))
    return Unavailable(name, str(error))
