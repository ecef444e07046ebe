"""Events as lines of a file: what is exported is what is stored, and harmless in a spreadsheet."""

import csv
import hashlib
import io
import json

import pytest

from amicopy.audit import exports, lines
from amicopy.audit.actor import Actor
from amicopy.audit.chain import GENESIS, link
from amicopy.audit.models import AuditEvent
from tests.audit.writing import ACTOR, write

pytestmark = pytest.mark.django_db
DANGEROUS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "\uff1d1", '=HYPERLINK("http://x")')


def export(kind: str, **filters: str) -> str:
    return b"".join(exports.export([AuditEvent.objects.all()], kind=kind, filters=filters, actor=ACTOR)).decode()


def test_json_lines_have_every_column_and_can_be_verified_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "BATCH", 2)
    for number in range(5):
        write(request=number, data={"reason": "déjà\nvu", "n": [1.5, None, True, 10**20]})
    read = [lines.from_json(line) for line in export("jsonl").splitlines()]
    assert [values["request"] for values in read] == [4, 3, 2, 1, 0]
    known = GENESIS
    for values in reversed(read):
        assert (values["prev_hash"], values["hash"]) == (known, link(known, values))
        known = values["hash"]


def test_csv_says_the_same_as_the_table() -> None:
    event = write("copy.failed", request=3, region="eu-west-1", data={"message": 'He said "no", twice\nand left'})
    rows = list(csv.DictReader(io.StringIO(export("csv"), newline="")))
    assert len(rows) == 1
    assert rows[0]["id"] == str(event.pk)
    assert rows[0]["region"] == "eu-west-1"
    assert rows[0]["copy"] == ""
    assert rows[0]["at"] == event.at.isoformat(timespec="microseconds")
    assert json.loads(rows[0]["data"]) == event.data


@pytest.mark.parametrize("text", DANGEROUS)
def test_no_cell_of_a_csv_file_is_a_formula(text: str) -> None:
    write(actor=Actor(name=text, source="page", address=text), error_code=text)
    row = next(csv.DictReader(io.StringIO(export("csv"), newline="")))
    for name in ("actor", "address", "error_code"):
        assert row[name] == "'" + text


def test_an_export_is_an_event_before_its_first_byte_and_one_with_its_count_and_digest_at_its_end() -> None:
    write(request=5)
    pieces = exports.export([AuditEvent.objects.all()], kind="jsonl", filters={"request": "5"}, actor=ACTOR)
    begun = AuditEvent.objects.latest("pk")
    assert (begun.action, begun.data["filters"], begun.data["format"]) == ("audit.exported", {"request": "5"}, "jsonl")
    content = b"".join(pieces)
    ended = AuditEvent.objects.latest("pk")
    assert (ended.action, ended.correlation_id) == ("audit.export_ended", begun.correlation_id)
    assert (ended.data["events"], ended.data["complete"]) == (1, True)
    assert ended.data["sha256"] == hashlib.sha256(content).hexdigest()


def test_an_export_that_is_broken_off_says_how_much_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "CHUNK", 2)
    for _ in range(9):
        write()
    pieces = exports.export([AuditEvent.objects.all()], kind="jsonl", filters={}, actor=ACTOR)
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]  # a generator
    ended = AuditEvent.objects.latest("pk")
    assert (ended.data["events"], ended.data["complete"]) == (2, False)


@pytest.mark.parametrize("line", ["", "{", "[]", "null", '{"id": 1}', "7"])
def test_a_line_that_is_no_event_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        lines.from_json(line)
