"""The main job over HTTP, with every process for real."""

import boto3
import pytest

from tests.journey.conftest import Person, Running, everything, state_of, until
from tests.web.page import read

pytestmark = pytest.mark.processes


def test_a_copy_is_asked_for_approved_made_and_on_record(running: Running, requester: Person, approver: Person) -> None:
    number = requester.submit(
        **{
            "destinations-1-DestinationRegion": "us-west-2",
            "destinations-1-Encrypted": "true",
            "destinations-1-KmsKeyId": "alias/golden-images",
        }
    )
    assert requester.state(number) == "PENDING"
    approver.approve(number)
    seen: set[str] = set()

    def finished() -> bool:
        page = read(requester.get(f"/requests/{number}/"))
        seen.update(page.marks("data-progress"))
        return state_of(page) == "COMPLETED"

    assert until(finished)
    assert any(0 < int(progress) < 100 for progress in seen), seen
    assert requester.copies(number) == ["AVAILABLE", "AVAILABLE"]
    history = read(Person(running.url, "auditor").get(f"/audit/?request={number}")).table("Audit events")
    for words in (
        "Submitted the request",
        "Approved the request",
        "AWS started the copy",
        "New AMI is available",
        "Request completed",
    ):
        assert words in history.text
    made = [image for image in running.control("images") if image["Name"] == "golden-al2023-journey"]
    assert len(made) == 2


def test_a_wrong_key_fails_one_copy_with_the_reason_and_spares_the_other(requester: Person, approver: Person) -> None:
    number = requester.submit(
        **{
            "Name": "golden-bad-key",
            "destinations-0-Encrypted": "true",
            "destinations-0-KmsKeyId": "alias/retired",
            "destinations-1-DestinationRegion": "us-west-2",
            "submit_anyway": "on",
            "submit_anyway_reason": "The key is enabled again on Monday.",
            "known_problems": "key-disabled:eu-west-1",
        }
    )
    approver.approve(number)
    assert until(lambda: requester.state(number) == "PARTIAL")
    page = read(requester.get(f"/requests/{number}/"))
    assert page.headings("KMS key can't be used")
    assert page.group("What AWS said")


@pytest.mark.slow
def test_a_worker_killed_with_its_answer_lost_makes_one_image(
    running: Running, requester: Person, approver: Person
) -> None:
    """The sandbox makes the image and drops the answer; the worker dies at that moment; another one goes on."""
    running.control("faults", kind="drop-after", action="CopyImage", count=4)
    number = requester.submit(Name="golden-killed")
    approver.approve(number)
    until(lambda: [image for image in running.control("images") if image["Name"] == "golden-killed"])
    running.kill("worker")
    running.start("worker")
    assert until(lambda: requester.state(number) == "COMPLETED", seconds=240)
    assert len([image for image in running.control("images") if image["Name"] == "golden-killed"]) == 1


@pytest.mark.slow
def test_an_unreachable_aws_is_shown_and_waited_out(running: Running, requester: Person, approver: Person) -> None:
    running.kill("sandbox")
    number = requester.submit(Name="golden-outage")
    approver.approve(number)
    assert until(lambda: "can't be reached" in read(requester.get(f"/requests/{number}/")).text)
    running.start("sandbox")
    assert until(lambda: requester.state(number) == "COMPLETED", seconds=180)


@pytest.mark.slow
def test_the_job_is_done_against_motos_own_server_too(tmp_path_factory: pytest.TempPathFactory) -> None:
    """An EC2 that isn't ours: what sandbox and gateway both got wrong would show here."""
    with everything(tmp_path_factory.mktemp("moto"), "amicopy_moto", moto=True) as running:
        client = boto3.Session("AKIASANDBOX000000000", "sandbox").client(
            "ec2", "us-east-1", endpoint_url=running.sandbox
        )
        source = client.register_image(Name="source", RootDeviceName="/dev/xvda")["ImageId"]
        requester, approver = Person(running.url, "requester"), Person(running.url, "approver")
        number = requester.submit(SourceImageId=source, **{"destinations-0-DestinationRegion": "us-east-1"})
        approver.approve(number)
        assert until(lambda: requester.copies(number) == ["AVAILABLE"])
        images = client.describe_images(Owners=["self"])["Images"]
        assert len([image for image in images if image["Name"] == "golden-al2023-journey"]) == 1
