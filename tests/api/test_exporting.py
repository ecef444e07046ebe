"""The history as a file, for tokens of scope audit."""

import io
import json
from pathlib import Path
from zipfile import ZipFile

import pytest
from django.http import StreamingHttpResponse

from amicopy.audit import verify_amicopy
from amicopy.audit.models import AuditEvent
from amicopy.copies.core.models import Account
from amicopy.copies.requests import verbs
from tests.api.conftest import Program, Programs, pointers, said
from tests.copies.conftest import Submit, acting, make_call, make_person

pytestmark = pytest.mark.django_db


def file(program: Program, query: str = "") -> bytes:
    answer = program.get(f"/audit/export{query}")
    assert isinstance(answer, StreamingHttpResponse), answer.content
    assert answer.status_code == 200
    return answer.getvalue()


def lines(program: Program, query: str = "") -> list[dict[str, object]]:
    return [json.loads(line) for line in file(program, f"?format=jsonl&{query}").splitlines()]


def test_it_is_what_the_page_exports_and_verifies(program: Programs, submit: Submit, tmp_path: Path) -> None:
    row = submit()
    auditor = program("auditor", scopes=("audit",))
    path = tmp_path / "export.zip"
    path.write_bytes(file(auditor))
    with ZipFile(path) as archive:
        assert {"events.jsonl", "requests.jsonl", "verify_amicopy.py"} <= set(archive.namelist())
        assert [json.loads(line)["request"] for line in archive.open("requests.jsonl")] == [row.pk]
    # Without a key the heads can't be looked at; nothing is wrong.
    assert verify_amicopy.main([str(path)]) == 3
    started, ended = AuditEvent.objects.filter(action__startswith="audit.export").order_by("pk")
    assert (started.actor, started.source) == ("auditor", "api")
    assert ended.data["complete"]


def test_it_is_narrowed(program: Programs, submit: Submit) -> None:
    first, second = submit(), submit(make_call(Name="another"))
    auditor = program("auditor", scopes=("audit",))
    assert {line["request"] for line in lines(auditor, f"request={second.pk}")} == {second.pk}
    assert {line["actor"] for line in lines(auditor, "actor=requester")} == {"requester"}
    assert {line["action"] for line in lines(auditor, "action=request.submitted")} == {"request.submitted"}
    assert lines(auditor, "since=2999-01-01T00:00:00Z") == lines(auditor, "until=1999-01-01T00:00:00Z") == []
    assert lines(auditor, "account=444455556666") == []
    assert AuditEvent.objects.filter(action="audit.exported").latest("pk").data["filters"] == {
        "account": "444455556666"
    }
    assert b"request.submitted" in file(auditor, f"?format=csv&request={first.pk}")


def test_everybody_gets_what_they_may_see(program: Programs, submit: Submit) -> None:
    row = submit()
    assert {line["request"] for line in lines(program("requester"))} == {row.pk}
    other = Account.objects.create(name="other", account_id="444455556666")
    person = make_person("requester", "requester")
    elsewhere = verbs.submit(acting(person), account=other, reason="PLAT-2", calls=[make_call(Name="elsewhere")])
    limited = program("auditor", scopes=("audit",), accounts=["444455556666"])
    assert {line["request"] for line in lines(limited)} == {elsewhere.pk}
    with ZipFile(io.BytesIO(file(limited))) as archive:
        assert [json.loads(line)["request"] for line in archive.open("requests.jsonl")] == [elsewhere.pk]


@pytest.mark.parametrize(
    "query",
    ["format=exe", "since=yesterday", "since=2026-12-01T08:00:00", "since=2026-W01-1T00Z", "request=x", "request=0",
     "request=%2B1", "request=1_0", "action=nothing", "account=1", "actor=%00", "region=" + "x" * 200],
)  # fmt: skip
def test_what_makes_no_sense_is_said(program: Programs, query: str) -> None:
    answer = program("auditor", scopes=("audit",)).get(f"/audit/export?{query}")
    assert answer.status_code == 422
    assert query.partition("=")[0] in pointers(answer)[""]
    assert not AuditEvent.objects.filter(action="audit.exported").exists()


def test_somebody_without_a_role_exports_nothing(program: Programs) -> None:
    caller = program("auditor", scopes=("audit",))
    make_person("auditor")
    assert said(caller.get("/audit/export"))["code"] == "not-allowed"
