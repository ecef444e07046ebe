"""Trying a call from the API's reference in a real browser: with a token, by keyboard, and with nothing kept."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.journey.browsing import MARKS, Windows
from tests.journey.conftest import Person
from tests.journey.test_browser_barriers import barriers

pytestmark = MARKS


@pytest.fixture
def token(requester: Person) -> str:
    _, page = requester.post("/settings/tokens/", name="trying", scopes=["read", "request"], days="1")
    found = re.search(r"amic_[0-9A-Za-z]{57}", page)
    assert found, page
    return found[0]


def choose(page: Page, words: str) -> None:
    page.get_by_label("Call", exact=True).select_option(label=words)
    page.get_by_role("button", name="Choose").click()


def send(page: Page, token: str, status: str) -> None:
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#try-answer").get_by_role("heading")).to_have_text(re.compile(f"^{status}"))


def test_a_call_is_made_with_the_token_and_nothing_is_kept(windows: Windows, token: str) -> None:
    window = windows("requester")
    page = window.page
    page.goto("/api/")
    body = page.get_by_label("Body", exact=True)
    body.fill(body.input_value().replace("golden-al2023", "tried-by-hand"))
    send(page, token, "201")
    content = page.get_by_role("region", name="Body of the answer")
    expect(content).to_contain_text('"Name": "tried-by-hand-')
    expect(page.get_by_role("region", name="Headers of the answer")).to_contain_text("ratelimit-remaining")
    assert barriers(page, "/api/ with an answer") == []
    # What is wrong is said as programs hear it.
    window.expected.append("422")
    body.fill("{}")
    send(page, token, "422")
    expect(content).to_contain_text('"pointer": "#/account"')
    number = re.findall(r"[0-9]+", page.request.get("/requests/?q=tried-by-hand").text())
    assert number
    choose(page, "GET /api/v1/requests")
    assert page.url.endswith("?try=list_requests#try")
    expect(page.get_by_label("Token")).to_have_value("")
    assert token not in page.evaluate("JSON.stringify([localStorage, sessionStorage, document.cookie, location.href])")
    page.get_by_label("limit (query)").fill("1")
    send(page, token, "200")
    expect(content).to_contain_text("tried-by-hand-")


def test_the_session_alone_opens_nothing(windows: Windows, token: str) -> None:
    """It isn't sent, and where it is, nothing is opened by it, though the person has a token that works."""
    window = windows("requester")
    window.expected.append("401")
    window.page.goto("/api/?try=list_requests")
    with window.page.expect_request("**/api/v1/requests*") as sent:
        send(window.page, "amic_nobody", "401")
    assert "cookie" not in sent.value.all_headers()
    wrong = {"Authorization": "Bearer amic_nobody"}
    assert [window.page.request.get("/api/v1/requests", headers=headers).status for headers in ({}, wrong)] == [401] * 2


def test_a_call_is_tried_by_keyboard_alone(windows: Windows, token: str) -> None:
    page = windows("requester").page
    page.goto("/api/?try=list_webhooks#try")
    page.get_by_label("Call", exact=True).focus()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Choose")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Token")).to_be_focused()
    page.keyboard.type(token)
    page.keyboard.press("Enter")
    answer = page.locator("#try-answer")
    expect(answer).to_be_focused()
    expect(answer.get_by_role("heading")).to_have_text("200 OK")


def test_without_a_script_it_is_what_curl_is_told(windows: Windows) -> None:
    page = windows("requester", java_script_enabled=False).page
    page.goto("/api/")
    choose(page, "GET /api/v1/requests/{number}/status")
    expect(page.get_by_role("region", name="The call with curl")).to_contain_text("/api/v1/requests/1/status")
    expect(page.get_by_role("button", name="Send")).to_have_count(0)
