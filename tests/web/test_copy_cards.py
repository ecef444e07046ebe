"""What a request's page says of copies that wait, run late, or came out otherwise than approved, and of every try at
them."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from amicopy.copies import steering, tasks
from amicopy.copies.models import Attempt, CopyRequest, ImageCopy
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


def text(html: str) -> str:
    return re.sub(r"<[^>]+>", "", html)


def listed_attempts(page: str) -> list[dict[str, str]]:
    """What a page lists of the tries at its only copy: each with its number, and words by name."""
    found = re.search(r'<details [^>]*id="attempts-\d+">(.*?)</details>', page, re.DOTALL)
    assert found is not None
    listed = []
    for item in re.findall(r"<li>(.*?)</li>", found[1], re.DOTALL):
        rows = re.findall(r"<dt>(.*?)</dt><dd[^>]*>(.*?)</dd>", item, re.DOTALL)
        number = {"number": text(item.partition("<dl")[0])}
        listed.append(number | {name: text(value) for name, value in rows})
    return listed


CALLED = datetime(2026, 11, 24, 9, 30, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("known", "called", "outcome"),
    [
        ({}, "Not yet", "–"),
        (
            {"first_called_at": CALLED, "in_doubt": True},
            "24 Nov 2026, 09:30:05 UTC",
            "Not known yet: a call is out, or its answer was lost",
        ),
        ({"first_called_at": CALLED}, "24 Nov 2026, 09:30:05 UTC", "Nothing was made"),
        ({"first_called_at": CALLED, "error_code": "Client.Odd"}, "24 Nov 2026, 09:30:05 UTC", "Client.Odd"),
        ({"first_called_at": CALLED, "ImageId": "ami-0123"}, "24 Nov 2026, 09:30:05 UTC", "ami-0123"),
        (
            {"first_called_at": CALLED, "ImageId": "ami-0123", "error_code": "Client.Odd"},
            "24 Nov 2026, 09:30:05 UTC",
            "Client.Odd",
        ),
    ],
    ids=["to come", "in doubt", "nothing made", "refused", "made", "made and given up"],
)
def test_an_attempt_says_when_it_was_called_and_what_came_of_it(
    signed_in: SignedIn, submit: Submit, approver: User, known: dict[str, Any], called: str, outcome: str
) -> None:
    row = approve(approver, submit())
    copy = row.copies.get()
    Attempt.objects.filter(copy=copy).update(ClientToken="token-1", **known)
    page = polled(signed_in("requester"), row.pk)[1]
    assert listed_attempts(page) == [
        {"number": "1", "Called": called, "Outcome": outcome, "ClientToken": "token-1"},
    ]
    assert f'id="show-attempts-{copy.pk}"' in page
    assert "1 attempt<" in page


def test_every_attempt_is_listed_with_its_own_token_the_first_one_first(
    signed_in: SignedIn, submit: Submit, approver: User
) -> None:
    row = approve(approver, submit(make_call(), make_call("sa-east-1")))
    first, other = row.copies.order_by("position")
    Attempt.objects.filter(copy=first).update(
        ClientToken="token-1", first_called_at=CALLED, error_code="Client.Odd", aws_request_id="request-1"
    )
    attempt = Attempt.objects.get(copy=first)
    attempt.pk, attempt.number, attempt.ClientToken, attempt.error_code, attempt.aws_request_id = (
        None,
        2,
        "token-2",
        "",
        "",
    )
    attempt.save()
    Attempt.objects.filter(copy=other).delete()
    page = polled(signed_in("requester"), row.pk)[1]
    assert "2 attempts<" in page
    assert [(each["number"], each["ClientToken"], each.get("AWS request ID")) for each in listed_attempts(page)] == [
        ("1", "token-1", "request-1"),
        ("2", "token-2", None),
    ]
    # A copy that nobody has tried yet, such as one that waits for approval, lists none.
    assert f"attempts-{other.pk}" not in page
