"""The OpenAPI document: made from the running code, true to the table of members, and what answers keep to."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from amicopy.api import members
from amicopy.audit import exports
from amicopy.copies.core.parameters import BY_NAME, PARAMETERS, Parameter
from tests.api.conftest import Programs, said

pytestmark = pytest.mark.django_db
# The one answer that isn't JSON.
EXPORT = ("export_history", "200")
ROOT = Path(__file__).resolve().parents[2]
ENVIRON = {**os.environ, "AMICOPY_AWS": "sandbox", "PYTHONPATH": str(ROOT)}
ADDED = """
import json, os
os.environ["DJANGO_SETTINGS_MODULE"] = "amicopy.settings"
from amicopy.copies.core import parameters
added = parameters.Parameter("Colour", "text", "Advanced", "both", "Colour", "What it looks like.", maximum=7)
parameters.PARAMETERS += (added,)
parameters.BY_NAME = {**parameters.BY_NAME, "Colour": added}
import django
django.setup(set_prefix=False)
from amicopy.api.api import api
print(json.dumps(api.get_openapi_schema(path_prefix="/api/v1/")))
"""


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


def test_every_member_of_the_table_is_in_the_document(document: Any) -> None:
    shown = document["components"]["schemas"]
    every = {parameter.name for parameter in PARAMETERS} | {"DestinationRegion"}
    assert set(shown["CopyImage"]["properties"]) | set(shown["Destination"]["properties"]) - {"steps"} == every
    assert set(shown["Changes"]["properties"]) == every


def test_a_row_added_to_the_table_appears_in_the_served_document(tmp_path: Path) -> None:
    """In a process of its own: the document is made when the code is loaded."""
    script = tmp_path / "added.py"
    script.write_text(ADDED)
    done = subprocess.run(
        [sys.executable, str(script)], cwd=ROOT, env=ENVIRON, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)["components"]["schemas"]
    for name in ("CopyImage", "Destination", "Changes"):
        assert shown[name]["properties"]["Colour"]["maxLength"] == 7, name
