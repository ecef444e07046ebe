"""Verifying the chain: what the database's owner changes behind the triggers is found, at the right link."""

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from amicopy.audit import chain_verification, checks, heads, tasks, triggers
from amicopy.audit.actor import worker
from amicopy.audit.chain import link, values_of
from amicopy.audit.models import AuditAnchor, AuditCheck, AuditEvent
from tests.audit.writing import tamper, write

pytestmark = pytest.mark.django_db
Outcome = AuditCheck.Outcome


def verify(*arguments: str) -> str:
    out = StringIO()
    call_command("verify_audit", *arguments, stdout=out)
    return out.getvalue()


def write_some(count: int = 6) -> list[int]:
    return [write(request=number, data={"reason": f"n. {number}"}).pk for number in range(count)]


def write_head(path: Path) -> str:
    call_command("export_audit_head", str(path), stdout=StringIO())
    return str(path)


def test_an_untouched_chain_is_good_and_says_how_long_it_is() -> None:
    ids = write_some()
    assert verify().startswith("6 events verified in ")
    assert f"Head: event {ids[-1]}, " in verify()


def test_no_events_are_a_good_chain_too() -> None:
    assert verify().startswith("0 events verified")


COLUMNS = {
    "actor": "'somebody'",
    "action": "'request.rejected'",
    "request": "99",
    "requester": "99",
    "data": "'{}'",
    "at": "'2020-01-01 00:00:00'",
    "correlation_id": "'00000000000000000000000000000001'",
    "new": "'APPROVED'",
    "hash": f"'{'a' * 64}'",
}


@pytest.mark.parametrize("column", COLUMNS)
def test_a_changed_column_is_named_at_its_event(column: str) -> None:
    ids = write_some()
    value = COLUMNS[column]
    tamper(f"UPDATE audit_auditevent SET {column} = {value} WHERE id = %s", ids[2])
    with pytest.raises(CommandError, match=rf"^Event {ids[2]} isn't as it was written.* 2 events before it are good"):
        verify()


def test_a_changed_event_with_a_hash_made_to_fit_breaks_the_link_after_it() -> None:
    ids = write_some()
    event = AuditEvent.objects.get(pk=ids[2])
    event.actor = "somebody"
    tamper(
        "UPDATE audit_auditevent SET actor = 'somebody', hash = %s WHERE id = %s",
        link(event.prev_hash, values_of(event)),
        ids[2],
    )
    with pytest.raises(CommandError, match=f"between events {ids[2]} and {ids[3]} is broken"):
        verify()


def test_a_removed_event_is_named_by_its_neighbours() -> None:
    ids = write_some()
    tamper("DELETE FROM audit_auditevent WHERE id = %s", ids[3])
    with pytest.raises(CommandError, match=f"between events {ids[2]} and {ids[4]} is broken"):
        verify()


def test_a_removed_beginning_is_found() -> None:
    ids = write_some()
    tamper("DELETE FROM audit_auditevent WHERE id < %s", ids[2])
    with pytest.raises(CommandError, match=f"Event {ids[2]} isn't the first"):
        verify()


def test_two_events_that_changed_places_are_found() -> None:
    ids = write_some()
    tamper("UPDATE audit_auditevent SET id = %s WHERE id = %s", 10**9, ids[2])
    with pytest.raises(CommandError, match=f"between events {ids[1]} and {ids[3]} is broken"):
        verify()


def test_missing_triggers_are_a_finding() -> None:
    write_some()
    triggers.remove(connection)
    with pytest.raises(CommandError, match="The database may let events be changed: audit_no_"):
        verify()
    triggers.install(connection)


def test_a_cut_tail_leaves_a_good_chain_and_only_an_earlier_head_proves_it(tmp_path: Path) -> None:
    ids = write_some()
    head = write_head(tmp_path / "head.json")
    assert verify("--head", head)
    tamper("DELETE FROM audit_auditevent WHERE id >= %s", ids[4])
    assert verify().startswith("4 events")
    with pytest.raises(CommandError, match=rf"Event {ids[5]} .* the end of the history was cut off"):
        verify("--head", head)


def test_a_history_written_again_from_some_point_on_is_proved_by_an_earlier_head(tmp_path: Path) -> None:
    ids = write_some()
    head = write_head(tmp_path / "head.json")
    tamper("DELETE FROM audit_auditevent WHERE id = %s", ids[5])
    forged = write(request=99)
    tamper("UPDATE audit_auditevent SET id = %s WHERE id = %s", ids[5], forged.pk)
    assert verify().startswith("6 events")
    with pytest.raises(CommandError, match="the history was written again"):
        verify("--head", head)


