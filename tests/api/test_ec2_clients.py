"""The AWS CLI and boto3, as they are, at the EC2 endpoint of a live server: they ask, and ask again."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from django.contrib.auth.models import User
from django.core.cache import cache
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from amicopy.copies.core.models import Account, CopyRequest
from amicopy.copies.core.token_models import ApiToken
from amicopy.copies.operations import access_keys
from amicopy.copies.requests import verbs
from tests.api.conftest import account
from tests.conftest import Control
from tests.copies.conftest import SOURCE, acting, approve, approver, requester
from tests.copies.passing_time import look_again

__all__ = ("account", "approver", "requester")
pytestmark = pytest.mark.django_db(transaction=True)
AWS = Path(sys.executable).with_name("aws")
PAGE = (Path(__file__).resolve().parents[2] / "docs" / "ec2-door.md").read_text()
SHELL = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.M | re.S)
PYTHON = re.findall(r"^```python\n(.*?)^```$", PAGE, re.M | re.S)
CALL = {"Name": "golden-al2023-2026.11.24", "SourceImageId": SOURCE, "SourceRegion": "us-east-1"}


@pytest.fixture
def key(requester: User, account: Account) -> tuple[ApiToken, str]:
    return access_keys.make(acting(requester), name="pipeline", account=account.account_id, days=30)


@pytest.fixture
def environment(
    live_server: LiveServer, sandbox: Control, settings: Settings, key: tuple[ApiToken, str]
) -> dict[str, str]:
    """What the page that shows a new access key says to set."""
    settings.EC2_DOOR, settings.SITE_URL = True, live_server.url
    cache.clear()
    return {
        "AWS_ACCESS_KEY_ID": key[0].shown_id,
        "AWS_SECRET_ACCESS_KEY": key[1],
        "AWS_ENDPOINT_URL_EC2": f"{live_server.url}/ec2",
        "AWS_REGION": "eu-west-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "PATH": f"{AWS.parent}:/usr/bin:/bin",
        "NO_PROXY": "*",
    }


def client(environment: dict[str, str], endpoint: str = "", **config: Any) -> Any:
    return boto3.client(
        "ec2",
        environment["AWS_REGION"],
        endpoint_url=endpoint or environment["AWS_ENDPOINT_URL_EC2"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        config=Config(proxies={}, **config),
    )


def refused(client: Any, **call: Any) -> tuple[str, str]:
    """The code and the words that a call of boto3's is refused with."""
    with pytest.raises(ClientError) as error:
        client.copy_image(**call)
    said = error.value.response["Error"]
    return said["Code"], said["Message"]


def copied(row: CopyRequest, control: Control) -> str:
    """Workers make the approved copy at the sandbox and follow it to its end; returns the image that is there then."""
    control("settings", copy_seconds=0)
    look_again("start_due")
    look_again("track_due", times=3, minutes=1, control=control)
    (image,) = [each["ImageId"] for each in control("images")]
    return str(image)


def test_boto3_asks_until_the_image_is_there(environment: dict[str, str], approver: User, sandbox: Control) -> None:
    ec2 = client(environment)
    code, words = refused(ec2, **CALL)
    row = CopyRequest.objects.get()
    assert code == "PendingApproval"
    assert f"{environment['AWS_ENDPOINT_URL_EC2'].removesuffix('/ec2')}/requests/{row.pk}/" in words
    approve(approver, row)
    assert refused(ec2, **CALL)[0] == "PendingApproval"
    image = copied(row, sandbox)
    answer = ec2.copy_image(**CALL)
    assert answer["ImageId"] == image
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    with_slash = client(environment, f"{environment['AWS_ENDPOINT_URL_EC2']}/")
    assert with_slash.copy_image(**CALL)["ImageId"] == image
    assert CopyRequest.objects.count() == 1


def test_boto3_has_every_member_taken_and_its_dry_run_answered(environment: dict[str, str]) -> None:
    tags = [{"ResourceType": "image", "Tags": [{"Key": "owner", "Value": "Plattform é +&="}]}]
    call = {**CALL, "Encrypted": True, "KmsKeyId": "alias/golden-images", "TagSpecifications": tags}
    ec2 = client(environment)
    assert refused(ec2, **call, DryRun=True)[0] == "DryRunOperation"
    assert not CopyRequest.objects.exists()
    assert refused(ec2, **call, CopyImageTags=True, Description="Week 47")[0] == "PendingApproval"
    assert CopyRequest.objects.get().calls_as_asked()[0].parameters == {
        **call,
        "CopyImageTags": True,
        "Description": "Week 47",
    }


def test_no_refusal_is_tried_again_and_other_actions_are_refused(environment: dict[str, str]) -> None:
    ec2 = client(environment, retries={"mode": "standard", "total_max_attempts": 5})
    with pytest.raises(ClientError) as error:
        ec2.copy_image(**{**CALL, "Name": "golden*"})
    assert error.value.response["Error"]["Code"] == "InvalidParameterValue"
    assert error.value.response["ResponseMetadata"]["RetryAttempts"] == 0
    with pytest.raises(ClientError, match="InvalidAction"):
        ec2.describe_images(ImageIds=[SOURCE])
    wrong = {**environment, "AWS_SECRET_ACCESS_KEY": "x"}
    assert refused(client(wrong), **CALL)[0] == "SignatureDoesNotMatch"


def shell(script: str, environment: dict[str, str], *, ends_with: int = 0) -> str:
    """Runs a script of the page; what it says on both streams."""
    bash = shutil.which("bash") or "bash"
    done = subprocess.run(
        [bash, "-c", script], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == ends_with, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_recipe_for_the_aws_cli(environment: dict[str, str], approver: User, sandbox: Control) -> None:
    (ask,) = SHELL
    told = shell(ask, environment, ends_with=254 if "aws-cli/2" in shell("aws --version", environment) else 255)
    row = CopyRequest.objects.get()
    assert "An error occurred (PendingApproval) when calling the CopyImage operation" in told
    assert f"/requests/{row.pk}/" in told
    approve(approver, row)
    image = copied(row, sandbox)
    assert shell(ask, environment).strip() == image
    assert "DryRunOperation" in shell(f"{ask.strip()} --description other --dry-run", environment, ends_with=255)


def test_the_recipe_for_boto3(environment: dict[str, str], approver: User, sandbox: Control) -> None:
    (program,) = PYTHON
    run = [sys.executable, "-c", program]
    done = subprocess.run(run, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 75, done.stderr
    row = CopyRequest.objects.get()
    assert f"/requests/{row.pk}/" in done.stderr
    verbs.reject(acting(approver), row.pk, seen_hash=row.content_hash, reason="Which ticket?")
    done = subprocess.run(run, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "ApprovalRejected" in done.stderr
    assert "Which ticket?" in done.stderr
