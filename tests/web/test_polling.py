"""Polls that change nothing: no body, two statements, and only for whoever was shown this state of things."""

import re

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from amicopy.copies.models import CopyRequest
from tests.web.conftest import SignedIn, typed

pytestmark = pytest.mark.django_db


def polled_by(client: Client, page: str) -> tuple[str, str]:
    """The address a page polls, and the tag it does it with."""
    found = re.search(r'hx-get="([^"]+)"[^>]*hx-ptag="([^"]+)"', client.get(page).content.decode())
    assert found, page
    return found[1].replace("&amp;", "&"), found[2]


@pytest.mark.parametrize("page", ["/", "/requests/", "/approvals/", "/audit/", "/requests/{}/"])
def test_an_unchanged_poll_costs_two_statements(
    signed_in: SignedIn, django_assert_max_num_queries: DjangoAssertNumQueries, page: str
) -> None:
    signed_in("requester").post("/requests/new/", typed())
    client = signed_in("administrator")
    address, tag = polled_by(client, page.format(CopyRequest.objects.latest("pk").pk))
    with django_assert_max_num_queries(2):
        answer = client.get(address, headers={"HX-Request": "true", "HX-PTag": tag})
    assert (answer.status_code, answer.content) == (304, b"")


def test_a_tag_is_of_use_only_to_the_person_who_was_given_it(signed_in: SignedIn) -> None:
    owner, other = signed_in("requester"), signed_in("requester", name="requester-2")
    owner.post("/requests/new/", typed())
    address, tag = polled_by(owner, f"/requests/{CopyRequest.objects.latest('pk').pk}/")
    headers = {"HX-Request": "true", "HX-PTag": tag}
    assert owner.get(address, headers=headers).status_code == 304
    assert other.get(address, headers=headers).status_code == 404


def test_whoever_may_no_longer_sign_in_gets_no_304(signed_in: SignedIn) -> None:
    client = signed_in("requester")
    client.post("/requests/new/", typed())
    row = CopyRequest.objects.latest("pk")
    address, tag = polled_by(client, f"/requests/{row.pk}/")
    row.requester.is_active = False
    row.requester.save()
    answer = client.get(address, headers={"HX-Request": "true", "HX-PTag": tag})
    assert answer["HX-Redirect"].startswith("/sign-in/")
