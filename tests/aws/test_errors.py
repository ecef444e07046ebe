"""Every code of AWS's table is sorted once, by what can be done about it."""

from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ReadTimeoutError,
)

from amicopy.aws import errors
from amicopy.aws.causes import Cause, cause_of
from amicopy.copies.core.reasons import Code, Reason
from amicopy.copies.engine.backoff import because, delay, wait_for


def client_error(code: str, status: int = 400, message: str = "words") -> ClientError:
    answer = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status, "RequestId": "r-1"},
    }
    return ClientError(answer, "CopyImage")  # type: ignore[arg-type]


# As errors-overview.html and the API's pages list them for CopyImage and what goes with it, by what has to be done.
AWS_SAYS = {
    errors.Throttled: "RequestLimitExceeded Throttling ThrottlingException ThrottledException RequestThrottled "
    "RequestThrottledException TooManyRequestsException EC2ThrottledException BandwidthLimitExceeded SlowDown "
    "LimitExceededException PriorRequestNotComplete",
    errors.NoSlot: "ResourceLimitExceeded PendingSnapshotLimitExceeded ConcurrentSnapshotLimitExceeded "
    "ConcurrentTagAccess",
    errors.Unavailable: "InternalError InternalFailure ServerInternal Unavailable ServiceUnavailable RetryableError "
    "RequestTimeout RequestTimeoutException",
    errors.CredentialsExpired: "RequestExpired ExpiredToken",
    errors.NotFound: "InvalidAMIID.NotFound InvalidSnapshot.NotFound",
    errors.Denied: "UnauthorizedOperation AuthFailure InvalidClientTokenId SignatureDoesNotMatch "
    "MissingAuthenticationToken OptInRequired PendingVerification Blocked",
    errors.Rejected: "SnapshotLimitExceeded InvalidAMIID.Malformed InvalidAMIID.Unavailable InvalidAMIName.Malformed "
    "InvalidAMIName.Duplicate InvalidRegion InvalidZone.NotFound InvalidAvailabilityZone InvalidRequest "
    "InvalidParameter InvalidParameterValue InvalidParameterCombination InvalidParameterDependency MissingParameter "
    "UnknownParameter UnsupportedOperation ValidationError InvalidCharacter IdempotentParameterMismatch "
    "InvalidClientToken TagLimitExceeded TagPolicyViolation InvalidTagKey.Malformed CustomerKeyHasBeenRevoked "
    "SnapshotCopyUnsupported.InterRegion IncorrectState OperationNotPermitted FilterLimitExceeded InvalidMaxResults "
    "InvalidPaginationToken InvalidNextToken",
}


@pytest.mark.parametrize(("kind", "codes"), AWS_SAYS.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_every_code_of_the_reference_is_sorted_as_it_says(kind: type[errors.AwsError], codes: str) -> None:
    assert {type(errors.translate(client_error(code))) for code in codes.split()} == {kind}
    assert set(codes.split()) <= set(errors.KINDS[kind])


CODES = [(code, kind) for kind, codes in errors.KINDS.items() for code in codes]


@pytest.mark.parametrize(("code", "kind"), CODES)
def test_a_known_code_becomes_its_kind_with_aws_words(code: str, kind: type[errors.AwsError]) -> None:
    error = errors.translate(client_error(code))
    assert type(error) is kind
    assert (error.code, error.message, error.request_id) == (code, "words", "r-1")


def test_a_code_is_sorted_once() -> None:
    assert len(CODES) == len({code for code, _ in CODES})


def test_unknown_codes_are_sorted_by_status() -> None:
    assert type(errors.translate(client_error("NewThing", 400))) is errors.Rejected
    assert type(errors.translate(client_error("NewThing", 499))) is errors.Rejected
    assert type(errors.translate(client_error("NewThing", 500))) is errors.Unavailable
    assert type(errors.translate(client_error("NewThing", 503))) is errors.Unavailable


def test_no_answer_leaves_the_outcome_open_and_missing_credentials_do_not() -> None:
    assert type(errors.translate(ReadTimeoutError(endpoint_url="x"))) is errors.Unavailable
    unreached = errors.translate(EndpointConnectionError(endpoint_url="x"))
    assert (type(unreached), unreached.code) == (errors.Unavailable, "EndpointConnectionError")
    assert unreached.message
    assert type(errors.translate(NoCredentialsError())) is errors.Denied
    assert type(errors.translate(PartialCredentialsError(provider="env", cred_var="x"))) is errors.Denied
    unsigned = errors.translate(NoCredentialsError())
    assert (unsigned.code, unsigned.message) == ("NoCredentialsError", "Unable to locate credentials")
    unread = errors.translate(CredentialRetrievalError(provider="Ecs", error_msg="x"))
    assert (type(unread), unread.cause) == (errors.Unavailable, Cause.CREDENTIALS)
    unfit = errors.translate(ParamValidationError(report="Missing required parameter: Name"))
    assert (type(unfit), unfit.code) == (errors.Rejected, "ParamValidationError")
    assert "Missing required parameter: Name" in unfit.message


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"Error": {"Message": "no"}, "ResponseMetadata": {"RequestId": "r", "HTTPStatusCode": 403}},
        {"Error": {"Code": "403"}, "ResponseMetadata": {"RequestId": "r", "HTTPStatusCode": 403}},
        {"Error": {"Code": "Forbidden"}, "ResponseMetadata": {"RequestId": "", "HTTPStatusCode": 403}},
        {"Error": {"Code": "Bad code"}, "ResponseMetadata": {"RequestId": "r", "HTTPStatusCode": 403}},
    ],
)
def test_an_error_without_a_code_in_words_or_a_request_id_is_not_aws_word(answer: dict[str, Any]) -> None:
    if answer:
        assert not errors.is_aws_error(answer)
    error = errors.translate(ClientError({"Error": {}, **answer}, "CopyImage"))  # type: ignore[typeddict-item]
    assert (type(error), error.code) == (errors.Unavailable, "NotAwsAnswer")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({}, "HTTP 0, of no type, not in AWS's form."),
        (
            {"Error": {"Code": "403"}, "ResponseMetadata": {"HTTPStatusCode": 403, "HTTPHeaders": {}}},
            "HTTP 403, of no type, not in AWS's form.",
        ),
        (
            {
                "Error": {"Code": "502", "Message": "Bad gateway " * 50},
                "ResponseMetadata": {"HTTPStatusCode": 502, "HTTPHeaders": {"content-type": "text/html"}},
            },
            f"HTTP 502, text/html, not in AWS's form: {('Bad gateway ' * 50)[:300]}",
        ),
    ],
)
def test_what_came_instead_of_aws_word_is_told(answer: dict[str, Any], said: str) -> None:
    error = errors.translate(ClientError(answer, "CopyImage"))  # type: ignore[arg-type]
    assert (type(error), error.message, error.request_id) == (errors.Unavailable, said, "")


