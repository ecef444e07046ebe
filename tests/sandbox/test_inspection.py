"""Findings, ancestry, allowed images and instance types, with plain boto3."""

from typing import Any

import pytest

from tests.conftest import Control
from tests.sandbox.calls import GOLDEN, copy, image, refusal
from tests.sandbox.conftest import Client

VULNERABLE, FOREIGN = "ami-0c4a9e17b3d8250f6", "ami-027e9a5d1f3b8c460"
UNKNOWN = ("InvalidAMIID.NotFound", 400)


def test_a_scan_is_shown_with_its_findings_in_pages(client: Client) -> None:
    ec2 = client()
    scan = image(ec2, VULNERABLE)["ScanResults"]
    assert scan["HighestFindingSeverityLabel"] == "critical"
    assert scan["CriticalFixAvailableSince"] > scan["HighFixAvailableSince"]
    first = ec2.get_image_findings(ImageId=VULNERABLE, MaxResults=2)
    rest = ec2.get_image_findings(ImageId=VULNERABLE, MaxResults=2, NextToken=first["NextToken"])
    rows = first["ImageFindings"] + rest["ImageFindings"]
    assert [row["SeverityLabel"] for row in rows] == ["critical", "critical", "high"]
    assert (rows[0]["FixAvailable"], rows[0]["Score"]) == (True, 9.8)
    assert "NextToken" not in rest
    assert ec2.get_image_findings(ImageId=FOREIGN)["ImageFindings"] == []
    assert "ScanResults" not in image(ec2, FOREIGN)


def test_ancestry_goes_to_the_root_through_copies(client: Client) -> None:
    ec2 = client("ec2", "eu-west-1")
    copied = copy(ec2)
    chain = ec2.get_image_ancestry(ImageId=copied)["ImageAncestryEntries"]
    assert [row["ImageId"] for row in chain[:2]] == [copied, GOLDEN]
    assert (chain[0]["SourceImageId"], chain[0]["SourceImageRegion"]) == (GOLDEN, "us-east-1")
    assert [row["ImageOwnerAlias"] for row in chain] == ["111122223333"] * 3 + ["amazon"]
    assert "SourceImageId" not in chain[-1]
    assert "ScanResults" not in image(ec2, copied)
    marked = image(ec2, copy(ec2, SourceImageId="ami-0e93a1c7d64f5b082"))
    assert [row["WatermarkKey"] for row in marked["ImageWatermarks"]] == ["111122223333:golden"]


@pytest.mark.parametrize("name", ["get_image_findings", "get_image_ancestry"])
def test_what_is_not_seen_is_not_found(client: Client, control: Control, name: str) -> None:
    call = getattr(client(), name)
    assert refusal(call, ImageId="ami-0123456789abcdef0") == UNKNOWN
    assert refusal(call, ImageId="ami-07c3fa0628b5e91d4") == UNKNOWN
    assert refusal(call, ImageId=GOLDEN, DryRun=True)[0] == "DryRunOperation"
    control("faults", kind="hide", resource="source", since="rule", action=client().meta.method_to_api_mapping[name])
    assert refusal(call, ImageId=GOLDEN) == UNKNOWN


def test_what_uses_an_image_is_named(client: Client, control: Control) -> None:
    control("settings", alias_seconds=0)
    ec2, ssm = client(), client("ssm")

    def users(*kinds: str) -> list[str]:
        asked: Any = {"ResourceTypes": [{"ResourceType": kind} for kind in kinds]}
        answer = ec2.describe_image_references(
            ImageIds=[VULNERABLE], **(asked if kinds else {"IncludeAllResourceTypes": True})
        )
        assert {row["ImageId"] for row in answer["ImageReferences"]} <= {VULNERABLE}
        return [row["Arn"] for row in answer["ImageReferences"]]

    assert users() == []
    made = ec2.create_launch_template(LaunchTemplateName="web", LaunchTemplateData={"ImageId": VULNERABLE})
    ssm.put_parameter(Name="/golden/x", Type="String", DataType="aws:ec2:image", Value=VULNERABLE)
    ssm.put_parameter(Name="/text", Type="String", Value=VULNERABLE)
    template = f"arn:aws:ec2:us-east-1:111122223333:launch-template/{made['LaunchTemplate']['LaunchTemplateId']}"
    assert users() == [template, "arn:aws:ssm:us-east-1:111122223333:parameter/golden/x"]
    assert users("ec2:LaunchTemplate") == [template]
    assert (
        client("ec2", "eu-west-1").describe_image_references(ImageIds=[VULNERABLE], IncludeAllResourceTypes=True)[
            "ImageReferences"
        ]
        == []
    )
    assert refusal(ec2.describe_image_references, ImageIds=[VULNERABLE])[0] == "InvalidParameterCombination"


def test_allowed_images_are_judged_and_then_hidden(client: Client, control: Control) -> None:
    ec2 = client()
    assert ec2.get_allowed_images_settings()["State"] == "disabled"
    assert "ImageAllowed" not in image(ec2, FOREIGN)
    ec2.enable_allowed_images_settings(AllowedImagesSettingsState="audit-mode")
    ec2.replace_image_criteria_in_allowed_images_settings(ImageCriteria=[{"ImageProviders": ["amazon"]}])
    assert [image(ec2, name)["ImageAllowed"] for name in (GOLDEN, FOREIGN)] == [True, False]
    ec2.enable_allowed_images_settings(AllowedImagesSettingsState="enabled")
    settings = ec2.get_allowed_images_settings()
    assert (settings["State"], settings["ImageCriteria"]) == ("enabled", [{"ImageProviders": ["amazon"]}])
    assert ec2.describe_images(ImageIds=[GOLDEN, FOREIGN])["Images"][0]["ImageId"] == GOLDEN
    ec2.replace_image_criteria_in_allowed_images_settings(ImageCriteria=[{"ImageProviders": ["777788889999"]}])
    assert image(ec2, FOREIGN)["ImageAllowed"] is True
    ec2.disable_allowed_images_settings()
    assert len(control("changes?member=AllowedImages")) == 5


def offered(ec2: Any, *types: str) -> list[str]:
    filters = [{"Name": "instance-type", "Values": list(types)}]
    answer = ec2.describe_instance_type_offerings(LocationType="region", Filters=filters)
    return [row["InstanceType"] for row in answer["InstanceTypeOfferings"]]


def test_instance_types_are_offered_by_region(client: Client) -> None:
    assert offered(client("ec2", "eu-west-1"), "t4g.*", "p5.48xlarge") == ["t4g.small"]
    assert offered(client("ec2", "sa-east-1"), "t4g.*", "m7g.*") == []
