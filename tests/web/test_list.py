"""The list of requests: order, filters, and views that a person keeps."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from amicopy.copies.core.models import CopyRequest, ImageCopy
from amicopy.web.models import SavedView
from tests.web.conftest import SignedIn, typed
from tests.web.page import Page, read

pytestmark = pytest.mark.django_db


def submitted(client: Client, name: str) -> CopyRequest:
    assert client.post("/requests/new/", typed(Name=name)).status_code == 302
    return CopyRequest.objects.latest("pk")


def shown(client: Client, query: str) -> list[str]:
    return names(read(client.get(f"/requests/{query}")))


def names(page: Page) -> list[str]:
    """The names of the requests on a page of the list."""
    return [row.links()[0].name for table in page.tables() for row in table.marked("data-request")]


def ended(row: CopyRequest, state: str, *, days_ago: int = 0) -> None:
    when = timezone.now() - timedelta(days=days_ago)
    ImageCopy.objects.filter(request=row).update(state=state, ImageId=f"ami-{row.pk:017x}", finished_at=when)


def test_every_sorted_column_sorts_both_ways_and_says_so(signed_in: SignedIn) -> None:
    anne, bob = signed_in("requester", name="anne"), signed_in("requester", name="bob")
    first, second = submitted(bob, "bbb-image"), submitted(anne, "aaa-image")
    CopyRequest.objects.filter(pk=first.pk).update(state="APPROVED")
    auditor = signed_in("auditor")
    for key in ("name", "person", "oldest"):
        column = {"name": "Request", "person": "Requested by", "oldest": "Submitted"}[key]
        forwards = shown(auditor, f"?sort={key}")
        turned = {"oldest": "newest"}.get(key, f"-{key}")
        assert forwards == shown(auditor, f"?sort={turned}")[::-1]
        heads = read(auditor.get(f"/requests/?sort={key}")).table("Copy requests").heads
        assert [head.text for head in heads if head.attribute("aria-sort") == "ascending"] == [column]
    assert shown(auditor, "?sort=status") == [first.Name, second.Name]
    assert shown(auditor, "?sort=person") == [second.Name, first.Name]


@pytest.mark.parametrize("sort", ["newest", "oldest", "name", "-name", "status", "-status", "person", "-person"])
def test_pages_in_every_order_show_each_request_once(
    signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch, sort: str
) -> None:
    monkeypatch.setattr("amicopy.web.pagination.PAGE", 2)
    client = signed_in("requester")
    made = [submitted(client, name).Name for name in ("one-image", "two-image", "two-image", "six-image", "ten-image")]
    query, seen = f"?sort={sort}", list[str]()
    for _ in range(3):
        page = read(client.get(f"/requests/{query}"))
        seen += names(page)
        query = page.following() or query
    assert sorted(seen) == sorted(made)


def test_the_dashboards_figures_lead_to_the_requests_behind_them(signed_in: SignedIn) -> None:
    client = signed_in("requester")
    failed, done, long_ago = (submitted(client, name) for name in ("failed-image", "done-image", "old-image"))
    ended(failed, "FAILED")
    ended(done, "AVAILABLE")
    ended(long_ago, "FAILED", days_ago=8)
    page = read(client.get("/"))
    for tile, outcome in (("Failed this week", "failed"), ("Done this week", "available")):
        assert page.link(tile).address == f"/requests/?ended=week&outcome={outcome}"
    assert shown(client, "?ended=week&outcome=failed") == ["failed-image"]
    assert shown(client, "?ended=week&outcome=available") == ["done-image"]
    assert shown(client, f"?ended={timezone.localdate() - timedelta(days=8)}") == ["old-image"]
    assert len(shown(client, "?ended=2026-02-30&outcome=nonsense")) == 3


def test_a_saved_view_is_listed_beside_the_others_and_can_be_deleted(signed_in: SignedIn) -> None:
    client = signed_in("requester")
    submitted(client, "ireland-image")
    answer = client.post("/requests/views/", {"name": " Week's  work ", "query": "?q=ireland&region=eu-west-1"})
    assert answer["Location"] == "/requests/?q=ireland&region=eu-west-1"
    view = SavedView.objects.get()
    assert view.name == "Week's work"
    page = read(client.get(answer["Location"]))
    here = [link.name for link in page.links() if link.attribute("aria-current") == "page"]
    assert here == ["Requests", "Week's work"], "in the menu, and this one of the views"
    page = read(client.post(f"/requests/views/{view.pk}/delete/", follow=True))
    assert not SavedView.objects.exists()
    assert "?q=ireland&region=eu-west-1" in [field.value for field in page.fields()]


def test_saved_views_are_a_persons_own(signed_in: SignedIn) -> None:
    signed_in("requester").post("/requests/views/", {"name": "Mine alone", "query": "?q=golden"})
    view, other = SavedView.objects.get(), signed_in("auditor")
    assert "Mine alone" not in read(other.get("/requests/")).source
    assert other.post(f"/requests/views/{view.pk}/delete/").status_code == 404
    assert SavedView.objects.filter(pk=view.pk).exists()


@pytest.mark.parametrize("name", ["", "   ", "\0", "x" * 41])
def test_a_view_without_a_usable_name_is_refused_with_words(signed_in: SignedIn, name: str) -> None:
    answer = signed_in("requester").post("/requests/views/", {"name": name, "query": "?q=golden"}, follow=True)
    assert "Give the view a name" in read(answer).told
    assert not SavedView.objects.exists()


def test_what_is_saved_is_a_search_and_nothing_else(signed_in: SignedIn) -> None:
    client = signed_in("requester")
    client.post("/requests/views/", {"name": "odd", "query": "?q=golden&next=//evil.example&sort=nonsense"})
    assert SavedView.objects.get().address == "?q=golden"
