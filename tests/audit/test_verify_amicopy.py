"""An outsider verifies an export with one file and a public key: a true one is good, and every forgery is found."""

import base64
import copy
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from amicopy.audit import archives, exports, head_store, heads, signing_keys, tasks
from amicopy.audit.actor import worker
from amicopy.audit.event_queries import Filter
from amicopy.audit.models import AuditEvent
from amicopy.copies.core.models import CopyRequest, Decision
from amicopy.copies.operations import request_records
from amicopy.copies.requests import verbs, vote_withdrawal
from tests.audit.writing import ACTOR, write
from tests.copies.conftest import Submit, account, acting, approve, approver, make_call, make_person, requester, submit

__all__ = ("account", "approver", "requester", "submit")
pytestmark = pytest.mark.django_db

PRIVATE = signing_keys.make()
PUBLIC = signing_keys.public_text(signing_keys.private_key(PRIVATE).public_key())
Lines = list[dict[str, Any]]


@pytest.fixture(autouse=True)
def _keys(settings: Settings) -> None:
    settings.AUDIT_PRIVATE_KEY, settings.AUDIT_PUBLIC_KEYS = PRIVATE, [PUBLIC]


@pytest.fixture
def export(submit: Submit, approver: User, requester: User, tmp_path: Path) -> Path:
    """A true export: a request with one vote and then approved by two, one rejected, one sent back and again."""
    write("person.signed_in", data={"words": "déjà vu \N{GRINNING FACE}", "n": [1.5, 10**20, None]})
    one, two = submit(make_call(), make_call("eu-central-1")), submit(make_call("us-west-2"))
    three = submit(make_call("ap-south-1"))
    approve(approver, one)
    verbs.reject(acting(approver), two.pk, reason="No.")
    verbs.request_changes(acting(approver), three.pk, reason="There.")
    verbs.resubmit(acting(requester), three.pk, reason="Yes.", calls=[make_call("ap-south-2")])
    verbs.break_glass(acting(make_person("glass", "break-glass")), three.pk, reason="Fire.", seen_hash=seen(three))
    return take(tmp_path / "export.zip")


def test_an_approval_that_was_taken_back_needs_no_decision(
    submit: Submit, approver: User, settings: Settings, tmp_path: Path
) -> None:
    settings.APPROVAL_UNDO_SECONDS = 10.0
    waits, anew = submit(), submit(make_call("eu-central-1"))
    for request in (waits, anew):
        approve(approver, request)
        vote_withdrawal.withdraw_vote(acting(approver), request.pk)
    approve(approver, anew)
    _, said = verify(take(tmp_path / "export.zip"))
    assert "WRONG" not in said, said
    Decision.objects.all().delete()
    _, said = verify(take(tmp_path / "again.zip"))
    assert "isn't among its decisions" in said


def seen(request: CopyRequest) -> str:
    return CopyRequest.objects.get(pk=request.pk).content_hash


def take(path: Path, **asked: Any) -> Path:
    """Exports to a file; `asked` are filters."""
    pieces = exports.export_with_proof(
        Filter(**asked).apply(AuditEvent.objects.all()),
        filters={name: str(value) for name, value in asked.items()},
        requests=partial(request_records.records, CopyRequest.objects.all()),
        actor=ACTOR,
    )
    path.write_bytes(b"".join(pieces))
    return path


def verify(*arguments: str | Path, bare: bool = True, path: str = os.environ["PATH"]) -> tuple[int, str]:
    """Runs the program that lies in the export, alone in a folder; `bare`: with Python's standard library only."""
    export = Path(arguments[-1])
    with ZipFile(export) as archive:
        program = archive.extract("verify_amicopy.py", export.parent / "alone")
    options = ["-I", "-S"] if bare else ["-I"]
    command = [sys.executable, *options, program, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=export.parent / "alone", env={"PATH": path})
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout


@pytest.mark.parametrize("bare", [True, False], ids=["openssl", "cryptography"])
def test_a_true_export_is_good(export: Path, bare: bool) -> None:
    code, said = verify("--key", PUBLIC, export, bare=bare)
    assert (code, "WRONG" in said) == (0, False), said
    assert "3 requests were compared with their events." in said
    assert "heads/now.json is signed, and the events lead to it" in said


def test_the_key_may_stand_in_a_file(export: Path, tmp_path: Path) -> None:
    for text in (PUBLIC, f"-----BEGIN PUBLIC KEY-----\n{PUBLIC}\n-----END PUBLIC KEY-----\n"):
        (tmp_path / "key.pem").write_text(text)
        assert verify("--key", tmp_path / "key.pem", export)[0] == 0
    assert verify("--key", "nonsense", export)[0] == 2


def test_what_could_not_be_checked_is_said_and_told_by_the_code(export: Path, tmp_path: Path) -> None:
    code, said = verify(export)
    assert (code, "no --key was given" in said) == (3, True)
    code, said = verify("--key", PUBLIC, export, path=str(tmp_path))
    assert (code, "neither the package cryptography nor a fitting openssl" in said) == (3, True)


def narrowed(path: Path) -> Path:
    """An export of the first request's events, with others before, between and after."""
    return take(path, request=CopyRequest.objects.earliest("pk").pk)


def test_an_export_of_some_events_is_followed_through_those_left_out(export: Path, tmp_path: Path) -> None:
    part = narrowed(tmp_path / "part.zip")
    code, said = verify("--key", PUBLIC, part)
    lines = [json.loads(line) for line in ZipFile(part).read("events.jsonl").splitlines()]
    hidden = [line for line in lines if "action" not in line]
    assert hidden
    assert all(set(line) == {"id", "hash", "content"} for line in hidden)
    assert f"{len(hidden)} events of these were left out, and the chain goes on through them." in said
    assert "heads/now.json is signed, and the events lead to it" in said
    assert "1 requests were compared with their events." in said
    assert "WRONG" not in said
    # What came before the first one that is shown.
    assert (code, said.count("not checked")) == (3, 1), said


def rewritten(path: Path, change: Callable[[Lines], object]) -> Path:
    """The export with other lines of events."""
    with ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    events = [json.loads(line) for line in members["events.jsonl"].splitlines()]
    change(events)
    members["events.jsonl"] = "".join(json.dumps(event) + "\n" for event in events).encode()
    with ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def hide(events: Lines, *names: str) -> dict[str, Any]:
    """The first line of a hidden event, without these fields."""
    line = next(line for line in events if "action" not in line)
    for name in names:
        del line[name]
    return line


LEFT_OUT: dict[str, tuple[Callable[[Lines], object], int, str]] = {
    "another digest": (lambda events: hide(events).update(content="0" * 64), 1, "which is left out, is broken"),
    "another hash": (lambda events: hide(events).update(hash="0" * 64), 1, "is broken"),
    "taken out": (lambda events: events.remove(hide(events)), 1, "is broken"),
    "put first": (lambda events: events.insert(0, hide(events)), 1, "left out where none can be"),
    "of before": (lambda events: hide(events, "content"), 3, "The links at 1 events that were left out"),
}


@pytest.mark.parametrize("how", LEFT_OUT)
def test_a_forgery_among_those_left_out_is_found(how: str, export: Path, tmp_path: Path) -> None:
    change, expected, words = LEFT_OUT[how]
    code, said = verify("--key", PUBLIC, rewritten(narrowed(tmp_path / "part.zip"), change))
    assert (code, words in said) == (expected, True), said


