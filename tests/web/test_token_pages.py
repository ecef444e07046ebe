"""Tokens of the API on their page."""

import pytest
from pytest_django import Settings

from amicopy.audit.models import AuditEvent
from amicopy.copies.core.models import Account
from amicopy.copies.core.token_models import ApiToken
from amicopy.copies.operations import access_keys, tokens
from amicopy.copies.requests import verbs
from tests.copies.conftest import acting, make_call, make_person
from tests.web.conftest import SignedIn
from tests.web.page import read

pytestmark = pytest.mark.django_db
TYPED = {"name": "nightly pipeline", "scopes": ["read", "request"], "days": "30"}


def test_a_token_is_shown_once(signed_in: SignedIn) -> None:
    client = signed_in("requester")
    assert read(client.get("/settings/")).link("API tokens").address == "/settings/tokens/"
    made = client.post("/settings/tokens/", TYPED)
    row = ApiToken.objects.get()
    shown = next(word for word in read(made).text.split() if word.startswith(f"amic_{row.public_id}"))
    assert len(shown) == 62
    assert "no-store" in made["Cache-Control"]
    again = read(client.get("/settings/tokens/")).region("Working now").text
    assert shown not in again
    assert "nightly pipeline" in again
    assert "Not used yet" in again


def test_deciding_is_offered_to_who_decides_and_never_ticked(signed_in: SignedIn) -> None:
    page = read(signed_in("requester").get("/settings/tokens/"))
    assert [field.label for field in page.fields() if field.sent_as == "scopes"] == [
        "Read requests and copies",
        "Ask for copies, withdraw, cancel, retry",
        "Read the audit history",
    ]
    page = read(signed_in("approver").get("/settings/tokens/"))
    assert not page.field("scopes", "decide").is_on


def test_what_is_wrong_stands_by_its_field(signed_in: SignedIn) -> None:
    client = signed_in("requester")
    answer = client.post(
        "/settings/tokens/", {"name": "", "days": "9999", "addresses": "x", "scopes": ["decide"], "accounts": ["1"]}
    )
    assert answer.status_code == 422
    page = read(answer)
    assert len(page.corrections("Choose only what is offered")) == 2
    answer = client.post("/settings/tokens/", {"name": "", "days": "9999", "addresses": "10.0.0.0/8, x"})
    page = read(answer)
    assert "up to 60 characters" in page.field("name").said
    assert "1 to 365 days" in page.field("days").said
    assert "“x”" in page.field("addresses").said
    assert page.corrections("Choose what the token is for")
    for days in ("", "many", "1" * 30):
        answer = client.post("/settings/tokens/", {**TYPED, "days": days})
        assert "number of days" in read(answer).field("days").said
    assert not ApiToken.objects.exists()


def test_a_token_is_revoked(signed_in: SignedIn) -> None:
    client = signed_in("requester")
    client.post("/settings/tokens/", TYPED)
    page = read(client.get("/settings/tokens/"))
    revoke = page.form(to=f"/settings/tokens/{ApiToken.objects.get().pk}/revoke/")
    told = read(client.post(revoke.address, follow=True))
    assert "is revoked" in told.told
    assert "nightly pipeline" in told.region("Revoked or expired").text
    assert "doesn't work any more" in read(client.post(revoke.address, follow=True)).told
    assert client.post("/settings/tokens/99999999999999999999/revoke/").status_code == 404
    assert AuditEvent.objects.filter(action="token.revoked").count() == 1


KEY = {"name": "terraform", "account": "111122223333", "days": "30"}


def test_an_access_key_is_shown_once(signed_in: SignedIn, account: Account, settings: Settings) -> None:
    settings.EC2_DOOR, settings.SITE_URL = True, "https://amicopy.example"
    client = signed_in("requester")
    assert read(client.get("/settings/tokens/")).region("New access key")
    made = client.post("/settings/tokens/access-keys/", KEY)
    row = ApiToken.objects.get()
    shown = read(made).region("New access key").text.split()
    (secret,) = [word.partition("=")[2] for word in shown if word.startswith("AWS_SECRET_ACCESS_KEY=")]
    assert access_keys.secret_of(str(row.access_key_id)) == (row, secret)
    assert f"AWS_ACCESS_KEY_ID={row.access_key_id}" in shown
    assert "AWS_ENDPOINT_URL_EC2=https://amicopy.example/ec2" in shown
    assert "no-store" in made["Cache-Control"]
    assert (row.accounts, row.scopes) == (["111122223333"], ["request"])
    working = read(client.get("/settings/tokens/")).region("Working now").text
    assert secret not in working
    assert str(row.access_key_id) in working
    assert "asks for copies at the EC2 endpoint" in working


def test_what_is_wrong_with_an_access_key_stands_by_its_field(
    signed_in: SignedIn, account: Account, settings: Settings
) -> None:
    settings.EC2_DOOR = True
    client = signed_in("requester")
    answer = client.post("/settings/tokens/access-keys/", {"name": "", "days": "9999", "addresses": "x"})
    assert answer.status_code == 422
    page = read(answer)
    assert page.corrections("Choose the AWS account to copy into")
    sent = {**KEY, "name": "", "days": "9999", "addresses": "x"}
    page = read(client.post("/settings/tokens/access-keys/", sent))
    for words in ("up to 60 characters", "1 to 365 days", "“x”"):
        assert page.corrections(words)
    Account.objects.update(enabled=False)
    page = read(client.post("/settings/tokens/access-keys/", KEY))
    assert page.corrections("Choose the AWS account to copy into")
    assert not ApiToken.objects.exists()


def test_an_access_key_is_revoked_with_its_secret(signed_in: SignedIn, account: Account, settings: Settings) -> None:
    settings.EC2_DOOR = True
    client = signed_in("requester")
    client.post("/settings/tokens/access-keys/", KEY)
    row = ApiToken.objects.get()
    told = read(client.post(f"/settings/tokens/{row.pk}/revoke/", follow=True))
    assert str(row.access_key_id) in told.region("Revoked or expired").text
    row.refresh_from_db()
    assert row.sealed_secret == ""
    assert AuditEvent.objects.filter(action="access_key.revoked").count() == 1


def test_there_are_no_access_keys_while_the_endpoint_is_off(signed_in: SignedIn, account: Account) -> None:
    client = signed_in("requester")
    assert "New access key" not in read(client.get("/settings/tokens/")).text
    assert client.post("/settings/tokens/access-keys/", KEY).status_code == 404
    assert not ApiToken.objects.exists()


def test_an_administrator_sees_everybodys_tokens(signed_in: SignedIn) -> None:
    signed_in("requester").post("/settings/tokens/", TYPED)
    working = read(signed_in("administrator").get("/settings/tokens/")).region("Working now").text
    assert "of requester" in working


def test_the_history_says_with_which_token(signed_in: SignedIn, account: Account) -> None:
    auditor, user = signed_in("auditor"), make_person("requester", "requester")
    row, _ = tokens.make(acting(user), name="nightly pipeline", scopes=["request"], days=1)
    actor = tokens.actor_with(row, address="192.0.2.7")
    verbs.submit(actor, account=account, reason="PLAT-1", calls=[make_call()])
    event = AuditEvent.objects.get(action="request.submitted")
    assert "api with “nightly pipeline”" in read(auditor.get(f"/audit/{event.pk}/")).text