def test_only_what_is_new_since_a_head_is_checked(tmp_path: Path) -> None:
    ids = write_some()
    head = write_head(tmp_path / "head.json")
    write_some(2)
    assert verify("--head", head, "--since-head").startswith("2 events verified")
    tamper("UPDATE audit_auditevent SET actor = 'x' WHERE id = %s", ids[0])
    assert verify("--head", head, "--since-head").startswith("2 events verified")
    with pytest.raises(CommandError, match="--since-head needs --head"):
        verify("--since-head")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        "7",
        '{"kind": "head"}',
        '{"kind": "head", "at": "", "id": 1, "hash": "", "events": 1, "signature": 5}',
        '{"kind": "head", "at": "", "id": 1, "hash": "", "events": 1, "signature": "é"}',
        "[" * 5000,
        "\x00\x01",
    ],
)
def test_a_file_that_is_no_head_is_refused_in_words(content: str, tmp_path: Path) -> None:
    path = tmp_path / "head.json"
    path.write_text(content)
    with pytest.raises(CommandError, match=r"^The (file isn't a head|head's signature doesn't fit)"):
        verify("--head", str(path))


def test_a_head_that_was_changed_is_refused(tmp_path: Path) -> None:
    write_some()
    path = Path(write_head(tmp_path / "head.json"))
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "id": content["id"] - 1}))
    with pytest.raises(CommandError, match="signature doesn't fit"):
        verify("--head", str(path))
    with pytest.raises(CommandError, match="can't be read"):
        verify("--head", str(tmp_path / "nowhere.json"))


def test_m40_a_signed_file_of_another_kind_is_no_head(tmp_path: Path) -> None:
    """Whatever else the key signs proves nothing of the chain's end, even with a head's members."""
    write_some()
    path = Path(write_head(tmp_path / "head.json"))
    content = {**json.loads(path.read_text()), "kind": "anchor"}
    del content["signature"]
    path.write_text(json.dumps({**content, "signature": heads.sign(content)}))
    with pytest.raises(CommandError, match="isn't a head"):
        verify("--head", str(path))


def test_a_head_signed_with_a_key_of_the_past_is_good(tmp_path: Path, settings: Settings) -> None:
    settings.AUDIT_PRIVATE_KEY, settings.AUDIT_PUBLIC_KEYS = "", []
    write_some()
    head = write_head(tmp_path / "head.json")
    settings.AUDIT_SIGNING_KEY, before = "b" * 40, settings.AUDIT_SIGNING_KEY
    with pytest.raises(CommandError, match="signature doesn't fit"):
        verify("--head", head)
    settings.AUDIT_SIGNING_KEY_FALLBACKS = [before]
    assert verify("--head", head)


def test_a_head_is_never_written_over(tmp_path: Path) -> None:
    head = write_head(tmp_path / "head.json")
    before = Path(head).read_text()
    write_some()
    with pytest.raises(CommandError, match="can't be written"):
        write_head(tmp_path / "head.json")
    assert Path(head).read_text() == before
    assert [path.name for path in tmp_path.iterdir()] == ["head.json"]


def test_the_task_writes_heads_that_sort_by_time_and_nothing_without_a_folder(
    tmp_path: Path, settings: Settings
) -> None:
    tasks.write_head()
    settings.AUDIT_HEAD_DIR, settings.AUDIT_HEAD_SECONDS = str(tmp_path / "heads"), 0
    write_some(1)
    tasks.write_head()
    write_some(2)
    tasks.write_head()
    names = sorted(path.name for path in (tmp_path / "heads").iterdir())
    assert [heads.read(tmp_path / "heads" / name).events for name in names] == [1, 3]
    assert heads.newest(tmp_path / "heads", 1) == [tmp_path / "heads" / names[1]]


def test_the_task_checks_what_is_new_and_walks_all_once_a_day() -> None:
    write_some()
    tasks.verify()
    assert AuditCheck.objects.filter(full=True, outcome=Outcome.GOOD, events=6).count() == 1
    write_some(2)
    tasks.verify()
    status = checks.status()
    assert status is not None
    assert (status.full, status.outcome, status.events) == (False, Outcome.GOOD, 8)
    assert AuditCheck.objects.filter(full=True).count() == 1
    AuditCheck.objects.filter(full=True).update(started_at=timezone.now() - checks.FULL_EVERY * 2)
    tasks.verify()
    assert AuditCheck.objects.filter(full=True, outcome=Outcome.GOOD).count() == 2


