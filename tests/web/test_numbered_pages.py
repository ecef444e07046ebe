"""The lists of people and of accounts, a page at a time: everybody is on one of them, and found by name from any."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from amicopy.copies.core.models import Account
from tests.copies.conftest import make_person
from tests.web.conftest import SignedIn
from tests.web.page import read

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(signed_in: SignedIn) -> Client:
    return signed_in("administrator")


def walk(client: Client, address: str, of: str) -> list[list[str]]:
    """What each page shows, by its context, following its own links."""
    pages, query = list[list[str]](), address
    while query:
        answer = client.get(query)
        assert answer.status_code == 200
        page = answer.context["page"]
        pages.append([getattr(row, of) for row in page.rows])
        assert read(answer).following() == page.following
        query = page.following and address.partition("?")[0] + page.following
    return pages


def test_everybody_is_on_one_page_and_found_from_any(admin: Client) -> None:
    User.objects.bulk_create(User(username=f"person-{at:02}") for at in range(45))
    make_person("odd%name", "requester")
    pages = walk(admin, "/people/", "username")
    assert [len(page) for page in pages[:2]] == [20, 20]
    everybody = list(User.objects.filter(service=None).order_by("-is_active", "username"))
    assert [name for page in pages for name in page] == [user.username for user in everybody]
    assert walk(admin, "/people/?q=PERSON-4", "username") == [[f"person-{at}" for at in range(40, 45)]]
    assert walk(admin, "/people/?q=%25", "username") == [["odd%name"]]
    assert [len(page) for page in walk(admin, "/people/?q=person", "username")] == [20, 20, 5]
    assert "Nobody has a name with “zzz” in it." in read(admin.get("/people/?q=zzz")).text
    for page in ("0", "-1", "99", "x", "9" * 5000):
        assert admin.get("/people/", {"page": page}).status_code == 200, page
    assert admin.get("/people/?q=%00").status_code == 200


def test_every_account_is_on_one_page_and_found_by_name_or_number(admin: Client) -> None:
    Account.objects.bulk_create(
        Account(name=f"team-{at:02}", account_id=f"{500000000000 + at}", enabled=True) for at in range(25)
    )
    pages = walk(admin, "/accounts/", "name")
    assert [name for page in pages for name in page] == sorted(Account.objects.values_list("name", flat=True))
    assert walk(admin, "/accounts/?q=5000000000", "name")[0][0] == "team-00"
    assert walk(admin, "/accounts/?q=TEAM-2", "name") == [[f"team-{at}" for at in range(20, 25)]]
    assert "No account with this name or number" in read(admin.get("/accounts/?q=zzz")).text
