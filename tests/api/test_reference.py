"""The reference of the API as a page."""

import pytest
from pytest_django import Settings

from amicopy.copies.core.parameters import PARAMETERS
from tests.api.conftest import Programs, said
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
