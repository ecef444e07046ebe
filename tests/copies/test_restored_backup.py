"""What a restored backup needs, piece by piece; the whole of it, with real processes, is in tests/journey."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from pytest_django import Settings

from amicopy.audit import chain_verification, heads
from amicopy.audit.actor import Actor
from amicopy.audit.models import AuditEvent
from amicopy.copies import tasks
from amicopy.copies.core.installation import Installation
from amicopy.copies.core.models import CopyRequest, ImageCopy
from amicopy.copies.engine import outside_memory
from amicopy.copies.operations import restored_backup, startup_audit
from amicopy.copies.requests import verbs
from tests.conftest import Control
from tests.copies.conftest import Submit, acting, approve
from tests.copies.passing_time import look_again
from tests.copies.test_lagging_lists import good_images, started
from tests.copies.test_what_was_made import make_image
from tests.doctor import findings

pytestmark = pytest.mark.django_db
OPERATOR = Actor(name="after_restore", source="command")


def forget_newest() -> None:
    """The memory holds an event that the database doesn't have, as after a restore."""
    outside_memory.keep()
    path = next(django_settings.VAR_DIR.glob(f"newest-event-{Installation.objects.get().mark}.json"))
    said = json.loads(path.read_text())
    path.write_text(json.dumps({"event": said["event"] + 10, "hash": "f" * 64}))


def go_on() -> AuditEvent:
    return restored_backup.go_on(OPERATOR, skip=1000)


def test_nothing_is_called_on_a_database_that_lacks_what_was_seen(
    submit: Submit, approver: User, sandbox: Control
) -> None:
    copy = approve(approver, submit()).copies.get()
    forget_newest()
    count = AuditEvent.objects.count()
    look_again("start_due")
    look_again("sweep")
    copy.refresh_from_db()
    assert (copy.state, sandbox("calls"), AuditEvent.objects.count()) == ("QUEUED", [], count)
    assert outside_memory.noticed(), "other machines stop as well"
    assert not next(found for found in findings() if found.what == "restore").ok
    with pytest.raises(outside_memory.Behind):
        startup_audit.notice("web")
    go_on()
    assert outside_memory.in_step()
    look_again("start_due", minutes=11)
    copy.refresh_from_db()
    assert copy.state == "COPYING"


