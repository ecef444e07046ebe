"""Identities, roles, Regions, request ids, and the control addresses."""

import base64
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import boto3
import pytest

from amicopy.sandbox.server import Server, start
from tests.conftest import Control
from tests.sandbox.calls import copy, image, refusal
from tests.sandbox.conftest import Client

ROLE = {"RoleArn": "arn:aws:iam::444455556666:role/amicopy", "RoleSessionName": "amicopy-R7"}


def test_the_ambient_credentials_are_the_first_account(client: Client) -> None:
    assert client("sts").get_caller_identity()["Account"] == "111122223333"


def test_the_role_of_the_second_account_can_be_assumed(client: Client, control: Control) -> None:
    answer = client("sts").assume_role(**ROLE, ExternalId="amicopy-sandbox")
    assert answer["AssumedRoleUser"]["Arn"] == "arn:aws:sts::444455556666:assumed-role/amicopy/amicopy-R7"
    other = answer["Credentials"]
    assert client("sts", credentials=other).get_caller_identity()["Account"] == "444455556666"
    ec2 = client("ec2", "eu-west-1", credentials=other)
    image_id = copy(ec2, SourceImageId="ami-07c3fa0628b5e91d4")
    assert image(ec2, image_id)["OwnerId"] == "444455556666"
    assert refusal(client("ec2", "eu-west-1").describe_images, ImageIds=[image_id])[0] == "InvalidAMIID.NotFound"
    assert [row["Account"] for row in control("images")] == ["444455556666"]


def test_the_read_only_role_may_look_and_nothing_else(client: Client) -> None:
    role = {**ROLE, "RoleArn": f"{ROLE['RoleArn']}-read-only"}
    other = client("sts").assume_role(**role, ExternalId="amicopy-sandbox")["Credentials"]
    ec2 = client("ec2", "us-east-1", credentials=other)
    assert ec2.describe_images(ImageIds=["ami-07c3fa0628b5e91d4"])["Images"]
    wanted = {"Name": "copied", "SourceImageId": "ami-07c3fa0628b5e91d4", "SourceRegion": "us-east-1"}
    for kind in ({}, {"DryRun": True}):
        assert refusal(ec2.copy_image, **wanted, **kind) == ("UnauthorizedOperation", 403)
    assert refusal(ec2.deregister_image, ImageId="ami-07c3fa0628b5e91d4") == ("UnauthorizedOperation", 403)


def test_a_wrong_external_id_or_role_is_denied(client: Client) -> None:
    assume = client("sts").assume_role
    assert refusal(assume, **ROLE, ExternalId="wrong") == ("AccessDenied", 403)
    assert refusal(assume, **ROLE) == ("AccessDenied", 403)
    assert refusal(assume, **{**ROLE, "RoleArn": "arn:aws:iam::777788889999:role/amicopy"})[0] == "AccessDenied"


def test_an_encoded_authorization_message_can_be_decoded(client: Client) -> None:
    blob = base64.urlsafe_b64encode(b'{"allowed": false}').decode()
    sts = client("sts")
    assert sts.decode_authorization_message(EncodedMessage=blob)["DecodedMessage"] == '{"allowed": false}'
    decode = sts.decode_authorization_message
    assert refusal(decode, EncodedMessage="???") == ("InvalidAuthorizationMessageException", 400)


def test_temporary_credentials_are_expired_after_a_restart(client: Client, control: Control) -> None:
    old = client("sts").assume_role(**ROLE, ExternalId="amicopy-sandbox")["Credentials"]
    control("reset", method="POST")
    assert refusal(client("ec2", credentials=old).describe_regions) == ("RequestExpired", 400)
    assert refusal(client("sts", credentials=old).get_caller_identity) == ("ExpiredToken", 403)


