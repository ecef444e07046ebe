"""Keys that make a call once, and limits that say what is left."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.http import HttpResponse
from pytest_django import Settings

from amicopy.api.idempotency import TAKEN_OVER_AFTER, keep
from amicopy.api.models import KeptAnswer
from amicopy.copies.core.models import CopyRequest
from tests.api.conftest import Program, Programs, said, token_of, wanted
from tests.copies.conftest import Submit, approve, make_person

pytestmark = pytest.mark.django_db
KEY = {"Idempotency_Key": "wf-7-copy"}


def test_the_same_call_under_the_same_key_is_answered_the_same(program: Programs) -> None:
    caller = program("requester")
    first = caller.post("/requests", wanted(), **KEY)
    again = caller.post("/requests", wanted(), **KEY)
    assert (first.status_code, first.content, first["Location"]) == (
        again.status_code,
        again.content,
        again["Location"],
    )
    assert again["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first
    assert CopyRequest.objects.count() == 1
    assert caller.post("/requests", wanted(), Idempotency_Key="another").status_code == 201
    assert CopyRequest.objects.count() == 2


def test_another_call_under_the_same_key_is_refused(program: Programs) -> None:
    caller = program("requester")
    caller.post("/requests", wanted(), **KEY)
    for path, body in (("/requests", wanted(reason="Another")), ("/requests/validate", wanted())):
        answer = caller.post(path, body, **KEY)
        assert (answer.status_code, said(answer)["code"]) == (422, "idempotency-key-reused")
    assert CopyRequest.objects.count() == 1


def test_keys_are_of_their_person_whatever_the_token(program: Programs) -> None:
    program("requester").post("/requests", wanted(), **KEY)
    second = Program(token_of(make_person("requester", "requester"), "request"))
    assert "Idempotency-Replayed" in second.post("/requests", wanted(), **KEY)
    limited = Program(token_of(make_person("requester", "requester"), "request", accounts=["111122223333"]))
    assert limited.post("/requests", wanted(), **KEY).status_code == 422
    other = Program(token_of(make_person("other", "requester"), "request"))
    assert "Idempotency-Replayed" not in other.post("/requests", wanted(), **KEY)
    assert CopyRequest.objects.count() == 2


def test_a_refused_call_leaves_its_key_free(program: Programs) -> None:
    caller = program("requester")
    assert caller.post("/requests", wanted(reason=""), **KEY).status_code == 422
    assert not KeptAnswer.objects.exists()
    assert caller.post("/requests", wanted(), **KEY).status_code == 201


def test_a_call_under_way_is_said_and_one_that_died_is_taken_over(program: Programs) -> None:
    caller = program("requester")
    first = caller.post("/requests", wanted(), **KEY)
    # As if its process had ended between the verb and its answer.
    KeptAnswer.objects.update(status=None, content="")
    busy = caller.post("/requests", wanted(), **KEY)
    assert (busy.status_code, said(busy)["code"], busy["Retry-After"]) == (409, "idempotency-key-busy", "1")
    row = KeptAnswer.objects.get()
    KeptAnswer.objects.update(started_at=row.started_at - TAKEN_OVER_AFTER)
    again = caller.post("/requests", wanted(), **KEY)
    assert (again.status_code, said(again)["number"]) == (201, said(first)["number"])
    assert CopyRequest.objects.count() == 1


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one writer at a time")
@pytest.mark.django_db(transaction=True)
def test_of_calls_at_the_same_instant_one_is_done(program: Programs) -> None:
    token, barrier = program("requester").token, threading.Barrier(6)

    def call(_number: int) -> int:
        barrier.wait()
        try:
            return Program(token).post("/requests", wanted(), **KEY).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        statuses = set(pool.map(call, range(6)))
    assert 201 in statuses
    assert statuses <= {201, 409}
    assert CopyRequest.objects.count() == 1


def test_an_answer_is_kept_as_long_as_the_docs_say(program: Programs) -> None:
    caller = program("requester")
    caller.post("/requests", wanted(), **KEY)
    row = KeptAnswer.objects.get()
    KeptAnswer.objects.update(started_at=row.started_at - KeptAnswer.KEPT - timedelta(seconds=1))
    assert caller.post("/requests", wanted(reason="Another"), **KEY).status_code == 201
    assert CopyRequest.objects.count() == 2


def test_a_verb_is_done_once_under_a_key(program: Programs, submit: Submit) -> None:
    row, caller = submit(), program("requester")
    approve(make_person("approver", "approver"), row)
    first = caller.post(f"/requests/{row.pk}/cancel", {}, **KEY)
    assert first.status_code == 200
    assert caller.post(f"/requests/{row.pk}/cancel", {}, **KEY).content == first.content
    assert caller.post(f"/requests/{row.pk}/cancel", {}).status_code == 409


@pytest.mark.parametrize("key", ["", "x" * 201, "é", "a\tb"])
def test_a_key_that_is_none_is_refused(program: Programs, key: str) -> None:
    answer = program("requester").post("/requests", wanted(), Idempotency_Key=key)
    assert (answer.status_code, said(answer)["code"]) == (400, "idempotency-key-wrong")


def test_after_an_error_of_the_server_the_key_stays_taken(program: Programs) -> None:
    caller = program("requester")
    caller.post("/requests", wanted(), **KEY)
    KeptAnswer.objects.update(status=None)
    keep(KeptAnswer.objects.get(), HttpResponse(status=503))
    assert caller.post("/requests", wanted(), **KEY).status_code == 409
    keep(KeptAnswer.objects.get(), HttpResponse(status=422))
    assert not KeptAnswer.objects.exists()


def test_a_token_makes_so_many_calls_a_minute(program: Programs, settings: Settings) -> None:
    settings.API_CALLS_PER_MINUTE = 2
    cache.clear()
    caller = program("requester")
    left = []
    for _ in range(3):
        answer = caller.get("/requests")
        left.append(answer["RateLimit-Remaining"])
    # A minute may end in between.
    if answer.status_code == 200:
        left = [caller.get("/requests")["RateLimit-Remaining"] for _ in range(3)]
        answer = caller.get("/requests")
    assert left[-1] == "0"
    assert (answer.status_code, said(answer)["code"]) == (429, "too-many-calls")
    assert 1 <= int(answer["Retry-After"]) <= 60
    assert answer["RateLimit-Limit"] == "2"
    assert Program(token_of(make_person("requester", "requester"), "read")).get("/requests").status_code == 200
