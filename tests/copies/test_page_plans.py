"""How the database finds what pages ask for: never by reading a table that grows from one end to the other.

Every statement of every page of a person with all roles is explained as it is executed, in a database with a past.
"""

import re

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from amicopy.copies.core.models import CopyRequest
from benchmarks.pages import PAGES
from tests.conftest import Control
from tests.copies.conftest import Submit, approve, make_call
from tests.copies.past import make_past
from tests.explain import explained

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
# What begins at one end and stops after so many rows, each of which counts: a page, or a number that says "1000+".
STOPS = re.compile(
    r'FROM "copies_\w+" U0 LIMIT \d+\) counted'
    r'|FROM "notify_message" U0 WHERE U0."state" = %s LIMIT \d+\) counted'
    r"|^[^:]*: SELECT (?:(?!WHERE).)* LIMIT \d+$"
)
# What many requests have in common is met by reading from the newest on: a word, a Region, a person who asks for most.
WALKS = ("requests by a common word", "requests to a Region", "requests of a person", "audit by name")


@pytest.fixture
def reader(submit: Submit, approver: User, sandbox: Control) -> Client:
    """Somebody with every role, in a house with a past, something under way and something to decide on."""
    make_past(submit, approver, sandbox)
    approve(approver, submit(make_call(Name="running")))
    submit(make_call(Name="pending-of-somebody"))
    user = User.objects.create_user("everything")
    user.groups.set(Group.objects.all())
    client = Client()
    client.force_login(user)
    client.get("/help/")
    return client


def numbers() -> dict[str, int]:
    """What the addresses name."""
    of_state = {
        "done": "COMPLETED",
        "running": "APPROVED",
        "pending": "PENDING",
    }
    found = {name: CopyRequest.objects.filter(state=state).earliest("pk").pk for name, state in of_state.items()}
    row = CopyRequest.objects.get(pk=found["done"])
    return found | {"account": row.account_id, "person": row.requester_id}


def test_nothing_that_pages_show_is_found_by_reading_a_table_that_grows(reader: Client) -> None:
    known, found = numbers(), []
    for name, address in PAGES.items():
        if name in WALKS or "{set}" in address:
            continue
        with explained() as scans:
            answer = reader.get(address.format(**known))
        assert answer.status_code == 200, address
        found += [f"{name}: {scan}" for scan in scans if not STOPS.search(scan)]
    assert not found, "\n".join(found)


def test_the_dashboard_asks_a_few_things_whatever_there_is(
    reader: Client, django_assert_max_num_queries: object
) -> None:
    with django_assert_max_num_queries(25):  # type: ignore[operator]  # a fixture without a type
        reader.get("/")
