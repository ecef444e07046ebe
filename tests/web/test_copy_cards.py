"""What a request's page says of copies that wait, run late, or came out otherwise than approved."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from amicopy.copies import steering, tasks
from amicopy.copies.models import CopyRequest, ImageCopy
from tests.conftest import Control
from tests.copies.conftest import Submit, acting, approve, make_call, make_person
from tests.copies.conftest import requester as requester
from tests.copies.conftest import submit as submit
from tests.web.conftest import SignedIn

pytestmark = pytest.mark.django_db


@pytest.fixture
def approver(db: None) -> User:
    return make_person("approver", "approver")


def started(approver: User, request: CopyRequest) -> CopyRequest:
    approve(approver, request)
    tasks.start_due(wake=False)
    assert list(request.copies.values_list("state", "waiting_for")) == [("COPYING", "")]
    return request


def polled(client: Client, number: int, tag: str = "") -> tuple[int, str, str]:
    answer = client.get(f"/requests/{number}/", headers={"HX-Request": "true", "HX-PTag": tag})
    return answer.status_code, answer.content.decode(), answer.headers.get("HX-PTag", "")


def test_a_copy_without_a_slot_shows_its_place_and_moves_up_by_itself(
    signed_in: SignedIn, submit: Submit, approver: User, sandbox: Control, settings: Settings
) -> None:
    settings.COPIES_AT_ONCE = 1
    first = started(approver, submit(make_call(Name="first")))
    second, third = (approve(approver, submit(make_call(Name=name))) for name in ("second", "third"))
    browser = signed_in("requester")
    status, page, tag = polled(browser, third.pk)
    assert status == 200
    assert "Waiting for a slot<small>2nd of 2 into eu-west-1</small>" in page
    assert polled(browser, third.pk, tag)[0] == 304
    steering.cancel(acting(approver), second.pk)
    status, page, _ = polled(browser, third.pk, tag)
    assert status == 200
    assert "Waiting for a slot<small>1st of 1 into eu-west-1</small>" in page
    assert "Waiting for a slot" not in polled(browser, first.pk)[1]


@pytest.mark.parametrize(
    ("parameters", "hours", "late"),
    [
        ({}, 2, False),
        ({}, 25, True),
        ({"SnapshotCopyCompletionDurationMinutes": 60}, 0.9, False),
        ({"SnapshotCopyCompletionDurationMinutes": 60}, 1.1, True),
    ],
)
def test_a_late_copy_gets_a_badge_and_is_never_failed_for_it(
    signed_in: SignedIn,
    submit: Submit,
    approver: User,
    sandbox: Control,
    parameters: dict[str, Any],
    hours: float,
    late: bool,
) -> None:
    row = started(approver, submit(make_call(**parameters)))
    ImageCopy.objects.update(called_at=timezone.now() - timedelta(hours=hours), next_step_at=timezone.now())
    tasks.track_due()
    assert row.copies.get().state == "COPYING"
    assert ("Overdue" in polled(signed_in("requester"), row.pk)[1]) == late


def test_a_finished_copy_says_what_was_checked(
    signed_in: SignedIn, submit: Submit, approver: User, sandbox: Control
) -> None:
    tags = [{"ResourceType": kind, "Tags": [{"Key": "team", "Value": "platform"}]} for kind in ("image", "snapshot")]
    row = submit(make_call(Encrypted=True, KmsKeyId="alias/golden-images", TagSpecifications=tags))
    started(approver, row)
    sandbox("advance", seconds=900)
    ImageCopy.objects.update(next_step_at=timezone.now())
    tasks.track_due()
    page = polled(signed_in("requester"), row.pk)[1]
    checked = "Name, SourceImageId, Encrypted, KmsKeyId, Tags of the image, Tags of the snapshots"
    assert f"Checked: {checked} as approved" in page
    assert "isn’t quite what was approved" not in page
