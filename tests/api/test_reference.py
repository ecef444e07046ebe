"""The reference of the API as a page."""

import json
import shlex
from urllib.parse import urlencode

import pytest
from pytest_django import Settings

from amicopy.api import try_it
from amicopy.copies.core.parameters import PARAMETERS
from tests.api.conftest import Programs, said
from tests.conftest import Control
from tests.web.conftest import SignedIn, signed_in
from tests.web.page import read

__all__ = ("signed_in",)
pytestmark = pytest.mark.django_db


def test_it_shows_every_call_with_its_scope_and_every_member(signed_in: SignedIn, program: Programs) -> None:
    client = signed_in("requester")
    assert read(client.get("/settings/tokens/")).link("API reference").address == "/api/"
    page = read(client.get("/api/"))
    for path, methods in said(program("auditor", scopes=("read",)).get("/openapi.json"))["paths"].items():
        for method, call in methods.items():
            assert page.region(f"{method.upper()} {path}").facts()["Scope"] == call["x-scope"]
    shown = page.region("CopyImage").facts()
    assert {parameter.name for parameter in PARAMETERS if parameter.scope != "destination"} == set(shown)
    assert "up to 255 characters" in shown["Description"]
    assert "(needed)" in shown["SourceImageId"]
    assert page.region("POST /api/v1/requests").link("NewRequest").address == "#shape-NewRequest"


def test_it_needs_no_script_and_no_other_host(signed_in: SignedIn) -> None:
    answer = signed_in("requester").get("/api/")
    assert "default-src 'none'" in answer["Content-Security-Policy"]
    assert "//cdn" not in answer.content.decode()


def test_it_says_that_the_api_is_switched_off(signed_in: SignedIn, settings: Settings) -> None:
    settings.API_ENABLED = False
    assert "switched off" in read(signed_in("requester").get("/api/")).text


def test_a_call_can_be_tried_in_the_sandbox_alone(signed_in: SignedIn, settings: Settings) -> None:
    client = signed_in("requester")
    page = read(client.get("/api/"))
    tried = page.region("Try it")
    # Without a script it is what curl would be told; nothing of the other form has a name to be sent by.
    assert "/api/v1/requests" in tried.text
    assert "--json" in tried.text
    assert [each.attribute("name") for each in tried.marked("name")] == ["try"]
    other = read(client.get("/api/?try=read_status")).region("Try it")
    assert "/api/v1/requests/1/status" in other.text
    assert "There is no such call." in read(client.get("/api/?try=drop_everything")).region("Try it").text
    assert "try.js" in client.get("/api/").content.decode()
    settings.SANDBOX = False
    for answer in (client.get("/api/"), client.get("/api/?try=read_status")):
        assert "Try it" not in answer.content.decode()
        assert "try.js" not in answer.content.decode()


def test_the_example_of_every_call_is_one_that_its_schema_takes(program: Programs, sandbox: Control) -> None:
    caller = program("requester")
    document = said(caller.get("/openapi.json"))
    for name, words in try_it.operations(document):
        method, path = words.split()
        trial = try_it.trial(document, name, address="")
        assert trial is not None
        query = {each.name: each.value for each in trial.values if each.where == "query" and each.value}
        for each in trial.values:
            path = path.replace(f"{{{each.name}}}", each.value)
        body = json.loads(trial.body) if trial.body else None
        answer = caller(method, f"{path.removeprefix('/api/v1')}?{urlencode(query)}".rstrip("?"), body)
        assert answer.status_code not in {400, 405, 422}, (words, answer.content)


def test_curl_gets_text_as_it_is() -> None:
    body = {"requestBody": {"content": {"application/json": {"schema": {"examples": [{"reason": "it's $HOME"}]}}}}}
    call = {"operationId": "x", "x-scope": "request", "parameters": [], **body}
    trial = try_it.trial({"paths": {"/a": {"post": call}}, "components": {"schemas": {}}}, "x", address="https://b")
    assert trial is not None
    words = shlex.split(trial.curl.replace("\\\n", " "))
    assert [words[1], json.loads(words[3])] == ["https://b/a", {"reason": "it's $HOME"}]
