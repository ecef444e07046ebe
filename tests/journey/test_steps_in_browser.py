"""Steps after a copy in a browser: shared with two accounts and an organizational unit, published, and put back."""

import re
from typing import Any

import boto3
from playwright.sync_api import expect

from tests.journey.browsing import MARKS, Windows
from tests.journey.conftest import Person, Running
from tests.sandbox.conftest import KEY

pytestmark = MARKS
SLOW = 30_000
OTHER, THIRD = "444455556666", "333344445555"
UNIT = "arn:aws:organizations::444455556666:ou/o-a1b2c3d4e5/ou-a1b2-c3d4e5f6"
NAME = "/golden/al2023"


def test_an_ami_is_shared_published_and_its_alias_put_back(windows: Windows, running: Running) -> None:

    def boto(service: str) -> Any:
        session = boto3.Session(KEY, "not-checked")
        return session.client(service, "eu-west-1", endpoint_url=running.sandbox)  # type: ignore[call-overload]

    running.control("settings", copy_seconds=1, alias_seconds=0)
    ssm = boto("ssm")
    older = boto("ec2").copy_image(
        SourceRegion="us-east-1", SourceImageId="ami-0a7f3c92d41be6058", Name="golden-older"
    )["ImageId"]
    running.control("advance", seconds=10)
    ssm.put_parameter(Name=NAME, Value=older, Type="String", DataType="aws:ec2:image")

    page = windows("requester").page
    page.goto("/requests/new/")
    page.locator("[name=SourceRegion]").select_option("us-east-1")
    page.locator("[name=SourceImageId]").fill("ami-0a7f3c92d41be6058")
    page.locator("[name=Name]").fill("golden-al2023-shared")
    page.locator("[name=destinations-0-DestinationRegion]").select_option("eu-west-1")
    expect(page.locator("[name=LaunchPermission-UserIds]")).to_be_hidden()
    page.locator("#show-steps").click()
    page.locator("[name=LaunchPermission-UserIds]").fill(f"{OTHER}\n{THIRD}")
    page.locator("[name=LaunchPermission-OrganizationalUnitArns]").fill(UNIT)
    page.locator("[name=Parameter-Name]").fill(NAME)
    page.locator("[name=Parameter-Name]").press("Tab")
    # What is there is found while the form is filled in.
    expect(page.locator("#steps-set")).to_contain_text("Publish under an alias", timeout=SLOW)
    page.locator("[name=Parameter-Overwrite]").check()
    page.locator("[name=reason]").fill("PLAT-482: week 47")
    page.locator("#submit").click()
    page.wait_for_url(re.compile(r"/requests/[0-9]+/"))
    number = int(page.url.rstrip("/").split("/")[-1])

    decides = windows("approver").page
    decides.goto(f"/requests/{number}/")
    expect(decides.locator("#after-copy")).to_contain_text(UNIT)
    expect(decides.locator("#after-copy")).to_contain_text(f"It shows {older} now, which is overwritten")
    Person(running.url, "approver").approve(number)

    page.goto(f"/requests/{number}/?open=all")
    expect(page.locator("#destinations")).to_contain_text("2 of 2 steps done", timeout=SLOW)
    image = ssm.get_parameter(Name=NAME)["Parameter"]["Value"]
    assert image != older
    shared = boto("ec2").describe_image_attribute(ImageId=image, Attribute="launchPermission")["LaunchPermissions"]
    assert sorted(value for each in shared for value in each.values()) == sorted([OTHER, THIRD, UNIT])

    page.get_by_role("button", name=f"Put it back to {older}").click()
    expect(page.locator("#destinations")).to_contain_text("undone", timeout=SLOW)
    assert ssm.get_parameter(Name=NAME)["Parameter"]["Value"] == older
