"""Signing on at a provider: who gets in, as whom, and what becomes of what a provider must not be believed."""

import base64
import hmac
import json
import time
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from joserfc.jwk import RSAKey
from pytest_django import Settings

from amicopy.audit.models import AuditEvent
from amicopy.copies.core.models import Identity
from amicopy.copies.core.power_models import Grant
from amicopy.notify.models import Message
from amicopy.web import openid
from amicopy.web.models import Session
from amicopy.web.sign_on_words import WORDS
from tests.copies.conftest import make_person
from tests.web.sign_on import CLIENT_ID, SECRET, OwnProvider, leave, own_provider, provider, sign_on


@pytest.fixture
def made(db: None, settings: Settings) -> Iterator[OwnProvider]:
    with own_provider() as found:
        settings.OIDC_PROVIDERS = {"sample": provider(found.issuer)}
        yield found


def roles(name: str = "ada") -> list[str]:
    return sorted(User.objects.get(username=name).groups.values_list("name", flat=True))


def signed_in(client: Client) -> bool:
    return client.get("/help/").status_code == 200


def said(answer: Any) -> str:
    """The title of why nobody was signed on."""
    text = answer.text
    return next(reason for reason, words in WORDS.items() if words.about("the sample provider").title in text)


def test_somebody_signs_on_and_gets_to_where_they_wanted(client: Client, made: OwnProvider) -> None:
    page = client.get("/requests/?q=golden")
    assert 'href="/sign-on/sample/?next=%2Frequests%2F%3Fq%3Dgolden"' in client.get(page["Location"]).text
    answer = sign_on(client, made, next="/requests/?q=golden")
    assert answer["Location"] == "/requests/?q=golden"
    assert signed_in(client)
    assert roles() == ["requester"]
    assert made.asked["code_challenge_method"] == "S256"
    assert made.sent[0]["code_verifier"]
    actions = list(AuditEvent.objects.order_by("pk").values_list("action", flat=True))
    assert actions == ["person.added", "person.identified", "person.role_given", "person.signed_in"]
    # What a provider gives is nobody's making.
    assert not Grant.objects.exists()


def test_it_leads_to_no_other_site(client: Client, made: OwnProvider) -> None:
    assert sign_on(client, made, next="https://elsewhere.example/")["Location"] == "/"
    assert sign_on(Client(), made, next="//elsewhere.example/")["Location"] == "/"


def test_nothing_is_written_before_somebody_is_back(client: Client, made: OwnProvider) -> None:
    leave(client, made)
    assert not Session.objects.exists()
    assert not AuditEvent.objects.exists()


def test_a_session_gets_another_key(made: OwnProvider) -> None:
    client = Client()
    client.force_login(make_person("somebody", "requester"))
    before = client.session.session_key
    sign_on(client, made)
    assert client.session.session_key != before
    assert client.session["_auth_user_id"] == str(User.objects.get(username="ada").pk)


@pytest.mark.parametrize(
    ("claims", "left_out"),
    [
        pytest.param({"iss": "https://other.example"}, set(), id="another issuer"),
        pytest.param({"aud": "another-client"}, set(), id="another audience"),
        pytest.param({"aud": ["another-client"], "azp": CLIENT_ID}, set(), id="another audience, our party"),
        pytest.param({"azp": "another-client", "aud": [CLIENT_ID, "another-client"]}, set(), id="another party"),
        pytest.param({"exp": int(time.time()) - 400}, set(), id="long over"),
        pytest.param({"iat": int(time.time()) + 10_000, "nbf": int(time.time()) + 10_000}, set(), id="of the future"),
        pytest.param({"nonce": "of-another-sign-on"}, set(), id="a token of before"),
        pytest.param({}, {"nonce"}, id="no nonce"),
        pytest.param({}, {"sub"}, id="no subject"),
        pytest.param({}, {"exp"}, id="no end"),
        pytest.param({"sub": 7}, set(), id="a number for a subject"),
        pytest.param({"sub": "s" * 256}, set(), id="a subject without end"),
    ],
)
def test_a_token_that_is_not_for_this_sign_on(
    client: Client, made: OwnProvider, claims: dict[str, Any], left_out: set[str]
) -> None:
    made.claims, made.left_out = claims, left_out
    answer = sign_on(client, made)
    assert (answer.status_code, said(answer)) == (403, "token")
    assert not signed_in(client)
    assert not Identity.objects.exists()
    assert AuditEvent.objects.get().data == {"provider": "sample", "why": "token"}


