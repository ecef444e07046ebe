"""Answers that aren't AWS's, before and after the call was carried out."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from tests.conftest import Control
from tests.sandbox.calls import copy, refusal
from tests.sandbox.conftest import Client

STATUSES = (200, 403, 404, 429, 502)


def said(ec2: Any, **params: Any) -> Any:
    """What plain boto3 makes of the answer to CopyImage: a dictionary, or an exception's name and code."""
    try:
        answer = ec2.copy_image(Name="copy", SourceImageId="ami-0a7f3c92d41be6058", SourceRegion="us-east-1", **params)
    except ClientError as error:
        meta = error.response["ResponseMetadata"]
        return (
            error.response.get("Error", {}).get("Code"),
            meta["HTTPStatusCode"],
            meta["HTTPHeaders"].get("x-amzn-requestid"),
        )
    except ResponseParserError:
        return "unreadable"
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize(("kind", "made"), [("answer", 0), ("answer-after", 1)])
def test_a_proxys_page(client: Client, control: Control, kind: str, made: int, status: int) -> None:
    control("faults", kind=kind, action="CopyImage", status=status)
    ec2 = client("ec2", "eu-west-1")
    # botocore takes a page that happens to be XML for an empty answer, or for an error without a code.
    assert said(ec2, ClientToken="t") == ({} if status == 200 else (None, status, None))
    assert len(control("images")) == made
    copy(ec2, ClientToken="t")
    assert len(control("images")) == 1


@pytest.mark.parametrize("status", [400, 403])
@pytest.mark.parametrize("body", ["json", "text"])
def test_an_error_in_another_format(client: Client, control: Control, status: int, body: str) -> None:
    control("faults", kind="answer-after", action="CopyImage", status=status, body=body)
    assert said(client("ec2", "eu-west-1")) == "unreadable"
    assert len(control("images")) == 1


@pytest.mark.parametrize("kind", ["answer", "answer-after"])
@pytest.mark.parametrize(("body", "expected"), [("empty", "unreadable"), ("cut", "unreadable"), ("no-id", {})])
def test_a_200_without_what_it_should_say(
    client: Client, control: Control, kind: str, body: str, expected: Any
) -> None:
    control("faults", kind=kind, action="CopyImage", body=body)
    assert said(client("ec2", "eu-west-1")) == expected
    assert len(control("images")) == (kind == "answer-after")


def test_an_answer_without_image_id_has_a_request_id(client: Client, control: Control) -> None:
    control("faults", kind="answer-after", action="CopyImage", body="no-id")
    answer = client("ec2", "eu-west-1").copy_image(
        Name="copy", SourceImageId="ami-0a7f3c92d41be6058", SourceRegion="us-east-1"
    )
    # The client asks again when an answer is late.
    call = control("answers?action=CopyImage")[-1]
    meta = answer["ResponseMetadata"]
    assert meta["RequestId"] == meta["HTTPHeaders"]["x-amzn-requestid"] == call["request_id"]


def test_any_text_and_any_action(client: Client, control: Control) -> None:
    text = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
    control("faults", kind="answer", action="DescribeImages", status=403, text=text)
    control("faults", kind="answer-after", action="DeregisterImage", status=404)
    ec2 = client("ec2", "eu-west-1")
    image_id = copy(ec2)
    with pytest.raises(ClientError) as caught:
        ec2.describe_images(ImageIds=[image_id])
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    with pytest.raises(ClientError):
        ec2.deregister_image(ImageId=image_id)
    assert [row["State"] for row in control("images")] == ["deregistered"]
    assert refusal(ec2.deregister_image, ImageId=image_id)[0] == "InvalidAMIID.Unavailable"
