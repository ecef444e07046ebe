"""Before a call that could make a second image, what earlier calls made is looked for: by the mark, by ids, and by
source and name only without a mark. Counted at the sandbox."""

from datetime import timedelta
from typing import Any

import boto3
import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings

from amicopy.audit.actor import worker
from amicopy.audit.models import AuditEvent
from amicopy.aws import ec2
from amicopy.copies import tasks
from amicopy.copies.core.engine_models import LeftoverLook, SeenLeftover
from amicopy.copies.core.models import Account, Attempt, CopyCost, CopyRequest, ImageCopy
from amicopy.copies.engine import aws_removal, claims, copy_call, leases, leftover_jobs, recovery
from amicopy.copies.lifecycle.transitions import InvalidTransition
from amicopy.copies.requests import cancel_retry
from tests.conftest import Control
from tests.copies.conftest import Submit, acting, approve, during_the_call, make_call, make_person
from tests.copies.passing_time import let_pass, look_again, make_due
from tests.copies.test_lagging_lists import good_images, left_at_aws, started

pytestmark = pytest.mark.django_db


@pytest.fixture
def approved(submit: Submit, approver: User, sandbox: Control, settings: Settings) -> Submit:
    settings.COPY_CALLS_PER_SECOND = 1000.0
    return lambda *calls: approve(approver, submit(*calls))


@pytest.fixture
def unmarked(settings: Settings) -> None:
    settings.MARK_TAG_KEY = ""


def make_image(copy: ImageCopy, token: str, **parameters: Any) -> str:
    """Somebody's image, by default just like the copy's, its mark included."""
    wanted = {**copy.parameters, **parameters}
    wanted = {name: value for name, value in wanted.items() if value is not None}
    answer = ec2.copy_image(copy.account.aws(), region="eu-west-1", parameters=wanted, client_token=token)
    return answer.image_id


def somebody() -> Any:
    """EC2 as anybody else in the account reaches it, by plain boto3."""
    session = boto3.Session("AKIASANDBOX000000000", "sandbox")
    return session.client("ec2", "eu-west-1", endpoint_url=django_settings.AWS_ENDPOINT)


def failed_at_aws(request: CopyRequest, control: Control, **fault: Any) -> ImageCopy:
    """The request's copy, failed by AWS some time after the call."""
    control("faults", kind="fail", reason="Copy image failed with an internal error", **fault)
    copy = started(request)
    control("advance", seconds=600)
    look_again("track_due")
    copy.refresh_from_db()
    assert copy.state == "FAILED"
    return copy


def retried(copy: ImageCopy) -> ImageCopy:
    cancel_retry.retry(acting(copy.request.requester), copy.request_id)
    look_again("start_due")
    copy.refresh_from_db()
    return copy


def test_a_retry_after_aws_own_failure_removes_the_bad_image_and_uses_a_new_token(
    approved: Submit, sandbox: Control
) -> None:
    copy = failed_at_aws(approved(), sandbox)
    bad = copy.ImageId
    copy = retried(copy)
    assert copy.state == "COPYING"
    assert copy.ImageId != bad
    assert good_images(sandbox) == [copy.ImageId]
    assert AuditEvent.objects.filter(copy=copy.pk, action="aws.image_deregistered").get().image_id == bad
    tasks.look_for_leftovers()
    assert not SeenLeftover.objects.exists()


def test_a_retry_leaves_a_snapshot_alone_that_only_aws_words_call_the_bad_images(
    approved: Submit, sandbox: Control, account: Account
) -> None:
    copy = failed_at_aws(approved(), sandbox)
    ids = sorted(row["SnapshotId"] for row in copy.snapshots)
    somebody().delete_tags(Resources=ids[:1], Tags=[{"Key": "amicopy:copy"}])
    sandbox("faults", kind="needs-tag", action="DeleteSnapshot", tag="amicopy:copy", value="", count=None)
    assert retried(copy).state == "COPYING"
    assert list(ec2.describe_snapshots(account.aws(), region="eu-west-1", snapshot_ids=ids)) == ids[:1]
    assert sandbox("calls?action=DeleteSnapshot") == []


