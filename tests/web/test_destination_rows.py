"""What a request's page says of copies that wait, run late, or came out otherwise than approved, and of every try at
them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from amicopy.copies import tasks
from amicopy.copies.core.models import Attempt, CopyRequest, ImageCopy
from amicopy.copies.requests import cancel_retry, verbs
from amicopy.web.gantt import gantt_of
from tests.conftest import Control
from tests.copies.conftest import Submit, acting, approve, make_call, make_person
from tests.copies.conftest import requester as requester
from tests.copies.conftest import submit as submit
from tests.web.conftest import SignedIn
from tests.web.page import Page, read

pytestmark = pytest.mark.django_db


@pytest.fixture
def approver(db: None) -> User:
    return make_person("approver", "approver")


def started(approver: User, request: CopyRequest) -> CopyRequest:
    approve(approver, request)
    tasks.start_due(wake=False)
    assert list(request.copies.values_list("state", "wait_code")) == [("COPYING", "")]
    return request


def polled(client: Client, number: int, tag: str = "") -> tuple[int, Page, str]:
    """A poll of the page with all its rows unfolded."""
    answer = client.get(f"/requests/{number}/?open=all", headers={"HX-Request": "true", "If-None-Match": f'"{tag}"'})
    return answer.status_code, read(answer), answer.headers.get("ETag", "").strip('"')


def test_a_copy_without_a_slot_shows_its_place_and_moves_up_by_itself(
    signed_in: SignedIn, submit: Submit, approver: User, sandbox: Control, settings: Settings
) -> None:
    settings.COPIES_AT_ONCE = 1
    first = started(approver, submit(make_call(Name="first")))
    second, third = (approve(approver, submit(make_call(Name=name))) for name in ("second", "third"))
    browser = signed_in("requester")
    status, page, tag = polled(browser, third.pk)
    assert status == 200
    assert "Waiting for a slot 2nd of 2 into eu-west-1" in page.text
    assert polled(browser, third.pk, tag)[0] == 304
    cancel_retry.cancel(acting(approver), second.pk)
    status, page, _ = polled(browser, third.pk, tag)
    assert status == 200
    assert "Waiting for a slot 1st of 1 into eu-west-1" in page.text
    assert "Waiting for a slot" not in polled(browser, first.pk)[1].text


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
    assert ("Overdue" in polled(signed_in("requester"), row.pk)[1].text) == late


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
    checked = "Name, Source AMI, Encryption, KMS key, Tags of the image, Tags of the snapshots"
    assert f"Checked: {checked} as approved" in page.text
    assert "isn’t quite what was approved" not in page.text


def listed_attempts(page: Page) -> list[dict[str, str]]:
    """What a page lists of the tries at its only copy: each with its number, and words by name."""
    return [{"number": item.text.partition(" ")[0], **item.facts()} for item in page.group("attempt").items()]


CALLED = datetime(2026, 11, 24, 9, 30, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("known", "called", "outcome"),
    [
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
    ids=["in doubt", "nothing made", "refused", "made", "made and given up"],
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
    assert page.by_id(f"show-attempts-{copy.pk}").name == "1 attempt"


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
    page = polled(signed_in("requester"), row.pk)[1]
    assert page.group("attempt").name == "2 attempts"
    assert [(each["number"], each["ClientToken"], each.get("AWS request ID")) for each in listed_attempts(page)] == [
        ("1", "token-1", "request-1"),
        ("2", "token-2", None),
    ]
    # A copy that nobody has tried yet, such as one that waits for approval, has a token all the same and lists none.
    assert Attempt.objects.filter(copy=other).exists()
    assert f"attempts-{other.pk}" not in page.source


def test_a_try_that_is_to_come_after_another_is_listed(signed_in: SignedIn, submit: Submit, approver: User) -> None:
    row = approve(approver, submit())
    Attempt.objects.filter(copy__request=row).update(number=2, ClientToken="token-2")
    assert listed_attempts(polled(signed_in("requester"), row.pk)[1]) == [
        {"number": "2", "Called": "Not yet", "Outcome": "–", "ClientToken": "token-2"},
    ]


def test_all_new_ami_ids_are_copied_at_once_when_there_are_several(
    signed_in: SignedIn, submit: Submit, approver: User
) -> None:
    row = approve(approver, submit(make_call(), make_call("sa-east-1"), make_call("us-west-2")))
    browser = signed_in("requester")
    for position, image in enumerate(("ami-0aa", "ami-0bb")):
        assert "clip-all" not in polled(browser, row.pk)[1].source, "one ID has a button of its own"
        row.copies.filter(position=position).update(state="AVAILABLE", ImageId=image)
    page = polled(browser, row.pk)[1]
    assert page.button("Copy 2 AMI IDs").attribute("data-clip") == "eu-west-1 ami-0aa\nsa-east-1 ami-0bb"


def test_cancelling_says_how_much_it_ends(signed_in: SignedIn, submit: Submit, approver: User) -> None:
    browser = signed_in("requester")
    one = approve(approver, submit())
    assert polled(browser, one.pk)[1].links("Cancel the copy…")
    two = approve(approver, submit(make_call(), make_call("sa-east-1")))
    assert polled(browser, two.pk)[1].links("Cancel all copies…")
    two.copies.filter(position=0).update(state="AVAILABLE", ImageId="ami-0aa")
    assert polled(browser, two.pk)[1].links("Cancel the rest…")


def test_what_is_not_copied_yet_counts_with_the_size_of_the_source(
    signed_in: SignedIn, submit: Submit, approver: User
) -> None:
    plain = {"Encrypted": False, "KmsKeyId": "", "DeviceName": "/dev/xvda"}
    volumes = [{"SnapshotId": "snap-1", "VolumeSize": 40, **plain}, {"SnapshotId": "", "VolumeSize": 500, **plain}]
    row = submit(make_call("eu-west-1"), make_call("us-west-2"))
    CopyRequest.objects.update(lookups={"source": {"ImageId": "ami-1", "volumes": volumes}})
    browser = signed_in("requester")
    table = f"Destinations of #{row.pk} and how far they are"
    page = polled(browser, row.pk)[1]
    assert "80 GiB to copy" in page.text
    assert [each.count("40 GiB") for each in (cells[4] for cells in page.table(table).rows[::2])] == [1, 1]
    approve(approver, row)
    snapshots = [{"SnapshotId": "snap-2", "DeviceName": "/dev/xvda", "VolumeSize": 40, "Progress": 50}]
    row.copies.filter(position=0).update(
        state="COPYING", snapshots=snapshots, progress=50, called_at=CALLED, ImageId="ami-0aa"
    )
    assert "20 of 80 GiB copied" in polled(browser, row.pk)[1].text


def test_copies_of_a_request_that_was_sent_back_wait_for_nobodys_approval(
    signed_in: SignedIn, submit: Submit, approver: User
) -> None:
    row = submit(make_call("eu-west-1"), make_call("us-west-2"))
    browser = signed_in("requester")
    assert polled(browser, row.pk)[1].text.count("Waiting for approval") == 5
    verbs.request_changes(acting(approver), row.pk, reason="Encrypt it.", seen_hash=row.content_hash)
    page = polled(browser, row.pk)[1]
    assert "Waiting for approval" not in page.text
    assert page.text.count("Changes requested") >= 3
    history = read(signed_in("auditor").get("/audit/?q=eu-west-1"))
    assert "Changes requested" in history.region("Copies").text


@pytest.mark.parametrize(
    ("fields", "kind", "took"),
    [
        ({"state": "STARTING", "queued_at": CALLED}, "waits", "No answer yet"),
        ({"state": "COPYING", "called_at": CALLED, "ImageId": "ami-0bb"}, "copying", "1 min so far"),
        ({"state": "FAILED", "finished_at": CALLED + timedelta(minutes=1)}, "failed", "Not begun"),
    ],
)
def test_what_aws_has_not_answered_is_not_drawn_as_a_copy(
    submit: Submit, approver: User, fields: dict[str, Any], kind: str, took: str
) -> None:
    row = approve(approver, submit(make_call("eu-west-1"), make_call("us-west-2")))
    first, second = row.copies.order_by("position")
    row.copies.filter(pk=first.pk).update(state="COPYING", called_at=CALLED, ImageId="ami-0aa")
    row.copies.filter(pk=second.pk).update(**fields)
    attempt = second.attempts.get()
    attempt.first_called_at = CALLED
    found = gantt_of(list(row.copies.order_by("position")), {second.pk: [attempt]}, CALLED + timedelta(minutes=1))
    assert found is not None
    line = found.lines[1]
    assert (line.segments[-1].kind, line.took, line.tries) == (kind, took, 1)


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "in 0 s"), (42, "in 42 s"), (150, "in 2 min"), (5400, "in 1 h 30 min")]
)
def test_the_list_says_as_the_page_does_how_long_a_request_took(
    signed_in: SignedIn, submit: Submit, approver: User, seconds: float, words: str
) -> None:
    row = approve(approver, submit())
    row.copies.update(state="AVAILABLE", ImageId="ami-0aa", called_at=CALLED)
    CopyRequest.objects.update(state="COMPLETED", finished_at=CALLED + timedelta(seconds=seconds))
    browser = signed_in("requester")
    assert f"Done {words}" in read(browser.get("/requests/")).table().row(row.Name).text
    assert f"Took {words.removeprefix('in ')}" in polled(browser, row.pk)[1].region("Done").text
