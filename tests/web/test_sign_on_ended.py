"""A session that has ended at the provider ends here when the provider says so: back-channel logout."""

import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from joserfc.jwk import RSAKey
from pytest_django import Settings

from amicopy.audit.models import AuditEvent
from amicopy.web import openid
from amicopy.web.models import SeenLogout, Session
from tests.web.sign_on import CLIENT_ID, OwnProvider, own_provider, provider, sign_on

ADDRESS = "/sign-on/sample/ended"


@pytest.fixture
def made(db: None, settings: Settings) -> Iterator[OwnProvider]:
    with own_provider() as found:
        settings.OIDC_PROVIDERS = {"sample": provider(found.issuer)}
        yield found


@pytest.fixture
def there(made: OwnProvider) -> Client:
    """The provider's server, which knows nothing of cookies and forms."""
    return Client(enforce_csrf_checks=True)


def browser(made: OwnProvider, **claims: Any) -> Client:
    """One in which somebody has signed on."""
    made.claims = claims
    found = Client()
    sign_on(found, made)
    assert signed_in(found)
    return found


def signed_in(client: Client) -> bool:
    return client.get("/help/").status_code == 200


def says(there: Client, token: str) -> Any:
    return there.post(ADDRESS, {"logout_token": token})


def test_every_session_of_the_subject_ends_and_no_other(made: OwnProvider, there: Client) -> None:
    first, second = browser(made, sid="s1"), browser(made, sid="s2")
    other = browser(made, sub="subject-2", preferred_username="bob", email="bob@amicopy.example", sid="s1")
    local = Client()
    local.force_login(User.objects.get(username="ada"))
    assert signed_in(local)
    answer = says(there, made.logout_token())
    assert (answer.status_code, answer.content) == (200, b"")
    assert "no-store" in answer["Cache-Control"]
    assert [signed_in(each) for each in (first, second, other, local)] == [False, False, True, True]
    event = AuditEvent.objects.latest("pk")
    assert (event.action, event.actor, event.actor_id) == ("person.session_ended", "sign-on sample", None)
    assert (event.data["person"], event.data["sessions"]) == ("ada", 2)


@pytest.mark.parametrize("without", [(), ("sub",)], ids=["with its subject", "alone"])
def test_one_session_of_several_ends_by_its_sid(made: OwnProvider, there: Client, without: tuple[str, ...]) -> None:
    first, second = browser(made, sid="s1"), browser(made, sid="s2")
    assert says(there, made.logout_token(*without, sid="s1")).status_code == 200
    assert [signed_in(first), signed_in(second)] == [False, True]


def test_a_session_of_which_nobody_knows_the_sid_ends_with_any(made: OwnProvider, there: Client) -> None:
    first = browser(made)
    assert says(there, made.logout_token(sid="s9")).status_code == 200
    assert not signed_in(first)


def test_a_session_goes_on_being_known_when_it_gets_another_key(made: OwnProvider, there: Client) -> None:
    first = browser(made, sid="s1")
    sign_on(first, made, how="check")
    assert Session.objects.get(person__username="ada").sid == "s1"
    says(there, made.logout_token("sub", sid="s1"))
    assert not signed_in(first)


def test_a_token_counts_once(made: OwnProvider, there: Client) -> None:
    token = made.logout_token()
    assert says(there, token).status_code == 200
    again = browser(made)
    answer = says(there, token)
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_request", "error_description": "token"})
    assert signed_in(again)


@pytest.mark.parametrize(
    ("changes", "without"),
    [
        pytest.param({"iss": "https://other.example"}, (), id="another issuer"),
        pytest.param({"aud": "another-client"}, (), id="another audience"),
        pytest.param({"exp": int(time.time()) - 400}, (), id="over"),
        pytest.param({"iat": int(time.time()) - 1200}, (), id="too old to know it again"),
        pytest.param({"iat": int(time.time()) + 10_000}, (), id="of the future"),
        pytest.param({"nonce": "x"}, (), id="a nonce, as tokens of a sign-on have"),
        pytest.param({"events": {}}, (), id="an empty list of events"),
        pytest.param({"events": {"https://other.example/event": {}}}, (), id="another event"),
        pytest.param({"events": ["http://schemas.openid.net/event/backchannel-logout"]}, (), id="a list of events"),
        pytest.param({}, ("events",), id="no events"),
        pytest.param({}, ("sub",), id="nobody"),
        pytest.param({}, ("jti",), id="no id"),
        pytest.param({"jti": ""}, (), id="an empty id"),
        pytest.param({"jti": 7}, (), id="a number for an id"),
        pytest.param({"sub": ["subject-1"]}, (), id="a list for a subject"),
        pytest.param({"sid": "s" * 256}, (), id="a sid without end"),
        pytest.param({}, ("iat",), id="no time"),
        pytest.param({}, ("exp",), id="no end"),
    ],
)
def test_a_token_that_is_none_for_us_ends_nothing(
    made: OwnProvider, there: Client, changes: dict[str, Any], without: tuple[str, ...]
) -> None:
    first = browser(made)
    events = AuditEvent.objects.count()
    answer = says(there, made.logout_token(*without, **changes))
    assert (answer.status_code, answer.json()["error_description"]) == (400, "token")
    assert signed_in(first)
    assert (AuditEvent.objects.count(), SeenLogout.objects.count()) == (events, 0)


def test_a_forged_one_ends_nothing(made: OwnProvider, there: Client) -> None:
    first = browser(made)
    made.signed_with = RSAKey.generate_key(2048, {"kid": "one"})
    forged = made.logout_token()
    made.signed_with = None
    unsigned = ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
        for part in ({"alg": "none"}, {"iss": made.issuer, "aud": CLIENT_ID, "sub": "subject-1"})
    )
    # A token of a sign-on is signed by the same keys.
    for token in (forged, f"{unsigned}.", made.id_token(), "", "x", "x.y.z", "x" * 20_000, "\0"):
        assert says(there, token).status_code == 400, token[:20]
    assert there.post(ADDRESS).status_code == 400
    assert there.get(ADDRESS).status_code == 405
    assert signed_in(first)


def test_a_provider_that_is_away_is_told_to_try_again(made: OwnProvider, there: Client) -> None:
    first = browser(made)
    made.instead["/jwks"] = (500, b"")
    assert says(there, made.logout_token()).status_code == 502
    openid._logouts.acquire()
    try:
        assert says(there, made.logout_token()).status_code == 503
        # No sign-on waits for what strangers send.
        made.instead.clear()
        browser(made)
    finally:
        openid._logouts.release()
    assert signed_in(first)


def test_a_provider_nobody_knows_says_nothing(made: OwnProvider, there: Client) -> None:
    assert there.post("/sign-on/nobody/ended", {"logout_token": made.logout_token()}).status_code == 404
