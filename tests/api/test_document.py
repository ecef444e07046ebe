"""The OpenAPI document: made from the running code, true to the table of members, and what answers keep to."""

import re
from dataclasses import replace
from typing import Any

import pytest

from amicopy.api import members
from amicopy.audit import exports
from amicopy.copies.core.parameters import BY_NAME, PARAMETERS, Parameter
from tests.api.conftest import Programs, said

pytestmark = pytest.mark.django_db
# The one answer that isn't JSON.
EXPORT = ("export_history", "200")


@pytest.fixture
def document(program: Programs) -> Any:
    return said(program("requester").get("/openapi.json"))


def test_it_is_openapi_3_1_and_refers_only_to_what_it_has(document: Any) -> None:
    assert document["openapi"].startswith("3.1")
    names = set(re.findall(r"#/components/schemas/([A-Za-z]+)", str(document)))
    assert names <= set(document["components"]["schemas"])


def test_a_refusal_is_documented_as_it_is_sent(document: Any) -> None:
    for methods in document["paths"].values():
        for call in methods.values():
            for status, answer in call["responses"].items():
                kind = "application/problem+json" if int(status) >= 400 else "application/json"
                kinds = list(exports.CONTENT_TYPES.values()) if (call["operationId"], status) == EXPORT else [kind]
                assert list(answer.get("content", ())) == ([] if status == "304" else kinds)
            assert {"400", "401", "403", "405"} <= set(call["responses"])


def test_members_show_their_limits_and_types(document: Any) -> None:
    shown = document["components"]["schemas"]["CopyImage"]
    assert shown["additionalProperties"] is False
    assert shown["required"] == ["SourceRegion", "SourceImageId"]
    description = shown["properties"]["Description"]
    assert (description["maxLength"], description["title"]) == (255, "Description")
    minutes = shown["properties"]["SnapshotCopyCompletionDurationMinutes"]
    assert (minutes["minimum"], minutes["maximum"], minutes["multipleOf"]) == (15, 2880, 15)


def test_a_member_added_to_the_table_appears() -> None:
    added = Parameter("Colour", "three-way", "Advanced", "both", "Colour", "What it looks like.")
    made = members._model("CopyImage", "", [*PARAMETERS, added], [])
    assert made.model_json_schema()["properties"]["Colour"]["anyOf"] == [{"type": "boolean"}, {"type": "null"}]
    renamed = members._model("CopyImage", "", [replace(BY_NAME["Name"], maximum=7)], [])
    assert renamed.model_json_schema()["properties"]["Name"]["maxLength"] == 7
