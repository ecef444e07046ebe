"""Reading and deciding from the command line."""

import os
import pty
import re
import subprocess
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from amicopy.copies.core.models import CopyRequest, ImageCopy
from tests.api.conftest import token_of
from tests.cli.conftest import ASKED, Command, become, filed
from tests.copies.conftest import SOURCE, approve, make_person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture
def row(amicopy: Command) -> CopyRequest:
    assert amicopy("request", *ASKED, "--region", "eu-west-1", "--region", "us-west-2").code == 0
    return filed()


@pytest.fixture
def deciding(amicopy: Command) -> Command:
    """The command as the approver's, with a token to read and decide."""
    return amicopy.with_token(token_of(make_person("approver", "approver"), "read", "decide"))


def test_lists_are_narrowed_and_cut(amicopy: Command, row: CopyRequest) -> None:
    amicopy("request", *ASKED, "--region", "eu-west-1", "--correlation", "run-7")
    second = CopyRequest.objects.latest("pk")
    listed = amicopy("list")
    assert listed.code == 0
    assert [text.split()[:2] for text in listed.out.splitlines()] == [
        ["Number", "State"],
        [str(second.pk), "PENDING"],
        [str(row.pk), "PENDING"],
    ]
    for options, numbers in (
        (("--limit", "1"), [second.pk]),
        (("--correlation", "run-7"), [second.pk]),
        (("--state", "WITHDRAWN"), []),
        (("--account", "111122223333"), [second.pk, row.pk]),
    ):
        found = amicopy("list", *options, "--output", "json")
        assert [each["number"] for each in found.json] == numbers
    wrong = amicopy("list", "--state", "GONE")
    assert (wrong.code, wrong.out) == (6, "")


def test_a_list_longer_than_a_page_of_the_api_is_read_on(amicopy: Command, row: CopyRequest) -> None:
    for number in range(105):
        row.pk, row.submission = None, uuid4()
        row.correlation = f"run-{number}"
        row.save(force_insert=True)
    assert len(amicopy("list", "--limit", "104", "--output", "json").json) == 104
    assert len(amicopy("list", "--limit", "1000", "--output", "json").json) == 106


def test_a_request_is_shown_with_why_a_copy_failed(amicopy: Command, row: CopyRequest) -> None:
    become(approve(make_person("approver", "approver"), row), "PARTIAL", {0: "AVAILABLE", 1: "FAILED"})
    shown = amicopy("show", row.pk)
    assert shown.code == 0
    assert "Client.InvalidKey: No such key." in shown.out
    assert row.content_hash in shown.out
    assert amicopy("show", row.pk, "--output", "json").json["content_hash"] == row.content_hash
    missing = amicopy("show", 4711)
    assert (missing.code, missing.err) == (6, "Error: There is no request #4711 that this token reaches.\n")


def test_what_people_typed_does_nothing_to_a_terminal(amicopy: Command, row: CopyRequest) -> None:
    CopyRequest.objects.filter(pk=row.pk).update(reason="[red]x[/] \x1b[2J\x07 :smile:")
    out = amicopy("show", row.pk).out
    # What a terminal would act on is shown as a sign of its own; what rich would is shown as it is.
    assert "[red]x[/] \ufffd[2J\ufffd :smile:" in out


def test_who_decides_reads_what_would_be_called_and_done(amicopy: Command, deciding: Command) -> None:
    run = amicopy(
        "request", *ASKED, "--region", "eu-west-1", "--encrypted", "--kms-key-id", "alias/retired",
        "--destination", "DestinationRegion=us-west-2,KmsKeyId=alias/golden-images,Name=golden-west",
        "--copy-image-tags", "--launch-permission", "UserIds=222233334444", "--submit-anyway", "It is back on Monday.",
    )  # fmt: skip
    assert run.code == 0, run.err
    first, second = filed().copies.order_by("position")
    head, _, rest = deciding("show", filed().pk).out.partition("\nEvery copy\n")
    every, _, rest = rest.partition(f"\nCopy {first.pk}, eu-west-1\n")
    one, _, other = rest.partition(f"\nCopy {second.pk}, us-west-2\n")
    assert "requester, with a token" in head
    assert "Submitted anyway: It is back on Monday.\n  KmsKeyId in eu-west-1: KMS key must be enabled." in head
    assert dict(text.split() for text in every.splitlines() if text) == {
        "SourceRegion": "us-east-1",
        "SourceImageId": SOURCE,
        "CopyImageTags": "true",
        "Encrypted": "true",
    }
    assert re.search(r"^KmsKeyId +alias/retired$", one, re.M)
    assert re.search(r"^Name +golden-west$", other, re.M)
    assert re.search(r"^Tags, snapshot +amicopy:copy=\S+/1$", other, re.M)
    for each in (one, other):
        assert 'LaunchPermission {"UserIds": ["222233334444"]} WAITING' in each


