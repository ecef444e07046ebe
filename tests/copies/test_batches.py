"""Many copies at once: what is stored before the first call, what an error of one does to the others, and what it
costs."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from amicopy.audit.actor import worker
from amicopy.audit.checks import verify_all
from amicopy.audit.models import AuditEvent
from amicopy.aws import ec2
from amicopy.copies import tasks
from amicopy.copies.core.models import Attempt, CallBucket, CopyRequest, ImageCopy
from amicopy.copies.core.policy_models import FreezeWindow
from amicopy.copies.core.reasons import Code
from amicopy.copies.engine import call_outcomes, cancellation, claims, copy_call, waves
from amicopy.copies.requests import cancel_retry, policy_actions
from tests.conftest import Control
from tests.copies.conftest import SOURCE, Submit, acting, approve, make_call, make_person
from tests.copies.passing_time import make_due

pytestmark = pytest.mark.django_db
REGIONS = ("eu-west-1", "eu-west-2", "eu-central-1", "us-west-2", "us-east-2", "ca-central-1", "sa-east-1")

SANDBOX_REGIONS = (*REGIONS, "us-east-1", "ap-northeast-1", "ap-southeast-2")


@pytest.fixture
def approved(submit: Submit, approver: User, sandbox: Control, settings: Settings) -> Submit:
    """Approves a request for a copy in each of these Regions; one task takes all that is due."""
    settings.START_WORKERS = 1

    def _approved(*regions: str, **parameters: object) -> CopyRequest:
        return approve(approver, submit(*(make_call(region, **parameters) for region in regions or REGIONS)))

    return _approved


def states(request: CopyRequest) -> Counter[str]:
    return Counter(request.copies.values_list("state", flat=True))


def test_state_token_and_doubt_of_all_are_stored_before_the_first_call(
    approved: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = approved()
    seen: list[tuple[Any, ...]] = []
    real = ec2.copy_image

    def copy_image(*args: Any, **kwargs: Any) -> ec2.CopyAnswer:
        # A thread must not ask the database, so what is stored was looked at when the calls began.
        seen.append(stored[0])
        return real(*args, **kwargs)

    def in_threads(call: Callable[[Any], Any], given: Any) -> list[Any]:
        if call is copy_call._answer:
            assert not connection.in_atomic_block or connection.savepoint_ids == []
            stored.append(
                (
                    states(request),
                    Attempt.objects.filter(in_doubt=True, first_called_at__isnull=False).count(),
                    AuditEvent.objects.filter(action="copy.starting").count(),
                )
            )
        return [call(each) for each in given]

    stored: list[tuple[Any, ...]] = []
    monkeypatch.setattr(copy_call, "in_threads", in_threads)
    monkeypatch.setattr(ec2, "copy_image", copy_image)
    tasks.start_due(wake=False)
    assert seen == [({"STARTING": 7}, 7, 7)] * 7
    assert states(request) == {"COPYING": 7}


def test_an_error_of_one_copy_is_that_copys_alone(approved: Submit, sandbox: Control) -> None:
    sandbox("faults", kind="error", code="UnauthorizedOperation", action="CopyImage", region="eu-west-2")
    sandbox("faults", kind="drop-after", action="CopyImage", region="us-west-2")
    sandbox("faults", kind="throttle", action="CopyImage", region="sa-east-1")
    request = approved()
    tasks.start_due(wake=False)
    found = dict(request.copies.values_list("DestinationRegion", "state"))
    assert found.pop("eu-west-2") == "FAILED"
    assert (found.pop("us-west-2"), found.pop("sa-east-1")) == ("STARTING", "STARTING")
    assert set(found.values()) == {"COPYING"}
    assert Attempt.objects.get(in_doubt=True).DestinationRegion == "us-west-2"


def test_what_nobody_foresaw_in_one_call_leaves_the_others_with_their_images(
    approved: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = approved()
    real = ec2.copy_image

    def copy_image(account: Any, *, region: str, **rest: Any) -> ec2.CopyAnswer:
        if region == "eu-west-2":
            raise RuntimeError
        return real(account, region=region, **rest)

    monkeypatch.setattr(ec2, "copy_image", copy_image)
    with pytest.raises(RuntimeError):
        tasks.start_due(wake=False)
    assert states(request) == {"COPYING": 6, "STARTING": 1}
    assert Attempt.objects.get(in_doubt=True).DestinationRegion == "eu-west-2"


def test_a_batch_whose_worker_is_killed_after_the_calls_makes_nothing_twice(
    approved: Submit, sandbox: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = approved()
    monkeypatch.setattr(call_outcomes, "copying", killed)
    with pytest.raises(KeyboardInterrupt):
        tasks.start_due(wake=False)
    assert (states(request), len(sandbox("images"))) == ({"STARTING": 7}, 7)
    monkeypatch.undo()
    make_due()
    tasks.start_due(wake=False)
    assert (states(request), len(sandbox("images"))) == ({"COPYING": 7}, 7)
    assert not Attempt.objects.filter(in_doubt=True).exists()


def killed(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


@pytest.fixture
def cancelled(approved: Submit, monkeypatch: pytest.MonkeyPatch) -> ImageCopy:
    """One of a batch: cancelled when its call was made and its answer isn't stored."""
    request = approved()
    one = request.copies.get(DestinationRegion="eu-west-2")

    def in_threads(call: Callable[[Any], Any], given: Any) -> list[Any]:
        found = [call(each) for each in given]
        if call is copy_call._answer:
            cancel_retry.cancel(acting(request.requester), request.pk, copy_id=one.pk)
        return found

    monkeypatch.setattr(copy_call, "in_threads", in_threads)
    return one


