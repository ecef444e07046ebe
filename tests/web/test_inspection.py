"""A closer look at a source, on the form and for whoever decides."""

import pytest
from django.core.cache import cache
from django.test import Client

from amicopy.copies.core.models import CopyRequest
from amicopy.copies.lookups import async_queries
from tests.conftest import Control
from tests.copies.test_steps_engine import boto
from tests.web.conftest import SignedIn, typed
from tests.web.page import read
from tests.web.test_form_lookups import fragment, once

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("patient")]
VULNERABLE = {"SourceImageId": "ami-0c4a9e17b3d8250f6"}
LOOKS = ("GetImageFindings", "GetImageAncestry", "DescribeImageReferences", "DescribeInstanceTypeOfferings")
DENIED = {"kind": "error", "code": "UnauthorizedOperation", "status": 403, "count": None}


@pytest.fixture
def requester(signed_in: SignedIn, sandbox: Control) -> Client:
    return signed_in("requester")


def looked(client: Client, **changes: str) -> str:
    """What the form's piece says in the end, after the source itself was seen."""
    fragment(client, "source", **changes)
    return fragment(client, "inspection", **changes).text


def test_the_form_says_what_a_scan_found_and_where_a_source_comes_from(requester: Client) -> None:
    said = looked(requester)
    assert "Scanned 2 days ago, worst finding medium, fix since" in said
    assert "Findings: 1 medium, 1 low" in said
    assert "CVE-2026-30112 - curl" in said
    assert "Last launched 27 Nov 2026" in said
    assert "Descends from ami-0ee55ff66aa77bb88 of amazon, 2 generations back" in said
    assert "Instance types for x86_64 in eu-west-1" in said


def test_what_uses_the_source_is_counted_and_named(requester: Client, sandbox: Control) -> None:
    ec2, ssm = (boto(sandbox, name, region="us-east-1") for name in ("ec2", "ssm"))
    sandbox("settings", alias_seconds=0)
    image_id = "ami-0e93a1c7d64f5b082"
    assert "Nothing in its Region uses it" in looked(requester, SourceImageId=image_id)
    for name in ("web", "batch"):
        ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData={"ImageId": image_id})
    ssm.put_parameter(Name="/golden/used", Type="String", DataType="aws:ec2:image", Value=image_id)
    cache.clear()
    said = looked(requester, SourceImageId=image_id)
    assert "Used in its Region by 2 launch templates, 1 parameter" in said
    assert "arn:aws:ssm:us-east-1:111122223333:parameter/golden/used" in said


def test_the_source_card_asks_for_it_in_a_piece_of_its_own(requester: Client, sandbox: Control) -> None:
    page = fragment(requester, "source")
    piece = page.by_id("source-inspection")
    assert piece.attribute("hx-post") == "/requests/new/inspection/"
    assert [mark for mark in page.marks("hx-trigger") if mark == "load"]
    # The card is there without any of it.
    assert [sandbox(f"calls?action={action}") for action in LOOKS] == [[] for _ in LOOKS]


@pytest.mark.parametrize(
    ("image_id", "region", "words"),
    [
        ("ami-0c4a9e17b3d8250f6", "eu-west-1", "Scanned 16 days ago, worst finding critical, fix since"),
        ("ami-0e93a1c7d64f5b082", "eu-west-1", "Scanned 1 day ago, nothing found"),
        ("ami-0e93a1c7d64f5b082", "eu-west-1", "Watermark 111122223333:golden"),
        ("ami-0b81d5e6f0a297c34", "eu-west-1", "No scan known"),
        ("ami-0b81d5e6f0a297c34", "sa-east-1", "sa-east-1: no instance type for arm64 found"),
        ("ami-016d7b4f8e2c093a5", "eu-west-1", "eu-west-1: no instance type p5.48xlarge found"),
    ],
)
def test_it_says_what_speaks_against_a_source(requester: Client, image_id: str, region: str, words: str) -> None:
    assert words in looked(requester, SourceImageId=image_id, **{"destinations-0-DestinationRegion": region})


def test_a_refused_permission_is_said_and_nothing_else_fails(requester: Client, sandbox: Control) -> None:
    for action in LOOKS:
        sandbox("faults", action=action, **DENIED)
    said = looked(requester)
    assert "Findings not known. AWS doesn't let amicopy look there (UnauthorizedOperation)." in said
    assert "Ancestry not known." in said
    assert "What uses it isn’t known." in said
    assert "Instance types" not in said
    assert "Scanned 2 days ago" in said


@pytest.mark.slow
def test_a_piece_that_hangs_holds_up_nothing(
    requester: Client, sandbox: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    fragment(requester, "source")
    for action in LOOKS:
        sandbox("faults", kind="hang", action=action, seconds=20, count=None)
    page = once(requester, "inspection")
    assert "Scanned 2 days ago" in page.text
    assert "not known" not in page.text
    assert [mark for mark in page.marks("hx-trigger") if mark.startswith("load delay")]
    # The other pieces come to their end meanwhile.
    fragment(requester, "messages")
    async_queries.forget_all()


def test_whoever_decides_sees_what_was_found_at_submission(
    requester: Client, signed_in: SignedIn, sandbox: Control
) -> None:
    assert requester.post("/requests/new/", typed(**VULNERABLE)).status_code == 302
    row = CopyRequest.objects.get()
    assert row.lookups["inspection"]["findings"]["counts"] == {"critical": 2, "high": 1}
    assert row.risky
    approver = signed_in("approver")
    for address in (f"/approvals/?open={row.pk}", f"/requests/{row.pk}/"):
        said = read(approver.get(address)).text
        assert "Scanned 16 days ago, worst finding critical" in said
        assert "Findings: 2 critical, 1 high" in said
        assert "CVE-2026-41190 - openssl" in said
    queue = read(approver.get("/approvals/"))
    assert {"critical-finding", "scan-old"} <= set(queue.marks("data-fact"))


def test_without_a_script_the_button_shows_it(requester: Client) -> None:
    page = read(requester.post("/requests/new/", typed(look="1")))
    assert "Descends from ami-0ee55ff66aa77bb88 of amazon" in page.text