def again(export: Path, change: Callable[[Lines], Lines], member: str = "events.jsonl") -> Path:
    """The export with one of its files made anew."""
    forged = export.with_name("forged.zip")
    with ZipFile(export) as old, ZipFile(forged, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == member:
                rows = change([json.loads(line) for line in content.decode().splitlines()])
                content = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
            new.writestr(name, content)
    return forged


def rehashed(rows: Lines) -> Lines:
    """The chain made to fit again, as whoever writes the whole history anew would."""
    last, rows = "0" * 64, copy.deepcopy(rows)
    for row in rows:
        row["prev_hash"] = last
        content = {k: v for k, v in row.items() if k not in ("id", "hash", "prev_hash") and v not in (None, "", {})}
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        last = row["hash"] = hashlib.sha256((last + text).encode()).hexdigest()
    return rows


def changed(rows: Lines, place: int = 2, **columns: Any) -> Lines:
    rows[place] |= columns
    return rows


EVENTS: dict[str, tuple[Callable[[Lines], Lines], str]] = {
    "a changed event": (partial(changed, actor="somebody"), "isn't as it was written"),
    "a changed event with a hash made to fit": (
        lambda rows: rows[:2] + rehashed(changed(copy.deepcopy(rows), actor="somebody"))[2:3] + rows[3:],
        "is broken",
    ),
    "the whole written again": (
        lambda rows: rehashed(changed(rows, actor="somebody")),
        "the history was written again",
    ),
    "a dropped event": (lambda rows: rows[:2] + rows[3:], "is broken"),
    "a dropped event, and all written again": (lambda rows: rehashed(rows[:2] + rows[3:]), "was written again"),
    "two in another order": (lambda rows: [*rows[:2], rows[3], rows[2], *rows[4:]], "is broken"),
    "one twice": (lambda rows: rows[:3] + rows[2:], "is broken"),
    "a cut tail": (lambda rows: rows[:-2], "the end was cut off"),
    "a cut beginning": (lambda rows: rows[1:], "isn't in the files"),
    "no events": (lambda rows: [], "There is no event in it"),
    "lines that are no events": (lambda rows: [{"id": 1, "action": "x"}], "can't be read as an export"),
}


@pytest.mark.parametrize("way", EVENTS)
def test_a_forged_history_is_found(way: str, export: Path) -> None:
    change, words = EVENTS[way]
    code, said = verify("--key", PUBLIC, again(export, change))
    # What is before the beginning may be in an archive: that isn't wrong, only not shown.
    assert code == (3 if way == "a cut beginning" else 1), said
    assert words in said


def of(rows: Lines, number: int, **columns: Any) -> Lines:
    rows[number] |= columns
    return rows


def edited(rows: Lines, number: int, edit: Callable[[dict[str, Any]], object]) -> Lines:
    edit(rows[number])
    return rows


def other_parameters(row: dict[str, Any], *, in_content: bool) -> None:
    row["copies"][0]["parameters"] = {**row["copies"][0]["parameters"], "Name": "evil"}
    if in_content:
        row["content"]["calls"][0]["parameters"] = row["copies"][0]["parameters"]
        text = json.dumps(row["content"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        row["content_hash"] = hashlib.sha256(text.encode()).hexdigest()


REQUESTS: dict[str, tuple[Callable[[Lines], Lines], str]] = {
    "other parameters of a copy": (
        lambda rows: edited(rows, 0, partial(other_parameters, in_content=False)),
        "its copies aren't the ones its content says",
    ),
    "other parameters throughout": (
        lambda rows: edited(rows, 0, partial(other_parameters, in_content=True)),
        "approved something else",
    ),
    "other parameters of one that nobody approved": (
        lambda rows: edited(rows, 1, partial(other_parameters, in_content=True)),
        "its parameters aren't the ones of event",
    ),
    "another content under its hash": (
        lambda rows: edited(rows, 0, lambda row: row["content"].update(plan=[])),
        "doesn't fit its content hash",
    ),
    "another reason": (lambda rows: of(rows, 0, reason="Because."), "its reason isn't the one"),
    "a request moved by hand": (lambda rows: of(rows, 1, state="APPROVED"), "no event approved it"),
    "a decision taken out": (lambda rows: of(rows, 0, decisions=[]), "isn't among its decisions"),
    "a decision put in": (
        lambda rows: of(rows, 1, decisions=[*rows[1]["decisions"], {**rows[0]["decisions"][0], "decided_by": 99}]),
        "no event tells of the decision (approve) of person 99",
    ),
    "a decision of somebody else": (
        lambda rows: edited(rows, 2, lambda row: row["decisions"][1].update(decided_by=99)),
        "no event tells of the decision (break-glass) of person 99",
    ),
    "a request that nobody submitted": (lambda rows: of(rows, 0, request=99), "no event submitted it"),
    "no request at all": (lambda rows: [{"request": 1}], "isn't a request as amicopy writes it"),
}


@pytest.mark.parametrize("way", REQUESTS)
def test_a_forged_request_is_found(way: str, export: Path) -> None:
    change, words = REQUESTS[way]
    code, said = verify("--key", PUBLIC, again(export, change, "requests.jsonl"))
    assert (code, words in said) == (1, True), said


def signed_by(private: str, content: dict[str, Any]) -> dict[str, Any]:
    key = signing_keys.private_key(private)
    content = {**content, "key": signing_keys.key_id(key.public_key())}
    text = json.dumps({k: v for k, v in content.items() if k != "signature"}, sort_keys=True, separators=(",", ":"))
    return {**content, "signature": base64.b64encode(key.sign(text.encode())).decode()}


@pytest.mark.parametrize("bare", [True, False], ids=["openssl", "cryptography"])
def test_a_forged_head_and_a_wrong_key_are_found(export: Path, tmp_path: Path, bare: bool) -> None:
    head, other = json.loads(heads.to_json(heads.current())), signing_keys.make()
    with ZipFile(export) as archive:
        head = json.loads(archive.read("heads/now.json"))
    forgeries = {
        "'s signature doesn't fit": {**head, "events": head["events"] + 1},
        "which isn't among those that were given": signed_by(other, head),
        # The right key's name with another's signature.
        "signature doesn't fit": {**signed_by(other, head), "key": head["key"]},
        "isn't a head that amicopy wrote": {**head, "signature": 5},
        "was signed with the key []": {**head, "key": []},
        "was written again": signed_by(PRIVATE, {**head, "hash": "a" * 64}),
        "the end was cut off": signed_by(PRIVATE, {**head, "id": head["id"] + 10}),
        "counts": signed_by(PRIVATE, {**head, "events": head["events"] + 1}),
    }
    for words, forged in forgeries.items():
        (tmp_path / "head.json").write_text(json.dumps(forged))
        code, said = verify("--key", PUBLIC, "--head", tmp_path / "head.json", export, bare=bare)
        assert (code, words in said) == (1, True), (words, said)
    wrong = signing_keys.public_text(signing_keys.private_key(other).public_key())
    assert verify("--key", wrong, export, bare=bare)[0] == 1


def test_heads_from_stores_are_in_it_where_the_web_server_has_no_private_key(
    export: Path, settings: Settings, tmp_path: Path
) -> None:
    settings.AUDIT_HEAD_DIR = str(tmp_path / "heads")
    tasks.write_head()
    settings.AUDIT_PRIVATE_KEY = ""
    write()
    code, said = verify("--key", PUBLIC, take(tmp_path / "second.zip"))
    assert (code, "heads/folder.json is signed" in said, "came after the newest head" in said) == (0, True, True), said
    assert head_store.newest_signed()


def test_archives_come_before_the_export(
    export: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.AUDIT_KEEP_DAYS, settings.AUDIT_ARCHIVE_DIR = 1, str(tmp_path / "archive")
    first = AuditEvent.objects.order_by("id")[1].pk
    monkeypatch.setattr(archives, "_last_to_go", lambda: first)
    archives.archive_next(worker("archive"))
    second = take(tmp_path / "second.zip")
    code, said = verify("--key", PUBLIC, second)
    assert (code, "it isn't in the files" in said) == (3, True), said
    [archive] = (tmp_path / "archive").iterdir()
    code, said = verify("--key", PUBLIC, archive, second)
    assert (code, "from the first one to" in said) == (0, True), said
