"""Reason codes: each has words, what needs a person says who and what to do, is told once, and keeps nobody waiting."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings

from amicopy.audit.models import AuditEvent
from amicopy.copies import tasks
from amicopy.copies.core.models import CopyRequest, ImageCopy
from amicopy.copies.core.reason_words import ordinal, who_in_words, words_of
from amicopy.copies.core.reasons import NEEDS, Code, Reason, Who
from amicopy.copies.engine import slots
from amicopy.copies.lifecycle.transitions import move_copy, note_copy
from amicopy.notify.models import Kind, Message
from tests.conftest import Control
from tests.copies.conftest import Submit, acting, actions, approve, make_call, make_person

DATA: dict[str, Any] = {
    "until": "2026-12-01T08:00:00+00:00",
    "window": "Year end",
    "account": "sandbox",
    "Action": "DescribeImages",
    "seconds": 900,
}


@pytest.mark.parametrize("code", list(Code))
def test_every_code_has_words_and_says_what_to_do_exactly_when_a_person_is_needed(code: Code) -> None:
    reason = Reason(code, DATA)
    words = words_of(reason)
    assert words.title
    assert bool(words.next_step) == bool(who_in_words(reason.who)) == (code in NEEDS)


def test_words_are_made_without_any_data_where_aws_gave_none() -> None:
    for code in set(NEEDS) - {Code.ACCOUNT_OFF}:
        assert words_of(Reason(Code(code))).title


@pytest.mark.parametrize(
    ("number", "words"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (21, "21st"), (113, "113th")]
)
def test_ordinals(number: int, words: str) -> None:
    assert ordinal(number) == words


def leased(request: CopyRequest) -> tuple[ImageCopy, uuid.UUID]:
    lease = uuid.uuid4()
    request.copies.update(lease_id=lease)
    return request.copies.get(), lease


def test_what_needs_a_person_is_told_once_to_requester_and_administrators(
    submit: Submit, approver: User, requester: User
) -> None:
    administrator = make_person("admin", "administrator")
    for person in (requester, administrator):
        person.email = f"{person.username}@example.org"
        person.save()
    request = approve(approver, submit())
    quota = Reason(Code.QUOTA, {"AwsMessage": "You have reached your quota of 50000 for the number of images"})
    for reason in (quota, Reason(Code.THROTTLED), quota):
        copy, lease = leased(request)
        assert note_copy(copy, reason, actor=acting(approver), action="copy.waiting", lease=lease, fields={})
    told = Message.objects.filter(kind=Kind.STUCK)
    assert set(told.values_list("person", flat=True)) == {requester.pk, administrator.pk}
    assert told.count() == 2
    assert "quota of 50000" in told[0].text
    assert actions(request).count("copy.waiting") == 3
    assert quota.who is Who.AWS_ADMINISTRATOR


def test_a_copy_that_needs_a_person_keeps_nobody_from_a_slot(
    submit: Submit, approver: User, settings: Settings
) -> None:
    settings.COPIES_AT_ONCE = 1
    stuck = approve(approver, submit(make_call(Name="stuck")))
    other = approve(approver, submit(make_call(Name="other")))
    move_copy(stuck.copies.get(), "STARTING", actor=acting(approver), action="copy.starting")
    far = timezone.now() + timedelta(hours=1)
    stuck.copies.update(next_step_at=far, **Reason(Code.AWS_UNREACHABLE).fields)
    assert slots.next_up(timezone.now(), most=5) == [], "it may have made an image: it holds the slot"
    stuck.copies.update(**Reason(Code.QUOTA).fields)
    slots.bring_back_all()
    assert slots.next_up(timezone.now(), most=5) == [other.copies.get().pk]
    assert slots.standings([other.copies.get()]) == {}


def started(request: CopyRequest) -> ImageCopy:
    ImageCopy.objects.update(next_step_at=timezone.now())
    tasks.start_due(wake=False)
    return request.copies.get()


def tracked(request: CopyRequest) -> ImageCopy:
    ImageCopy.objects.update(next_step_at=timezone.now())
    tasks.track_due()
    return request.copies.get()


def test_f5_a_quota_says_awss_words_is_tried_rarely_and_lets_others_pass(
    submit: Submit, approver: User, sandbox: Control
) -> None:
    quota = "You have reached your quota of 50000 for the number of images in this Region."
    sandbox("faults", kind="error", action="CopyImage", code="ResourceLimitExceeded", message=quota, count=1)
    full = approve(approver, submit(make_call(Name="full")))
    copy = started(full)
    assert (copy.state, copy.wait_code, copy.wait_data["AwsMessage"]) == ("STARTING", "quota", quota)
    assert copy.next_step_at is not None
    assert copy.lease_id is None
    waiting = AuditEvent.objects.get(copy=copy.pk, action="copy.waiting")
    assert (waiting.data["message"], waiting.data["tries"], waiting.data["seconds"] > 0) == (quota, 1, True)
    assert waiting.data["because"]["AwsMessage"] == quota
    after = approve(approver, submit(make_call(Name="after")))
    full.copies.update(next_step_at=timezone.now() + timedelta(hours=1))
    after.copies.update(next_step_at=timezone.now())
    tasks.start_due(wake=False)
    assert after.copies.get().state == "COPYING"
    assert slots.standings([copy]) == {}
    copy = started(full)
    assert (copy.state, copy.wait) == ("COPYING", None)


def test_f14_an_image_becomes_available_though_its_snapshots_cannot_be_looked_at(
    submit: Submit, approver: User, sandbox: Control
) -> None:
    words = "You are not authorized to perform: ec2:DescribeSnapshots"
    request = approve(approver, submit(make_call(Encrypted=True)))
    started(request)
    denied = {"action": "DescribeSnapshots", "code": "UnauthorizedOperation", "message": words}
    sandbox("faults", kind="error", count=None, **denied)
    for _ in range(2):
        copy = tracked(request)
        assert (copy.state, copy.wait_code) == ("COPYING", "permission")
        assert (copy.wait_data["Action"], copy.wait_data["AwsMessage"]) == ("DescribeSnapshots", words)
    assert actions(request).count("copy.waiting") == 1, "said once"
    sandbox("advance", seconds=600)
    copy = tracked(request)
    assert (copy.state, copy.wait) == ("AVAILABLE", None)
    assert {row["property"] for row in copy.verification} == {"Name", "SourceImageId"} | (
        {"Tags of the image"} if copy.mark else set()
    )
    assert all(row["ok"] for row in copy.verification)