@pytest.mark.parametrize("hidden", [False, True])
def test_an_image_that_aws_finishes_after_a_retry_is_no_second_one(
    approved: Submit, sandbox: Control, hidden: bool
) -> None:
    """What failed is taken away before the new call, also while AWS leaves it out of its lists."""
    copy = failed_at_aws(approved(), sandbox, seconds=3600)
    if hidden:
        sandbox("faults", kind="hide", action="DescribeImages", since="rule", seconds=7200, count=None)
    copy = retried(copy)
    sandbox("faults", method="DELETE")
    sandbox("advance", seconds=7200)
    look_again("track_due", times=2)
    copy.refresh_from_db()
    assert copy.state == "AVAILABLE"
    assert good_images(sandbox) == [copy.ImageId]


def test_a_failed_image_that_aws_says_it_does_not_know_is_asked_for_until_it_is_gone_for_sure(
    approved: Submit, sandbox: Control
) -> None:
    copy = failed_at_aws(approved(), sandbox, seconds=3600)
    bad = copy.ImageId
    sandbox("faults", kind="hide", resource="any", since="rule", seconds=300, count=None)
    copy = retried(copy)
    assert (copy.state, copy.wait_code, copy.ImageId) == ("STARTING", "looking-for-image", "")
    assert (copy.wait_data["AwsCode"], copy.wait_data["AwsMessage"]) == (
        "FailedImageUnknown",
        f"AWS may still finish {bad}.",
    )
    look_again("start_due", minutes=2, control=sandbox)
    assert len(sandbox("images")) == 1, "nothing was called"
    look_again("start_due", minutes=4, control=sandbox)
    copy.refresh_from_db()
    assert copy.state == "COPYING"
    sandbox("advance", seconds=7200)
    assert good_images(sandbox) == [copy.ImageId]
    assert copy.ImageId != bad


def test_a_failed_image_that_is_never_known_again_does_not_hold_up_a_retry_for_ever(
    approved: Submit, sandbox: Control
) -> None:
    copy = failed_at_aws(approved(), sandbox)
    sandbox("faults", kind="hide", resource_id=copy.ImageId, since="rule", seconds=10**6, count=None)
    copy = retried(copy)
    assert copy.wait_code == "looking-for-image"
    look_again("start_due", minutes=6)
    # What says nothing of the image doesn't begin the wait again, and once it has ended it isn't waited for anew.
    sandbox("faults", kind="throttle", action="DescribeImages", count=3)
    look_again("start_due")
    sandbox("faults", kind="throttle", action="CopyImage")
    look_again("start_due", minutes=6)
    copy.refresh_from_db()
    assert (copy.wait_code, copy.missing_since) == ("throttled", None)
    look_again("start_due")
    copy.refresh_from_db()
    assert copy.state == "COPYING"


def test_a_failed_image_that_aws_does_not_let_go_of_keeps_a_new_one_from_being_made(
    approved: Submit, sandbox: Control
) -> None:
    copy = failed_at_aws(approved(), sandbox, seconds=3600)
    sandbox("faults", kind="error", action="DeregisterImage", code="UnauthorizedOperation", status=403, count=2)
    copy = retried(copy)
    assert (copy.state, copy.wait_code) == ("STARTING", "failed-image-kept")
    assert copy.wait_data["Action"] == "DeregisterImage"
    assert len(sandbox("images")) == 1, "nothing was called"
    look_again("start_due", times=2)
    copy.refresh_from_db()
    assert (copy.state, len(good_images(sandbox))) == ("COPYING", 1)


