"""The engine against the sandbox, over HTTP: start, track, finish, fail, wait, recover, cancel, retry."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db.models import F
from django.utils import timezone
from pytest_django import Settings

from amicopy.audit.actor import worker
from amicopy.audit.models import AuditEvent
from amicopy.aws import ec2, sessions
from amicopy.copies import tasks
from amicopy.copies.core.models import Account, Attempt, CopyRequest, ImageCopy
from amicopy.copies.engine import claims, copy_call
from amicopy.copies.lifecycle.transitions import InvalidTransition
from amicopy.copies.requests import cancel_retry, verbs
from tests.conftest import Control
from tests.copies.conftest import SOURCE, Submit, acting, make_call

pytestmark = pytest.mark.django_db


@pytest.fixture
def approved(submit: Submit, approver: User, sandbox: Control) -> "Approved":
    def _approved(*calls: object) -> CopyRequest:
        request = submit(*calls)
        if request.state == "PENDING":
            verbs.approve(acting(approver), request.pk, seen_hash=request.content_hash)
        return request

    return _approved


Approved = Submit


def make_due() -> None:
    """Everything that waits is due now, and leases of the dead have ended."""
    past = timezone.now() - timedelta(hours=1)
    ImageCopy.objects.filter(next_step_at__isnull=False).update(next_step_at=past)
    ImageCopy.objects.filter(lease_until__isnull=False).update(lease_until=past)


def start_all() -> None:
    make_due()
    tasks.start_due(wake=False)


def track_all() -> None:
    make_due()
    tasks.track_due()


def cancel_all() -> None:
    make_due()
    tasks.cancel_due()


def states(request: CopyRequest) -> list[str]:
    return list(request.copies.order_by("position").values_list("state", flat=True))


def made(control: Control) -> list[dict[str, object]]:
    """The images the sandbox has made by CopyImage."""
    return list(control("images"))


def test_a_copy_goes_from_queued_to_available_with_progress(approved: Approved, sandbox: Control) -> None:
    sandbox("settings", copy_seconds=200)
    request = approved(make_call("eu-west-1", Encrypted=True), make_call("us-west-2"))
    start_all()
    assert states(request) == ["COPYING", "COPYING"]
    sandbox("advance", seconds=100)
    track_all()
    copy = request.copies.get(DestinationRegion="eu-west-1")
    assert 0 < copy.progress < 100
    assert sum(row["VolumeSize"] for row in copy.snapshots) == 52
    sandbox("advance", seconds=600)
    track_all()
    request.refresh_from_db()
    assert states(request) == ["AVAILABLE", "AVAILABLE"]
    assert request.state == "COMPLETED"
    assert request.finished_at is not None
    copy.refresh_from_db()
    assert copy.progress == 100
    assert copy.verification
    assert all(row["ok"] for row in copy.verification)
    assert len(made(sandbox)) == 2
    actions = AuditEvent.objects.filter(copy=copy.pk).order_by("id").values_list("action", flat=True)
    assert list(actions) == ["copy.queued", "copy.starting", "copy.copying", "copy.available"]
    called = AuditEvent.objects.get(copy=copy.pk, action="copy.copying")
    assert called.aws_request_id
    assert called.data["parameters"] == copy.parameters


def test_a_worker_killed_after_the_call_makes_no_second_image(approved: Approved, sandbox: Control) -> None:
    request = approved()
    make_due()
    claimed = claims.claim_next()
    assert claimed is not None
    _lease, (copy,) = claimed
    attempt = copy.attempts.get()
    # What a worker does up to the moment it is killed: state and doubt stored, the call made, its answer lost.
    ImageCopy.objects.filter(pk=copy.pk).update(state="STARTING")
    Attempt.objects.filter(pk=attempt.pk).update(in_doubt=True, first_called_at=timezone.now())
    first = ec2.copy_image(
        copy.account.aws(), region="eu-west-1", parameters=copy.parameters, client_token=attempt.ClientToken
    )
    assert claims.claim_next() is None, "the dead worker's lease still holds"
    start_all()
    copy.refresh_from_db()
    assert (copy.state, copy.ImageId) == ("COPYING", first.image_id)
    assert len(made(sandbox)) == 1
    assert states(request) == ["COPYING"]


def test_a_forgotten_token_is_not_sent_again_when_its_image_is_found(approved: Approved, sandbox: Control) -> None:
    approved()
    copy = ImageCopy.objects.get()
    first = ec2.copy_image(copy.account.aws(), region="eu-west-1", parameters=copy.parameters, client_token="forgotten")
    long_ago = timezone.now() - timedelta(hours=30)
    Attempt.objects.update(in_doubt=True, first_called_at=long_ago)
    ImageCopy.objects.update(state="STARTING")
    start_all()
    copy.refresh_from_db()
    assert (copy.state, copy.ImageId) == ("COPYING", first.image_id)
    assert len(made(sandbox)) == 1


def test_a_refusal_after_a_lost_answer_does_not_fail_the_copy_that_aws_made(
    approved: Approved, sandbox: Control, settings: Settings
) -> None:
    settings.COPY_CALLS_PER_SECOND = 1000.0
    request = approved()
    sandbox("faults", kind="drop-after", action="CopyImage")
    start_all()
    copy = request.copies.get()
    assert (copy.state, copy.attempts.get().in_doubt) == ("STARTING", True)
    [image] = made(sandbox)
    # Throttled: this call made nothing, which says nothing of the one before.
    sandbox("faults", kind="throttle", action="CopyImage")
    start_all()
    assert copy.attempts.get().in_doubt
    # Refused for good, while the image is not listed yet.
    sandbox("faults", kind="error", code="UnauthorizedOperation", action="CopyImage")
    sandbox("faults", kind="throttle", action="DescribeImages", count=3)
    start_all()
    copy.refresh_from_db()
    assert copy.state == "STARTING"
    sandbox("faults", kind="error", code="UnauthorizedOperation", action="CopyImage")
    start_all()
    copy.refresh_from_db()
    assert (copy.state, copy.ImageId) == ("COPYING", image["ImageId"])
    assert len(made(sandbox)) == 1


def test_an_unanswered_call_that_is_then_refused_fails_only_when_no_image_can_turn_up(
    approved: Approved, sandbox: Control
) -> None:
    request = approved()
    sandbox("faults", kind="drop", action="CopyImage")
    start_all()
    sandbox("faults", kind="error", code="UnauthorizedOperation", action="CopyImage", count=None)
    start_all()
    copy = request.copies.get()
    assert copy.state == "STARTING"
    assert copy.wait_code == "looking-for-image"
    Attempt.objects.update(last_called_at=timezone.now() - timedelta(minutes=11))
    ImageCopy.objects.update(parameters={**copy.parameters, "Name": "a"})  # refused by the rules, so no new call
    start_all()
    copy.refresh_from_db()
    assert (copy.state, copy.error_code) == ("FAILED", "RefusedByRules")
    assert made(sandbox) == []


def test_a_call_is_sent_once_so_that_its_error_speaks_of_itself(approved: Approved, sandbox: Control) -> None:
    approved()
    sandbox("faults", kind="drop-after", action="CopyImage")
    start_all()
    assert len(sandbox("calls?action=CopyImage")) == 1


def test_a_source_still_being_made_is_waited_for(approved: Approved, sandbox: Control, account: Account) -> None:
    pending = ec2.copy_image(
        account.aws(),
        region="us-east-1",
        parameters={"Name": "fresh", "SourceImageId": SOURCE, "SourceRegion": "us-east-1"},
        client_token="t",
    ).image_id
    request = approved(make_call(SourceImageId=pending))
    start_all()
    copy = request.copies.get()
    assert copy.state == "STARTING"
    assert copy.wait_code == "source-pending"
    sandbox("advance", seconds=600)
    start_all()
    assert states(request) == ["COPYING"]


def test_two_images_that_could_be_the_copy_stop_it_for_a_person(approved: Approved, sandbox: Control) -> None:
    approved()
    copy = ImageCopy.objects.get()
    for token in ("one", "two"):
        ec2.copy_image(copy.account.aws(), region="eu-west-1", parameters=copy.parameters, client_token=token)
    Attempt.objects.update(in_doubt=True, first_called_at=timezone.now() - timedelta(hours=30))
    ImageCopy.objects.update(state="STARTING")
    start_all()
    copy.refresh_from_db()
    assert (copy.state, copy.error_code) == ("FAILED", "UnclearImage")
    assert len(made(sandbox)) == 2


def test_a_late_answer_of_a_worker_that_lost_its_lease_changes_nothing(approved: Approved, sandbox: Control) -> None:
    approved()
    make_due()
    claimed = claims.claim_next()
    assert claimed is not None
    lease, (copy,) = claimed
    ImageCopy.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    start_all()
    with pytest.raises(InvalidTransition):
        copy_call.start(copy, lease=lease, actor=worker("late"))
    assert ImageCopy.objects.get().state == "COPYING"
    assert len(made(sandbox)) == 1


def test_an_unreachable_aws_leaves_the_copy_waiting_with_the_reason(
    approved: Approved, sandbox: Control, settings: Settings, server: object
) -> None:
    request = approved()
    reachable = settings.AWS_ENDPOINT
    settings.AWS_ENDPOINT = "http://127.0.0.1:9"
    sessions.forget_all()
    start_all()
    copy = request.copies.get()
    assert copy.state == "STARTING"
    assert copy.wait_code == "aws-unreachable"
    assert copy.next_step_at is not None
    assert copy.next_step_at > timezone.now()
    settings.AWS_ENDPOINT = reachable
    sessions.forget_all()
    start_all()
    assert states(request) == ["COPYING"]
    assert len(made(sandbox)) == 1


def test_expired_credentials_are_dropped_before_the_next_try(
    approved: Approved, sandbox: Control, account: Account, requester: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = approved()
    dropped: list[object] = []
    monkeypatch.setattr(sessions, "forget", dropped.append)
    for work, action in ((start_all, "CopyImage"), (track_all, "DescribeImages"), (cancel_all, "DeregisterImage")):
        if work is cancel_all:
            cancel_retry.cancel(acting(requester), request.pk)
        sandbox("faults", kind="expired", action=action, count=1)
        work()
        copy = request.copies.get()
        assert (copy.wait_code, dropped) == ("credentials-renewed", [account.aws()]), action
        dropped.clear()
        work()
        assert request.copies.get().wait_code != "credentials-renewed"


def test_a_refusal_fails_the_copy_with_aws_words_and_spares_the_others(approved: Approved, sandbox: Control) -> None:
    request = approved(make_call("eu-west-1"), make_call("af-south-1"))
    start_all()
    assert states(request) == ["COPYING", "FAILED"]
    failed = request.copies.get(DestinationRegion="af-south-1")
    assert failed.error_code == "AuthFailure"
    assert failed.error_message
    assert failed.error_request_id
    sandbox("advance", seconds=600)
    track_all()
    request.refresh_from_db()
    assert request.state == "PARTIAL"


def test_a_key_that_cannot_be_used_fails_the_copy_later_with_the_reason(approved: Approved, sandbox: Control) -> None:
    request = approved(make_call("eu-west-1", Encrypted=True, KmsKeyId="alias/retired"))
    start_all()
    sandbox("advance", seconds=600)
    track_all()
    copy = request.copies.get()
    assert copy.state == "FAILED"
    assert "key" in copy.error_message.lower()


def test_a_failed_copy_is_retried_with_a_new_token(approved: Approved, sandbox: Control, requester: User) -> None:
    request = approved(make_call("eu-west-1", Encrypted=True, KmsKeyId="alias/retired"))
    start_all()
    sandbox("advance", seconds=600)
    track_all()
    cancel_retry.retry(acting(requester), request.pk)
    request.refresh_from_db()
    assert request.state == "APPROVED"
    tokens = list(Attempt.objects.order_by("number").values_list("ClientToken", flat=True))
    assert len(set(tokens)) == 2
    start_all()
    assert states(request) == ["COPYING"]


def test_cancelling_before_the_call_costs_nothing(approved: Approved, sandbox: Control, requester: User) -> None:
    request = approved()
    cancel_retry.cancel(acting(requester), request.pk)
    start_all()
    request.refresh_from_db()
    assert (request.state, states(request)) == ("CANCELLED", ["CANCELLED"])
    assert made(sandbox) == []


def test_cancelling_a_running_copy_removes_image_and_snapshots(
    approved: Approved, sandbox: Control, requester: User, account: Account
) -> None:
    request = approved()
    start_all()
    track_all()
    copy = request.copies.get()
    cancel_retry.cancel(acting(requester), request.pk)
    for _ in range(3):
        cancel_all()
    request.refresh_from_db()
    assert (request.state, states(request)) == ("CANCELLED", ["CANCELLED"])
    assert ec2.describe_images(account.aws(), region="eu-west-1", image_ids=[copy.ImageId]) == {}
    assert ec2.snapshots_of_copies(account.aws(), region="eu-west-1", image_ids=[copy.ImageId])[copy.ImageId] == []


def test_a_dry_run_ends_checked_and_makes_nothing(approved: Approved, sandbox: Control) -> None:
    request = approved(make_call("eu-west-1", DryRun=True), make_call("us-west-2", DryRun=True))
    start_all()
    request.refresh_from_db()
    assert (request.state, states(request)) == ("COMPLETED", ["CHECKED", "CHECKED"])
    assert made(sandbox) == []


def test_a_dry_run_that_aws_allows_is_over_and_one_that_it_refuses_says_why(
    approved: Approved, sandbox: Control
) -> None:
    allowed = approved(make_call(DryRun=True))
    start_all()
    copy = allowed.copies.get()
    assert (copy.state, copy.next_step_at, copy.lease_id, copy.wait) == ("CHECKED", None, None, None)
    assert copy.finished_at is not None
    assert AuditEvent.objects.get(action="copy.checked").aws_request_id
    words = "You are not authorized to perform this operation."
    sandbox("faults", kind="error", action="CopyImage", code="UnauthorizedOperation", message=words)
    refused = approved(make_call(DryRun=True))
    start_all()
    copy = refused.copies.get()
    assert (copy.state, copy.error_code, copy.error_message) == ("FAILED", "UnauthorizedOperation", words)
    assert copy.error_request_id
    assert copy.finished_at is not None


def test_copies_beyond_the_limit_of_a_region_stay_queued(
    approved: Approved, sandbox: Control, settings: Settings
) -> None:
    settings.COPIES_AT_ONCE = 1
    first, second = approved(), approved(make_call(Name="another-image"))
    start_all()
    assert sorted(states(first) + states(second)) == ["COPYING", "QUEUED"]
    sandbox("advance", seconds=600)
    track_all()
    start_all()
    assert sorted(states(first) + states(second)) == ["AVAILABLE", "COPYING"]


def test_calls_are_paced_by_the_bucket(approved: Approved, sandbox: Control, settings: Settings) -> None:
    settings.COPY_CALLS_BURST = 2
    settings.COPY_CALLS_PER_SECOND = 0.01
    request = approved(make_call("eu-west-1"), make_call("us-west-2"))
    others = [approved(make_call(Name=f"image-{n}")) for n in range(3)]
    start_all()
    assert ImageCopy.objects.filter(DestinationRegion="eu-west-1", state="COPYING").count() == 2
    assert request.copies.get(DestinationRegion="us-west-2").state == "COPYING"
    assert len(others) == 3


def test_tracking_asks_aws_once_for_all_copies_of_a_region(approved: Approved, sandbox: Control) -> None:
    sandbox("settings", limit=50)
    for number in range(6):
        approved(make_call(Name=f"image-{number}"))
    start_all()
    before = len(sandbox("calls"))
    track_all()
    assert [call["action"] for call in sandbox("calls")[before:]] == ["DescribeImages", "DescribeSnapshots"]


def test_a_missing_image_that_was_never_seen_stays_copying(approved: Approved, sandbox: Control) -> None:
    request = approved()
    start_all()
    ImageCopy.objects.update(ImageId="ami-0123456789abcdef0")
    track_all()
    copy = request.copies.get()
    assert copy.state == "COPYING"
    assert copy.wait_code == "not-shown-yet"


def test_an_image_deregistered_by_somebody_else_ends_the_copy(
    approved: Approved, sandbox: Control, account: Account
) -> None:
    request = approved()
    start_all()
    track_all()
    copy = request.copies.get()
    # AWS's own word counts at once.
    sandbox("faults", kind="linger", action="DescribeImages", state="deregistered", seconds=60)
    ec2.deregister_image(account.aws(), region="eu-west-1", image_id=copy.ImageId)
    track_all()
    copy.refresh_from_db()
    assert (copy.state, copy.error_code) == ("FAILED", "ImageDeregistered")


def test_a_row_is_leased_to_one_worker_at_a_time(approved: Approved) -> None:
    approved()
    make_due()
    assert claims.claim_next() is not None
    assert claims.claim_next() is None
    ImageCopy.objects.update(lease_until=F("lease_until") - timedelta(hours=1))
    assert claims.claim_next() is not None


def test_the_source_of_the_tests_is_in_the_catalogue(sandbox: Control, account: Account) -> None:
    assert ec2.describe_source(account.aws(), region="us-east-1", image_id=SOURCE).State == "available"
