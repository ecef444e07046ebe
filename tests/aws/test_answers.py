"""Only AWS's own word says that a call made nothing: everything else that comes back is doubt. Cases H3 and H8."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.config import Config

from amicopy.aws import ec2, errors, kms, outposts, s3, sessions, sqs, sts
from amicopy.aws.account import AwsAccount
from amicopy.aws.marks import images_marked, snapshots_marked
from tests.aws.answering import Answering, http

OWN = AwsAccount("111122223333")
ROLE = AwsAccount("444455556666", role_arn="arn:aws:iam::444455556666:role/amicopy", external_id="x1")
CALL = {"Name": "golden", "SourceImageId": "ami-0a7f3c92d41be6058", "SourceRegion": "us-east-1"}
REQUEST_ID = "0d6f6d6a-4b1c-4f0f-8a53-0f1de2d1f001"

HTML = "<!DOCTYPE html><html><head><title>Denied</title></head><body><br>Blocked by the proxy.</body></html>"
# Well-formed, so that an XML parser takes it.
XHTML = "<html><head><title>Denied</title></head><body><p>Blocked by the proxy.</p></body></html>"
MADE = "<CopyImageResponse xmlns='http://ec2.amazonaws.com/doc/2016-11-15/'><requestId>{}</requestId>{}</CopyImageResponse>"
GOOD = MADE.format(REQUEST_ID, "<imageId>ami-0123456789abcdef0</imageId>")


def refusal(code: str, message: str = "words", request_id: str = REQUEST_ID) -> str:
    """EC2's error document."""
    errors_ = f"<Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
    return f"<?xml version='1.0'?><Response>{errors_}<RequestID>{request_id}</RequestID></Response>"


def copy(account: AwsAccount = OWN) -> ec2.CopyAnswer:
    return ec2.copy_image(account, region="eu-west-1", parameters=CALL, client_token="token")