def test_aws_word_keeps_its_code_words_and_request_id() -> None:
    error = errors.translate(client_error("UnauthorizedOperation", 403, "You may not."))
    assert (error.code, error.message, error.request_id) == ("UnauthorizedOperation", "You may not.", "r-1")
    assert str(error) == "UnauthorizedOperation: You may not."
    silent = ClientError({"Error": {"Code": "Odd"}, "ResponseMetadata": {"RequestId": "r-2"}}, "CopyImage")  # type: ignore[typeddict-item]
    error = errors.translate(silent)
    assert (type(error), error.code, error.message, error.request_id) == (errors.Rejected, "Odd", "", "r-2")


# What AWS said, seen in public: https://github.com/coreos/fedora-coreos-tracker/issues/1810,
# https://github.com/aws-samples/copy-encrypted-ami/issues/3
LIMITS = {
    "You have reached your quota of 50000 for the number of images allowed in this Region. Deregister unused images or "
    "request an increase in your AMIs quota.": errors.QuotaReached,
    "You have reached your quota of 5 for the number of public images allowed in this Region.": errors.QuotaReached,
    "Too many snapshot copies in progress. The limit is 5 for this destination region.": errors.NoSlot,
    "Your quota of 300 concurrent AMI copies is reached.": errors.NoSlot,
    "Resource limit exceeded.": errors.NoSlot,
    "": errors.NoSlot,
}


@pytest.mark.parametrize("message", LIMITS)
def test_f5_a_quota_is_told_from_what_is_in_progress_and_words_that_say_neither_may_pass(message: str) -> None:
    error = errors.translate(client_error("ResourceLimitExceeded", message=message))
    assert type(error) is LIMITS[message]
    assert error.message == message
    assert (error.cause == Cause.QUOTA) == (LIMITS[message] is errors.QuotaReached)


