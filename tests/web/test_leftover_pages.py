"""The leftovers page: what was found, a look on demand, and removing what was chosen after a confirmation."""

import pytest
from django.utils import timezone

from amicopy.copies.core.engine_models import LeftoverLook, SeenLeftover
from amicopy.copies.core.models import Account, CopyRequest
from tests.web.conftest import SignedIn, typed
from tests.web.page import read

pytestmark = pytest.mark.django_db


@pytest.fixture
def leftover(signed_in: SignedIn, account: Account) -> SeenLeftover:
    signed_in("requester").post("/requests/new/", typed())
    now = timezone.now()
    LeftoverLook.objects.create(
        account=account, looked_at=now, unreachable=[{"region": "eu-west-2", "error": "Unavailable: <try> later"}]
    )
    return SeenLeftover.objects.create(
        account=account,
        copy=CopyRequest.objects.latest("pk").copies.get(),
        DestinationRegion="eu-west-1",
        ImageId="ami-0123456789abcdef0",
        State="failed",
        snapshots=["snap-0123456789abcdef0"],
        gib=52,
        seen_at=now,
    )


def test_the_page_explains_lists_and_names_what_it_could_not_see(signed_in: SignedIn, leftover: SeenLeftover) -> None:
    page = read(signed_in("administrator").get("/leftovers/"))
    assert "no request wants" in page.text
    row = page.table("Leftovers in eu-west-1").row("ami-0123456789abcdef0")
    assert "snap-0123456789abcdef0" in row.text
    assert "52 GiB" in row.text
    assert leftover.copy is not None
    assert row.links(to=f"/requests/{leftover.copy.request_id}/#copy-{leftover.copy_id}")
    assert "couldn’t be looked at" in page.text
    assert "Unavailable: <try> later" in page.text
    assert "Last look" in page.told
    assert page.polled is None, "nothing changes by itself"


def test_removing_asks_first_and_then_says_that_it_goes_on(signed_in: SignedIn, leftover: SeenLeftover) -> None:
    admin = signed_in("administrator")
    assert "can’t be undone" in read(admin.post("/leftovers/remove/", {"leftover": leftover.pk})).text
    leftover.refresh_from_db()
    assert leftover.removing_since is None
    answer = admin.post("/leftovers/remove/", {"leftover": leftover.pk, "confirm": "yes"}, follow=True)
    assert "1 leftover is being removed" in read(answer).told
    leftover.refresh_from_db()
    assert leftover.removing_since is not None
    fragment = read(admin.get("/leftovers/", headers={"HX-Request": "true"}))
    assert "Being removed" in fragment.table().text
    assert fragment.polled
    assert fragment.polled.attribute("hx-trigger") == "every 3s"
    assert not fragment.is_whole


@pytest.mark.parametrize("chosen", [[], ["x"], ["99999999999999999999"], ["0", "-1", "\0"]])
def test_garbage_is_answered_with_words(signed_in: SignedIn, chosen: list[str]) -> None:
    answer = signed_in("administrator").post("/leftovers/remove/", {"leftover": chosen, "confirm": "yes"}, follow=True)
    assert "Choose what to remove" in read(answer).told


def test_a_look_is_asked_for_and_not_waited_for(signed_in: SignedIn, account: Account) -> None:
    answer = signed_in("administrator").post("/leftovers/look/", follow=True)
    assert "Looking at AWS now" in read(answer).told
    assert LeftoverLook.objects.get().pending
