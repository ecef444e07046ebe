"""Reading by API: lists by key, a request with its copies, attempts, events."""

import pytest

from amicopy.copies.core.models import ImageCopy
from amicopy.copies.requests import verbs
from tests.api.conftest import Programs, said, wanted
from tests.copies.conftest import Submit, acting, make_call, make_person

pytestmark = pytest.mark.django_db


def test_a_list_is_read_page_by_page(program: Programs, submit: Submit) -> None:
    numbers = [submit(make_call(Name=f"name-{number}")).pk for number in range(5)]
    caller, found, path = program("requester"), [], "/requests?limit=2"
    while True:
        page = said(caller.get(path))
        found += [item["number"] for item in page["items"]]
        # What comes meanwhile shifts nothing.
        submit(make_call(Name=f"later-{len(found)}"))
        if page["next"] is None:
            break
        path = f"/requests?limit=2&cursor={page['next']}"
    assert found == numbers[::-1]


def test_a_list_is_narrowed(program: Programs, submit: Submit) -> None:
    caller, number = program("requester"), submit().pk
    verbs.withdraw(acting(make_person("requester", "requester")), number)
    other = submit(make_call(Name="another")).pk
    for query, wanted_numbers in (
        ("state=PENDING", [other]),
        ("state=WITHDRAWN", [number]),
        ("account=111122223333", [other, number]),
        ("account=444455556666", []),
    ):
        assert [item["number"] for item in said(caller.get(f"/requests?{query}"))["items"]] == wanted_numbers


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=101", "limit=x", "cursor=x", "cursor=-1", f"cursor={'9' * 30}", "state=OPEN", "account=1%00"],
)
def test_a_query_that_is_none_is_refused(program: Programs, query: str) -> None:
    answer = program("requester").get(f"/requests?{query}")
    assert answer.status_code == 422
    assert query.partition("=")[0] in said(answer)["errors"][0]["detail"]


def test_a_request_with_copies_attempts_and_events(program: Programs) -> None:
    caller = program("requester")
    number = said(caller.post("/requests", wanted(destinations=[{"DestinationRegion": "eu-west-1"}])))["number"]
    ImageCopy.objects.update(state="FAILED", error_code="Blocked", error_message="No.", progress=40)
    copy = said(caller.get(f"/requests/{number}"))["copies"][0]
    assert (copy["state"], copy["progress"], copy["ImageId"]) == ("FAILED", 40, None)
    assert copy["error"] == {"code": "Blocked", "message": "No.", "request_id": ""}
    assert said(caller.get(f"/requests/{number}/copies")) == [copy]
    attempts = said(caller.get(f"/requests/{number}/copies/{copy['id']}/attempts"))
    assert [attempt["number"] for attempt in attempts] == [1]
    assert caller.get(f"/requests/{number}/copies/{copy['id'] + 1}/attempts").status_code == 404
    assert caller.get(f"/requests/{number}/copies/{10**25}/attempts").status_code == 404
    event = said(caller.get(f"/requests/{number}/events"))["items"][0]
    assert (event["action"], event["source"], event["actor"]) == ("request.submitted", "api", "requester")
    assert event["data"]["token"]["owner"] == "requester"
    assert event["at"].endswith("Z")


def test_events_are_read_page_by_page(program: Programs, submit: Submit) -> None:
    row = submit()
    verbs.withdraw(acting(make_person("requester", "requester")), row.pk)
    caller, found, path = program("requester"), [], f"/requests/{row.pk}/events?limit=1"
    while True:
        page = said(caller.get(path))
        found += [event["action"] for event in page["items"]]
        if page["next"] is None:
            break
        path = f"/requests/{row.pk}/events?limit=1&cursor={page['next']}"
    assert found[-1] == "request.submitted"
    assert "request.withdrawn" in found
