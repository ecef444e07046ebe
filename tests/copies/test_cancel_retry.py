"""Cancel and retry at every point of a copy's life, counted at the sandbox."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from amicopy.audit.actor import worker
from amicopy.copies.core.models import Attempt, CopyRequest, ImageCopy
from amicopy.copies.core.permissions import NotAllowed
from amicopy.copies.engine import claims, copy_call, leases
from amicopy.copies.lifecycle.transitions import InvalidTransition
from amicopy.copies.requests import cancel_retry
from tests.conftest import Control
from tests.copies.conftest import Submit, acting, approve, during_the_call, make_call, make_person
from tests.copies.test_engine import cancel_all, make_due, start_all, states, track_all

pytestmark = pytest.mark.django_db


@pytest.fixture
def approved(submit: Submit, approver: User, sandbox: Control) -> Submit:
    def _approved(*calls: object) -> CopyRequest:
        return approve(approver, submit(*calls))

    return _approved


def left_at_aws(control: Control) -> list[Any]:
    """Images and snapshots of copies that still exist."""
    images = control("images")
    return [row for row in images if row["State"] != "deregistered" or row["Snapshots"]]


def test_cancelling_in_the_middle_of_the_call_removes_what_the_call_made(
    approved: Submit, sandbox: Control, requester: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = approved()
    make_due()
    claimed = claims.claim_next()
    assert claimed is not None
    lease, [copy] = claimed
    during_the_call(monkeypatch, lambda: cancel_retry.cancel(acting(requester), request.pk))
    with pytest.raises(InvalidTransition):
        copy_call.start(copy, lease=lease, actor=worker("start_due"))
    leases.hand_back(lease, next_step_at=timezone.now())
    assert len(left_at_aws(sandbox)) == 1
    for _ in range(3):
        cancel_all()
    assert states(request) == ["CANCELLED"]
    assert left_at_aws(sandbox) == []


def test_cancelling_after_a_lost_answer_finds_and_removes_the_image(
    approved: Submit, sandbox: Control, requester: User
) -> None:
    request = approved()
    sandbox("faults", kind="drop-after", action="CopyImage")
    start_all()
    assert states(request) == ["STARTING"]
    cancel_retry.cancel(acting(requester), request.pk)
    for _ in range(3):
        cancel_all()
    assert states(request) == ["CANCELLED"]
    assert len(sandbox("images")) == 1
    assert left_at_aws(sandbox) == []


def test_cancelling_a_call_that_never_arrived_ends_once_no_image_can_turn_up(
    approved: Submit, sandbox: Control, requester: User
) -> None:
    request = approved()
    sandbox("faults", kind="drop", action="CopyImage")
    start_all()
    cancel_retry.cancel(acting(requester), request.pk)
    cancel_all()
    assert states(request) == ["CANCELLING"]
    Attempt.objects.update(last_called_at=timezone.now() - timedelta(minutes=11))
    cancel_all()
    assert states(request) == ["CANCELLED"]
    assert sandbox("images") == []


def test_cancelling_one_destination_leaves_the_others(approved: Submit, sandbox: Control, requester: User) -> None:
    request = approved(make_call("eu-west-1"), make_call("us-west-2"), make_call("us-east-2"))
    start_all()
    copy = request.copies.get(DestinationRegion="us-west-2")
    cancel_retry.cancel(acting(requester), request.pk, copy_id=copy.pk)
    for _ in range(3):
        cancel_all()
    assert states(request) == ["COPYING", "CANCELLED", "COPYING"]
    assert sorted(row["Region"] for row in left_at_aws(sandbox)) == ["eu-west-1", "us-east-2"]
    sandbox("advance", seconds=900)
    track_all()
    request.refresh_from_db()
    assert request.state == "PARTIAL"
    with pytest.raises(InvalidTransition):
        cancel_retry.cancel(acting(requester), request.pk)


@pytest.mark.parametrize("code", ["UnauthorizedOperation", "RequestLimitExceeded", "InternalError"])
def test_a_cancel_that_aws_refuses_says_so_and_goes_on(
    approved: Submit, sandbox: Control, requester: User, code: str
) -> None:
    request = approved()
    start_all()
    cancel_retry.cancel(acting(requester), request.pk)
    sandbox("faults", kind="error", code=code, action="DeregisterImage", count=3)
    cancel_all()
    copy = request.copies.get()
    assert copy.state == "CANCELLING"
    assert copy.wait_code
    assert copy.wait_data["AwsCode"] == code
    assert set(copy.wait_data) == {"AwsCode", "AwsMessage"}
    for _ in range(4):
        cancel_all()
    assert states(request) == ["CANCELLED"]
    assert left_at_aws(sandbox) == []


def test_retrying_makes_only_what_failed_with_a_new_token_under_the_same_approval(
    approved: Submit, sandbox: Control, requester: User
) -> None:
    sandbox("faults", kind="error", code="UnauthorizedOperation", action="CopyImage", region="us-west-2")
    request = approved(make_call("eu-west-1"), make_call("us-west-2"))
    start_all()
    sandbox("advance", seconds=900)
    track_all()
    assert states(request) == ["AVAILABLE", "FAILED"]
    decided = list(request.decisions.values())
    tokens = dict(Attempt.objects.values_list("copy__DestinationRegion", "ClientToken"))
    cancel_retry.retry(acting(requester), request.pk)
    assert states(request) == ["AVAILABLE", "QUEUED"]
    start_all()
    sandbox("advance", seconds=900)
    track_all()
    request.refresh_from_db()
    assert (request.state, states(request)) == ("COMPLETED", ["AVAILABLE", "AVAILABLE"])
    assert list(request.decisions.values()) == decided
    retried = Attempt.objects.filter(copy__DestinationRegion="us-west-2").order_by("number")
    assert [attempt.number for attempt in retried] == [1, 2]
    assert retried[1].ClientToken not in tokens.values()
    assert len(sandbox("images")) == 2


def test_a_retry_of_something_else_than_was_approved_is_refused(
    approved: Submit, sandbox: Control, requester: User
) -> None:
    sandbox("faults", kind="error", code="UnauthorizedOperation", action="CopyImage")
    request = approved()
    start_all()
    copy = request.copies.get()
    ImageCopy.objects.update(parameters={**copy.parameters, "Name": "another-name"})
    with pytest.raises(InvalidTransition, match="isn't what was approved"):
        cancel_retry.retry(acting(requester), request.pk)
    assert states(request) == ["FAILED"]


def test_only_the_requester_and_approvers_cancel_and_retry(approved: Submit, sandbox: Control) -> None:
    request = approved()
    for role in ("requester", "auditor"):
        stranger = make_person(f"other-{role}", role)
        for verb in (cancel_retry.cancel, cancel_retry.retry):
            with pytest.raises(NotAllowed):
                verb(acting(stranger), request.pk)