def test_an_image_that_aws_finishes_after_it_failed_is_what_a_retry_goes_on_with(
    approved: Submit, sandbox: Control
) -> None:
    copy = failed_at_aws(approved(), sandbox, seconds=3600)
    image_id = copy.ImageId
    sandbox("advance", seconds=7200)
    copy = retried(copy)
    assert (copy.state, copy.ImageId) == ("COPYING", image_id)
    look_again("track_due")
    copy.refresh_from_db()
    assert copy.state == "AVAILABLE"
    assert all(row["ok"] for row in copy.verification)
    assert good_images(sandbox) == [image_id]
    assert copy.attempts.get(number=2).first_called_at is None, "nothing was called"
    assert AuditEvent.objects.get(copy=copy.pk, action="copy.adopted").data["attempt"] == 1


def test_a_retry_follows_an_image_that_is_still_pending(approved: Submit, sandbox: Control, account: Account) -> None:
    request = approved()
    copy = started(request)
    look_again("track_due")
    sandbox("resource", ResourceId=copy.ImageId, Account=account.account_id, Region="eu-west-1", State="failed")
    look_again("track_due")
    sandbox("resource", ResourceId=copy.ImageId, Account=account.account_id, Region="eu-west-1", State="pending")
    image_id = copy.ImageId
    copy.refresh_from_db()
    assert copy.state == "FAILED"
    copy = retried(copy)
    assert (copy.state, copy.ImageId, len(sandbox("images"))) == ("COPYING", image_id, 1)


def test_a_late_image_that_is_not_what_was_approved_stops_for_a_person(approved: Submit, sandbox: Control) -> None:
    tags = [{"ResourceType": "image", "Tags": [{"Key": "team", "Value": "platform"}]}]
    copy = failed_at_aws(approved(make_call(TagSpecifications=tags)), sandbox, seconds=3600)
    sandbox("advance", seconds=7200)
    image_id = copy.ImageId
    somebody().delete_tags(Resources=[image_id], Tags=[{"Key": "team"}])
    copy = retried(copy)
    assert (copy.state, copy.error_code) == ("FAILED", "UnclearImage")
    assert image_id in copy.error_message
    assert "Tags of the image" in copy.error_message
    assert len(sandbox("images")) == 1


def test_two_images_with_the_mark_stop_for_a_person_until_one_is_gone(
    approved: Submit, sandbox: Control, account: Account
) -> None:
    copy = failed_at_aws(approved(), sandbox)
    first, second = make_image(copy, "one"), make_image(copy, "two")
    copy = retried(copy)
    assert (copy.state, copy.error_code) == ("FAILED", "UnclearImage")
    assert first in copy.error_message
    assert second in copy.error_message
    assert len(sandbox("images")) == 3, "nothing was called"
    ec2.deregister_image(account.aws(), region="eu-west-1", image_id=first)
    copy = retried(copy)
    assert (copy.state, copy.ImageId) == ("COPYING", second)
    assert copy.attempts.get(ImageId=second).number == 3
    assert AuditEvent.objects.filter(copy=copy.pk, action="copy.adopted").get().data["how"] == "found by its mark"


def test_two_failed_images_with_the_mark_stop_for_a_person_too(
    approved: Submit, sandbox: Control, account: Account
) -> None:
    copy = failed_at_aws(approved(), sandbox)
    both = [make_image(copy, "one"), make_image(copy, "two")]
    for image_id in both:
        sandbox("resource", ResourceId=image_id, Account=account.account_id, Region="eu-west-1", State="failed")
    copy = retried(copy)
    assert (copy.state, copy.error_code) == ("FAILED", "UnclearImage")
    assert all(image_id in copy.error_message for image_id in both)
    assert left_at_aws(sandbox) != [], "a person has yet to look at them"