def _signed_by_a_text(key: bytes, made: OwnProvider) -> str:
    """A token as whoever knows a text could sign it: the client's secret, or the provider's public key."""
    now = int(time.time())
    claims = {"iss": made.issuer, "sub": "x", "aud": CLIENT_ID, "exp": now + 300, "iat": now}
    parts = ({"alg": "HS256", "kid": "one"}, {**claims, "nonce": made.asked["nonce"], "groups": ["heads"]})
    said = b".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts)
    return b".".join((said, base64.urlsafe_b64encode(hmac.digest(key, said, "sha256")).rstrip(b"="))).decode()


def test_a_forged_token(client: Client, made: OwnProvider) -> None:
    made.signed_with = RSAKey.generate_key(2048, {"kid": "one"})
    assert said(sign_on(client, made)) == "token"
    for key in (SECRET.encode(), made.key.as_pem(private=False)):
        made.token = partial(_signed_by_a_text, key)
        assert said(sign_on(client, made)) == "token"
    made.token = lambda its: "eyJhbGciOiJub25lIn0.e30."
    assert said(sign_on(client, made)) == "token"
    assert not signed_in(client)
    assert not Identity.objects.exists()


@pytest.mark.parametrize("seconds", [-120, 120])
def test_clocks_may_differ_by_two_minutes(client: Client, made: OwnProvider, seconds: int) -> None:
    now = int(time.time()) + seconds
    made.claims = {"iat": now, "nbf": now, "exp": now + 60}
    sign_on(client, made)
    assert signed_in(client)


def test_a_way_back_counts_once_and_in_its_own_browser(client: Client, made: OwnProvider) -> None:
    back = leave(client, made)
    stranger = Client()
    assert said(stranger.get(back)) == "state"
    assert not signed_in(stranger)
    assert client.get(back).status_code == 302
    client.post("/sign-out/")
    assert said(client.get(back)) == "state"
    assert not signed_in(client)


def test_a_cookie_of_another_provider_or_a_changed_one_opens_nothing(
    client: Client, made: OwnProvider, settings: Settings
) -> None:
    settings.OIDC_PROVIDERS = {name: provider(made.issuer, name=name) for name in ("sample", "other")}
    back = leave(client, made, name="other")
    client.cookies["sign-on"]["path"] = "/"
    assert said(client.get(back.replace("/other/", "/sample/"))) == "state"
    leave(client, made)
    client.cookies["sign-on"] = client.cookies["sign-on"].value[:-4] + "AAAA"
    assert said(client.get(back)) == "state"
    assert not signed_in(client)


@pytest.mark.parametrize(
    ("path", "status", "body", "reason"),
    [
        ("/.well-known/openid-configuration", 500, b"", "unreachable"),
        ("/.well-known/openid-configuration", 200, b"<html>", "nonsense"),
        ("/.well-known/openid-configuration", 200, b"[]", "nonsense"),
        ("/.well-known/openid-configuration", 200, b'{"issuer": "https://evil.example"}', "issuer"),
        ("/.well-known/openid-configuration", 200, b"x" * 1_100_000, "unreachable"),
    ],
)
def test_a_provider_that_sends_nonsense_gets_a_page(
    client: Client, made: OwnProvider, path: str, status: int, body: bytes, reason: str
) -> None:
    made.instead[path] = (status, body)
    answer = client.get("/sign-on/sample/")
    assert (answer.status_code, said(answer)) == (502, reason)
    assert "Traceback" not in answer.text


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/token", 500, b"oops"),
        ("/token", 200, b"[1]"),
        ("/token", 200, b'{"access_token": "x", "token_type": "Bearer"}'),
        ("/token", 200, b'{"access_token": "x", "token_type": "Bearer", "id_token": "x.y.z"}'),
        ("/token", 400, b'{"error": "invalid_grant"}'),
        ("/jwks", 404, b""),
        ("/jwks", 200, b'{"keys": 7}'),
    ],
)
def test_nonsense_on_the_way_back_is_no_half_sign_in(
    client: Client, made: OwnProvider, path: str, status: int, body: bytes
) -> None:
    made.instead[path] = (status, body)
    answer = sign_on(client, made)
    assert answer.status_code in {403, 502}
    assert not signed_in(client)
    assert not User.objects.filter(username="ada").exists()