def test_a_restore_between_claim_and_call_is_noticed_before_the_call(
    submit: Submit, approver: User, sandbox: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    approve(approver, submit())
    monkeypatch.setattr(outside_memory, "in_step", lambda: True)
    forget_newest()
    with pytest.raises(outside_memory.Behind):
        tasks.start_due(wake=False)
    assert sandbox("images") == []


def test_the_newest_event_is_remembered_before_the_call(submit: Submit, approver: User, sandbox: Control) -> None:
    sandbox("faults", kind="drop", action="CopyImage")
    started(approve(approver, submit()))
    called = AuditEvent.objects.get(action="copy.starting")
    assert outside_memory.newest_seen() >= called.pk


def test_a_head_that_the_database_lacks_is_noticed_at_start(submit: Submit, settings: Settings, tmp_path: Path) -> None:
    submit()
    settings.AUDIT_HEAD_DIR = str(tmp_path)
    now = heads.current()
    heads.write_to(tmp_path, now)
    outside_memory.check()
    lost = heads.Head(at=now.at, id=now.id + 5, hash="e" * 64, events=now.events + 5)
    heads.write_to(tmp_path, lost)
    with pytest.raises(outside_memory.Behind):
        outside_memory.check()
    event = go_on()
    outside_memory.check()
    said = chain_verification.missing_head(lost, "the head")
    assert said == f"Event {lost.id} in the head is missing: a backup was restored, says event {event.pk}."


def test_no_number_is_given_twice(submit: Submit) -> None:
    request = submit()
    newest = AuditEvent.objects.latest("id")
    event = go_on()
    assert event.pk > newest.pk + 1000
    assert event.data == {"newest_event": newest.pk, "newest_hash": newest.hash, "skipped": 1000, "requests": 1}
    again = submit()
    assert again.pk > request.pk + 1000
    assert again.copies.get().pk > request.copies.get().pk + 1000
    assert again.copies.get().attempts.get().pk > request.copies.get().attempts.get().pk + 1000
    assert chain_verification.walk(chain_verification.beginning()).finding == ""


def test_more_than_was_seen_has_to_be_skipped(submit: Submit) -> None:
    submit()
    forget_newest()
    with pytest.raises(CommandError, match="skip more than"):
        call_command("after_restore", skip=5)
    with pytest.raises(CommandError, match="1 at least"):
        call_command("after_restore", skip=0)


@pytest.mark.parametrize("key", ["amicopy:copy", ""])
def test_a_pending_copy_that_was_made_since_is_gone_on_with_once_it_is_approved(
    submit: Submit, approver: User, sandbox: Control, settings: Settings, key: str, capsys: Any
) -> None:
    settings.MARK_TAG_KEY = key
    request = submit()
    made = make_image(request.copies.get(), "the token of a lost row")
    call_command("after_restore")
    said = capsys.readouterr().out
    assert (f"{made} (pending) was made since the backup, and is gone on with once it is approved" in said) == bool(key)
    events = AuditEvent.objects.filter(action="copy.made_before_restore", request=request.pk)
    assert [event.image_id for event in events] == ([made] if key else [])
    copy = started(approve(approver, request))
    assert (copy.state, copy.ImageId, len(sandbox("images"))) == ("COPYING", made, 1)


def test_what_is_asked_again_after_the_restore_looks_as_well(
    submit: Submit, approver: User, requester: User, sandbox: Control
) -> None:
    """A request that is sent back and handed in anew has new copies, which come from no backup."""
    request = submit()
    made = make_image(request.copies.get(), "the token of a lost row")
    go_on()
    verbs.request_changes(acting(approver), request.pk, reason="Why?", seen_hash=request.content_hash)
    again = verbs.resubmit(acting(requester), request.pk, reason="Because.", calls=request.calls_as_asked())
    approve(approver, again)
    look_again("start_due")
    copy = again.copies.get(round=2)
    assert (copy.state, copy.ImageId, len(sandbox("images"))) == ("COPYING", made, 1)


def test_an_image_that_is_not_listed_yet_is_waited_for(submit: Submit, approver: User, sandbox: Control) -> None:
    request = approve(approver, submit())
    made = make_image(request.copies.get(), "the token of a lost row")
    sandbox("faults", kind="hide", action="DescribeImages", since="rule", seconds=300, count=None)
    go_on()
    copy = started(request)
    assert (copy.state, copy.wait_code) == ("STARTING", "looking-for-image")
    look_again("start_due", minutes=6, control=sandbox)
    copy.refresh_from_db()
    assert (copy.state, copy.ImageId, good_images(sandbox)) == ("COPYING", made, [made])


def test_a_place_that_does_not_answer_is_said(submit: Submit, sandbox: Control, capsys: Any) -> None:
    submit()
    sandbox("faults", kind="error", action="DescribeImages", code="UnauthorizedOperation", status=403, count=9)
    with pytest.raises(CommandError, match="before each call"):
        call_command("after_restore")
    assert "eu-west-1 can't be looked at" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_said_and_stops_nothing(
    submit: Submit, approver: User, sandbox: Control, settings: Settings, tmp_path: Path
) -> None:
    settings.VAR_DIR = tmp_path / "a file"
    settings.VAR_DIR.write_text("")
    assert started(approve(approver, submit())).state == "COPYING"
    assert next(found for found in findings() if found.what == "restore").warning
    assert "amicopy.W005" in {str(found.id) for found in run_checks(include_deployment_checks=True)}
    settings.VAR_DIR = tmp_path / "new" / "folder"
    assert "amicopy.W005" not in {str(found.id) for found in run_checks(include_deployment_checks=True)}


def test_what_is_over_is_not_marked(submit: Submit, approver: User, sandbox: Control) -> None:
    request = approve(approver, submit())
    ImageCopy.objects.update(state="CANCELLED")
    CopyRequest.objects.update(state="CANCELLED")
    assert go_on().data["requests"] == 0
    request.refresh_from_db()
    assert request.restored_at is None