def test_a_retry_waits_while_an_earlier_call_without_an_answer_may_still_show_its_image(
    approved: Submit, sandbox: Control
) -> None:
    """The doubt outlives a failure, as when two images fitted, and the new token waits for it."""
    request = approved()
    sandbox("faults", kind="drop-after", action="CopyImage")
    sandbox("faults", kind="hide", action="DescribeImages", seconds=300)
    copy = started(request)
    ImageCopy.objects.update(state="FAILED", error_code="UnclearImage")
    CopyRequest.objects.update(state="FAILED")
    copy.refresh_from_db()
    copy = retried(copy)
    assert (copy.state, copy.wait_code) == ("STARTING", "looking-for-image")
    assert (copy.wait_data["AwsCode"], copy.wait_data["AwsMessage"]) == (
        "ImageMayAppear",
        "An image of an earlier call may still turn up.",
    )
    assert len(sandbox("images")) == 1
    sandbox("advance", seconds=301)
    look_again("start_due")
    copy.refresh_from_db()
    assert (copy.state, [copy.ImageId]) == ("COPYING", good_images(sandbox))
    noted = list(copy.attempts.order_by("number").values_list("ImageId", "in_doubt"))
    assert noted == [(copy.ImageId, False), ("", False)], "the attempt without an answer made it"


def test_a_failed_image_of_a_call_without_an_answer_is_what_the_copy_fails_by(
    approved: Submit, sandbox: Control
) -> None:
    """It is gone on with, so that AWS's own words are told, and nothing else is made beside it."""
    request = approved()
    sandbox("faults", kind="drop-after", action="CopyImage")
    copy = started(request)
    [image] = sandbox("images")
    where = {"Account": copy.account.account_id, "Region": "eu-west-1"}
    sandbox("resource", ResourceId=image["ImageId"], State="failed", **where)
    let_pass(minutes=61)
    look_again("start_due")
    copy.refresh_from_db()
    assert (copy.state, copy.ImageId) == ("COPYING", image["ImageId"])
    assert copy.attempts.get().ImageId == image["ImageId"]
    assert AuditEvent.objects.get(copy=copy.pk, action="copy.adopted").data["how"] == "found by its mark"
    look_again("track_due")
    copy.refresh_from_db()
    assert (copy.state, len(sandbox("images"))) == ("FAILED", 1)


def test_a_row_from_a_backup_goes_on_with_what_was_made_since(approved: Submit, sandbox: Control) -> None:
    request = approved()
    copy = request.copies.get()
    made = make_image(copy, copy.attempts.get().ClientToken)
    sandbox("forget-tokens", method="POST")
    let_pass(minutes=61)
    copy = started(request)
    assert (copy.state, copy.ImageId, len(sandbox("images"))) == ("COPYING", made, 1)


def test_a_first_call_asks_nothing_more_than_the_call(approved: Submit, sandbox: Control) -> None:
    started(approved())
    assert [call["action"] for call in sandbox("calls")] == ["CopyImage"]


def test_a_copied_mark_makes_no_image_ours(approved: Submit, sandbox: Control, account: Account) -> None:
    """Somebody copies a copy with its tags: it has another source."""
    request = approved()
    copy = started(request)
    sandbox("advance", seconds=600)
    look_again("track_due")
    copy.refresh_from_db()
    parameters = {"Name": "other", "SourceImageId": copy.ImageId, "SourceRegion": "eu-west-1", "CopyImageTags": True}
    theirs = ec2.copy_image(account.aws(), region="eu-west-1", parameters=parameters, client_token="theirs").image_id
    assert [image.ImageId for image in recovery.look(copy, list(copy.attempts.all())).good] == [copy.ImageId]
    tasks.look_for_leftovers()
    assert not SeenLeftover.objects.filter(ImageId=theirs).exists()


def test_m16_an_image_of_another_copy_is_not_adopted(approved: Submit, sandbox: Control, unmarked: None) -> None:
    first, second = approved(), approved()
    other = started(first)
    copy = second.copies.get()
    assert copy.state == "COPYING"
    sandbox("faults", kind="drop", action="CopyImage")
    Attempt.objects.filter(copy=copy).update(
        ImageId="", in_doubt=True, first_called_at=timezone.now() - timedelta(hours=2)
    )
    ImageCopy.objects.filter(pk=copy.pk).update(state="STARTING", ImageId="")
    ec2.deregister_image(copy.account.aws(), region="eu-west-1", image_id=copy.ImageId)
    found = recovery.look(copy, list(copy.attempts.all()))
    assert other.ImageId not in [image.ImageId for image in found.good]
    assert found.good == ()