def test_approving_names_the_content_that_was_read(deciding: Command, row: CopyRequest) -> None:
    other = deciding("approve", row.pk, "--content-hash", "0" * 64)
    assert other.code == 6
    assert "isn't what you saw any more" in other.err
    row.refresh_from_db()
    assert row.state == "PENDING"
    run = deciding("approve", row.pk, "--content-hash", row.content_hash, "--output", "json")
    assert (run.code, run.json["state"], run.json["decided_by"]) == (0, "APPROVED", "approver")
    # Once more it isn't possible, and says so.
    again = deciding("approve", row.pk, "--content-hash", row.content_hash)
    assert (again.code, again.out) == (6, "")


def test_an_approval_is_taken_back_before_anything_starts(
    deciding: Command, row: CopyRequest, settings: Settings
) -> None:
    settings.APPROVAL_UNDO_SECONDS = 300.0
    assert deciding("approve", row.pk, "--content-hash", row.content_hash).code == 0
    run = deciding("withdraw-vote", row.pk, "--output", "json")
    assert (run.code, run.json["state"], run.json["decided_by"]) == (0, "PENDING", None)
    again = deciding("withdraw-vote", row.pk)
    assert (again.code, again.out) == (7, "")
    assert "You can take back only an approval of your own." in again.err


def test_in_a_terminal_the_request_is_shown_and_asked_about(deciding: Command, row: CopyRequest) -> None:
    for typed, code, state in (("n\n", 130, "PENDING"), ("y\n", 0, "APPROVED")):
        leader, follower = pty.openpty()
        process = subprocess.Popen(
            [*deciding.start, "approve", str(row.pk)],
            env=deciding.environ,
            stdin=follower,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        os.close(follower)
        os.write(leader, typed.encode())
        out, err = process.communicate(timeout=60)
        os.close(leader)
        assert process.returncode == code, err
        assert row.content_hash.encode() in out
        assert b"Approve exactly this?" in err
        row.refresh_from_db()
        assert row.state == state


def test_rejecting_and_sending_back_say_why(amicopy: Command, deciding: Command, row: CopyRequest) -> None:
    back = deciding("request-changes", row.pk, "--content-hash", row.content_hash, "--reason", "Which ticket?")
    assert (back.code, filed().state) == (0, "CHANGES_REQUESTED")
    amicopy("request", *ASKED, "--region", "eu-west-1")
    other = CopyRequest.objects.latest("pk")
    rejected = deciding("reject", other.pk, "--content-hash", other.content_hash, "--reason", "Not this one")
    assert (rejected.code, CopyRequest.objects.latest("pk").state) == (0, "REJECTED")
    # Who asked reads why.
    assert "Sent back by approver: Which ticket?" in amicopy("show", row.pk).out
    ended = amicopy("wait", other.pk)
    assert (ended.code, ended.err) == (4, f"Why: amicopy show {other.pk}\n")
    shown = amicopy("show", other.pk)
    assert "Rejected by approver: Not this one" in shown.out


def test_nobody_decides_on_their_own(row: CopyRequest, person: User, amicopy: Command) -> None:
    own = token_of(make_person("requester", "requester", "approver"), "read", "decide")
    run = amicopy.with_token(own)("approve", row.pk, "--content-hash", row.content_hash)
    assert (run.code, filed().state) == (7, "PENDING")
    assert "You can't decide on your own request." in run.err


def test_a_token_for_something_else_says_which_scope_is_needed(amicopy: Command, row: CopyRequest) -> None:
    run = amicopy("approve", row.pk, "--content-hash", row.content_hash)
    assert run.code == 7
    assert "needs the scope “decide”" in run.err


def test_withdrawing_cancelling_and_retrying(amicopy: Command, row: CopyRequest) -> None:
    become(approve(make_person("approver", "approver"), row), "PARTIAL", {0: "AVAILABLE", 1: "FAILED"})
    failed = row.copies.get(state="FAILED")
    retried = amicopy("retry", row.pk, "--copy", failed.pk, "--output", "json")
    assert retried.code == 0, retried.err
    assert [copy["state"] for copy in retried.json["copies"]] == ["AVAILABLE", "QUEUED"]
    cancelled = amicopy("cancel", row.pk)
    assert (cancelled.code, ImageCopy.objects.get(pk=failed.pk).state) == (0, "CANCELLED")
    nothing = amicopy("withdraw", row.pk)
    assert (nothing.code, nothing.out) == (6, "")
    amicopy("request", *ASKED, "--region", "eu-west-1")
    newest = CopyRequest.objects.latest("pk")
    assert amicopy("withdraw", newest.pk, "--output", "json").json["state"] == "WITHDRAWN"
