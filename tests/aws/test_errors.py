"""Every code of AWS's table is sorted once, by what can be done about it."""

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, ReadTimeoutError

from amicopy.aws import errors
from amicopy.copies.engine.backoff import delay, wait_for


def client_error(code: str, status: int = 400) -> ClientError:
    answer = {
        "Error": {"Code": code, "Message": "words"},
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
    assert type(errors.translate(client_error("NewThing", 503))) is errors.Unavailable


def test_no_answer_leaves_the_outcome_open_and_missing_credentials_do_not() -> None:
    assert type(errors.translate(ReadTimeoutError(endpoint_url="x"))) is errors.Unavailable
    assert type(errors.translate(EndpointConnectionError(endpoint_url="x"))) is errors.Unavailable
    assert type(errors.translate(NoCredentialsError())) is errors.Denied


MAY_PASS = (errors.Throttled, errors.NoSlot, errors.NotReady, errors.Unavailable, errors.CredentialsExpired)


@pytest.mark.parametrize("kind", MAY_PASS)
def test_what_may_pass_is_waited_for_under_a_growing_cap(kind: type[errors.AwsError]) -> None:
    wait = wait_for(kind("c", "m"))
    assert wait is not None
    for failures in (1, 3, 50):
        assert 0 < delay(wait, failures).total_seconds() <= wait.cap


@pytest.mark.parametrize("kind", [errors.Rejected, errors.Denied, errors.NotFound])
def test_what_stays_is_not_waited_for(kind: type[errors.AwsError]) -> None:
    assert wait_for(kind("c", "m")) is None
