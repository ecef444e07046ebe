"""What really goes over the wire, read at the sandbox and at moto's own server."""

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from pytest_django import Settings

from amicopy.aws import ec2, errors, sessions, sts
from amicopy.aws.account import AwsAccount
from amicopy.local import processes
from tests.conftest import Control

OWN = AwsAccount("111122223333")
OTHER = AwsAccount("444455556666", role_arn="arn:aws:iam::444455556666:role/amicopy", external_id="amicopy-sandbox")
FULL: dict[str, Any] = {
    "Name": "golden",
    "SourceImageId": "ami-0a7f3c92d41be6058",
    "SourceRegion": "us-east-1",
    "Description": "week 47",
    "Encrypted": True,
    "KmsKeyId": "alias/golden-images",
    "CopyImageTags": True,
    "TagSpecifications": [{"ResourceType": "image", "Tags": [{"Key": "owner", "Value": "platform"}]}],
    "SnapshotCopyCompletionDurationMinutes": 60,
}


def sent(control: Control) -> dict[str, Any]:
    calls: list[dict[str, Any]] = [call for call in control("calls") if call["action"] == "CopyImage"]
    return calls[-1]


def test_every_filled_member_and_no_other_is_sent_to_the_destination_region(sandbox: Control) -> None:
    ec2.copy_image(OWN, region="eu-west-1", parameters=FULL, client_token="token-1")
    call = sent(sandbox)
    body = call["params"]
    assert body == {
        "Action": "CopyImage",
        "Version": "2016-11-15",
        "Name": "golden",
        "SourceImageId": "ami-0a7f3c92d41be6058",
        "SourceRegion": "us-east-1",
        "Description": "week 47",
        "Encrypted": "true",
        "KmsKeyId": "alias/golden-images",
        "CopyImageTags": "true",
        "TagSpecification.1.ResourceType": "image",
        "TagSpecification.1.Tag.1.Key": "owner",
        "TagSpecification.1.Tag.1.Value": "platform",
        "SnapshotCopyCompletionDurationMinutes": "60",
        "ClientToken": "token-1",
    }
    assert (call["service"], call["region"], call["account"]) == ("ec2", "eu-west-1", "111122223333")
    headers = {name.lower(): value for name, value in call["headers"].items()}
    assert call["method"] == "POST"
    assert call["content_type"].startswith("application/x-www-form-urlencoded")
    assert re.search(r"^AWS4-HMAC-SHA256 Credential=\w+/\d{8}/eu-west-1/ec2/aws4_request", call["authorization"])
    assert headers["x-amz-date"]
    assert "x-amz-security-token" not in headers


def test_an_assumed_role_sends_its_session_token(sandbox: Control) -> None:
    minimal = {name: FULL[name] for name in ("Name", "SourceRegion")} | {"SourceImageId": "ami-0a7f3c92d41be6058"}
    assert sts.identity(OTHER).Account == "444455556666"
    with pytest.raises(errors.AwsError):  # the source isn't this account's; what matters is what was sent
        ec2.copy_image(OTHER, region="eu-west-1", parameters=minimal, client_token="token-2")
    call = sent(sandbox)
    assert call["account"] == "444455556666"
    assert {name.lower() for name in call["headers"]} >= {"x-amz-security-token", "x-amz-date"}


def test_a_wrong_external_id_is_denied(sandbox: Control) -> None:
    wrong = AwsAccount(OTHER.account_id, role_arn=OTHER.role_arn, external_id="something-else")
    with pytest.raises(errors.Denied):
        sts.identity(wrong)


def test_a_dry_run_says_yes_no_and_makes_nothing(sandbox: Control) -> None:
    assert ec2.dry_run_copy_image(OWN, region="eu-west-1", parameters=FULL).allowed
    assert "ClientToken" not in sent(sandbox)["params"] or sandbox("images") == []
    sandbox("faults", kind="error", action="CopyImage", code="UnauthorizedOperation", status=403, message="no")
    answer = ec2.dry_run_copy_image(OWN, region="eu-west-1", parameters=FULL)
    assert (answer.allowed, answer.code) == (False, "UnauthorizedOperation")
    assert sandbox("images") == []


def test_clients_are_shared_by_threads(sandbox: Control) -> None:
    found: list[Any] = []
    threads = [
        threading.Thread(target=lambda: found.append(sessions.client("ec2", OWN, "us-west-2"))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len({id(client.meta) for client in found}) == 1


@pytest.fixture
def plain_moto(settings: Settings) -> Iterator[str]:
    """moto's own server, unmodified, in a process of its own: sandbox and gateway can't agree on the same mistake."""
    port = next(port for port in range(30500, 31500) if processes.port_is_free("127.0.0.1", port))
    command = [str(Path(sys.executable).with_name("moto_server")), "--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    settings.AWS_ENDPOINT = f"http://127.0.0.1:{server_answers(server, port)}"
    sessions.forget_all()
    yield settings.AWS_ENDPOINT
    processes.stop(server)


def server_answers(server: subprocess.Popen[bytes], port: int) -> int:
    """The port, once the server there answers."""
    assert processes.wait_for(f"http://127.0.0.1:{port}/moto-api/", {"moto": server}, seconds=30) == ""
    return port


def test_the_gateway_works_with_motos_own_server(plain_moto: str) -> None:
    plain = boto3.Session("AKIASANDBOX000000000", "sandbox").client("ec2", "us-east-1", endpoint_url=plain_moto)
    source = plain.register_image(Name="source", RootDeviceName="/dev/xvda")["ImageId"]
    seen = ec2.describe_source(OWN, region="us-east-1", image_id=source, quick=False)
    assert seen.ImageId == source
    parameters = {"Name": "golden", "SourceImageId": source, "SourceRegion": "us-east-1"}
    answer = ec2.copy_image(OWN, region="us-east-1", parameters=parameters, client_token="t")
    images = ec2.describe_images(OWN, region="us-east-1", image_ids=[answer.image_id])
    assert images[answer.image_id].State == "available"
    snapshots = [volume.SnapshotId for volume in images[answer.image_id].volumes]
    assert set(ec2.describe_snapshots(OWN, region="us-east-1", snapshot_ids=snapshots)) == set(snapshots)
    assert ec2.dry_run_copy_image(OWN, region="us-east-1", parameters=parameters).allowed
    with pytest.raises(errors.NotFound):
        ec2.copy_image(
            OWN, region="us-east-1", client_token="u", parameters={**parameters, "SourceImageId": "ami-0a7f3c92"}
        )
