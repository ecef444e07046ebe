"""Steps for an AMI that exists in a browser: asked for from a new request, approved, done, and the alias put back."""

import re
from typing import Any

import boto3
from playwright.sync_api import expect

from tests.journey.browsing import MARKS, Windows
from tests.journey.conftest import Person, Running
from tests.sandbox.conftest import KEY

pytestmark = MARKS
SLOW = 30_000
OTHER = "444455556666"
NAME = "/golden/al2023"
IMAGE = "ami-0a7f3c92d41be6058"


def test_an_ami_that_exists_is_shared_published_and_its_alias_put_back(windows: Windows, running: Running) -> None:

    def boto(service: str) -> Any:
        session = boto3.Session(KEY, "not-checked")
        return session.client(service, "us-east-1", endpoint_url=running.sandbox)  # type: ignore[call-overload]

    def changed() -> list[Any]:
        """What was ever copied or removed."""
        never = {"CopyImage", "DeregisterImage", "DeleteSnapshot"}
        return [call for call in running.control("calls") if call["action"] in never]

    running.control("settings", alias_seconds=0)
    before = changed()
    ssm, older = boto("ssm"), "ami-0b81d5e6f0a297c34"
    ssm.put_parameter(Name=NAME, Value=older, Type="String", DataType="aws:ec2:image")
    asks = windows("requester")
    asks.expected.append("422")
    page = asks.page
    page.goto("/requests/new/")
    page.locator("#to-existing").click()
    page.locator("[name=SourceRegion]").select_option("us-east-1")
    page.locator("[name=SourceImageId]").fill(IMAGE)
    page.locator("[name=SourceImageId]").press("Tab")
    expect(page.locator("#source-preview")).to_contain_text("52 GiB in 2 volumes", timeout=SLOW)
    page.locator("[name=LaunchPermission-UserIds]").fill(OTHER)
    page.locator("[name=Parameter-Name]").fill(NAME)
    page.locator("[name=reason]").fill("PLAT-482: staging launches it, too")
    page.locator("#submit").click()
    # It is there already, and overwriting it wasn't asked for.
    expect(page.locator(".errors")).to_contain_text(f"{NAME} shows {older} now", timeout=SLOW)
    page.locator("[name=Parameter-Overwrite]").check()
    page.locator("#submit").click()
    page.wait_for_url(re.compile(r"/requests/[0-9]+/"))
    number = int(page.url.rstrip("/").split("/")[-1])

    decides = windows("approver").page
    decides.goto(f"/requests/{number}/")
    expect(decides.locator("#after-copy")).to_contain_text(OTHER)
    expect(decides.locator("#after-copy")).to_contain_text(f"It shows {older} now, which is overwritten")
    Person(running.url, "approver").approve(number)

    page.goto(f"/requests/{number}/?open=all")
    expect(page.locator("#destinations")).to_contain_text("2 of 2 steps done", timeout=SLOW)
    assert ssm.get_parameter(Name=NAME)["Parameter"]["Value"] == IMAGE
    shared = boto("ec2").describe_image_attribute(ImageId=IMAGE, Attribute="launchPermission")["LaunchPermissions"]
    assert {"UserId": OTHER} in shared
    assert changed() == before

    page.get_by_role("button", name=f"Put it back to {older}").click()
    expect(page.locator("#destinations")).to_contain_text("undone", timeout=SLOW)
    assert ssm.get_parameter(Name=NAME)["Parameter"]["Value"] == older