# By what AWS does with the call: whether an image is known, whether the call is in doubt, and how many were made.
DURING: dict[str, tuple[dict[str, Any], bool, bool, int]] = {
    "made": ({}, True, False, 7),
    "refused for good": ({"kind": "error", "code": "UnauthorizedOperation"}, False, False, 6),
    "throttled": ({"kind": "throttle"}, False, False, 6),
    "made and not answered": ({"kind": "drop-after"}, False, True, 7),
    "neither made nor answered": ({"kind": "drop"}, False, True, 6),
}


@pytest.mark.parametrize("how", DURING)
def test_a_copy_that_is_cancelled_during_the_calls_is_at_once_the_cancelling_workers(
    how: str, cancelled: ImageCopy, sandbox: Control
) -> None:
    fault, known, doubt, images = DURING[how]
    if fault:
        sandbox("faults", action="CopyImage", region="eu-west-2", **fault)
    tasks.start_due(wake=False)
    cancelled.refresh_from_db()
    assert (cancelled.state, bool(cancelled.ImageId)) == ("CANCELLING", known)
    assert cancelled.attempts.get().in_doubt == doubt
    assert (states(cancelled.request), len(sandbox("images"))) == ({"COPYING": 6, "CANCELLING": 1}, images)
    assert not AuditEvent.objects.filter(copy=cancelled.pk, action="copy.copying").exists()
    claimed = cancellation.claim_next()
    assert claimed is not None, "nobody holds it, and it is due"
    assert claimed[1] == cancelled


def test_a_copy_cancelled_during_a_call_that_aws_refused_ends_without_looking_for_an_image(
    cancelled: ImageCopy, sandbox: Control
) -> None:
    sandbox("faults", kind="throttle", action="CopyImage", region="eu-west-2")
    tasks.start_due(wake=False)
    tasks.cancel_due()
    cancelled.refresh_from_db()
    assert cancelled.state == "CANCELLED"


def test_what_was_called_before_and_is_cancelled_in_a_lease_is_not_called_again(
    approved: Submit, sandbox: Control
) -> None:
    sandbox("faults", kind="throttle", action="CopyImage", region="eu-west-2")
    request = approved()
    tasks.start_due(wake=False)
    sandbox("faults", method="DELETE")
    CallBucket.objects.all().delete()
    make_due()
    claimed = claims.claim_next()
    assert claimed is not None
    lease, copies = claimed
    assert [copy.DestinationRegion for copy in copies] == ["eu-west-2"]
    cancel_retry.cancel(acting(request.requester), request.pk, copy_id=copies[0].pk)
    started = copy_call.start_all(copies, lease=lease, actor=worker("start_due"))
    assert set(started.lost) == {copies[0].pk}
    assert len(sandbox("images")) == 6


def test_a_batch_holds_only_the_copies_of_who_lifted_the_freeze_alone(
    approved: Submit, submit: Submit, approver: User
) -> None:
    boss, now = make_person("boss", "administrator"), timezone.now()
    other = approved(*REGIONS[:3])
    lifters = approve(approver, submit(*(make_call(region, Name="lifters") for region in REGIONS[:3]), by=boss))
    freeze = FreezeWindow.objects.create(
        name="Release", starts_at=now - timedelta(hours=1), ends_at=now + timedelta(hours=1)
    )
    policy_actions.delete_freeze(acting(boss), freeze.pk)
    tasks.start_due(wake=False)
    assert (states(other), states(lifters)) == ({"COPYING": 3}, {"QUEUED": 3})
    assert {copy.wait_code for copy in lifters.copies.all()} == {Code.FROZEN}


def test_copies_whose_lease_was_lost_before_the_calls_are_not_called(approved: Submit, sandbox: Control) -> None:
    request = approved()
    claimed = claims.claim_next()
    assert claimed is not None
    lease, copies = claimed
    taken = request.copies.filter(DestinationRegion__in=REGIONS[:2])
    taken.update(lease_id="00000000-0000-0000-0000-000000000001")
    started = copy_call.start_all(copies, lease=lease, actor=worker("late"))
    assert set(started.lost) == set(taken.values_list("pk", flat=True))
    assert (states(request), len(sandbox("images"))) == ({"COPYING": 5, "QUEUED": 2}, 5)
    assert AuditEvent.objects.filter(action="copy.starting").count() == 5


