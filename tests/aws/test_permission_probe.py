"""What a refused trial says, and what it doesn't."""

import pytest

from amicopy.aws import ec2
from amicopy.aws.account import AwsAccount
from amicopy.aws.permission_probe import Probe, probes
from tests.conftest import Control

OWN = AwsAccount("111122223333")
REMOVALS = ("ec2:DeregisterImage", "ec2:DeleteSnapshot")


def tried(image_id: str = "", snapshot_id: str = "") -> dict[str, Probe]:
    found = probes(OWN, region="eu-west-1", call=None, image_id=image_id, snapshot_id=snapshot_id)
    return {probe.action: probe for probe in found}


@pytest.fixture
def only_marked(sandbox: Control) -> Control:
    """A policy that lets only what amicopy marked be removed says no to anything else."""
    for action in ("DeregisterImage", "DeleteSnapshot"):
        sandbox("faults", kind="error", code="UnauthorizedOperation", message="No.", action=action, count=None)
    return sandbox


def test_a_no_about_something_that_is_not_there_is_no_answer(only_marked: Control) -> None:
    found = tried()
    assert {action: found[action].allowed for action in REMOVALS} == dict.fromkeys(REMOVALS, None)
    assert {found[action].said for action in REMOVALS} == {"No."}


def test_a_no_about_what_amicopy_made_is_one(only_marked: Control) -> None:
    call = {"Name": "golden", "SourceImageId": "ami-0a7f3c92d41be6058", "SourceRegion": "us-east-1"}
    made = ec2.copy_image(OWN, region="eu-west-1", parameters=call, client_token="t").image_id
    snapshot_id = ec2.snapshots_of_copies(OWN, region="eu-west-1", image_ids=[made])[made][0].SnapshotId
    found = tried(made, snapshot_id)
    assert {action: found[action].allowed for action in REMOVALS} == dict.fromkeys(REMOVALS, False)
