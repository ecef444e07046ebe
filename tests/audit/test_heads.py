"""Heads signed with Ed25519, and the stores they are kept in: what is missing, late or lost is said."""

import json
import shutil
import stat
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from amicopy.audit import head_store, heads, signing_keys, tasks
from amicopy.audit.models import AuditEvent, HeadStore
from tests.audit.writing import write

pytestmark = pytest.mark.django_db


def public_of(private: str) -> str:
    return signing_keys.public_text(signing_keys.private_key(private).public_key())


@pytest.fixture
def private(settings: Settings) -> str:
    """A private key of this installation; the public one is known."""
    key = signing_keys.make()
    settings.AUDIT_PRIVATE_KEY, settings.AUDIT_PUBLIC_KEYS = key, [public_of(key)]
    return key


@pytest.fixture
def folder(tmp_path: Path, settings: Settings) -> Path:
    settings.AUDIT_HEAD_DIR = str(tmp_path / "heads")
    write()
    return tmp_path / "heads"


def said() -> list[str]:
    return [found.words for found in head_store.findings() if not found.ok]


def test_a_head_says_with_which_key_it_was_signed_and_a_new_key_leaves_it_good(
    private: str, settings: Settings
) -> None:
    write()
    text = heads.to_json(heads.current())
    key = signing_keys.key_id(signing_keys.private_key(private).public_key())
    assert (json.loads(text)["algorithm"], json.loads(text)["key"]) == ("ed25519", key)
    new = signing_keys.make()
    settings.AUDIT_PRIVATE_KEY, settings.AUDIT_PUBLIC_KEYS = new, [public_of(new), public_of(private)]
    assert heads.from_json(text).events == 1
    settings.AUDIT_PUBLIC_KEYS = [public_of(new)]
    with pytest.raises(heads.InvalidHead, match="signed with another key"):
        heads.from_json(text)


@pytest.mark.parametrize(
    "change", [{"events": 7}, {"at": "x"}, {"key": "0" * 16}, {"signature": "AAAA"}, {"more": 1}, {"key": []}]
)
def test_a_head_that_was_changed_is_refused(change: dict[str, object], private: str) -> None:
    write()
    content = json.loads(heads.to_json(heads.current()))
    with pytest.raises(heads.InvalidHead):
        heads.from_json(json.dumps({**content, **change}))


def test_a_head_of_before_bears_an_hmac_and_stays_good(private: str, settings: Settings) -> None:
    write()
    settings.AUDIT_PRIVATE_KEY, settings.AUDIT_PUBLIC_KEYS = "", []
    before = heads.to_json(heads.current())
    assert "key" not in json.loads(before)
    settings.AUDIT_PRIVATE_KEY, settings.AUDIT_PUBLIC_KEYS = private, [public_of(private)]
    assert heads.from_json(before) is not None


def test_a_process_without_the_private_key_verifies_and_does_not_sign(
    private: str, folder: Path, settings: Settings, tmp_path: Path
) -> None:
    text = heads.to_json(heads.current())
    settings.AUDIT_PRIVATE_KEY = ""
    assert heads.from_json(text)
    with pytest.raises(CommandError, match="AUDIT_PRIVATE_KEY"):
        call_command("export_audit_head", str(tmp_path / "head.json"))
    tasks.write_head()
    assert said() == [f"{folder}: {head_store.FAULTS[HeadStore.Fault.NO_KEY]}"]


def test_the_command_makes_a_pair_and_keeps_the_public_keys_of_before(private: str, tmp_path: Path) -> None:
    out, path = StringIO(), tmp_path / "key.pem"
    call_command("make_audit_key", "--private-key-file", str(path), stdout=out, stderr=StringIO())
    printed = dict(line.split("=", 1) for line in out.getvalue().splitlines())
    new, old = printed["AUDIT_PUBLIC_KEYS"].split(",")
    assert (new, old) == (public_of(path.read_text()), public_of(private))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "PRIVATE" not in out.getvalue().replace("AUDIT_PRIVATE_KEY_FILE", "")
    with pytest.raises(CommandError, match="can't be written"):
        call_command("make_audit_key", "--private-key-file", str(path), stderr=StringIO())


@pytest.mark.parametrize("text", ["", "x", "AAAA", "MCowBQYDK2VuAyEAbcuIpjKWqNUs9FxZL0jIUzYjD4QocB8fhRbLczFSMjE="])
def test_what_is_no_key_is_refused(text: str) -> None:
    for read in (signing_keys.private_key, signing_keys.public_key):
        with pytest.raises(signing_keys.InvalidKey):
            read(text)


def test_without_a_store_it_is_said(settings: Settings) -> None:
    assert said() == [
        "Heads of the history are kept nowhere, so nobody could tell if its end was cut off. "
        "Set AUDIT_HEAD_DIR or AUDIT_HEAD_BUCKET."
    ]


def test_a_store_is_good_with_a_head_and_late_without_a_new_one(folder: Path) -> None:
    assert said() == [f"{folder}: It has no head of the history yet. Do beat and a worker run?"]
    tasks.write_head()
    tasks.write_head()
    assert (said(), len(list(folder.iterdir()))) == ([], 1)
    HeadStore.objects.update(written_at=timezone.now() - timedelta(hours=3))
    assert "Its newest head is of" in said()[0]
    tasks.write_head()
    assert (said(), len(list(folder.iterdir()))) == ([], 2)


def test_an_emptied_folder_is_an_event_and_said_until_the_head_is_back(folder: Path, tmp_path: Path) -> None:
    tasks.write_head()
    [path] = folder.iterdir()
    path.rename(tmp_path / path.name)
    for _ in range(2):
        tasks.write_head()
        assert f"{path.name} was in it and is gone" in said()[0]
    event = AuditEvent.objects.get(action="audit.head_lost")
    assert event.data == {"store": "folder", "name": path.name, "event": HeadStore.objects.get().event_id}
    (tmp_path / path.name).rename(path)
    tasks.write_head()
    assert said() == []


def test_a_folder_that_is_gone_is_not_made_anew(folder: Path) -> None:
    tasks.write_head()
    shutil.rmtree(folder)
    tasks.write_head()
    assert (said(), folder.exists()) == ([f"{folder}: {head_store.FAULTS[HeadStore.Fault.MISSING]}"], False)
    folder.mkdir()
    tasks.write_head()
    assert "is gone since" in said()[0]


def test_a_folder_that_cannot_be_written_is_said(folder: Path) -> None:
    folder.write_text("a file")
    tasks.write_head()
    assert said() == [f"{folder}: {head_store.FAULTS[HeadStore.Fault.UNWRITABLE]}"]
    folder.unlink()
    tasks.write_head()
    assert said() == []
