"""How long somebody stays signed in, where they are, and ending that."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from amicopy.audit.models import AuditEvent
from amicopy.web.models import Session
from amicopy.web.sessions import browser_words
from tests.copies.conftest import make_person
from tests.web.conftest import SignedIn
from tests.web.page import read

pytestmark = pytest.mark.django_db
PASSWORD = "a-long-password-1"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Safari/604.1"


@pytest.fixture
def person(db: None) -> User:
    user = make_person("somebody", "requester")
    user.set_password(PASSWORD)
    user.save()
    return user


def browser(agent: str = FIREFOX, address: str = "192.0.2.7") -> Client:
    """A browser in which somebody has just signed in."""
    client = Client(headers={"User-Agent": agent}, REMOTE_ADDR=address)
    assert client.post("/sign-in/", {"username": "somebody", "password": PASSWORD}).status_code == 302
    return client


def row_of(client: Client) -> Session:
    return Session.objects.get(pk=client.session.session_key)


def set_back(client: Client, *, seen: timedelta, began: timedelta) -> None:
    """Makes the session one that began, and was last clicked in, so long ago."""
    session, now = client.session, timezone.now()
    session["seen_at"], session["began_at"] = (now - seen).isoformat(), (now - began).isoformat()
    session.save()


def test_somebody_sees_where_they_are_signed_in_and_ends_one(person: User) -> None:
    here, lost = browser(), browser(PHONE, "198.51.100.9")
    page = read(here.get("/settings/sessions/"))
    own, other = page.region("Sessions").items()
    assert "Firefox on Linux" in own.text
    assert "192.0.2.7" in own.text
    assert "This one" in own.text
    assert not own.buttons("End")
    assert "Safari on iPhone" in other.text
    assert "198.51.100.9" in other.text
    name = other.attribute("data-session")
    assert row_of(lost).session_key not in page.source
    assert "is ended" in read(here.post("/settings/sessions/end/", {"session": name}, follow=True)).told
    assert lost.get("/requests/")["Location"].startswith("/sign-in/")
    assert here.get("/requests/").status_code == 200
    assert "over already" in read(here.post("/settings/sessions/end/", {"session": name}, follow=True)).told
    event = AuditEvent.objects.latest("pk")
    assert (event.action, event.actor, event.data["sessions"]) == ("person.session_ended", "somebody", 1)


def test_all_others_end_at_once(person: User) -> None:
    here, others = browser(), [browser(PHONE), browser()]
    assert "2 other sessions ended" in read(here.post("/settings/sessions/end/", {"others": "yes"}, follow=True)).told
    assert all(each.get("/requests/").status_code == 302 for each in others)
    assert Session.objects.count() == 1


def test_nobody_sees_or_ends_anothers(person: User, signed_in: SignedIn) -> None:
    theirs = browser()
    theirs.get("/requests/")
    name = read(theirs.get("/settings/sessions/")).marks("data-session")[0]
    mine = signed_in("administrator")
    assert name not in read(mine.get("/settings/sessions/")).source
    mine.post("/settings/sessions/end/", {"session": name})
    mine.post("/settings/sessions/end/", {"others": "yes"})
    assert theirs.get("/requests/").status_code == 200


def test_a_session_ends_after_its_last_click_and_at_last(person: User, settings: Settings) -> None:
    settings.SESSION_IDLE_MINUTES, settings.SESSION_HOURS = 30, 12
    client = browser()
    assert abs(row_of(client).expire_date - timezone.now() - timedelta(minutes=30)) < timedelta(seconds=20)
    set_back(client, seen=timedelta(minutes=20), began=timedelta(hours=11, minutes=50))
    client.get("/requests/")
    assert abs(row_of(client).expire_date - timezone.now() - timedelta(minutes=10)) < timedelta(seconds=20)
    Session.objects.update(expire_date=timezone.now())
    assert client.get("/requests/")["Location"].startswith("/sign-in/")


@pytest.mark.parametrize(
    ("seen", "began", "words"),
    [
        (timedelta(minutes=61), timedelta(minutes=61), "Nobody had clicked anything for 60 minutes."),
        (timedelta(minutes=1), timedelta(hours=13), "A session lasts 12 hours at most."),
        (None, None, "The session was ended elsewhere"),
    ],
)
def test_the_sign_in_page_says_why_a_session_has_ended(
    seen: timedelta | None, began: timedelta, words: str, person: User, settings: Settings
) -> None:
    settings.SESSION_IDLE_MINUTES, settings.SESSION_HOURS = 60, 12
    client = browser()
    if seen is None:
        Session.objects.all().delete()
    else:
        now = timezone.now()
        Session.objects.update(seen_at=now - seen, began_at=now - began, expire_date=now)
    page = read(client.get("/requests/", follow=True))
    assert page.button("Sign in")
    assert words in page.told


def test_a_click_moves_the_end_on_and_what_a_page_asks_for_by_itself_does_not(person: User) -> None:
    client = browser()
    set_back(client, seen=timedelta(minutes=30), began=timedelta(hours=1))
    before = row_of(client).seen_at
    client.get("/requests/live/", headers={"HX-Request": "true"})
    assert row_of(client).seen_at == before
    client.get("/requests/")
    after = row_of(client).seen_at
    assert after is not None
    assert timezone.now() - after < timedelta(minutes=1)
    client.get("/requests/")
    assert row_of(client).seen_at == after, "Within a minute nothing is written."


def test_being_switched_off_ends_them_all_for_good(person: User, signed_in: SignedIn) -> None:
    client, boss = browser(), signed_in("administrator")
    boss.post(f"/people/{person.pk}/switch/", {"to": "off"})
    assert not Session.objects.filter(person=person).exists()
    boss.post(f"/people/{person.pk}/switch/", {"to": "on"})
    assert client.get("/requests/").status_code == 302


def test_a_new_password_ends_them_all(person: User, signed_in: SignedIn) -> None:
    client, boss = browser(), signed_in("administrator")
    answer = boss.post(f"/people/{person.pk}/password-link/")
    link = read(answer).button("Copy the link").attribute("data-clip").removeprefix("http://testserver")
    other = Client()
    address = other.get(link, follow=True).redirect_chain[-1][0]
    new = "correct horse battery"
    assert other.post(address, {"new_password1": new, "new_password2": new}).status_code == 302
    assert not Session.objects.filter(person=person).exists()
    assert client.get("/requests/").status_code == 302
    assert AuditEvent.objects.filter(action="person.session_ended", actor="somebody").exists()


def test_what_has_expired_is_cleared_as_djangos_own(person: User) -> None:
    kept = browser()
    browser()
    Session.objects.exclude(pk=kept.session.session_key).update(expire_date=timezone.now() - timedelta(seconds=1))
    call_command("clearsessions")
    assert [row.pk for row in Session.objects.all()] == [kept.session.session_key]


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (FIREFOX, "Firefox on Linux"),
        (PHONE, "Safari on iPhone"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Chrome/140.0 Safari/537.36", "Chrome on macOS"),
        ("", "An unknown browser"),
        ("<script>" * 100, "An unknown browser"),
    ],
)
def test_a_browser_is_said_in_words(agent: str, words: str) -> None:
    assert browser_words(agent) == words