_USER = "User: arn:aws:sts::111122223333:assumed-role/amicopy/amicopy is not authorized to perform: "
CAUSES: tuple[tuple[str, str, Cause], ...] = (
    (
        "UnauthorizedOperation",
        f"{_USER}ec2:CopyImage on resource: x with an explicit deny in a service control policy",
        Cause.SERVICE_CONTROL_POLICY,
    ),
    (
        "UnauthorizedOperation",
        f"{_USER}ec2:CopyImage because no service control policy allows the ec2:CopyImage action",
        Cause.SERVICE_CONTROL_POLICY,
    ),
    (
        "AccessDeniedException",
        f"{_USER}kms:CreateGrant with an explicit deny in a service control policy",
        Cause.SERVICE_CONTROL_POLICY,
    ),
    (
        "UnauthorizedOperation",
        f"{_USER}ec2:CopyImage with an explicit deny in a resource control policy",
        Cause.RESOURCE_CONTROL_POLICY,
    ),
    (
        "UnauthorizedOperation",
        f"{_USER}ec2:CopyImage because no permissions boundary allows the ec2:CopyImage action",
        Cause.PERMISSION_BOUNDARY,
    ),
    ("UnauthorizedOperation", f"{_USER}ec2:CopyImage because no session policy allows it", Cause.SESSION_POLICY),
    (
        "UnauthorizedOperation",
        f"{_USER}ec2:CopyImage because no VPC endpoint policy allows the ec2:CopyImage action",
        Cause.ENDPOINT_POLICY,
    ),
    ("AccessDenied", f"{_USER}sts:AssumeRole on resource: arn:aws:iam::1:role/x", Cause.TRUST_POLICY),
    (
        "AccessDeniedException",
        f"{_USER}kms:DescribeKey on resource: x because no resource-based policy allows the kms:DescribeKey action",
        Cause.KMS,
    ),
    (
        "UnauthorizedOperation",
        f"{_USER}ec2:CopyImage because no resource-based policy allows the ec2:CopyImage action",
        Cause.RESOURCE_POLICY,
    ),
    (
        "UnauthorizedOperation",
        f"{_USER}ec2:CopyImage because no identity-based policy allows the ec2:CopyImage action",
        Cause.IDENTITY_POLICY,
    ),
    ("UnauthorizedOperation", "You are not authorized to perform this operation.", Cause.UNKNOWN),
    ("InvalidKMSKey.InvalidState", "The KMS key provided is in an incorrect state", Cause.KMS),
    ("InvalidParameterValue", "The specified KMS key is not accessible", Cause.KMS),
    ("CustomerKeyHasBeenRevoked", "words", Cause.KMS),
    ("", "Given key ID is not accessible. You must have DescribeKey permissions on the default CMK", Cause.KMS),
    ("", "Copy image failed with an internal error", Cause.UNKNOWN),
    ("InvalidParameterValue", "Value (x) for parameter name is invalid", Cause.UNKNOWN),
    ("SnapshotLimitExceeded", "words", Cause.QUOTA),
    ("RequestLimitExceeded", "Request limit exceeded.", Cause.UNKNOWN),
    ("PendingSnapshotLimitExceeded", "You have too many pending snapshots; your quota is 5.", Cause.UNKNOWN),
    ("TagLimitExceeded", "The maximum number of Tags for a resource has been reached.", Cause.UNKNOWN),
    ("InvalidAMIID.NotFound", "The image isn't an allowed AMI of this account.", Cause.ALLOWED_AMIS),
    ("TagPolicyViolation", "The tag policy does not allow the specified value", Cause.TAG_POLICY),
    ("InvalidRequest", "You do not have permission to access the storage of this ami", Cause.SOURCE_STORAGE),
    (
        "InvalidRequest",
        "Images from AWS Marketplace cannot be copied to another AWS account",
        Cause.MARKETPLACE,
    ),
    (
        "InvalidRequest",
        "Images with EC2 BillingProduct codes cannot be copied to another AWS account",
        Cause.BILLING_PRODUCT,
    ),
    (
        "InvalidRequest",
        "Snapshot snap-1 is encrypted. Creating unencrypted copy from an encrypted snapshot is not supported.",
        Cause.ENCRYPTED_SOURCE,
    ),
    ("NoCredentialsError", "Unable to locate credentials", Cause.CREDENTIALS),
    ("RequestExpired", "Request has expired.", Cause.CREDENTIALS),
    ("Blocked", "words", Cause.ACCOUNT),
)


@pytest.mark.parametrize(("code", "message", "cause"), CAUSES)
def test_f10_f12_the_cause_is_read_in_one_place(code: str, message: str, cause: Cause) -> None:
    assert cause_of(code, message) is cause
    assert errors.Rejected(code, message).cause is cause


def test_every_cause_has_a_case() -> None:
    assert {cause for _, _, cause in CAUSES} == set(Cause)


MAY_PASS = (
    errors.Throttled,
    errors.NoSlot,
    errors.QuotaReached,
    errors.NotReady,
    errors.Unavailable,
    errors.CredentialsExpired,
)


@pytest.mark.parametrize("kind", MAY_PASS)
def test_what_may_pass_is_waited_for_under_a_growing_cap(kind: type[errors.AwsError]) -> None:
    wait = wait_for(kind("c", "m"))
    assert wait is not None
    for failures in (1, 3, 50):
        assert 0 < delay(wait, failures).total_seconds() <= wait.cap


@pytest.mark.parametrize("kind", [errors.Rejected, errors.Denied, errors.NotFound])
def test_what_stays_is_not_waited_for(kind: type[errors.AwsError]) -> None:
    assert wait_for(kind("c", "m")) is None


def test_the_reason_to_wait_says_what_aws_was_asked_and_what_it_said() -> None:
    throttled = errors.Throttled("RequestLimitExceeded", "Slow down.", "r-1")
    said = {"AwsCode": "RequestLimitExceeded", "AwsMessage": "Slow down."}
    assert because(Code.THROTTLED, throttled) == Reason(Code.THROTTLED, said)
    asked = because(Code.THROTTLED, throttled, action="CopyImage", seconds=5)
    assert asked == Reason(Code.THROTTLED, {**said, "Action": "CopyImage", "seconds": 5})
    assert because(Code.AWS_UNREACHABLE, errors.Unavailable("EndpointConnectionError", "")).data == {
        "AwsCode": "EndpointConnectionError"
    }
