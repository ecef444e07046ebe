"""How amicopy itself does: the strip on every page, and the page System."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db.models import F
from django.utils import timezone
from pytest_django import Settings

from amicopy.copies.core.engine_models import AccountCheck, Pulse, RegionCheck
from amicopy.copies.core.models import Account, CopyRequest, ImageCopy
from amicopy.copies.operations.health import examination
from tests.copies.conftest import Submit, approve
from tests.copies.conftest import approver as approver
from tests.copies.conftest import requester as requester
from tests.copies.conftest import submit as submit
from tests.web.conftest import SignedIn, typed
from tests.web.page import read

pytestmark = pytest.mark.django_db


def age(seconds: int) -> None:
    """The last sign that something ran is so old."""
    Pulse.objects.update(at=F("at") - timedelta(seconds=seconds))
    cache.clear()


@pytest.mark.parametrize("address", ["/", "/requests/", "/approvals/", "/audit/", "/settings/", "/help/", "/system/"])
def test_every_page_says_when_nothing_runs(signed_in: SignedIn, address: str) -> None:
    client = signed_in("administrator")
    assert "Nothing has run" not in read(client.get(address)).text
    age(20)
    assert "Nothing has run" not in read(client.get(address)).text
    age(11)
    answer = read(client.get(address))
    at = timezone.localtime(Pulse.objects.get().at)
    assert f"Nothing has run since {at:%H:%M}; copies at AWS go on." in answer.text
    assert answer.link("What is wrong").attribute("href") == "/system/"


def test_only_administrators_are_led_to_what_is_wrong(signed_in: SignedIn) -> None:
    age(60)
    answer = read(signed_in("requester").get("/"))
    assert "Nothing has run since" in answer.text
    assert answer.links("What is wrong") == []


def test_an_installation_without_workers_says_so(signed_in: SignedIn) -> None:
    Pulse.objects.all().delete()
    assert "Nothing has run yet" in read(signed_in("requester").get("/")).text


@pytest.mark.parametrize("page", ["/", "/requests/", "/approvals/", "/audit/", "/requests/{}/"])
def test_a_page_that_stays_open_hears_of_it_with_the_next_poll(signed_in: SignedIn, page: str) -> None:
    signed_in("requester").post("/requests/new/", typed())
    client = signed_in("administrator")
    poll = read(client.get(page.format(CopyRequest.objects.latest("pk").pk))).polled
    assert poll
    headers = {"HX-Request": "true", "If-None-Match": f'"{poll.tag}"'}
    assert client.get(poll.address, headers=headers).status_code == 304
    age(31)
    answer = client.get(poll.address, headers=headers)
    assert answer.status_code == 200
    assert "Nothing has run since" in read(answer).text
    assert b'hx-swap-oob="outerMorph"' in answer.content
    Pulse.mark("work")
    cache.clear()
    answer = client.get(poll.address, headers=headers | {"If-None-Match": answer["ETag"]})
    assert answer.status_code == 200
    assert b'id="strip"' in answer.content, "what is there is taken away"
    assert "Nothing has run" not in read(answer).text


def test_estimates_vanish_while_nothing_is_followed(
    signed_in: SignedIn, submit: Submit, approver: User, account: Account
) -> None:
    row = submit()
    approve(approver, row)
    called = timezone.now() - timedelta(minutes=5)
    ImageCopy.objects.update(state="COPYING", ImageId="ami-0a7f3c92d41be6058", progress=50, called_at=called)
    client = signed_in("administrator")
    for address in (f"/requests/{row.pk}/", "/"):
        assert " left" in read(client.get(address)).text
    age(31)
    for address in (f"/requests/{row.pk}/", "/"):
        assert " left" not in read(client.get(address)).text


def test_the_page_puts_what_is_down_first_and_says_what_to_do(signed_in: SignedIn) -> None:
    age(31)
    answer = read(signed_in("administrator").get("/system/"))
    assert answer.heading("System")


@pytest.mark.django_db(transaction=True)
def test_what_the_web_process_sees_is_on_the_page(signed_in: SignedIn, account: Account, settings: Settings) -> None:
    client = signed_in("administrator")
    AccountCheck.objects.create(account=account, checked_at=timezone.now(), arn="arn:aws:iam::111122223333:role/x")
    for region, reachable in (("eu-west-1", True), ("us-east-1", False)):
        RegionCheck.objects.create(
            account=account, Region=region, enabled=True, reachable=reachable, checked_at=timezone.now()
        )
    settings.EMAIL_ON = False
    age(31)
    answer = read(client.get("/system/"))
    down, look = answer.region("Down"), answer.region("Needs a look")
    assert "Nothing is started or followed; copies at AWS go on." in down.region("Workers").text
    assert "celery -A amicopy worker" in down.region("Workers").text
    assert "Set EMAIL_HOST" in look.region("E-mail").text
    assert "us-east-1 couldn't be looked at" in look.region("AWS accounts").text
    assert "all migrations are in" in answer.region("Database").text
    assert "us-east-1 Doesn’t answer" in answer.region(account.name).text


def test_the_part_that_keeps_itself_current_is_no_whole_page(signed_in: SignedIn) -> None:
    client = signed_in("administrator")
    poll = read(client.get("/system/")).polled
    assert poll
    answer = client.get(poll.address, headers={"HX-Request": "true"})
    assert b"<html" not in answer.content
    assert read(answer).heading("System")


def test_many_who_look_at_once_cost_one_look(signed_in: SignedIn) -> None:
    signed_in("administrator").get("/system/")
    before = examination.recent()
    assert examination.recent() == before
