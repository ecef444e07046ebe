"""Who gets in: tokens that work, by their scope, from their addresses, in the header alone."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings

from amicopy.copies.core.models import Account, CopyRequest
from amicopy.copies.core.token_models import ApiToken, new_text
from amicopy.copies.operations import services, tokens
from tests.api.conftest import Program, Programs, said, token_of, wanted
from tests.copies.conftest import acting, make_person

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic eDp5", "bearer amic_", "Bearer é", "Token x"])
def test_without_a_token_that_works_the_answer_is_401_with_its_challenge(db: None, header: str) -> None:
    answer = Program().get("/requests", Authorization=header) if header else Program().get("/requests")
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith('Bearer realm="amicopy"')
    assert answer["Content-Type"] == "application/problem+json"
    assert not answer.cookies


def test_a_token_that_was_never_made_is_refused(db: None) -> None:
    assert said(Program(new_text()).get("/requests"))["detail"] == "There is no such token."


def test_a_token_that_ended_says_why(program: Programs) -> None:
    caller = program("requester")
    assert caller.get("/requests").status_code == 200
    User.objects.update(is_active=False)
    assert "switched off" in said(caller.get("/requests"))["detail"]
    User.objects.update(is_active=True)
    now = timezone.now()
    ApiToken.objects.update(created_at=now - timedelta(2), expires_at=now - timedelta(1))
    answer = caller.get("/requests")
    assert "expired" in said(answer)["detail"]
    assert answer["WWW-Authenticate"] == 'Bearer realm="amicopy", error="invalid_token"'


def test_a_token_in_an_address_is_refused_and_said(program: Programs) -> None:
    caller = program("requester")
    for query in (f"token={caller.token}", f"x={caller.token[:20]}", "access_token=1"):
        answer = caller.get(f"/requests?{query}")
        assert answer.status_code == 400
        assert said(answer)["code"] == "token-in-address"
        assert caller.token not in answer.content.decode()


def test_what_only_looks_a_little_like_a_token_is_none(program: Programs) -> None:
    assert program("requester").get("/requests?correlation=dynamic_build12345").status_code == 200
    assert program("requester").get("/requests?correlation=amic_copy").status_code == 200


def test_a_scope_that_is_missing_is_named(program: Programs) -> None:
    answer = program("requester", scopes=("read",)).post("/requests", wanted())
    assert (answer.status_code, said(answer)["code"]) == (403, "insufficient-scope")
    assert 'error="insufficient_scope", scope="request"' in answer["WWW-Authenticate"]


def test_a_token_holds_for_its_addresses(program: Programs) -> None:
    answer = program("requester", addresses=["192.0.2.0/24"]).get("/requests")
    assert (answer.status_code, said(answer)["code"]) == (401, "invalid-token")
    assert program("approver", addresses=["127.0.0.0/8"], scopes=("read",)).get("/requests").status_code == 200


def test_a_token_reaches_what_its_person_sees_in_its_accounts(program: Programs, account: Account) -> None:
    number = said(program("requester").post("/requests", wanted()))["number"]
    Account.objects.create(name="other", account_id="444455556666")
    limited = Program(token_of(make_person("requester", "requester"), "read", accounts=["444455556666"]))
    somebody = Program(token_of(make_person("somebody", "requester"), "read"))
    for caller in (limited, somebody):
        assert caller.get(f"/requests/{number}").status_code == 404
        assert said(caller.get("/requests"))["items"] == []
    auditor = Program(token_of(make_person("auditor", "auditor"), "read"))
    assert said(auditor.get(f"/requests/{number}"))["number"] == number


def test_the_api_can_be_switched_off(program: Programs, settings: Settings) -> None:
    settings.API_ENABLED = False
    for path in ("/requests", "/openapi.json", "/nothing"):
        answer = program("requester").get(path)
        assert (answer.status_code, said(answer)["detail"]) == (404, "The API is switched off here.")


@pytest.mark.parametrize("path", ["/", "/nothing", "/requests/", "/requests/x", "/requests/99999999999999999999999"])
def test_what_is_not_there_is_a_problem_too(program: Programs, path: str) -> None:
    answer = program("requester").get(path)
    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/problem+json"


def test_a_method_that_is_not_possible_says_which_are(program: Programs) -> None:
    answer = program("requester")("DELETE", "/requests")
    assert answer.status_code == 405
    assert answer["Content-Type"] == "application/problem+json"
    assert set(answer["Allow"].replace(" ", "").split(",")) == {"GET", "POST"}


def test_answers_are_kept_by_nobody(program: Programs) -> None:
    assert program("requester").get("/requests")["Cache-Control"] == "no-store"
    assert CopyRequest.objects.count() == 0


def test_a_token_for_other_accounts_does_nothing_to_a_request(program: Programs, account: Account) -> None:
    made = said(program("requester").post("/requests", wanted()))
    number, copy = made["number"], made["copies"][0]["id"]
    Account.objects.create(name="other", account_id="444455556666")
    boss = make_person("boss", "administrator", "approver", "requester")
    limited = Program(token_of(boss, "read", "request", "audit", "decide", accounts=["444455556666"]))
    match = {"If_Match": f'"{made["content_hash"]}"'}
    for path in ("", "/status", "/copies", f"/copies/{copy}/attempts", "/events"):
        assert limited.get(f"/requests/{number}{path}").status_code == 404, path
    bodies: tuple[tuple[str, Any], ...] = (
        ("withdraw", None),
        ("cancel", {}),
        ("retry", {}),
        ("decision", {"kind": "approve"}),
        (f"copies/{copy}/fix", {"changes": {}}),
    )
    for verb, body in bodies:
        assert limited.post(f"/requests/{number}/{verb}", body, **match).status_code == 404, verb
    for path in ("/requests", "/requests/validate", "/requests/estimate"):
        assert limited.post(path, wanted()).status_code == 422, path
    assert CopyRequest.objects.get().state == "PENDING"


def test_a_token_follows_what_its_person_may_do_now(program: Programs) -> None:
    caller = program("requester")
    number = said(caller.post("/requests", wanted()))["number"]
    make_person("requester")
    assert caller.post("/requests", wanted()).status_code == 403
    assert caller.post(f"/requests/{number}/withdraw").status_code == 403
    assert caller.get(f"/requests/{number}").status_code == 200


def test_a_service_asks_and_is_shown_with_its_owner(account: Account) -> None:
    owner = make_person("owner", "requester")
    pipeline = services.add(acting(make_person("boss", "administrator")), name="pipeline", owners=[owner])
    make_person("pipeline", "requester")
    text = tokens.make(acting(owner), name="nightly", scopes=["read", "request"], days=1, service=pipeline.pk)[1]
    made = said(Program(text).post("/requests", wanted()))
    assert (made["requester"], made["owners"], made["by_machine"]) == ("pipeline", ["owner"], True)
    # Its owner's own token reaches it, too.
    assert Program(token_of(owner, "read")).get(f"/requests/{made['number']}/status").status_code == 200
    User.objects.filter(pk=owner.pk).update(is_active=False)
    refused = Program(text).get("/requests")
    assert (refused.status_code, said(refused)["detail"]) == (
        401,
        "The owner who made this token has been switched off.",
    )