def test_m17_an_image_older_than_the_call_is_not_adopted(approved: Submit, sandbox: Control, unmarked: None) -> None:
    copy = approved().copies.get()
    make_image(copy, "an hour ago")
    sandbox("advance", seconds=3600)
    called = timezone.now() + timedelta(hours=1)
    Attempt.objects.update(in_doubt=True, first_called_at=called, last_called_at=called)
    assert recovery.look(copy, list(copy.attempts.all())).good == ()
    young = make_image(copy, "now")
    assert [image.ImageId for image in recovery.look(copy, list(copy.attempts.all())).good] == [young]


def test_without_a_mark_an_image_of_source_and_name_is_adopted_only_in_doubt(
    approved: Submit, sandbox: Control, unmarked: None
) -> None:
    copy = failed_at_aws(approved(), sandbox)
    somebodys = make_image(copy, "somebody's")
    copy = retried(copy)
    assert copy.state == "COPYING"
    assert copy.ImageId != somebodys


def test_cancelling_removes_what_every_attempt_made(approved: Submit, sandbox: Control) -> None:
    copy = retried(failed_at_aws(approved(), sandbox))
    cancel_retry.cancel(acting(copy.request.requester), copy.request_id)
    look_again("cancel_due", times=3)
    copy.refresh_from_db()
    assert (copy.state, len(sandbox("images"))) == ("CANCELLED", 2)
    assert left_at_aws(sandbox) == []


def test_a_cancel_waits_for_the_snapshots_of_each_image(approved: Submit, sandbox: Control) -> None:
    """Those of an earlier attempt, which went with its image, don't stand for those that AWS doesn't list yet."""
    sandbox("settings", leave_snapshots=True)
    copy = retried(failed_at_aws(approved(), sandbox))
    volumes = [{"SnapshotId": "snap-0aaaaaaaaaaaaaaaa"}, {"SnapshotId": "snap-0bbbbbbbbbbbbbbbb"}]
    CopyRequest.objects.update(source_seen={"volumes": volumes})
    sandbox("faults", kind="hide", resource="snapshot", since="rule", seconds=300, count=None)
    cancel_retry.cancel(acting(copy.request.requester), copy.request_id)
    look_again("cancel_due", times=2)
    sandbox("advance", seconds=301)
    look_again("cancel_due", minutes=6, times=3)
    copy.refresh_from_db()
    assert copy.state == "CANCELLED"
    assert left_at_aws(sandbox) == []


