"""The judge of `make chaos` sees every kind of broken promise, in what the sandbox itself lists."""

import pytest

from amicopy.aws import ec2
from amicopy.aws.account import AwsAccount
from benchmarks.counting import (
    APPROVED,
    CANCELLED,
    DRY_RUN,
    ONE_CANCELLED,
    REJECTED,
    WITHDRAWN,
    Asked,
    deviations,
    false_words,
)
from tests.conftest import Control

ACCOUNT, SOURCE = "111122223333", "ami-0a7f3c92d41be6058"
REGIONS = ["eu-west-1", "us-west-2"]
AWS = AwsAccount(account_id=ACCOUNT, partition="aws")


def asked(fate: str, *states: str) -> Asked:
    return Asked("golden", ACCOUNT, SOURCE, REGIONS[: len(states)], fate, number=1, states=list(states))


def make(region: str = REGIONS[0], *, name: str = "golden", source: str = SOURCE) -> str:
    parameters = {"Name": name, "SourceImageId": source, "SourceRegion": "us-east-1"}
    return ec2.copy_image(AWS, region=region, parameters=parameters, client_token=f"{name}{region}").image_id


@pytest.fixture(autouse=True)
def quick(sandbox: Control) -> Control:
    """A sandbox whose copies are over at once."""
    sandbox("settings", copy_seconds=0)
    return sandbox


def found(one: Asked, sandbox: Control) -> list[str]:
    return [line.rpartition(": ")[2] for line in deviations([one], sandbox("images"))]


def test_one_image_for_each_approved_copy_is_as_promised(quick: Control) -> None:
    for region in REGIONS:
        make(region)
    assert found(asked(APPROVED, "AVAILABLE", "AVAILABLE"), quick) == []


def test_a_second_image_of_a_copy_is_seen(quick: Control) -> None:
    make()
    ec2.copy_image(
        AWS,
        region=REGIONS[0],
        parameters={"Name": "golden", "SourceImageId": SOURCE, "SourceRegion": "us-east-1"},
        client_token="another",
    )
    assert found(asked(APPROVED, "AVAILABLE"), quick) == ["2 images made, 2 there"]


def test_a_copy_without_its_image_is_seen(quick: Control) -> None:
    assert found(asked(APPROVED, "AVAILABLE"), quick) == ["0 images made, 0 there"]
    ec2.deregister_image(AWS, region=REGIONS[0], image_id=make())
    assert found(asked(APPROVED, "AVAILABLE"), quick) == ["1 images made, 0 there"]


def test_a_copy_of_another_source_is_seen(quick: Control) -> None:
    make(source="ami-0b81d5e6f0a297c34")
    assert found(asked(APPROVED, "AVAILABLE"), quick) == ["a copy of ami-0b81d5e6f0a297c34"]


def test_an_image_that_is_not_ready_though_amicopy_says_so_is_seen(quick: Control) -> None:
    quick("settings", copy_seconds=60)
    make()
    assert found(asked(APPROVED, "AVAILABLE"), quick) == ["the image is pending"]


def test_what_aws_made_and_gave_up_is_no_second_image(quick: Control) -> None:
    quick("faults", kind="fail", action="CopyImage", percent=0, reason="Chaos.")
    make()
    ec2.copy_image(
        AWS,
        region=REGIONS[0],
        parameters={"Name": "golden", "SourceImageId": SOURCE, "SourceRegion": "us-east-1"},
        client_token="another",
    )
    assert found(asked(APPROVED, "AVAILABLE"), quick) == []
    assert found(asked(APPROVED, "FAILED"), quick) == ["did not end as it should"]


def test_what_aws_gave_up_and_amicopy_removed_is_no_second_image(quick: Control) -> None:
    quick("faults", kind="fail", action="CopyImage", percent=0, reason="Chaos.")
    ec2.deregister_image(AWS, region=REGIONS[0], image_id=make())
    parameters = {"Name": "golden", "SourceImageId": SOURCE, "SourceRegion": "us-east-1"}
    ec2.copy_image(AWS, region=REGIONS[0], parameters=parameters, client_token="another")
    assert found(asked(APPROVED, "AVAILABLE"), quick) == []


def test_what_aws_gave_up_and_finished_later_is_a_second_image(quick: Control) -> None:
    quick("faults", kind="fail", action="CopyImage", percent=0, reason="Chaos.", seconds=60)
    make()
    parameters = {"Name": "golden", "SourceImageId": SOURCE, "SourceRegion": "us-east-1"}
    ec2.copy_image(AWS, region=REGIONS[0], parameters=parameters, client_token="another")
    quick("advance", seconds=61)
    assert found(asked(APPROVED, "AVAILABLE"), quick) == ["2 images made, 2 there"]


