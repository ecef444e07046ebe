"""Removing says what AWS answered, and nothing more. Case F3."""

import pytest

from amicopy.aws import ec2, errors
from amicopy.aws.account import AwsAccount
from tests.conftest import Control

OWN = AwsAccount("111122223333")
REGION = "eu-west-1"
CALL = {"Name": "golden", "SourceImageId": "ami-0a7f3c92d41be6058", "SourceRegion": "us-east-1"}


@pytest.fixture
def image_id(sandbox: Control) -> str:
    """A copy that is available."""
    made = ec2.copy_image(OWN, region=REGION, parameters=CALL, client_token="t").image_id
    sandbox("advance", seconds=600)
    return made


def snapshots_of(image_id: str) -> set[str]:
    return {row.SnapshotId for row in ec2.snapshots_of_copies(OWN, region=REGION, image_ids=[image_id])[image_id]}


def test_a_removed_image_is_done_with_what_became_of_its_snapshots(image_id: str) -> None:
    ids = snapshots_of(image_id)
    answer = ec2.deregister_image(OWN, region=REGION, image_id=image_id)
    assert (answer.outcome, answer.code) == ("done", "")
    assert answer.snapshots == dict.fromkeys(ids, "success")
    assert answer.request_id


def test_an_image_that_was_removed_before_is_gone(image_id: str) -> None:
    ec2.deregister_image(OWN, region=REGION, image_id=image_id)
    again = ec2.deregister_image(OWN, region=REGION, image_id=image_id)
    assert (again.outcome, again.code, again.snapshots) == ("gone", "InvalidAMIID.Unavailable", {})
    assert again.message
    assert again.request_id


def test_f3_an_image_that_aws_does_not_know_now_is_not_done(image_id: str, sandbox: Control) -> None:
    words = f"The image id '[{image_id}]' does not exist"
    sandbox("faults", kind="error", action="DeregisterImage", code="InvalidAMIID.NotFound", status=400, message=words)
    answer = ec2.deregister_image(OWN, region=REGION, image_id=image_id)
    assert (answer.outcome, answer.code, answer.message) == ("unknown", "InvalidAMIID.NotFound", words)
    assert answer.request_id
    assert [image["State"] for image in sandbox("images")] == ["available"]


def test_a_snapshot_in_use_is_refused_and_one_that_aws_does_not_know_is_unknown(image_id: str) -> None:
    [first, *_] = sorted(snapshots_of(image_id))
    with pytest.raises(errors.Rejected, match="InUse"):
        ec2.delete_snapshot(OWN, region=REGION, snapshot_id=first)
    unknown = ec2.delete_snapshot(OWN, region=REGION, snapshot_id="snap-0123456789abcdef0")
    assert (unknown.outcome, unknown.code) == ("unknown", "InvalidSnapshot.NotFound")
    assert unknown.message
    assert unknown.request_id


def test_a_deleted_snapshot_is_done(image_id: str, sandbox: Control) -> None:
    sandbox("settings", leave_snapshots=True)
    pending = ec2.copy_image(OWN, region=REGION, parameters=CALL, client_token="u").image_id
    [first, *_] = sorted(snapshots_of(pending))
    ec2.deregister_image(OWN, region=REGION, image_id=pending)
    answer = ec2.delete_snapshot(OWN, region=REGION, snapshot_id=first)
    assert (answer.outcome, answer.code) == ("done", "")
    assert answer.request_id
    assert ec2.delete_snapshot(OWN, region=REGION, snapshot_id=first).outcome == "unknown"


@pytest.mark.parametrize("code", ["OperationNotPermitted", "IncorrectState", "UnauthorizedOperation"])
def test_a_refused_removal_is_an_error(image_id: str, sandbox: Control, code: str) -> None:
    sandbox("faults", kind="error", action="DeregisterImage", code=code, status=400, message="no")
    with pytest.raises(errors.Rejected):
        ec2.deregister_image(OWN, region=REGION, image_id=image_id)
