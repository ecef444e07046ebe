"""`docs/roles.md`, the table of the API cell by cell: which call a token of each scope opens."""

import pytest

from amicopy.copies.core.models import CopyRequest
from amicopy.copies.core.token_models import Scope
from amicopy.notify import outbox
from amicopy.notify.models import Endpoint, Kind, Message
from amicopy.notify.sealing import seal
from tests.api.conftest import Program, Programs, said, token_of, wanted
from tests.copies.conftest import Submit, make_person
from tests.web.test_roles import table

pytestmark = pytest.mark.django_db
HEAD, ROWS = table("API")
CELLS = [
    pytest.param(row[0].strip("`"), row[1], scope, expected, id=f"{row[1]} {row[0].strip('`')} {scope}")
    for row in ROWS
    for scope, expected in zip(HEAD[2:], row[2:], strict=True)
]


def test_the_table_has_the_scopes_and_every_call_of_the_document(program: Programs) -> None:
    assert HEAD[2:] == [*Scope.values, "no token"]
    document = said(program("requester").get("/openapi.json"))
    calls = {
        (path.removeprefix("/api/v1"), method.upper()) for path, each in document["paths"].items() for method in each
    }
    listed = {(row[0].strip("`"), row[1]) for row in ROWS}
    assert listed == calls | {("/openapi.json", "GET")}


def test_the_document_says_each_scope(program: Programs) -> None:
    document = said(program("requester").get("/openapi.json"))
    for row in ROWS:
        if row[0] != "`/openapi.json`":
            call = document["paths"]["/api/v1" + row[0].strip("`")][row[1].lower()]
            assert [scope for scope, cell in zip(HEAD[2:], row[2:], strict=True) if cell == "yes"] == [call["x-scope"]]


def told(row: CopyRequest) -> Message:
    """A message to the webhook that a request names."""
    row.webhook = Endpoint.objects.create(name="engine", sealed_url=seal("https://hooks.example/"), for_requests=True)
    row.save(update_fields=["webhook"])
    payload = {"type": "request.rejected"}
    notice = outbox.Notice(1, Kind.DECISION, row.pk, 1, "Rejected", "text", "/", payload)
    return outbox.put_test(notice, endpoint=row.webhook)


@pytest.mark.parametrize(("path", "method", "scope", "expected"), CELLS)
def test_a_cell(submit: Submit, path: str, method: str, scope: str, expected: str) -> None:
    row = submit()
    delivery = told(row)
    person = make_person("boss", "administrator", "approver", "requester")
    caller = Program("" if scope == "no token" else token_of(person, scope))
    filled = path.format(number=row.pk, copy_id=row.copies.get().pk, delivery_id=delivery.pk)
    body = {"kind": "approve"} if path.endswith("decision") else wanted() if method == "POST" else None
    answer = caller(method, filled, body, If_Match=f'"{row.content_hash}"')
    if expected == "yes":
        # Not what the scope forbids: somebody else's request can't be withdrawn.
        assert answer.status_code in {200, 201} or said(answer)["code"] in {"not-allowed", "invalid-request"}
    elif expected == "no":
        assert (answer.status_code, said(answer)["code"]) == (403, "insufficient-scope")
    else:
        assert answer.status_code == 401
