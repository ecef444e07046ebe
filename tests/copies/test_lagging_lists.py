"""What AWS showed or promised counts as gone only after a while; what it says in so many words counts at once. Over the
sandbox, whose lists lag as they are told to."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings

from amicopy.audit.models import AuditEvent
from amicopy.aws import ec2
from amicopy.copies.core.models import Account, Attempt, CopyRequest, ImageCopy
from amicopy.copies.lifecycle import source_binding
from amicopy.copies.requests import cancel_retry, verbs
from tests.conftest import Control
from tests.copies.conftest import SOURCE, Submit, acting, actions, approve, make_call
from tests.copies.passing_time import let_pass, look_again

pytestmark = pytest.mark.django_db


@pytest.fixture
def approved(submit: Submit, approver: User, sandbox: Control, settings: Settings) -> Submit:
    settings.COPY_CALLS_PER_SECOND = 1000.0
    return lambda *calls: approve(approver, submit(*calls))


def started(request: CopyRequest) -> ImageCopy:
    look_again("start_due")
    return request.copies.get()


def good_images(control: Control) -> list[str]:
    """The images made that are available or will be."""
    return [row["ImageId"] for row in control("images") if row["State"] in {"available", "pending"}]


def left_at_aws(control: Control) -> list[Any]:
    return [row for row in control("images") if row["State"] != "deregistered" or row["Snapshots"]]


def aws_events(request: CopyRequest) -> list[tuple[str, str]]:
    rows = AuditEvent.objects.filter(request=request.pk, action__startswith="aws.").order_by("id")
    return list(rows.values_list("action", "error_code"))


def test_f1_an_image_left_out_of_a_list_for_seconds_stays_copying(approved: Submit, sandbox: Control) -> None:
    request = approved()
    sandbox("faults", kind="hide", action="DescribeImages", since="seen", seconds=9)
    copy = started(request)
    look_again("track_due", times=4)
    copy.refresh_from_db()
    assert (copy.state, copy.wait_code) == ("COPYING", "missing")
    sandbox("advance", seconds=600)
    look_again("track_due")
    copy.refresh_from_db()
    assert (copy.state, copy.missing_since, copy.missing_looks) == ("AVAILABLE", None, 0)
    assert len(sandbox("images")) == 1


def test_f1_only_minutes_over_several_looks_make_an_image_gone(approved: Submit, sandbox: Control) -> None:
    request = approved()
    copy = started(request)
    look_again("track_due")
    sandbox("faults", kind="hide", action="DescribeImages", since="rule", count=None)
    # One look after an outage of amicopy's own isn't several.
    look_again("track_due")
    look_again("track_due", minutes=30)
    copy.refresh_from_db()
    assert copy.state == "COPYING"
    look_again("track_due", minutes=1)
    copy.refresh_from_db()
    assert (copy.state, copy.error_code) == ("FAILED", "ImageGone")
    # Shown again, it is what a retry goes on with: one approval, one image.
    sandbox("faults", method="DELETE")
    cancel_retry.retry(acting(request.requester), request.pk)
    look_again("start_due", "track_due")
    copy.refresh_from_db()
    assert (copy.state, len(sandbox("images"))) == ("COPYING", 1)
    adopted = AuditEvent.objects.get(copy=copy.pk, action="copy.adopted")
    assert (adopted.image_id, adopted.data["attempt"]) == (copy.ImageId, 1)
    assert adopted.data["how"] == "found by its ID from an earlier attempt"


def test_f1_an_old_image_missing_for_many_looks_within_a_minute_stays_copying(
    approved: Submit, sandbox: Control
) -> None:
    request = approved()
    copy = started(request)
    look_again("track_due")
    let_pass(minutes=600)
    sandbox("faults", kind="hide", action="DescribeImages", since="rule", count=None)
    look_again("track_due", times=6, minutes=0.1)
    copy.refresh_from_db()
    assert (copy.state, copy.missing_looks) == ("COPYING", 6)


def test_f1_looks_that_show_the_image_begin_the_wait_anew(approved: Submit, sandbox: Control) -> None:
    request = approved()
    copy = started(request)
    for _ in range(4):
        sandbox("faults", method="DELETE")
        look_again("track_due")
        sandbox("faults", kind="hide", action="DescribeImages", since="rule", count=None)
        look_again("track_due", minutes=4, times=2)
    copy.refresh_from_db()
    assert copy.state == "COPYING"


def test_a_young_image_is_never_gone(approved: Submit, sandbox: Control) -> None:
    request = approved()
    copy = started(request)
    look_again("track_due")
    sandbox("faults", kind="hide", action="DescribeImages", since="rule", count=None)
    long_ago = timezone.now() - timedelta(hours=1)
    ImageCopy.objects.update(missing_since=long_ago, missing_looks=50, called_at=timezone.now())
    look_again("track_due")
    copy.refresh_from_db()
    assert copy.state == "COPYING"


def test_a_disabled_image_that_the_list_leaves_out_is_found_by_its_id(
    approved: Submit, sandbox: Control, account: Account
) -> None:
    request = approved()
    copy = started(request)
    look_again("track_due")
    sandbox("resource", ResourceId=copy.ImageId, Account=account.account_id, Region="eu-west-1", State="disabled")
    look_again("track_due", times=4, minutes=4)
    copy.refresh_from_db()
    assert copy.state == "AVAILABLE"


def test_f45_an_image_that_never_appears_waits_for_a_person_and_never_fails(approved: Submit, sandbox: Control) -> None:
    request = approved()
    sandbox("faults", kind="hide", count=None)
    copy = started(request)
    look_again("track_due", times=2)
    copy.refresh_from_db()
    assert copy.wait_code == "not-shown-yet"
    look_again("track_due", times=3, minutes=6)
    copy.refresh_from_db()
    assert (copy.state, copy.wait_code, copy.wait_data["ImageId"]) == ("COPYING", "never-shown", copy.ImageId)
    assert actions(request).count("copy.waiting") == 1, "told once"
    # It may still come.
    sandbox("faults", method="DELETE")
    sandbox("advance", seconds=600)
    look_again("track_due")
    copy.refresh_from_db()
    assert (copy.state, copy.wait_code) == ("AVAILABLE", "")


def test_an_available_image_waits_for_its_snapshots_to_be_compared(approved: Submit, sandbox: Control) -> None:
    request = approved(make_call(Encrypted=True))
    sandbox("faults", kind="hide", resource="snapshot", action="DescribeSnapshots", seconds=1000)
    copy = started(request)
    look_again("track_due")
    sandbox("advance", seconds=600)
    look_again("track_due")
    copy.refresh_from_db()
    assert (copy.state, copy.wait_code) == ("COPYING", "snapshots-unseen")
    sandbox("advance", seconds=600)
    look_again("track_due")
    copy.refresh_from_db()
    assert copy.state == "AVAILABLE"
    assert all(row["ok"] for row in copy.verification)


def test_snapshots_that_stay_away_do_not_keep_an_image_from_being_available(approved: Submit, sandbox: Control) -> None:
    request = approved()
    sandbox("faults", kind="hide", resource="snapshot", action="DescribeSnapshots", count=None)
    copy = started(request)
    sandbox("advance", seconds=600)
    look_again("track_due", times=4, minutes=6)
    copy.refresh_from_db()
    assert copy.state == "AVAILABLE"


def test_snapshots_seen_once_are_remembered_while_a_list_leaves_them_out(approved: Submit, sandbox: Control) -> None:
    request = approved()
    copy = started(request)
    sandbox("advance", seconds=10)
    look_again("track_due")
    copy.refresh_from_db()
    before = copy.snapshots
    assert len(before) == 2
    sandbox("faults", kind="hide", resource="snapshot", since="rule", count=None)
    look_again("track_due")
    copy.refresh_from_db()
    assert copy.snapshots == before


def ask_with_source(account: Account, requester: User, approver: User) -> CopyRequest:
    source = ec2.describe_source(account.aws(), region="us-east-1", image_id=SOURCE)
    lookups = {"source": source_binding.lookup_of(source)}
    request = verbs.submit(acting(requester), account=account, reason="x", calls=[make_call()], lookups=lookups)
    return approve(approver, request)


@pytest.mark.parametrize("action", ["DescribeImages", "CopyImage"])
def test_a_source_that_was_seen_is_waited_for_while_aws_does_not_show_it(
    account: Account, requester: User, approver: User, sandbox: Control, action: str
) -> None:
    request = ask_with_source(account, requester, approver)
    sandbox("faults", kind="hide", resource="source", action=action, since="rule", seconds=30)
    copy = started(request)
    assert (copy.state, copy.wait_code) == ("STARTING", "source-unseen")
    sandbox("advance", seconds=31)
    look_again("start_due")
    copy.refresh_from_db()
    assert (copy.state, copy.missing_since) == ("COPYING", None)
    assert len(sandbox("images")) == 1


def test_a_source_that_stays_away_fails_the_copy_with_aws_words(
    account: Account, requester: User, approver: User, sandbox: Control
) -> None:
    request = ask_with_source(account, requester, approver)
    sandbox("faults", kind="hide", resource="source", action="CopyImage", since="rule", count=None)
    copy = started(request)
    look_again("start_due", times=3, minutes=4)
    copy.refresh_from_db()
    assert (copy.state, copy.error_code) == ("FAILED", "InvalidAMIID.NotFound")


def test_a_source_that_nobody_saw_is_not_waited_for(approved: Submit, sandbox: Control) -> None:
    copy = started(approved(make_call(SourceImageId="ami-0123456789abcdef0")))
    assert (copy.state, copy.error_code) == ("FAILED", "InvalidAMIID.NotFound")


def test_f3_not_found_for_a_young_image_is_no_removal(approved: Submit, sandbox: Control) -> None:
    request = approved()
    sandbox("faults", kind="hide", action="DeregisterImage", seconds=5)
    sandbox("faults", kind="hide", action="DescribeImages", seconds=5)
    sandbox("faults", kind="hide", resource="snapshot", seconds=5, count=None)
    copy = started(request)
    cancel_retry.cancel(acting(request.requester), request.pk)
    look_again("cancel_due", times=2)
    copy.refresh_from_db()
    assert (copy.state, copy.wait_code) == ("CANCELLING", "looking-for-image")
    # What AWS answered, once, and nothing else.
    assert aws_events(request) == [("aws.answered", "InvalidAMIID.NotFound")]
    sandbox("advance", seconds=10)
    look_again("cancel_due", times=3)
    copy.refresh_from_db()
    assert copy.state == "CANCELLED"
    assert left_at_aws(sandbox) == []
    assert ("aws.image_deregistered", "") in aws_events(request)
    sandbox("advance", seconds=900)
    assert good_images(sandbox) == []


def test_f3_a_cancel_ends_once_the_image_has_stayed_away(approved: Submit, sandbox: Control) -> None:
    request = approved()
    sandbox("faults", kind="hide", resource="any", count=None)
    copy = started(request)
    cancel_retry.cancel(acting(request.requester), request.pk)
    look_again("cancel_due", times=2, minutes=4)
    copy.refresh_from_db()
    assert copy.state == "CANCELLING"
    look_again("cancel_due", times=3, minutes=4)
    copy.refresh_from_db()
    assert copy.state == "CANCELLED"
    cancelled = AuditEvent.objects.get(copy=copy.pk, action="copy.cancelled")
    assert (cancelled.data["removed_images"], cancelled.data["removed_snapshots"]) == ([], [])
    assert "aws.image_deregistered" not in actions(request)


def test_f3_snapshots_that_aws_lists_later_are_removed_too(
    approved: Submit, sandbox: Control, account: Account, requester: User, approver: User
) -> None:
    request = ask_with_source(account, requester, approver)
    sandbox("settings", leave_snapshots=True)
    sandbox("faults", kind="hide", resource="snapshot", seconds=30, count=None)
    copy = started(request)
    cancel_retry.cancel(acting(requester), request.pk)
    look_again("cancel_due", times=2)
    copy.refresh_from_db()
    assert copy.state == "CANCELLING", "the source has two snapshots, and none is listed yet"
    sandbox("advance", seconds=31)
    look_again("cancel_due", times=2)
    copy.refresh_from_db()
    assert copy.state == "CANCELLED"
    assert left_at_aws(sandbox) == []


def test_m15_a_snapshot_still_listed_after_its_deletion_keeps_the_copy_cancelling(
    approved: Submit, sandbox: Control
) -> None:
    request = approved()
    copy = started(request)
    look_again("track_due")
    sandbox("faults", kind="linger", resource="snapshot", action="DescribeSnapshots", seconds=60, count=None)
    cancel_retry.cancel(acting(request.requester), request.pk)
    look_again("cancel_due", times=2)
    copy.refresh_from_db()
    assert (copy.state, copy.wait_code, len(copy.wait_data["snapshots"])) == ("CANCELLING", "removing", 2)
    sandbox("advance", seconds=61)
    look_again("cancel_due")
    copy.refresh_from_db()
    assert copy.state == "CANCELLED"


def test_m15_snapshots_that_aws_leaves_with_a_cancelled_image_are_looked_for(
    approved: Submit, sandbox: Control
) -> None:
    request = approved()
    sandbox("settings", leave_snapshots=True)
    copy = started(request)
    cancel_retry.cancel(acting(request.requester), request.pk)
    look_again("cancel_due", times=2)
    copy.refresh_from_db()
    assert copy.state == "CANCELLED"
    assert left_at_aws(sandbox) == []
    assert [action for action, _ in aws_events(request)].count("aws.snapshot_deleted") == 2
    assert sorted(copy.removal.values()) == ["done"] * 3, "image and snapshots, as AWS answered"


@pytest.mark.parametrize("operation", ["DeregisterImage", "DeleteSnapshot"])
def test_m25_a_refused_removal_is_in_the_history_once(approved: Submit, sandbox: Control, operation: str) -> None:
    request = approved()
    sandbox("settings", leave_snapshots=True)
    started(request)
    cancel_retry.cancel(acting(request.requester), request.pk)
    sandbox("faults", kind="error", code="OperationNotPermitted", message="Protected.", action=operation, count=4)
    look_again("cancel_due", times=2)
    refused = AuditEvent.objects.filter(action="aws.refused", data__operation=operation)
    assert len(refused) == (1 if operation == "DeregisterImage" else 2)
    assert {(event.error_code, event.data["message"]) for event in refused} == {("OperationNotPermitted", "Protected.")}
    assert all(event.aws_request_id for event in refused)


@pytest.mark.parametrize("status", [403, 404, 429])
def test_h3_a_proxys_page_says_nothing_of_the_call(approved: Submit, sandbox: Control, status: int) -> None:
    request = approved()
    sandbox("faults", kind="answer-after", action="CopyImage", body="html", status=status)
    copy = started(request)
    assert (copy.state, copy.attempts.get().in_doubt) == ("STARTING", True)
    look_again("start_due")
    copy.refresh_from_db()
    assert (copy.state, good_images(sandbox)) == ("COPYING", [copy.ImageId])


@pytest.mark.parametrize("body", ["no-id", "empty", "cut", "json"])
def test_h8_a_success_that_names_no_image_is_doubt(approved: Submit, sandbox: Control, body: str) -> None:
    request = approved()
    sandbox("faults", kind="answer-after", action="CopyImage", body=body)
    copy = started(request)
    assert (copy.state, copy.attempts.get().in_doubt) == ("STARTING", True)
    look_again("start_due")
    copy.refresh_from_db()
    assert (copy.state, good_images(sandbox)) == ("COPYING", [copy.ImageId])


def test_h3_a_doubt_that_lasts_longer_than_the_token_looks_before_it_calls(approved: Submit, sandbox: Control) -> None:
    request = approved()
    sandbox("faults", kind="answer-after", action="CopyImage", body="html", status=403)
    sandbox("faults", kind="hide", action="DescribeImages", seconds=3600)
    copy = started(request)
    # The token is forgotten by now, and the image isn't listed yet: the last doubtful call was just made.
    Attempt.objects.update(first_called_at=timezone.now() - timedelta(hours=2))
    sandbox("forget-tokens", method="POST")
    look_again("start_due")
    copy.refresh_from_db()
    assert (copy.state, copy.wait_code) == ("STARTING", "looking-for-image")
    sandbox("advance", seconds=3601)
    look_again("start_due")
    copy.refresh_from_db()
    assert (copy.state, good_images(sandbox)) == ("COPYING", [copy.ImageId])


def test_h4_retrying_what_aws_may_have_made_makes_no_second_image(approved: Submit, sandbox: Control) -> None:
    """An unknown refusal after a lost answer, believed because the image stayed away, and a retry."""
    request = approved()
    sandbox("faults", kind="drop-after", action="CopyImage")
    sandbox("faults", kind="hide", action="DescribeImages", count=None)
    copy = started(request)
    sandbox("faults", kind="error", code="SomethingNew", action="CopyImage", count=None)
    look_again("start_due", times=2, minutes=4)
    copy.refresh_from_db()
    assert copy.state == "STARTING", "refusals say nothing of the call before them, and don't make it younger"
    look_again("start_due", times=2, minutes=4)
    copy.refresh_from_db()
    assert (copy.state, copy.error_code) == ("FAILED", "SomethingNew")
    sandbox("faults", method="DELETE")
    cancel_retry.retry(acting(request.requester), request.pk)
    look_again("start_due")
    copy.refresh_from_db()
    assert (copy.state, good_images(sandbox)) == ("COPYING", [copy.ImageId])
    assert len(sandbox("images")) == 1