def test_unknown_keys_and_missing_session_tokens_are_refused(client: Client, server: Server) -> None:
    stranger = boto3.Session("AKIASTRANGER00000000", "x").client("ec2", "us-east-1", endpoint_url=server.url)
    assert refusal(stranger.describe_regions) == ("AuthFailure", 401)
    role = client("sts").assume_role(**ROLE, ExternalId="amicopy-sandbox")["Credentials"]
    half = boto3.Session(role["AccessKeyId"], "x").client("ec2", "us-east-1", endpoint_url=server.url)
    assert refusal(half.describe_regions) == ("AuthFailure", 401)


@pytest.mark.parametrize("region", ["af-south-1", "mars-north-1"])
def test_a_region_that_is_not_enabled_fails(client: Client, region: str) -> None:
    assert refusal(client("ec2", region).describe_images) == ("AuthFailure", 401)


def test_every_answer_has_its_own_request_id(client: Client, control: Control) -> None:
    ec2 = client()
    ids = {ec2.describe_regions()["ResponseMetadata"]["RequestId"] for _ in range(3)}
    ids.add(client("sts").get_caller_identity()["ResponseMetadata"]["RequestId"])
    assert len(ids) == 4
    assert ids == {call["request_id"] for call in control("calls")}


def test_calls_are_logged_as_they_were_sent(client: Client, control: Control) -> None:
    role = client("sts").assume_role(**ROLE, ExternalId="amicopy-sandbox")["Credentials"]
    copy(client("ec2", "eu-west-1", credentials=role), SourceImageId="ami-07c3fa0628b5e91d4", Name="wire")
    [call] = control("calls?action=CopyImage")
    assert (call["service"], call["region"], call["account"]) == ("ec2", "eu-west-1", "444455556666")
    assert (call["method"], call["path"], call["status"]) == ("POST", "/", 200)
    assert call["params"].items() >= {"Action": "CopyImage", "Version": "2016-11-15", "Name": "wire"}.items()
    assert call["content_type"].startswith("application/x-www-form-urlencoded")
    assert call["headers"]["X-Amz-Security-Token"] == role["SessionToken"]
    assert "/eu-west-1/ec2/aws4_request" in call["authorization"]
    assert "Signature=" not in call["authorization"]


def test_the_state_is_shown_and_settings_are_checked(client: Client, control: Control, server: Server) -> None:
    client().describe_regions()
    status = control()
    assert status["state"] == "ready"
    assert status["calls"] == {"ec2": {"us-east-1": {"DescribeRegions": 1}}}
    before = status["clock"]
    assert control("advance", seconds=100)["clock"] >= before + 100
    for name, value in [("limit", -1), ("limit", "many"), ("sparse", 1), ("shoe_size", 42)]:
        with pytest.raises(HTTPError) as caught:
            control("settings", **{name: value})
        assert caught.value.code == 400
        caught.value.close()


@pytest.mark.parametrize("path", ["/moto-api/reset", "/latest/meta-data/", "/_sandbox/nothing"])
def test_other_control_pages_do_not_exist(server: Server, path: str) -> None:
    with pytest.raises(HTTPError) as caught:
        urlopen(Request(server.url + path, data=b""))
    assert caught.value.code == 404
    caught.value.close()


def test_a_page_of_another_site_gets_nothing(server: Server) -> None:
    with pytest.raises(HTTPError) as caught:
        urlopen(Request(f"{server.url}/_sandbox/", headers={"Origin": "https://example.org"}))
    assert caught.value.code == 404
    caught.value.close()


def test_a_call_without_signature_is_refused(server: Server) -> None:
    with pytest.raises(HTTPError) as caught:
        urlopen(Request(server.url, data=b"Action=DescribeRegions&Version=2016-11-15"))
    assert caught.value.code == 403
    assert b"MissingAuthenticationToken" in caught.value.read()
    caught.value.close()


def test_a_process_has_one_sandbox(server: Server) -> None:
    with pytest.raises(RuntimeError, match="already running"):
        start()