PAGE, XPAGE = (HTML, "text/html"), (XHTML, "text/html; charset=utf-8")
DOUBT: dict[str, tuple[bytes, str]] = {
    **{f"HTML {status}": (http(status, *PAGE), "NotAwsAnswer") for status in (200, 400, 403, 404, 407, 429, 502, 503)},
    **{f"XHTML {status}": (http(status, *XPAGE), "NotAwsAnswer") for status in (200, 300, 302, 403, 404, 429, 500)},
    **{f"empty {status}": (http(status, ""), "NotAwsAnswer") for status in (200, 204, 301, 400, 403, 404, 429, 503)},
    "text 403": (http(403, "Forbidden", "text/plain"), "NotAwsAnswer"),
    "JSON of a gateway 403": (http(403, '{"message":"Forbidden"}', "application/json"), "NotAwsAnswer"),
    "no text at all 403": (http(403, b"\x00\xff\xfe\x00<\xe9"), "NotAwsAnswer"),
    "cut 200": (http(200, GOOD)[:-40], "NotAwsAnswer"),
    "cut refusal": (http(400, refusal("InvalidParameterValue"))[:-40], "NotAwsAnswer"),
    "XML of somebody else 403": (http(403, "<error><code>42</code></error>"), "NotAwsAnswer"),
    "no code": (http(400, refusal("")), "NotAwsAnswer"),
    "a number for a code": (http(403, refusal("403")), "NotAwsAnswer"),
    "no request id": (http(400, refusal("InvalidParameterValue", request_id="")), "NotAwsAnswer"),
    "no errors in it": (http(400, "<Response><Errors/><RequestID>r</RequestID></Response>"), "NotAwsAnswer"),
    "errors are text": (http(400, "<Response><Errors>x</Errors><RequestID>r</RequestID></Response>"), "NotAwsAnswer"),
    "error is text": (
        http(400, "<Response><Errors><Error>x</Error></Errors><RequestID>r</RequestID></Response>"),
        "NotAwsAnswer",
    ),
    "200 without request id": (http(200, MADE.format("", "<imageId>ami-1</imageId>")), "NotAwsAnswer"),
    "200 without ImageId": (http(200, MADE.format(REQUEST_ID, "")), "NoImageId"),
    "200 with an empty ImageId": (http(200, MADE.format(REQUEST_ID, "<imageId/>")), "NoImageId"),
    "AWS's InternalError": (http(500, refusal("InternalError")), "InternalError"),
    "AWS's ServiceUnavailable": (http(503, refusal("ServiceUnavailable")), "ServiceUnavailable"),
    "a new code of AWS's servers": (http(500, refusal("SomethingNew")), "SomethingNew"),
    "hung up": (b"", "ConnectionClosedError"),
    "hung up after the headers": (b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n", "NotAwsAnswer"),
    "no HTTP": (b"SSH-2.0-OpenSSH_9.2\r\n", "ConnectionClosedError"),
}


@pytest.mark.parametrize("case", DOUBT)
def test_h3_h8_what_is_not_aws_word_about_a_call_is_doubt(answering: Answering, case: str) -> None:
    answer, code = DOUBT[case]
    answering.answer = lambda headers, body: answer
    with pytest.raises(errors.Unavailable) as raised:
        copy()
    assert raised.value.code == code
    assert type(raised.value) is errors.Unavailable
    assert len(answering.asked) == 1, "the call was sent again by itself"


def test_h3_what_came_is_told(answering: Answering) -> None:
    answering.answer = lambda headers, body: http(403, *PAGE)
    with pytest.raises(errors.Unavailable, match=r"HTTP 403, text/html, .*Blocked by the proxy"):
        copy()


def test_no_answer_in_time_is_doubt(answering: Answering, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "ONCE", sessions.ONCE.merge(Config(read_timeout=0.2)))
    answering.answer = lambda headers, body: None
    with pytest.raises(errors.Unavailable) as raised:
        copy()
    assert raised.value.code == "ReadTimeoutError"
    assert len(answering.asked) == 1


REFUSED: dict[str, tuple[int, type[errors.AwsError]]] = {
    "InvalidParameterValue": (400, errors.Rejected),
    "SomethingNew": (400, errors.Rejected),
    "UnauthorizedOperation": (403, errors.Denied),
    "AuthFailure": (401, errors.Denied),
    "InvalidAMIID.NotFound": (400, errors.NotFound),
    "RequestLimitExceeded": (503, errors.Throttled),
    "ResourceLimitExceeded": (400, errors.NoSlot),
    "RequestExpired": (400, errors.CredentialsExpired),
}


@pytest.mark.parametrize("code", REFUSED)
def test_aws_own_document_is_aws_word_whatever_its_code(answering: Answering, code: str) -> None:
    status, kind = REFUSED[code]
    answering.answer = lambda headers, body: http(status, refusal(code))
    with pytest.raises(errors.AwsError) as raised:
        copy()
    assert type(raised.value) is kind
    assert (raised.value.code, raised.value.message, raised.value.request_id) == (code, "words", REQUEST_ID)


def test_a_good_answer_is_read(answering: Answering) -> None:
    answering.answer = lambda headers, body: http(200, GOOD)
    assert copy() == ec2.CopyAnswer("ami-0123456789abcdef0", REQUEST_ID)


QUEUE = sqs.Queue("http://127.0.0.1/111122223333/q", "111122223333", "eu-west-1")
LOOKS: dict[str, Callable[[], Any]] = {
    "images": lambda: ec2.describe_images(OWN, region="eu-west-1", image_ids=["ami-1"]),
    "snapshots": lambda: ec2.describe_snapshots(OWN, region="eu-west-1", snapshot_ids=["snap-1"]),
    "snapshots of copies": lambda: ec2.snapshots_of_copies(OWN, region="eu-west-1", image_ids=["ami-1"]),
    "images of a name": lambda: ec2.images_named(OWN, region="eu-west-1", names=["golden"]),
    "images of a mark": lambda: images_marked(OWN, region="eu-west-1", key="k", value="v"),
    "snapshots of a mark": lambda: snapshots_marked(OWN, region="eu-west-1", key="k", value="v"),
    "source": lambda: ec2.describe_source(OWN, region="eu-west-1", image_id="ami-1"),
    "Regions": lambda: ec2.regions(OWN),
    "zones": lambda: ec2.zones(OWN, region="eu-west-1"),
    "encryption": lambda: ec2.ebs_encryption(OWN, region="eu-west-1"),
    "a dry run": lambda: ec2.dry_run_copy_image(OWN, region="eu-west-1", parameters=CALL),
    "key": lambda: kms.describe_key(OWN, region="eu-west-1", key_id="alias/golden"),
    "aliases": lambda: kms.aliases(OWN, region="eu-west-1"),
    "Outposts": lambda: outposts.outposts(OWN, region="eu-west-1"),
    "identity": lambda: sts.identity(OWN),
    "decoded": lambda: sts.decode_authorization_message(OWN, message="x"),
    "messages": lambda: sqs.receive(OWN, QUEUE, wait_seconds=0),
    "removal": lambda: ec2.deregister_image(OWN, region="eu-west-1", image_id="ami-1"),
    "removal of a snapshot": lambda: ec2.delete_snapshot(OWN, region="eu-west-1", snapshot_id="snap-1"),
    "object": lambda: s3.put_object(OWN, region="eu-west-1", bucket="heads", key="k", body=b"{}", retain_until=None),
}
STRANGE = {
    "HTML 200": http(200, *PAGE),
    "XHTML 200": http(200, *XPAGE),
    "XHTML 404": http(404, *XPAGE),
    "HTML 403": http(403, *PAGE),
    "empty 404": http(404, ""),
    "empty 200": http(200, ""),
    "JSON null": http(400, "null", "application/json", x_amzn_RequestId="r"),
    "JSON list": http(400, "[]", "application/json", x_amzn_RequestId="r"),
    "JSON of no code": http(400, '{"message": "no"}', "application/json", x_amzn_RequestId="r"),
    "JSON of a number": http(400, '{"__type": 5, "code": 5}', "application/json", x_amzn_RequestId="r"),
}


@pytest.mark.parametrize("answer", STRANGE)
@pytest.mark.parametrize("look", LOOKS)
def test_no_strange_answer_is_taken_for_an_empty_list_or_a_refusal(
    answering: Answering, look: str, answer: str
) -> None:
    answering.answer = lambda headers, body: STRANGE[answer]
    with pytest.raises(errors.AwsError) as raised:
        LOOKS[look]()
    assert type(raised.value) is errors.Unavailable


@pytest.mark.parametrize("look", ["key", "aliases", "Outposts", "Regions", "zones", "encryption", "identity"])
def test_an_answer_of_aws_that_lacks_what_it_always_has_is_typed(answering: Answering, look: str) -> None:
    def answer(headers: str, body: bytes) -> bytes:
        if "json" in headers or "/outposts" in headers:
            return http(200, "{}", "application/json", x_amzn_RequestId="r")
        wrapped = "<GetCallerIdentityResult/><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata>"
        return http(200, f"<X><requestId>r</requestId>{wrapped}</X>")

    answering.answer = answer
    with pytest.raises(errors.Unavailable) as raised:
        LOOKS[look]()
    assert raised.value.code == "UnreadableAnswer"


JSON = {"kind": "application/x-amz-json-1.1", "x_amzn_RequestId": REQUEST_ID}
OWN_WORD: dict[str, tuple[Callable[[], Any], bytes, type[errors.AwsError]]] = {
    "KMS": (
        LOOKS["key"],
        http(400, '{"__type":"NotFoundException","message":"Alias is not found."}', **JSON),
        errors.NotFound,
    ),
    "KMS, denied": (LOOKS["aliases"], http(400, '{"__type":"com.x#AccessDeniedException"}', **JSON), errors.Denied),
    "Outposts": (
        LOOKS["Outposts"],
        http(403, '{"Message":"no"}', **JSON, x_amzn_ErrorType="AccessDeniedException:http://x"),
        errors.Denied,
    ),
    "STS": (
        LOOKS["identity"],
        http(
            403,
            "<ErrorResponse xmlns='https://sts.amazonaws.com/doc/2011-06-15/'><Error><Type>Sender</Type><Code>"
            "InvalidClientTokenId</Code><Message>no</Message></Error><RequestId>r</RequestId></ErrorResponse>",
        ),
        errors.Denied,
    ),
    "S3": (
        LOOKS["object"],
        http(
            403,
            "<Error><Code>AccessDenied</Code><Message>no</Message><RequestId>r</RequestId></Error>",
            x_amz_request_id="r",
        ),
        errors.Denied,
    ),
    "SQS": (LOOKS["messages"], http(400, '{"__type":"com.amazonaws.sqs#OverLimit"}', **JSON), errors.Rejected),
}


@pytest.mark.parametrize("service", OWN_WORD)
def test_every_service_is_heard_in_its_own_form(answering: Answering, service: str) -> None:
    look, answer, kind = OWN_WORD[service]
    answering.answer = lambda headers, body: answer
    with pytest.raises(errors.AwsError) as raised:
        look()
    assert type(raised.value) is kind
    assert raised.value.request_id


def test_a_proxy_that_refuses_assume_role_takes_no_permission_away(answering: Answering) -> None:
    answering.answer = lambda headers, body: http(403, *PAGE)
    with pytest.raises(errors.Unavailable) as raised:
        copy(ROLE)
    assert raised.value.code == "NotAwsAnswer"
    assert all(b"AssumeRole" in body for _, body in answering.asked)


def test_a_session_that_names_no_keys_is_doubt(answering: Answering) -> None:
    result = "<AssumeRoleResult/><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata>"
    answering.answer = lambda headers, body: http(200, f"<AssumeRoleResponse>{result}</AssumeRoleResponse>")
    with pytest.raises(errors.Unavailable) as raised:
        copy(ROLE)
    assert raised.value.code == "UnreadableAnswer"
