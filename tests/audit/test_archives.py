"""Archiving: only what is old goes, only into a file that verifies, and the chain goes on where the file ends."""

import gzip
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from pytest_django import Settings

from amicopy.audit import archives, checks, heads, tasks, triggers
from amicopy.audit.actor import worker
from amicopy.audit.archives import NotArchived
from amicopy.audit.chain import link, values_of
from amicopy.audit.models import AuditAnchor, AuditCheck, AuditEvent, EventRegion
from tests.audit.writing import tamper, write

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(tmp_path: Path, settings: Settings) -> Path:
    settings.AUDIT_KEEP_DAYS, settings.AUDIT_ARCHIVE_DIR = 30, str(tmp_path / "archive")
    return tmp_path / "archive"


def write_old(count: int, *, days: int = 40, action: str = "request.submitted") -> list[int]:
    """Events of some days ago, in the chain as if they had been written then."""
    ids = []
    for _ in range(count):
        event = write(action, request=1, data={"reason": "old", "n": [1, 2.5, None]})
        event.at -= timedelta(days=days)
        values = [event.at if connection.vendor == "postgresql" else event.at.replace(tzinfo=None)]
        tamper(
            "UPDATE audit_auditevent SET at = %s, hash = %s WHERE id = %s",
            *values,
            link(event.prev_hash, values_of(event)),
            event.pk,
        )
        ids.append(event.pk)
    return ids


def run(command: str, *arguments: str) -> str:
    out = StringIO()
    call_command(command, *arguments, stdout=out)
    return out.getvalue()


def test_nothing_goes_by_default() -> None:
    write_old(3)
    tasks.archive()
    assert "kept for ever" in run("archive_audit")
    assert AuditEvent.objects.count() == 3


def test_old_events_move_to_a_file_and_the_chain_goes_on_after_it(folder: Path) -> None:
    old, young = write_old(4), write()
    EventRegion.objects.create(event=old[0], region="eu-west-1")
    run("archive_audit")
    assert not EventRegion.objects.exists()
    assert not AuditEvent.objects.filter(pk__in=old).exists()
    archived = AuditEvent.objects.latest("pk")
    assert (archived.action, archived.data["events"], archived.data["up_to"]) == ("audit.archived", 4, old[-1])
    anchor = AuditAnchor.objects.get()
    assert (anchor.event_id, anchor.events) == (old[-1], 4)
    assert len(gzip.decompress((folder / anchor.file).read_bytes()).splitlines()) == 4
    assert AuditEvent.objects.get(pk=young.pk).prev_hash == anchor.hash
    assert run("verify_audit").startswith("6 events verified")
    assert triggers.faults(connection) == []
    with pytest.raises(DatabaseError, match=triggers.MESSAGE), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM audit_auditevent")


def test_an_approval_stays_until_its_request_is_over(folder: Path) -> None:
    write_old(2)
    [approval] = write_old(1, action="request.approved")
    write_old(2)
    tasks.archive()
    assert AuditEvent.objects.order_by("id").values_list("id", flat=True)[0] == approval
    write_old(1, action="request.completed")
    tasks.archive()
    assert not AuditEvent.objects.filter(pk=approval).exists()
    assert run("verify_audit")


def test_many_files_follow_each_other_even_when_every_event_is_old(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "MOST", 3)
    write_old(7)
    tasks.archive()
    assert AuditAnchor.objects.count() == 3
    assert [event.action for event in AuditEvent.objects.all()] == ["audit.archived"] * 3
    assert write().prev_hash == AuditEvent.objects.order_by("-id")[1].hash
    assert run("verify_audit").startswith("11 events verified")


def test_a_head_of_an_archived_event_still_proves_the_tail(folder: Path, tmp_path: Path) -> None:
    write_old(4)
    head = tmp_path / "head.json"
    heads.write(head, heads.current())
    run("archive_audit")
    assert run("verify_audit", "--head", str(head))
    forged = tmp_path / "forged.json"
    heads.write(forged, heads.Head(at="", id=heads.read(head).id, hash="a" * 64, events=4))
    with pytest.raises(CommandError, match="the history was written again"):
        run("verify_audit", "--head", str(forged))


def test_a_changed_a_shortened_and_a_missing_file_are_found(folder: Path) -> None:
    old = write_old(4)
    run("archive_audit")
    path = folder / AuditAnchor.objects.get().file
    good = path.read_bytes()
    lines = gzip.decompress(good).splitlines(keepends=True)
    path.write_bytes(gzip.compress(b"".join(lines).replace(b'"actor":"requester"', b'"actor":"somebody"', 1)))
    with pytest.raises(CommandError, match=rf"^Event {old[0]} in .* isn't as it was written"):
        run("verify_audit")
    path.write_bytes(gzip.compress(b"".join([lines[0], *lines[2:]])))
    with pytest.raises(CommandError, match=f"between events {old[0]} and {old[2]}"):
        run("verify_audit")
    path.write_bytes(gzip.compress(b"".join(lines[:-1])))
    with pytest.raises(CommandError, match="doesn't end where"):
        run("verify_audit")
    path.write_bytes(good[:-20])
    with pytest.raises(CommandError, match="can't be read"):
        run("verify_audit")
    path.write_bytes(gzip.compress(b"nonsense\n"))
    with pytest.raises(CommandError, match="Line 1 of"):
        run("verify_audit")
    path.unlink()
    with pytest.raises(CommandError, match="can't be read"):
        run("verify_audit")
    path.write_bytes(good)
    assert run("verify_audit")


def test_an_anchor_put_in_by_hand_is_recognised(folder: Path) -> None:
    write_old(3)
    run("archive_audit")
    AuditAnchor.objects.update(event_id=AuditAnchor.objects.get().event_id + 1)
    with pytest.raises(CommandError, match="isn't the one that was signed"):
        run("verify_audit")


def test_a_chain_that_does_not_hold_is_not_archived(folder: Path) -> None:
    old = write_old(4)
    tamper("UPDATE audit_auditevent SET actor = 'x' WHERE id = %s", old[1])
    with pytest.raises(CommandError, match=f"Event {old[1]} in"):
        run("archive_audit")
    tasks.archive()
    assert AuditEvent.objects.filter(pk__in=old).count() == 4
    assert list(folder.iterdir()) == []


def test_a_failure_on_the_way_leaves_everything_as_it_was(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = write_old(4)
    monkeypatch.setattr(triggers, "install", lambda connection: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        archives.archive_next(worker("archive"))
    monkeypatch.undo()
    assert AuditEvent.objects.filter(pk__in=old).count() == 4
    assert not AuditAnchor.objects.exists()
    assert triggers.faults(connection) == []


def test_a_folder_that_cannot_be_written_is_said(folder: Path) -> None:
    write_old(1)
    folder.write_text("a file")
    with pytest.raises(NotArchived, match="can't be written"):
        archives.archive_next(worker("archive"))


def test_the_regular_checks_go_on_after_archiving(folder: Path) -> None:
    write_old(3)
    tasks.verify()
    run("archive_audit")
    write()
    tasks.verify()
    status = checks.status()
    assert status is not None
    assert (status.outcome, status.events) == (AuditCheck.Outcome.GOOD, 5)
    AuditCheck.objects.filter(full=True).update(started_at=timezone.now() - checks.FULL_EVERY * 2)
    tasks.verify()
    assert AuditCheck.objects.filter(full=True, outcome=AuditCheck.Outcome.GOOD, events=5).exists()