def test_what_was_changed_behind_amicopy_is_stopped_and_the_rest_of_its_batch_is_sent(
    approved: Submit, sandbox: Control
) -> None:
    good, bad = approved(*REGIONS[:3]), approved(*REGIONS[:3], Name="another")
    copy = bad.copies.all()[0]
    ImageCopy.objects.filter(pk=copy.pk).update(parameters={**copy.parameters, "Description": "edited"})
    tasks.start_due(wake=False)
    assert (states(good), states(bad)) == ({"COPYING": 3}, {"FAILED": 3})
    assert set(bad.copies.values_list("error_code", flat=True)) == {"NotApproved"}


def test_the_source_is_looked_at_once_for_all_copies_of_a_request(approved: Submit, sandbox: Control) -> None:
    seen = {"ImageId": SOURCE}
    for name in ("first", "second"):
        CopyRequest.objects.filter(pk=approved(Name=name).pk).update(source_seen=seen)
    ImageCopy.objects.update(next_step_at=timezone.now())
    before = len(sandbox("calls?action=DescribeImages"))
    claimed = claims.claim_next()
    assert claimed is not None
    copy_call.start_all(claimed[1], lease=claimed[0], actor=worker("start_due"))
    assert len(sandbox("calls?action=DescribeImages")) - before == 2


def test_the_history_of_a_batch_is_a_chain_with_a_correlation_for_each_copy(approved: Submit) -> None:
    request = approved()
    tasks.start_due(wake=False)
    events = AuditEvent.objects.filter(request=request.pk, action__in=("copy.starting", "copy.copying"))
    by_copy = Counter(events.values_list("copy", "correlation_id"))
    assert (len(by_copy), set(by_copy.values())) == (7, {2})
    outcome = verify_all(seconds=None, actor=worker("verify"))
    assert outcome.outcome == "good", outcome.finding


def test_a_place_takes_twice_as_many_calls_as_long_as_aws_takes_them(approved: Submit, sandbox: Control) -> None:
    sandbox("settings", limit=12)
    for number in range(30):
        approved("eu-west-1", Name=f"image-{number}")
    tasks.start_due(wake=False)
    # 1, 2, 4, and of 8 the last three.
    assert sandbox()["refusals"] == {"ResourceLimitExceeded": 3}
    assert Counter(ImageCopy.objects.values_list("state", flat=True)) == {"COPYING": 12, "STARTING": 3, "QUEUED": 15}


def test_what_a_place_takes_is_known_to_the_next_task_for_a_while(
    approved: Submit, sandbox: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox("settings", limit=100)
    waves_of: list[int] = []
    start_all = copy_call.start_all

    def noted(copies: Sequence[ImageCopy], **others: Any) -> copy_call.Started:
        waves_of.append(len(copies))
        return start_all(copies, **others)

    monkeypatch.setattr(copy_call, "start_all", noted)
    for kept in (waves.KEPT_SECONDS, waves.KEPT_SECONDS, 0.0):
        monkeypatch.setattr(waves, "KEPT_SECONDS", kept)
        for number in range(3):
            approved("eu-west-1", Name=f"image-{len(waves_of)}-{number}")
        tasks.start_due(wake=False)
    assert waves_of == [1, 2, 3, 1, 1, 1]


def test_few_copies_are_not_shared_among_workers(approved: Submit, settings: Settings) -> None:
    approved()
    settings.START_WORKERS = 4
    claimed = [claims.claim_next(), claims.claim_next(), claims.claim_next()]
    assert [len(each[1]) if each else 0 for each in claimed] == [4, 3, 0]


def test_a_copy_that_was_just_called_is_looked_at_later(approved: Submit) -> None:
    request = approved()
    tasks.start_due(wake=False)
    assert states(request) == {"COPYING": len(REGIONS)}
    assert not request.copies.filter(next_step_at__lte=timezone.now()).exists()


@pytest.mark.parametrize("a_request", [1, 5])
def test_a_copy_costs_few_statements_from_queued_to_copying(
    approved: Submit, sandbox: Control, settings: Settings, a_request: int
) -> None:
    for number in range(3):
        for first in range(0, len(SANDBOX_REGIONS), a_request):
            approved(*SANDBOX_REGIONS[first : first + a_request], Name=f"image-{number}-{first}")
    settings.CALLS_AT_ONCE = 30
    make_due()
    with CaptureQueriesContext(connection) as statements:
        tasks.start_due(wake=False)
    assert Counter(ImageCopy.objects.values_list("state", flat=True)) == {"COPYING": 30}
    made = [each["sql"] for each in statements if not each["sql"].startswith(("SAVEPOINT", "RELEASE", "BEGIN"))]
    assert len(made) / 30 <= 4, "\n".join(each[:150] for each in made)
