"""A signed-in person links themselves to who they are at a provider, and unlinks: on the page, there and back."""

import time
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from amicopy.audit.models import AuditEvent
from amicopy.copies.core.models import Identity
from amicopy.copies.core.power_models import Grant
from amicopy.copies.operations import confirmations, people, sign_on
from amicopy.copies.operations.sign_on import Refused
from amicopy.web.models import Session
from tests.copies.conftest import acting, make_person
from tests.web.page import read
from tests.web.sign_on import OwnProvider, leave, own_provider, provider
from tests.web.sign_on import sign_on as arrives
from tests.web.test_sign_on import said

PASSWORD = "a-long-password-1"
PAGE = "/settings/sign-on/"


@pytest.fixture
def made(db: None, settings: Settings) -> Iterator[OwnProvider]:
    with own_provider() as found:
        settings.OIDC_PROVIDERS = {"sample": provider(found.issuer)}
        yield found


def local(name: str, *roles: str) -> User:
    user = make_person(name, *(roles or ("requester",)))
    user.set_password(PASSWORD)
    user.save()
    return user


def browser(user: User) -> Client:
    """One in which somebody has signed in with their password just now."""
    found = Client()
    found.force_login(user)
    found.get("/help/")
    return found


def links(client: Client, made: OwnProvider) -> Any:
    """Asks to be linked, and signs in at the provider; the answer to who comes back."""
    assert client.post(f"{PAGE}sample/link/")["Location"] == PAGE
    return arrives(client, made, how="link")


def whose(client: Client) -> str:
    user_id = client.session.get("_auth_user_id")
    return User.objects.get(pk=user_id).username if user_id else ""


def test_a_person_links_themselves_and_signs_on_as_the_one_they_were(made: OwnProvider) -> None:
    grace = local("grace", "requester")
    client = browser(grace)
    page = read(client.get(PAGE))
    assert "Known there as" not in page.text
    assert page.button("Link with the sample provider")
    client.post(f"{PAGE}sample/link/")
    assert read(client.get(PAGE)).link("Go on to the sample provider").attribute("href") == "/sign-on/sample/?how=link"
    # Another name, and another address, there: matched by neither.
    answer = arrives(client, made, how="link")
    assert answer["Location"] == PAGE
    assert (made.asked["prompt"], made.asked["max_age"]) == ("login", "0")
    page = read(client.get(PAGE))
    assert "You are linked" in page.told
    assert "Known there as subject-1" in page.text
    identity = Identity.objects.get()
    assert (identity.person, identity.subject, identity.own) == (grace, "subject-1", True)
    event = AuditEvent.objects.get(action="person.identified")
    assert (event.actor, event.data["person"], event.data["subject"]) == ("grace", "grace", "subject-1")
    other = Client()
    arrives(other, made)
    assert whose(other) == "grace"
    assert not User.objects.filter(username="ada").exists()
    # It gave nobody a hand in anybody.
    assert not Grant.objects.exists()


def test_it_asks_for_the_password_again(made: OwnProvider) -> None:
    client = browser(local("grace"))
    session = client.session
    session["shown_at"] = (timezone.now() - timedelta(hours=5)).isoformat()
    session.save()
    answer = client.post(f"{PAGE}sample/link/")
    assert answer.status_code == 403
    assert read(answer).has_field("password-again")
    assert client.get("/sign-on/sample/?how=link")["Location"] == PAGE, "it wasn't asked for"
    assert client.post(f"{PAGE}sample/link/", {"password-again": PASSWORD}).status_code == 302
    arrives(client, made, how="link")
    assert Identity.objects.exists()
    session = client.session
    session["shown_at"] = (timezone.now() - timedelta(hours=5)).isoformat()
    session.save()
    assert client.post(f"{PAGE}{Identity.objects.get().pk}/unlink/").status_code == 403
    assert Identity.objects.get().unlinked_at is None


def test_nobody_is_linked_who_has_not_asked_for_it_a_moment_ago(made: OwnProvider) -> None:
    client = browser(local("grace"))
    assert client.get("/sign-on/sample/?how=link")["Location"] == PAGE
    # Asked for too long ago; and somebody else has signed in here since.
    client.post(f"{PAGE}sample/link/")
    back = leave(client, made, how="link")
    session = client.session
    session["linking"] = {**session["linking"], "at": (timezone.now() - timedelta(minutes=11)).isoformat()}
    session.save()
    assert said(client.get(back)) == "state"
    client.post(f"{PAGE}sample/link/")
    back = leave(client, made, how="link")
    client.force_login(local("mallory"))
    answer = client.get(back)
    assert said(answer) == "state"
    assert "You are not linked" in read(answer).text
    assert not Identity.objects.exists()
    # It counts once.
    client = browser(User.objects.get(username="grace"))
    links(client, made)
    assert client.get("/sign-on/sample/?how=link")["Location"] == PAGE


def test_what_is_somebody_elses_is_never_taken_over(made: OwnProvider) -> None:
    arrives(Client(), made)
    ada = Identity.objects.get()
    client = browser(local("mallory"))
    answer = links(client, made)
    assert (answer.status_code, said(answer)) == (403, "taken")
    assert whose(client) == "mallory"
    assert list(Identity.objects.all()) == [ada]
    # Nor what was theirs.
    Identity.objects.update(unlinked_at=timezone.now())
    assert said(links(client, made)) == "taken"
    assert Identity.objects.get().person.username == "ada"


def test_one_person_is_one_at_a_provider(made: OwnProvider) -> None:
    client = browser(local("grace"))
    links(client, made)
    # The same once more: nothing.
    events = AuditEvent.objects.filter(action="person.identified")
    assert links(client, made)["Location"] == PAGE
    assert events.count() == 1
    made.claims = {"sub": "subject-2"}
    assert said(links(client, made)) == "linked-already"
    assert Identity.objects.get().subject == "subject-1"


