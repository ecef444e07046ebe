"""Calls made from the served document, good, nearly good and hostile: never an error of the server, and never an answer
that the document doesn't have."""

import logging
import os
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st

from tests.api.conftest import Program, said, token_of
from tests.conftest import Control
from tests.copies.conftest import Submit, make_person
from tests.web.fuzzing import HOSTILE

pytestmark = pytest.mark.django_db
HOW_MANY = max(200, int(os.environ.get("FUZZ_SUBMISSIONS", "0")) // 4)
SEED = int(os.environ.get("FUZZ_SEED", "1"))
# What gets through to the verbs often enough.
GOOD: dict[str, list[Any]] = {
    "account": ["111122223333"],
    "webhook": [""],
    "reason": ["PLAT-1"],
    "SourceImageId": ["ami-0a7f3c92d41be6058"],
    "SourceRegion": ["us-east-1"],
    "DestinationRegion": ["eu-west-1", "us-west-2", "eu-central-1"],
    "Name": ["golden-1", "golden-2"],
    "KmsKeyId": ["alias/golden-images"],
    "Encrypted": [True],
    "kind": ["approve", "reject", "request-changes"],
    "start_not_before": ["2026-12-01T08:00:00Z", "9999-12-31T23:59:59-14:00", "2026-02-30T00:00:00Z"],
}
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([text.decode(errors="replace") if isinstance(text, bytes) else text for text in HOSTILE]),
    st.text(max_size=20),
    st.just([]),
    st.just({}),
    st.just([{"Key": None}]),
)


def value_of(schema: dict[str, Any], document: dict[str, Any], name: str = "") -> st.SearchStrategy[Any]:
    """Values for a schema: mostly what it asks for, now and then anything."""
    if "$ref" in schema:
        return value_of(document["components"]["schemas"][schema["$ref"].rpartition("/")[2]], document, name)
    fitting: list[st.SearchStrategy[Any]] = []
    if name in GOOD:
        fitting.append(st.sampled_from(GOOD[name]))
    if "anyOf" in schema:
        fitting += [value_of(each, document) for each in schema["anyOf"]]
    elif schema.get("type") == "object" and "properties" in schema:
        properties = schema["properties"]
        needed = {each: value_of(properties[each], document, each) for each in schema.get("required", [])}
        needed |= {each: value_of(properties[each], document, each) for each in ("Name",) if each in properties}
        rest = {each: value_of(properties[each], document, each) for each in properties if each not in needed}
        fitting.append(st.fixed_dictionaries(needed, optional={**rest, "extra": ODD}))
        fitting.append(st.fixed_dictionaries(needed))
    elif schema.get("type") == "array":
        fitting.append(st.lists(value_of(schema["items"], document), max_size=3))
    elif schema.get("type") == "string":
        fitting.append(st.text(max_size=30))
        fitting += [st.sampled_from(schema["enum"])] if "enum" in schema else []
    elif schema.get("type") == "integer":
        fitting.append(st.integers(0, 100))
    elif schema.get("type") == "boolean":
        fitting.append(st.booleans())
    fits = fitting[0] if name in GOOD else st.one_of(fitting or [ODD])
    return st.integers(0, 24).flatmap(lambda dice: ODD if dice == 7 else fits)


def test_no_call_is_an_error_of_the_server(submit: Submit, sandbox: Control) -> None:
    logging.disable(logging.CRITICAL)
    row = submit()
    person = make_person("boss", "administrator", "approver", "requester")
    caller = Program(token_of(person, "read", "request", "audit", "decide"))
    document = said(caller.get("/openapi.json"))
    calls = [(path, method, call) for path, each in document["paths"].items() for method, call in each.items()]
    # The one with the largest body is worth more tries.
    creating = 3 * [each for each in calls if each[:2] == ("/api/v1/requests", "post")]
    numbers = st.sampled_from([row.pk, row.pk, row.copies.get().pk, 0, 7, 2**63, 2**63 - 1, 10**30])
    queries = st.sampled_from(
        ["", "", "limit=1", "limit=0", "cursor=9", "cursor=%00", "state=PENDING", "account=é", "x"]
    )
    matches = st.sampled_from(["", row.content_hash, f'"{row.content_hash}"', '"x"', "é", "*"])
    seen: dict[int, int] = {}

    @seeded(SEED)
    @settings(
        max_examples=HOW_MANY,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def one(data: st.DataObject) -> None:
        path, method, call = data.draw(st.sampled_from([*calls, *creating]))
        filled = path.removeprefix("/api/v1").format(
            **{name: data.draw(numbers) for name in ("number", "copy_id", "delivery_id")}
        )
        content = call.get("requestBody", {}).get("content", {}).get("application/json")
        body = data.draw(value_of(content["schema"], document)) if content else None
        headers = {"If_Match": match} if (match := data.draw(matches)) else {}
        answer = caller(method.upper(), f"{filled}?{data.draw(queries)}", body, **headers)
        # What the path's own form refuses is no call of the document.
        assert str(answer.status_code) in {*call["responses"], "404"}, (path, method, body, answer.content)
        said(answer)
        seen[answer.status_code] = seen.get(answer.status_code, 0) + 1

    try:
        one()
    finally:
        logging.disable(logging.NOTSET)
    assert {200, 201, 404, 422} <= set(seen)