def test_a_provider_that_is_down_or_hangs(
    client: Client, made: OwnProvider, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.server.socket.close()
    settings.OIDC_PROVIDERS = {"sample": provider("http://127.0.0.1:9")}
    answer = client.get("/sign-on/sample/")
    assert (answer.status_code, said(answer)) == (502, "unreachable")
    for _ in range(openid.AT_ONCE):
        openid._turns.acquire()
    try:
        answer = client.get("/sign-on/sample/")
        assert (answer.status_code, said(answer)) == (503, "busy")
    finally:
        for _ in range(openid.AT_ONCE):
            openid._turns.release()


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/token", "/jwks"])
def test_a_provider_that_answers_without_end(
    client: Client, made: OwnProvider, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """A byte at a time, each soon enough: the whole has an end."""
    monkeypatch.setattr(openid, "WHOLE", 0.3)
    made.trickles = path
    answer = client.get("/sign-on/sample/") if "well-known" in path else sign_on(client, made)
    assert (answer.status_code, said(answer)) == (502, "unreachable")
    assert not signed_in(client)


def test_an_address_without_https_is_refused_in_production(
    client: Client, made: OwnProvider, settings: Settings
) -> None:
    settings.SANDBOX = False
    assert said(client.get("/sign-on/sample/")) == "nonsense"


def test_the_provider_says_no(client: Client, made: OwnProvider) -> None:
    back = leave(client, made).replace("code=a-code", "error=access_denied&error_description=<b>no</b>")
    answer = client.get(back)
    assert said(answer) == "refused"
    assert "<b>no</b>" not in answer.text


def test_an_unknown_provider_is_not_found(client: Client, made: OwnProvider) -> None:
    assert client.get("/sign-on/nobody/").status_code == 404


def test_people_are_matched_by_issuer_and_subject_and_never_by_address(client: Client, made: OwnProvider) -> None:
    local = make_person("local", "administrator")
    User.objects.filter(pk=local.pk).update(email="ada@amicopy.example")
    answer = sign_on(client, made)
    assert said(answer) == "address-taken"
    assert not signed_in(client)
    # Names neither.
    made.claims = {"email": "other@amicopy.example", "preferred_username": "local"}
    sign_on(client, made)
    assert client.session["_auth_user_id"] != str(local.pk)


def test_a_subject_that_changes_address_and_name_is_the_same_person(client: Client, made: OwnProvider) -> None:
    sign_on(client, made)
    ada = User.objects.get(username="ada")
    made.claims = {"email": "countess@amicopy.example", "preferred_username": "countess"}
    sign_on(Client(), made)
    ada.refresh_from_db()
    assert (ada.username, ada.email) == ("ada", "countess@amicopy.example")
    assert AuditEvent.objects.filter(action="person.email_changed").count() == 1
    # An address of somebody else's is not taken over.
    make_person("other", "requester")
    User.objects.filter(username="other").update(email="other@amicopy.example")
    made.claims = {"email": "other@amicopy.example"}
    other = Client()
    sign_on(other, made)
    assert signed_in(other)
    ada.refresh_from_db()
    assert ada.email == "countess@amicopy.example"


def test_an_address_that_nobody_verified_is_not_taken(client: Client, made: OwnProvider) -> None:
    made.claims = {"email_verified": False}
    sign_on(client, made)
    assert User.objects.get(username="ada").email == ""


def test_somebody_without_a_group_of_ours_is_not_added(client: Client, made: OwnProvider) -> None:
    made.claims = {"groups": ["others"]}
    assert said(sign_on(client, made)) == "no-role"
    made.left_out = {"groups"}
    assert said(sign_on(client, made)) == "groups-absent"
    assert not User.objects.filter(username="ada").exists()


def test_object_ids_in_the_place_of_names_are_said_so(client: Client, made: OwnProvider, settings: Settings) -> None:
    own = "6d3a3c8e-6d8f-4d55-9d5c-0b7a0f5f4f11"
    made.claims = {"groups": [own, "0b81d5e6-1111-4d55-9d5c-0b7a0f5f4f11"]}
    assert said(sign_on(client, made)) == "groups-ids"
    assert not User.objects.filter(username="ada").exists()
    # Where the table has ids, it is another group; and with the right one it is none.
    settings.OIDC_PROVIDERS = {"sample": provider(made.issuer, roles={own[:-1] + "2": ("requester",)})}
    assert said(sign_on(client, made)) == "no-role"
    settings.OIDC_PROVIDERS = {"sample": provider(made.issuer, roles={own: ("requester",)})}
    sign_on(client, made)
    assert roles() == ["requester"]


def test_two_people_of_a_provider_with_one_address_are_not_one(client: Client, made: OwnProvider) -> None:
    sign_on(Client(), made)
    made.claims = {"sub": "subject-2", "preferred_username": "bob"}
    assert said(sign_on(client, made)) == "address-taken"
    assert not signed_in(client)
    assert [identity.subject for identity in Identity.objects.all()] == ["subject-1"]


def test_a_name_that_looks_like_anothers_is_not_taken(client: Client, made: OwnProvider) -> None:
    make_person("ada", "requester")
    made.claims = {"preferred_username": "ada", "email": ""}
    sign_on(client, made)
    assert client.session["_auth_user_id"] == str(User.objects.get(username="subject-1").pk)


def test_whoever_is_switched_off_does_not_sign_on(client: Client, made: OwnProvider) -> None:
    sign_on(client, made)
    User.objects.filter(username="ada").update(is_active=False)
    other = Client()
    assert said(sign_on(other, made)) == "switched-off"
    assert not signed_in(other)


def test_signing_out_here_and_there(client: Client, made: OwnProvider) -> None:
    made.metadata = {"end_session_endpoint": f"{made.issuer}/end?x=1"}
    sign_on(client, made)
    row = Session.objects.get(person__username="ada")
    assert made.issuer in json.dumps(row.get_decoded())
    assert "eyJ" not in json.dumps(row.get_decoded())
    answer = client.post("/sign-out/")
    assert f'href="{made.issuer}/end?x=1&amp;post_logout_redirect_uri=' in answer.text
    assert "id_token_hint=eyJ" in answer.text
    assert SECRET not in answer.text
    assert not signed_in(client)
    made.metadata = {}
    sign_on(client, made)
    assert client.post("/sign-out/")["Location"] == "/sign-in/"


def _minutes_later(client: Client, minutes: int) -> None:
    session = client.session
    when = (timezone.now() - timedelta(minutes=minutes)).isoformat()
    session["sign-on"] = {**session["sign-on"], "checked_at": when, "tried_at": when}
    session.save()


def test_the_provider_is_asked_again_and_the_session_goes_on(client: Client, made: OwnProvider) -> None:
    sign_on(client, made)
    client.get("/help/")
    began = client.session["began_at"]
    _minutes_later(client, 61)
    answer = client.get("/requests/?q=a")
    assert answer["Location"] == "/sign-on/sample/?next=%2Frequests%2F%3Fq%3Da&how=check"
    # What isn't a page goes on meanwhile: nothing typed is lost.
    assert client.get("/requests/", headers={"HX-Request": "true"}).status_code == 200
    made.claims = {"groups": ["deciders"]}
    back = leave(client, made, next="/requests/?q=a", how="check")
    assert made.asked["prompt"] == "none"
    assert client.get(back)["Location"] == "/requests/?q=a"
    assert signed_in(client)
    assert client.session["began_at"] == began
    assert roles() == ["approver"]
    assert AuditEvent.objects.filter(action="person.signed_in").count() == 1


def test_a_session_that_ended_at_the_provider_ends_here(client: Client, made: OwnProvider) -> None:
    sign_on(client, made)
    _minutes_later(client, 61)
    back = leave(client, made, next="/requests/", how="check").replace("code=a-code", "error=login_required")
    answer = client.get(back)
    assert answer["Location"] == "/sign-in/?next=%2Frequests%2F"
    assert not signed_in(client)
    assert "has ended.</strong> Sign in again." in client.get(answer["Location"]).text


def test_a_provider_that_is_away_ends_no_session_at_once_but_in_the_end(client: Client, made: OwnProvider) -> None:
    sign_on(client, made)
    _minutes_later(client, 61)
    made.instead["/.well-known/openid-configuration"] = (503, b"")
    answer = client.get("/sign-on/sample/", {"next": "/requests/", "how": "check"})
    assert answer["Location"] == "/requests/"
    assert client.get("/requests/").status_code == 200
    _minutes_later(client, 121)
    assert client.get("/requests/")["Location"].startswith("/sign-in/")
    assert not signed_in(client)


def test_a_session_of_a_provider_that_is_no_more_ends(client: Client, made: OwnProvider, settings: Settings) -> None:
    sign_on(client, made)
    settings.OIDC_PROVIDERS = {}
    assert not signed_in(client)


def test_passwords_are_hidden_and_one_administrator_stays(
    client: Client, made: OwnProvider, settings: Settings
) -> None:
    settings.PASSWORD_SIGN_IN = ["glass"]
    for name in ("glass", "other"):
        person = make_person(name, "administrator")
        person.set_password("a-long-password-1")
        person.save()
    assert 'name="password"' not in client.get("/sign-in/").text
    assert 'name="password"' in client.get("/sign-in/?password").text
    refused = client.post("/sign-in/", {"username": "other", "password": "a-long-password-1"})
    assert refused.status_code == 422
    assert not signed_in(client)
    assert client.post("/sign-in/", {"username": "glass", "password": "a-long-password-1"}).status_code == 302
    assert signed_in(client)


def test_the_break_glass_administrators_sign_in_is_mailed_to_every_administrator(
    client: Client, made: OwnProvider, settings: Settings
) -> None:
    settings.EMAIL_HOST = "mail.example"
    for name, role in (("glass", "administrator"), ("boss", "administrator"), ("auditor", "auditor")):
        person = make_person(name, role)
        person.email = f"{name}@people.example"
        person.set_password("a-long-password-1")
        person.save()
    typed = {"username": "glass", "password": "a-long-password-1"}
    # Where passwords are for everybody it is no news; nor is somebody who signs on at the provider.
    client.post("/sign-in/", typed)
    sign_on(Client(), made)
    assert not Message.objects.exists()
    settings.PASSWORD_SIGN_IN = ["glass"]
    Client().post("/sign-in/", {**typed, "password": "wrong"})
    assert not Message.objects.exists()
    Client().post("/sign-in/", typed)
    told = Message.objects.select_related("person")
    assert sorted(message.person.username for message in told if message.person) == ["boss", "glass"]
    assert {message.subject for message in told} == {"[amicopy] glass signed in with a password"}


def test_what_gives_power_asks_at_the_provider_unless_it_asked_just_now(client: Client, made: OwnProvider) -> None:
    made.claims = {"groups": ["heads"], "auth_time": int(time.time()) - 3600}
    sign_on(client, made)
    newcomer = {"username": "newcomer", "roles": ["auditor"]}
    page = client.post("/people/", newcomer)
    assert page.status_code == 403
    assert 'href="/sign-on/sample/?how=again"' in page.text
    assert 'value="newcomer"' in page.text
    # Signed on again without a word of when the provider asked: whoever sits there could have done so.
    made.left_out = {"auth_time"}
    sign_on(client, made, how="again")
    assert (made.asked["prompt"], made.asked["max_age"]) == ("login", "0")
    assert client.post("/people/", newcomer).status_code == 403
    made.left_out, made.claims = set(), {"groups": ["heads"], "auth_time": int(time.time())}
    sign_on(client, made, how="again")
    assert client.post("/people/", newcomer).status_code == 302
    assert User.objects.filter(username="newcomer").exists()


def test_no_secret_of_a_provider_stands_on_a_page_or_in_the_history(client: Client, made: OwnProvider) -> None:
    pages = [client.get("/sign-in/"), sign_on(client, made), client.get("/help/"), client.post("/sign-out/")]
    assert not [page for page in pages if SECRET in page.text]
    assert SECRET not in json.dumps(list(AuditEvent.objects.values_list("data", flat=True)))
    assert "OIDC_CLIENT_SECRETS" not in settings.AUDITED_SETTINGS