def test_what_aws_finishes_of_a_copy_that_had_failed_before_it_was_cancelled_is_a_leftover(quick: Control) -> None:
    quick("faults", kind="fail", action="CopyImage", percent=0, reason="Chaos.", seconds=60)
    make()
    quick("advance", seconds=61)
    assert found(asked(CANCELLED, "FAILED"), quick) == []
    make(name="silver")
    assert deviations(
        [Asked("silver", ACCOUNT, SOURCE, REGIONS[:1], CANCELLED, number=2, states=["FAILED"])], quick("images")
    )


def event(**changes: object) -> dict[str, object]:
    said = {"id": 7, "action": "copy.copying", "aws_request_id": "r-1", "error_code": "", "image_id": "ami-1"}
    return {**said, "data": {}, **changes}


def answer(**changes: object) -> dict[str, object]:
    said = {"request_id": "r-1", "action": "CopyImage", "carried_out": True, "code": "", "status": 200}
    return {**said, "ids": ["ami-1"], "shown": {"ami-1": "pending"}, **changes}


def test_words_that_aws_said_are_true() -> None:
    refused = event(action="copy.failed", aws_request_id="r-2", error_code="InvalidRequest")
    said = answer(request_id="r-2", carried_out=False, code="InvalidRequest")
    deleted = event(action="aws.snapshot_deleted", aws_request_id="r-3", image_id="", data={"SnapshotId": "snap-1"})
    gone = answer(request_id="r-3", action="DeleteSnapshot", ids=["snap-1"], shown={})
    assert false_words([event(), refused, deleted], [answer(), said, gone]) == []


@pytest.mark.parametrize(
    ("said", "heard", "words"),
    [
        (event(aws_request_id="r-9"), answer(), "AWS gave no answer r-9"),
        (event(aws_request_id=""), answer(), "AWS gave no answer"),
        (event(image_id="ami-2"), answer(ids=["ami-2"]), "says ami-2, AWS's answer was about ami-1"),
        (
            event(action="aws.snapshot_deleted", image_id="", data={"SnapshotId": "snap-2"}),
            answer(action="DeleteSnapshot", ids=["snap-1"]),
            "says snap-2, AWS's answer was about snap-1",
        ),
        (
            event(action="aws.refused", data={"operation": "DeregisterImage"}, error_code="UnauthorizedOperation"),
            answer(action="DeleteSnapshot", carried_out=False, code="UnauthorizedOperation"),
            "speaks of DeleteSnapshot",
        ),
        (event(action="aws.image_deregistered"), answer(), "speaks of CopyImage"),
        (
            event(action="aws.image_deregistered"),
            answer(action="DeregisterImage", carried_out=False, code="InvalidAMIID.NotFound"),
            "says it was done, AWS said InvalidAMIID.NotFound",
        ),
        (
            event(action="copy.failed", error_code="InvalidRegion"),
            answer(code="InvalidRequest"),
            "says InvalidRegion, AWS said InvalidRequest",
        ),
    ],
)
def test_words_that_aws_never_said_are_seen(said: dict[str, object], heard: dict[str, object], words: str) -> None:
    assert false_words([said], [heard]) == [f"event 7 {said['action']}: {words}"]


@pytest.mark.parametrize("state", ["QUEUED", "STARTING", "COPYING", "CANCELLING", "FAILED"])
def test_a_copy_that_did_not_end_well_is_seen(quick: Control, state: str) -> None:
    assert found(asked(APPROVED, state), quick) == ["did not end as it should"]


def test_a_cancelled_copy_leaves_nothing_behind(quick: Control) -> None:
    assert found(asked(CANCELLED, "CANCELLED"), quick) == []
    quick("settings", copy_seconds=60)
    ec2.deregister_image(AWS, region=REGIONS[0], image_id=make())
    assert found(asked(CANCELLED, "CANCELLED"), quick) == ["2 snapshots without an image"]


def test_an_image_of_a_cancelled_copy_is_seen(quick: Control) -> None:
    make()
    assert found(asked(CANCELLED, "CANCELLED"), quick) == ["1 images made, 1 there"]


def test_a_copy_that_nobody_cancelled_may_not_be_cancelled(quick: Control) -> None:
    assert found(asked(ONE_CANCELLED, "CANCELLED", "CANCELLED"), quick) == ["cancelled by nobody"]


@pytest.mark.parametrize(("fate", "state"), [(REJECTED, "CANCELLED"), (WITHDRAWN, "CANCELLED"), (DRY_RUN, "CHECKED")])
def test_what_was_not_to_be_made_is_seen(quick: Control, fate: str, state: str) -> None:
    assert found(asked(fate, state), quick) == []
    make()
    assert found(asked(fate, state), quick) == ["1 images made though nothing was to be"]


def test_an_image_nobody_asked_for_is_seen(quick: Control) -> None:
    make(name="stray")
    wrong = deviations([], quick("images"))
    assert wrong == [f"1 images {(ACCOUNT, 'stray', 'eu-west-1')} that nobody asked for"]


def test_a_request_that_lost_a_copy_is_seen(quick: Control) -> None:
    one = asked(APPROVED, "AVAILABLE", "AVAILABLE")
    one.states.pop()
    assert deviations([one], []) == ["#1 golden has 1 copies of 2"]