def test_a_token_that_is_none_links_nobody(made: OwnProvider) -> None:
    client = browser(local("grace"))
    made.claims = {"aud": "another-client"}
    assert said(links(client, made)) == "token"
    made.claims, made.instead = {}, {"/token": (500, b"")}
    assert links(client, made).status_code == 502
    assert not Identity.objects.exists()
    assert whose(client) == "grace"


def test_unlinked_it_opens_nothing_and_makes_nobody_new(made: OwnProvider) -> None:
    grace = local("grace", "auditor")
    client = browser(grace)
    links(client, made)
    made.claims = {"groups": ["askers", "platform"]}
    elsewhere = Client()
    arrives(elsewhere, made)
    held = grace.groups.values_list("name", flat=True)
    assert sorted(held.all()) == ["Platform", "auditor", "requester"]
    identity = Identity.objects.get()
    answer = client.post(f"{PAGE}{identity.pk}/unlink/", follow=True)
    assert "You are unlinked" in read(answer).told
    # What groups gave is gone, and so is the session that began there; this one stays.
    assert sorted(held.all()) == ["auditor"]
    assert elsewhere.get("/help/").status_code == 302
    assert whose(client) == "grace"
    taken = AuditEvent.objects.filter(action__in=("person.unlinked", "person.role_taken", "person.team_left"))
    assert [(event.actor, event.data["why"]) for event in taken] == [("grace", "unlinked")] * 3
    # With another name and address, which nobody here has: still the same person.
    made.claims = {"email": "new@amicopy.example", "preferred_username": "new", "groups": ["deciders"]}
    assert said(arrives(Client(), made)) == "unlinked"
    assert not User.objects.filter(username__in=("new", "subject-1")).exists()
    links(client, made)
    arrives(elsewhere, made)
    assert (whose(elsewhere), sorted(held.all())) == ("grace", ["approver", "auditor"])


def test_the_session_that_began_there_goes_on_when_it_unlinks(made: OwnProvider) -> None:
    client = browser(local("grace"))
    links(client, made)
    made.claims = {"auth_time": int(time.time())}
    arrives(client, made)
    assert Session.objects.get(provider="sample").person
    client.post(f"{PAGE}{Identity.objects.get().pk}/unlink/")
    assert whose(client) == "grace"
    assert not Session.objects.filter(provider="sample").exists()


def test_the_only_way_in_is_not_unlinked(made: OwnProvider, settings: Settings) -> None:
    client, made.claims = Client(), {"auth_time": int(time.time())}
    arrives(client, made)
    identity = Identity.objects.get()
    page = read(client.get(PAGE))
    assert "It is your only way in" in page.text
    assert not page.buttons("Unlink the sample provider")
    answer = client.post(f"{PAGE}{identity.pk}/unlink/", follow=True)
    assert "That is your only way in" in read(answer).text
    # A password that opens nothing is none, and neither is a provider that isn't set up.
    user = User.objects.get(username="ada")
    user.set_password(PASSWORD)
    user.save()
    Identity.objects.create(
        person=user, issuer="https://gone.example", subject="x", made_at=timezone.now(), seen_at=timezone.now()
    )
    settings.PASSWORD_SIGN_IN = ["glass"]
    with pytest.raises(Exception, match="only way in"):
        sign_on.unlink(acting(user), identity.pk)
    settings.OIDC_PROVIDERS = {
        **settings.OIDC_PROVIDERS,
        "other": provider("https://gone.example", name="other"),
    }
    sign_on.unlink(acting(user), identity.pk)
    assert Identity.objects.get(pk=identity.pk).unlinked_at


def test_nobody_unlinks_somebody_else(made: OwnProvider) -> None:
    arrives(Client(), made)
    client = browser(local("boss", "administrator"))
    for number in (Identity.objects.get().pk, 10**18, 9**30):
        assert client.post(f"{PAGE}{number}/unlink/").status_code == 404
    assert client.post(f"{PAGE}nobody/link/").status_code == 404
    assert Identity.objects.get().unlinked_at is None


def test_what_others_could_have_linked_ends_with_the_confirmation(made: OwnProvider) -> None:
    """Who made somebody could have signed in as them, and linked them to an own account there."""
    boss, second = make_person("boss", "administrator"), make_person("second", "administrator")
    newcomer = people.add(acting(boss), name="newcomer", email="", roles=["approver"])
    sign_on.link(acting(newcomer), provider(made.issuer), "boss-there")
    assert Grant.objects.filter(confirmed_at=None).count() == Grant.objects.count() > 0
    confirmations.confirm(acting(second), newcomer.pk)
    assert Identity.objects.get().unlinked_at is not None
    assert AuditEvent.objects.get(action="person.unlinked").actor == "second"
    with pytest.raises(Refused, match="taken"):
        sign_on.link(acting(boss), provider(made.issuer), "boss-there")
    # The operator's word goes above it.
    call_command("link_person", "boss", "sample", "boss-there", stdout=StringIO())
    assert Identity.objects.get().person == boss


def test_whoever_is_switched_off_links_nothing(made: OwnProvider) -> None:
    grace = local("grace")
    User.objects.filter(pk=grace.pk).update(is_active=False)
    with pytest.raises(Refused, match="switched-off"):
        sign_on.link(acting(grace), provider(made.issuer), "x")
    client = browser(local("other"))
    User.objects.update(is_active=False)
    assert client.post(f"{PAGE}sample/link/")["Location"].startswith("/sign-in/")
    assert not Identity.objects.exists()


def test_without_a_provider_the_page_says_so(db: None) -> None:
    assert "This installation has no provider" in read(browser(local("grace")).get(PAGE)).text