def test_m46_a_cancel_uses_the_id_that_the_call_brought_when_the_search_is_blind(
    approved: Submit, sandbox: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = approved()
    make_due()
    claimed = claims.claim_next()
    assert claimed is not None
    lease, (copy,) = claimed
    # The worker stores the id that the call brings for the one that removes the image.
    during_the_call(monkeypatch, lambda: cancel_retry.cancel(acting(request.requester), request.pk))
    with pytest.raises(InvalidTransition):
        copy_call.start(copy, lease=lease, actor=worker("start_due"))
    leases.hand_back(lease, next_step_at=timezone.now())
    [image_id] = good_images(sandbox)
    attempt = copy.attempts.get()
    assert (attempt.ImageId, attempt.in_doubt, bool(attempt.aws_request_id)) == (image_id, False, True)
    sandbox("faults", kind="hide", action="DescribeImages", since="rule", count=None)
    look_again("cancel_due", times=2)
    copy.refresh_from_db()
    assert copy.state == "CANCELLED"
    assert left_at_aws(sandbox) == []


def test_without_a_mark_a_cancel_removes_only_ids_of_its_own_calls(
    approved: Submit, sandbox: Control, unmarked: None
) -> None:
    request = approved()
    sandbox("faults", kind="drop-after", action="CopyImage")
    copy = started(request)
    cancel_retry.cancel(acting(request.requester), request.pk)
    look_again("cancel_due")
    copy.refresh_from_db()
    [image_id] = good_images(sandbox)
    assert (copy.state, copy.wait_code, copy.wait_data) == ("CANCELLING", "unclear-image", {"images": [image_id]})
    look_again("cancel_due", minutes=11)
    copy.refresh_from_db()
    assert copy.state == "CANCELLED"
    assert AuditEvent.objects.get(copy=copy.pk, action="copy.cancelled").data["left_as_not_ours"] == [image_id]
    assert good_images(sandbox) == [image_id]


def test_a_snapshot_that_only_aws_words_call_ours_is_never_deleted(
    approved: Submit, sandbox: Control, account: Account
) -> None:
    """Anybody can describe a snapshot in these words; where the copy has a mark, the snapshot must have it."""
    sandbox("settings", leave_snapshots=True)
    copy = started(approved())
    aws = account.aws()
    ids = [
        row.SnapshotId
        for row in ec2.snapshots_of_copies(aws, region="eu-west-1", image_ids=[copy.ImageId])[copy.ImageId]
    ]
    somebody().delete_tags(Resources=ids, Tags=[{"Key": "amicopy:copy"}])
    cancel_retry.cancel(acting(copy.request.requester), copy.request_id)
    look_again("cancel_due", times=4, minutes=6)
    copy.refresh_from_db()
    assert copy.state == "CANCELLED"
    assert good_images(sandbox) == []
    assert sorted(ec2.describe_snapshots(aws, region="eu-west-1", snapshot_ids=ids)) == sorted(ids)


def test_an_image_that_no_row_knows_is_a_leftover_by_its_mark(
    approved: Submit, sandbox: Control, account: Account
) -> None:
    """As after a backup was restored: the request is gone, the installation's id isn't."""
    copy = started(approved())
    image_id = copy.ImageId
    lost, kept = copy.request, approved(make_call("us-west-2"))
    Attempt.objects.filter(copy=copy).delete()
    CopyCost.objects.filter(copy=copy).delete()
    copy.delete()
    CopyRequest.objects.filter(pk=lost.pk).update(state="WITHDRAWN")
    ImageCopy.objects.create(
        request=kept, position=9, account=account, DestinationRegion="eu-west-1", destination="x", parameters={}
    )
    tasks.look_for_leftovers()
    row = SeenLeftover.objects.get()
    assert (row.ImageId, row.copy, row.State, len(row.snapshots)) == (image_id, None, "pending", 2)
    admin = make_person("admin", "administrator")
    leftover_jobs.choose(acting(admin), [row.pk])
    look_again("remove_leftovers", times=2)
    assert not SeenLeftover.objects.exists()
    assert left_at_aws(sandbox) == []
    removed = AuditEvent.objects.get(action="leftover.removed")
    assert (removed.image_id, removed.request) == (image_id, None)


@pytest.mark.parametrize("known", [True, False])
def test_a_snapshot_that_only_aws_words_call_a_leftovers_is_neither_shown_nor_deleted(
    approved: Submit, sandbox: Control, account: Account, *, known: bool
) -> None:
    """The image has the installation's mark, so its snapshots must have it, too; whether a row knows it or not."""
    sandbox("settings", leave_snapshots=True)
    started(approved())
    ids = [row["SnapshotId"] for row in sandbox("images")[0]["Snapshots"]]
    somebody().delete_tags(Resources=ids[:1], Tags=[{"Key": "amicopy:copy"}])
    ImageCopy.objects.update(state="FAILED", next_step_at=None)
    if not known:
        Attempt.objects.all().delete()
        ImageCopy.objects.update(mark="of a row that is lost")
    tasks.look_for_leftovers()
    row = SeenLeftover.objects.get()
    assert (row.snapshots, row.copy is not None) == (ids[1:], known)
    leftover_jobs.choose(acting(make_person("admin", "administrator")), [row.pk])
    look_again("remove_leftovers", times=3)
    assert not SeenLeftover.objects.exists()
    assert good_images(sandbox) == []
    assert list(ec2.describe_snapshots(account.aws(), region="eu-west-1", snapshot_ids=ids)) == ids[:1]


def test_an_image_of_a_call_whose_answer_was_lost_is_no_leftover(approved: Submit, sandbox: Control) -> None:
    sandbox("faults", kind="drop-after", action="CopyImage")
    copy = started(approved())
    assert (copy.state, len(good_images(sandbox))) == ("STARTING", 1)
    tasks.look_for_leftovers()
    assert not SeenLeftover.objects.exists()
    ImageCopy.objects.update(state="FAILED", next_step_at=None)
    LeftoverLook.objects.update(asked_at=timezone.now())
    tasks.look_for_leftovers()
    assert SeenLeftover.objects.get().ImageId in good_images(sandbox)


def test_a_leftover_that_aws_says_it_does_not_know_is_asked_for_again(
    approved: Submit, sandbox: Control, account: Account
) -> None:
    copy = failed_at_aws(approved(), sandbox)
    tasks.look_for_leftovers()
    row = SeenLeftover.objects.get()
    admin = make_person("admin", "administrator")
    leftover_jobs.choose(acting(admin), [row.pk])
    sandbox("faults", kind="hide", resource="any", since="rule", seconds=60, count=None)
    # An image that isn't listed is looked for again before it is asked for by its id.
    SeenLeftover.objects.update(removal={row.ImageId: "InvalidAMIID.NotFound"})
    look_again("remove_leftovers", times=2)
    assert SeenLeftover.objects.get().removing_since is not None
    sandbox("advance", seconds=61)
    look_again("remove_leftovers", times=2)
    assert not SeenLeftover.objects.exists()
    assert left_at_aws(sandbox) == []
    assert copy.ImageId == row.ImageId


def test_m15_a_snapshot_that_aws_lists_only_after_the_others_of_a_leftover_are_gone_is_removed_too(
    approved: Submit, sandbox: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What AWS leaves of an image on its way: removing one snapshot brings the other to light."""
    started(approved())
    ImageCopy.objects.update(state="FAILED", next_step_at=None)
    sandbox("faults", kind="hide", resource="snapshot", since="rule", seconds=900)
    tasks.look_for_leftovers()
    row = SeenLeftover.objects.get()
    assert len(row.snapshots) == 1
    leftover_jobs.choose(acting(make_person("admin", "administrator")), [row.pk])
    delete = aws_removal.delete_snapshot

    def listed_from_then_on(removal: aws_removal.Removal, snapshot_id: str) -> None:
        delete(removal, snapshot_id)
        sandbox("faults", method="DELETE")

    monkeypatch.setattr(aws_removal, "delete_snapshot", listed_from_then_on)
    look_again("remove_leftovers")
    assert SeenLeftover.objects.exists()
    look_again("remove_leftovers")
    assert not SeenLeftover.objects.exists()
    assert left_at_aws(sandbox) == []


def test_a_good_image_keeps_its_snapshots_when_a_leftover_is_removed(
    approved: Submit, sandbox: Control, account: Account
) -> None:
    """All attempts carry one mark, and only what belongs to the leftover goes."""
    copy = started(approved())
    sandbox("advance", seconds=600)
    look_again("track_due")
    copy.refresh_from_db()
    older = make_image(copy, "older")
    sandbox("resource", ResourceId=older, Account=account.account_id, Region="eu-west-1", State="failed")
    tasks.look_for_leftovers()
    leftover_jobs.choose(acting(make_person("admin", "administrator")), [SeenLeftover.objects.get().pk])
    look_again("remove_leftovers", times=2)
    assert not SeenLeftover.objects.exists()
    [left] = left_at_aws(sandbox)
    assert (left["ImageId"], len(left["Snapshots"])) == (copy.ImageId, 2)


def test_m22_m23_a_look_at_one_account_concerns_no_other(approved: Submit, sandbox: Control, account: Account) -> None:
    other = Account.objects.create(
        name="other",
        account_id="444455556666",
        role_arn="arn:aws:iam::444455556666:role/amicopy",
        external_id="amicopy-sandbox",
    )
    copy = failed_at_aws(approved(), sandbox)
    seen = timezone.now() - timedelta(days=2)
    theirs = SeenLeftover.objects.create(
        account=other, DestinationRegion="eu-west-1", ImageId="ami-0fedcba9876543210", copy=None, gib=1, seen_at=seen
    )
    LeftoverLook.objects.create(account=other, looked_at=timezone.now())
    assert leftover_jobs.look()
    assert set(SeenLeftover.objects.values_list("ImageId", flat=True)) == {copy.ImageId, theirs.ImageId}
    # Nothing was ever made in the other account: nothing of it is asked for, least of all another account's images.
    LeftoverLook.objects.filter(account=other).update(asked_at=timezone.now())
    before = len(sandbox("calls"))
    assert leftover_jobs.look()
    assert sandbox("calls")[before:] == []
    assert list(SeenLeftover.objects.values_list("ImageId", flat=True)) == [copy.ImageId]


@pytest.mark.parametrize("lag", [0, 40])
@pytest.mark.parametrize("killed", ["before", "after"])
def test_a_worker_killed_around_the_call_makes_one_image_whatever_the_lists_show(
    approved: Submit, sandbox: Control, lag: int, killed: str
) -> None:
    request = approved()
    if lag:
        sandbox("faults", kind="hide", resource="any", seconds=lag, count=None)
    copy = request.copies.get()
    # What the dead worker stored before its call.
    ImageCopy.objects.update(state="STARTING", lease_until=timezone.now() - timedelta(seconds=1))
    Attempt.objects.update(in_doubt=True, first_called_at=timezone.now(), last_called_at=timezone.now())
    if killed == "after":
        make_image(copy, copy.attempts.get().ClientToken)
    for _ in range(3):
        look_again("start_due", "track_due")
        sandbox("advance", seconds=30)
    sandbox("advance", seconds=600)
    look_again("track_due")
    copy.refresh_from_db()
    assert (copy.state, good_images(sandbox)) == ("AVAILABLE", [copy.ImageId])


@pytest.mark.parametrize("seed", range(4))
def test_whatever_lists_hide_at_random_one_approval_makes_at_most_one_good_image(
    approved: Submit, sandbox: Control, seed: int
) -> None:
    """Retry and cancel at odd moments, under lists that leave everything out again and again."""
    sandbox("faults", kind="hide", resource="any", since="rule", most_seconds=60, count=None, seed=seed)
    sandbox("faults", kind="drop-after", action="CopyImage", chance=0.5, count=2, seed=seed)
    request = approved(make_call("eu-west-1"), make_call("us-west-2"))
    requester = acting(request.requester)
    for step in range(8):
        look_again("start_due", "track_due", "cancel_due", minutes=1, control=sandbox)
        if step == 2 + seed % 2:
            first = request.copies.get(position=0)
            if first.state in cancel_retry.CANCELLABLE:
                cancel_retry.cancel(requester, request.pk, copy_id=first.pk)
        if request.copies.filter(state="FAILED").exists():
            cancel_retry.retry(requester, request.pk)
    look_again("start_due", "track_due", "cancel_due", minutes=4, times=6, control=sandbox)
    for copy in request.copies.all():
        own = [row for row in sandbox("images") if row["Region"] == copy.DestinationRegion]
        good = [row for row in own if row["State"] != "deregistered"]
        assert copy.state in {"AVAILABLE", "CANCELLED"}
        assert [row["ImageId"] for row in good] == ([copy.ImageId] if copy.state == "AVAILABLE" else [])
        if copy.state == "CANCELLED":
            assert [row for row in own if row["Snapshots"]] == []
