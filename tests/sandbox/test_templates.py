"""Launch templates with plain boto3: versions, tokens, the default, and aliases in them."""

from typing import Any

import pytest

from tests.conftest import Control
from tests.sandbox.calls import GOLDEN, refusal
from tests.sandbox.conftest import Client

ID, NAME, ARM = "lt-0a1b2c3d4e5f60718", "web-fleet", "ami-0b81d5e6f0a297c34"
DATA = {"LaunchTemplateData": {"ImageId": ARM}}


@pytest.fixture
def ec2(client: Client) -> Any:
    return client()


def versions(ec2: Any, **params: Any) -> Any:
    return ec2.describe_launch_template_versions(LaunchTemplateId=ID, **params)["LaunchTemplateVersions"]


def test_a_version_inherits_and_becomes_the_default(ec2: Any, control: Control) -> None:
    new = ec2.create_launch_template_version(
        LaunchTemplateName=NAME, SourceVersion="1", VersionDescription="new", **DATA
    )["LaunchTemplateVersion"]
    assert (new["VersionNumber"], new["DefaultVersion"], new["VersionDescription"]) == (2, False, "new")
    assert new["LaunchTemplateData"] == {"ImageId": ARM, "InstanceType": "t3.small"}
    bare = ec2.create_launch_template_version(LaunchTemplateId=ID, **DATA)["LaunchTemplateVersion"]
    assert bare["LaunchTemplateData"] == {"ImageId": ARM}
    for _ in range(2):
        answer = ec2.modify_launch_template(LaunchTemplateId=ID, DefaultVersion="2")["LaunchTemplate"]
    assert (answer["DefaultVersionNumber"], answer["LatestVersionNumber"]) == (2, 3)
    [template] = ec2.describe_launch_templates(LaunchTemplateNames=[NAME])["LaunchTemplates"]
    assert (template["LaunchTemplateId"], template["DefaultVersionNumber"]) == (ID, 2)
    assert [row["VersionNumber"] for row in versions(ec2, Versions=["$Default", "$Latest"])] == [2, 3]
    effects = [(row["member"], row["before"]) for row in control("changes") if row["before"] != row["after"]]
    assert effects == [("Versions", 1), ("Versions", 2), ("DefaultVersionNumber", 1)]


def test_the_same_token_gives_the_same_version(ec2: Any, control: Control) -> None:
    call = {"LaunchTemplateId": ID, "ClientToken": "once", **DATA}
    numbers = {ec2.create_launch_template_version(**call)["LaunchTemplateVersion"]["VersionNumber"] for _ in range(3)}
    assert numbers == {2}
    other = {**call, "VersionDescription": "other"}
    assert refusal(ec2.create_launch_template_version, **other)[0] == "IdempotentParameterMismatch"
    assert len(control("changes")) == 1


def test_versions_come_in_pages_and_more_than_fifteen(ec2: Any) -> None:
    for _ in range(20):
        ec2.create_launch_template_version(LaunchTemplateId=ID, **DATA)
    assert len(versions(ec2)) == 21
    paginator = ec2.get_paginator("describe_launch_template_versions")
    pages = [*paginator.paginate(LaunchTemplateId=ID, MinVersion="2", PaginationConfig={"PageSize": 8})]
    assert [len(page["LaunchTemplateVersions"]) for page in pages] == [8, 8, 4]


def test_an_alias_is_resolved_where_asked(client: Client, control: Control) -> None:
    control("settings", alias_seconds=0)
    ec2 = client("ec2", "us-east-1")
    client("ssm").put_parameter(Name="/golden/x", Value=GOLDEN, Type="String", DataType="aws:ec2:image")
    data = {"LaunchTemplateData": {"ImageId": "resolve:ssm:/golden/x"}}
    ec2.create_launch_template_version(LaunchTemplateId=ID, **data)
    shown = [versions(ec2, Versions=["2"], ResolveAlias=resolve)[0] for resolve in (False, True)]
    assert [row["LaunchTemplateData"]["ImageId"] for row in shown] == ["resolve:ssm:/golden/x", GOLDEN]


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("create_launch_template_version", {"LaunchTemplateId": "lt-0", **DATA}, "InvalidLaunchTemplateId.NotFound"),
        (
            "create_launch_template_version",
            {"LaunchTemplateName": "none", **DATA},
            "InvalidLaunchTemplateName.NotFoundException",
        ),
        ("create_launch_template_version", DATA, "MissingParameter"),
        (
            "create_launch_template_version",
            {"LaunchTemplateId": ID, "SourceVersion": "9", **DATA},
            "InvalidLaunchTemplateId.VersionNotFound",
        ),
        ("create_launch_template_version", {"LaunchTemplateId": ID, "DryRun": True, **DATA}, "DryRunOperation"),
        (
            "modify_launch_template",
            {"LaunchTemplateId": ID, "DefaultVersion": "9"},
            "InvalidLaunchTemplateId.VersionNotFound",
        ),
        (
            "modify_launch_template",
            {"LaunchTemplateId": ID, "LaunchTemplateName": NAME, "DefaultVersion": "1"},
            "InvalidParameterCombination",
        ),
        ("describe_launch_templates", {"LaunchTemplateIds": ["lt-0"]}, "InvalidLaunchTemplateId.NotFound"),
        ("describe_launch_template_versions", {"Versions": ["1"]}, "InvalidParameterValue"),
    ],
)
def test_what_is_wrong_is_refused(ec2: Any, control: Control, method: str, params: Any, code: str) -> None:
    assert refusal(getattr(ec2, method), **params)[0] == code
    assert control("changes") == []


def test_templates_are_made_filtered_and_deleted_and_policies_hold(ec2: Any, control: Control) -> None:
    tags = [{"ResourceType": "launch-template", "Tags": [{"Key": "team", "Value": "data"}]}]
    made = ec2.create_launch_template(
        LaunchTemplateName="data", LaunchTemplateData={"ImageId": GOLDEN}, TagSpecifications=tags
    )["LaunchTemplate"]
    by_tag = [{"Name": "tag:team", "Values": ["data"]}]
    [found] = ec2.describe_launch_templates(Filters=by_tag)["LaunchTemplates"]
    assert found["LaunchTemplateId"] == made["LaunchTemplateId"]
    control("faults", kind="needs-tag", action="CreateLaunchTemplateVersion", tag="team", value="web")
    named = {"LaunchTemplateName": "data", **DATA}
    assert refusal(ec2.create_launch_template_version, **named) == ("UnauthorizedOperation", 403)
    ec2.create_launch_template_version(LaunchTemplateId=ID, **DATA)
    control("faults", kind="throttle", action="ModifyLaunchTemplate")
    default = {"LaunchTemplateId": ID, "DefaultVersion": "2"}
    assert refusal(ec2.modify_launch_template, **default)[0] == "RequestLimitExceeded"
    ec2.delete_launch_template(LaunchTemplateName="data")
    assert ec2.describe_launch_templates(Filters=by_tag)["LaunchTemplates"] == []
