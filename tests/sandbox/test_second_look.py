"""The same calls at the sandbox and at moto's own server: what both answer must be the same."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from amicopy.local import processes
from tests.conftest import Control
from tests.ports import free_port
from tests.sandbox.conftest import KEY, Client

pytestmark = pytest.mark.processes
OTHER, ORGANIZATION = "444455556666", "arn:aws:organizations::111122223333:organization/o-a1b2c3d4e5"


@pytest.fixture
def moto() -> Iterator[boto3.Session]:
    """moto's own server, unmodified, in a process of its own."""
    port = free_port()
    command = [str(Path(sys.executable).with_name("moto_server")), "--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    assert processes.wait_for(f"{url}/moto-api/", {"moto": server}, seconds=30) == ""
    yield lambda service: boto3.Session(KEY, "x").client(service, "us-east-1", endpoint_url=url)  # type: ignore[misc]
    processes.stop(server)


def code(call: Any, **params: Any) -> str:
    """What a call is refused with."""
    with pytest.raises(ClientError) as caught:
        call(**params)
    return str(caught.value.response["Error"]["Code"])


def sharing(ec2: Any) -> Iterator[Any]:
    image_id = ec2.register_image(Name="source", RootDeviceName="/dev/xvda")["ImageId"]
    asked = {"ImageId": image_id, "Attribute": "launchPermission"}
    for change in (
        {"LaunchPermission": {"Add": [{"UserId": OTHER}, {"OrganizationArn": ORGANIZATION}]}},
        {"LaunchPermission": {"Add": [{"UserId": OTHER}]}},
        {"Attribute": "launchPermission", "OperationType": "add", "UserIds": ["777788889999"]},
        {"LaunchPermission": {"Remove": [{"UserId": OTHER}, {"UserId": "111111111111"}]}},
    ):
        ec2.modify_image_attribute(ImageId=image_id, **change)
        yield ec2.describe_image_attribute(**asked)["LaunchPermissions"]
    wrong = {"LaunchPermission": {"Add": [{"UserId": "12"}]}}
    yield code(ec2.modify_image_attribute, ImageId=image_id, **wrong)
    yield code(ec2.modify_image_attribute, ImageId="ami-0123456789abcdef0", **wrong)
    yield code(ec2.modify_image_attribute, ImageId=image_id, DryRun=True, LaunchPermission={"Add": [{"UserId": OTHER}]})
    [mapping] = ec2.describe_images(ImageIds=[image_id])["Images"][0]["BlockDeviceMappings"]
    snapshot_id = mapping["Ebs"]["SnapshotId"]
    for kind in ("add", "add", "remove"):
        share = {"Attribute": "createVolumePermission", "OperationType": kind, "UserIds": [OTHER]}
        ec2.modify_snapshot_attribute(SnapshotId=snapshot_id, **share)
        asked = {"SnapshotId": snapshot_id, "Attribute": "createVolumePermission"}
        yield ec2.describe_snapshot_attribute(**asked)["CreateVolumePermissions"]


def templates(ec2: Any) -> Iterator[Any]:
    data = {"LaunchTemplateData": {"ImageId": "ami-0a7f3c92d41be6058", "InstanceType": "t3.small"}}
    ec2.create_launch_template(LaunchTemplateName="fleet", VersionDescription="one", **data)
    version = ec2.create_launch_template_version(LaunchTemplateName="fleet", VersionDescription="two", **data)
    kept = ("VersionNumber", "VersionDescription", "DefaultVersion", "LaunchTemplateData")
    yield {name: version["LaunchTemplateVersion"][name] for name in kept}
    ec2.modify_launch_template(LaunchTemplateName="fleet", DefaultVersion="2")
    [template] = ec2.describe_launch_templates(LaunchTemplateNames=["fleet"])["LaunchTemplates"]
    yield template["DefaultVersionNumber"], template["LatestVersionNumber"]
    for wanted in ({}, {"Versions": ["$Default"]}, {"Versions": ["1", "2"]}, {"MinVersion": "2"}):
        rows = ec2.describe_launch_template_versions(LaunchTemplateName="fleet", **wanted)["LaunchTemplateVersions"]
        yield [row["VersionNumber"] for row in rows]
    yield code(ec2.create_launch_template_version, LaunchTemplateName="none", **data)
    yield code(ec2.create_launch_template_version, LaunchTemplateId="lt-0123456789abcdef0", **data)
    yield code(ec2.create_launch_template, LaunchTemplateName="fleet", **data)


def parameters(ssm: Any) -> Iterator[Any]:
    alias = {"Name": "/golden/x", "Value": "ami-0a7f3c92d41be6058", "Type": "String", "DataType": "aws:ec2:image"}
    for put in (alias, {**alias, "Value": "ami-0b81d5e6f0a297c34", "Overwrite": True}):
        yield ssm.put_parameter(**put)["Version"]
        found = ssm.get_parameter(Name="/golden/x")["Parameter"]
        yield {name: found[name] for name in ("Name", "Type", "Value", "Version", "DataType")}
    yield code(ssm.put_parameter, **alias)
    yield code(ssm.put_parameter, **{**alias, "Name": "/new", "DataType": "aws:ec2:imagine"})
    yield code(ssm.put_parameter, **alias, Overwrite=True, Tags=[{"Key": "a", "Value": "b"}])
    yield code(ssm.get_parameter, Name="/none")
    names = [{"Key": "Name", "Values": ["/golden/x"]}]
    yield [row["Name"] for row in ssm.describe_parameters(ParameterFilters=names)["Parameters"]]
    ssm.delete_parameter(Name="/golden/x")
    yield code(ssm.delete_parameter, Name="/golden/x")


def test_both_answer_alike(client: Client, moto: Any, control: Control) -> None:
    control("settings", alias_seconds=0)
    for steps, service in ((sharing, "ec2"), (templates, "ec2"), (parameters, "ssm")):
        assert list(steps(client(service))) == list(steps(moto(service))), steps