def test_the_task_finds_a_change_to_new_events_at_once_and_to_old_ones_with_the_full_walk() -> None:
    ids = write_some()
    tasks.verify()
    tamper("UPDATE audit_auditevent SET actor = 'x' WHERE id = %s", ids[0])
    tasks.verify()
    assert is_good()
    AuditCheck.objects.filter(full=True).update(started_at=timezone.now() - checks.FULL_EVERY * 2)
    tasks.verify()
    assert not is_good()
    tasks.verify()
    assert not is_good(), "a good look at the new events doesn't outweigh a full walk that failed"
    tamper("UPDATE audit_auditevent SET actor = 'requester' WHERE id = %s", ids[0])
    assert verify()
    assert is_good()


def is_good() -> bool:
    status = checks.status()
    assert status is not None
    return status.outcome == Outcome.GOOD


def test_a_tail_cut_since_the_last_check_is_found_without_any_head() -> None:
    ids = write_some()
    tasks.verify()
    tamper("DELETE FROM audit_auditevent WHERE id > %s", ids[3])
    tasks.verify()
    status = checks.status()
    assert status is not None
    assert status.outcome == Outcome.BROKEN
    assert status.finding == f"Event {ids[5]} in the last good check is missing: the end of the history was cut off."


def test_a_tail_cut_together_with_the_checks_is_found_by_the_newest_head(tmp_path: Path, settings: Settings) -> None:
    settings.AUDIT_HEAD_DIR = str(tmp_path)
    ids = write_some()
    tasks.write_head()
    tasks.verify()
    AuditCheck.objects.all().delete()
    tamper("DELETE FROM audit_auditevent WHERE id > %s", ids[3])
    tasks.verify()
    assert not is_good()


def test_a_folder_without_a_head_says_nothing_and_one_with_a_foreign_file_does(
    tmp_path: Path, settings: Settings
) -> None:
    write_some()
    assert chain_verification.newest_heads() == "", "no folder is set"
    settings.AUDIT_HEAD_DIR = str(tmp_path)
    assert chain_verification.newest_heads() == ""
    tasks.write_head()
    assert chain_verification.newest_heads() == ""
    (tmp_path / "amicopy-head-99999999T000000000000-9.json").write_text("{}")
    said = chain_verification.newest_heads()
    assert said == "amicopy-head-99999999T000000000000-9.json: The file isn't a head that amicopy wrote."


def test_what_the_signature_of_an_anchor_covers_stays_as_it_is_in_archives_of_before() -> None:
    anchor = AuditAnchor(event_id=7, hash="a" * 64, events=5)
    signed = {"kind": "anchor", "event_id": 7, "hash": "a" * 64, "events": 5}
    assert chain_verification.anchor_content(anchor) == signed


def test_a_finding_is_an_event_once_and_a_line_in_the_log_each_time(caplog: pytest.LogCaptureFixture) -> None:
    ids = write_some()
    tamper("UPDATE audit_auditevent SET actor = 'x' WHERE id = %s", ids[0])
    tasks.verify()
    tasks.verify()
    assert AuditEvent.objects.filter(action="audit.broken").count() == 1
    assert caplog.text.count("The audit history doesn't hold") >= 2


def test_a_long_chain_is_walked_in_steps_that_end_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain_verification, "BATCH", 2)
    write_some(5)
    seen = []
    for _ in range(3):
        check = checks.verify_all(seconds=0, actor=worker("verify"))
        seen.append((check.outcome, check.events))
    assert seen == [(Outcome.RUNNING, 2), (Outcome.RUNNING, 4), (Outcome.GOOD, 5)]
    assert AuditCheck.objects.count() == 1


def test_a_full_walk_by_command_does_not_trust_the_steps_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain_verification, "BATCH", 2)
    ids = write_some(5)
    checks.verify_all(seconds=0, actor=worker("verify"))
    tamper("UPDATE audit_auditevent SET actor = 'x' WHERE id = %s", ids[0])
    with pytest.raises(CommandError, match=f"Event {ids[0]} isn't as it was written"):
        verify()
