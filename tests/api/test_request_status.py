"""The status of a request for pollers: the same address to its end, cheap, and 304 while nothing changed."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from amicopy.copies.core.models import CopyRequest, ImageCopy
from amicopy.copies.core.states import OUTCOMES, REQUEST_OPEN, Outcome, RequestState
from amicopy.copies.requests import verbs
from tests.api.conftest import Program, Programs, said, token_of, wanted
from tests.copies.conftest import Submit, acting, make_call, make_person

pytestmark = pytest.mark.django_db


def test_every_state_is_open_or_has_an_outcome() -> None:
    assert set(OUTCOMES) == set(RequestState) - REQUEST_OPEN
    assert set(OUTCOMES.values()) == set(Outcome)


@pytest.mark.parametrize("state", RequestState)
def test_the_answer_is_200_in_every_state(program: Programs, submit: Submit, state: RequestState) -> None:
    row = submit()
    CopyRequest.objects.update(state=state)
    answer = program("requester").get(f"/requests/{row.pk}/status")
    assert answer.status_code == 200
    status = said(answer)
    assert (status["state"], status["final"]) == (state.value, state not in REQUEST_OPEN)
    assert status["outcome"] == OUTCOMES.get(state)


def test_images_come_by_account_and_region_with_progress(program: Programs, submit: Submit) -> None:
    row = submit(make_call(), make_call("us-west-2"))
    assert said(program("requester").get(f"/requests/{row.pk}/status"))["images"] == {}
    first, second = ImageCopy.objects.order_by("position")
    ImageCopy.objects.filter(pk=first.pk).update(state="AVAILABLE", ImageId="ami-1", progress=100)
    ImageCopy.objects.filter(pk=second.pk).update(state="COPYING", ImageId="ami-2", progress=41)
    status = said(program("requester").get(f"/requests/{row.pk}/status"))
    assert status["images"] == {"111122223333": {"eu-west-1": "ami-1"}}
    assert status["progress"] == 70
    assert status["copies"][1] == {
        "account": "111122223333",
        "DestinationRegion": "us-west-2",
        "destination": "us-west-2",
        "state": "COPYING",
        "ImageId": "ami-2",
        "progress": 41,
        "steps": [],
    }


def test_the_address_stands_in_what_asking_answers(program: Programs) -> None:
    made = said(program("requester").post("/requests", wanted()))
    assert made["status_url"].endswith(f"/api/v1/requests/{made['number']}/status")


def test_an_unchanged_status_costs_two_statements_and_has_no_body(program: Programs, submit: Submit) -> None:
    row, caller = submit(), program("requester")
    with CaptureQueriesContext(connection) as asked:
        first = caller.get(f"/requests/{row.pk}/status")
    # The first use of a token is kept, see `USE_KEPT_FOR`, and its first calls of a minute are counted at once.
    assert len(asked.captured_queries) == 5
    with CaptureQueriesContext(connection) as asked:
        again = caller.get(f"/requests/{row.pk}/status", If_None_Match=first["ETag"])
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
    assert len(asked.captured_queries) == 2
    # Neither sorts, nor reads what nobody asked for.
    for query in asked.captured_queries:
        assert not any(word in query["sql"] for word in ("ORDER BY", "password", "reason", "last_name"))
    verbs.withdraw(acting(make_person("requester", "requester")), row.pk)
    changed = caller.get(f"/requests/{row.pk}/status", If_None_Match=first["ETag"])
    assert (changed.status_code, said(changed)["outcome"]) == (200, "cancelled")


def test_a_status_is_for_who_sees_the_request(submit: Submit) -> None:
    row = submit()
    somebody = Program(token_of(make_person("somebody", "requester"), "read"))
    assert somebody.get(f"/requests/{row.pk}/status").status_code == 404
    auditor = Program(token_of(make_person("auditor", "auditor"), "read"))
    assert auditor.get(f"/requests/{row.pk}/status").status_code == 200
    limited = Program(token_of(make_person("requester", "requester"), "read", accounts=["111122223333"]))
    assert limited.get(f"/requests/{row.pk}/status").status_code == 200
