"""Signing in with a second factor, adding one, and being asked for it again; without a script."""

import re
from datetime import timedelta
from io import StringIO
from typing import Any

import pyotp
import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from amicopy.audit.models import AuditEvent
from amicopy.copies.core.factor_models import SecondFactor
from amicopy.copies.core.models import CopyRequest
from amicopy.copies.core.policy_models import ApprovalRule
from amicopy.copies.operations import second_factors
from amicopy.notify.models import Message
from amicopy.web.models import Session
from tests.copies.conftest import acting, make_person, make_rule
from tests.copies.test_second_factors import SECRET, code, with_app
from tests.web.conftest import SignedIn, typed
from tests.web.page import read
from tests.web.test_password_again import later
from tests.web.test_rules import rule_typed

pytestmark = pytest.mark.django_db
PASSWORD = "a-long-password-1"
SECOND = "/sign-in/second/"
FACTORS = "/settings/second-factors/"


@pytest.fixture
def ann(db: None) -> User:
    """Somebody with a password and an app."""
    user = with_app(with_password(make_person("ann", "approver")))
    User.objects.filter(pk=user.pk).update(email="ann@people.example")
    return user


def with_password(user: User) -> User:
    user.set_password(PASSWORD)
    user.save()
    return user


def first_step(name: str = "ann", to: str = "") -> Client:
    client = Client()
    client.post("/sign-in/", {"username": name, "password": PASSWORD, "next": to})
    return client


def signed_in_with_app(name: str = "ann") -> Client:
    client = first_step(name)
    assert client.post(SECOND, {"second-factor": code()}).status_code == 302
    return client


def is_in(client: Client) -> bool:
    return client.get("/help/").status_code == 200


def actions() -> list[str]:
    return list(AuditEvent.objects.order_by("id").values_list("action", flat=True))


def test_the_password_alone_opens_nothing_and_the_code_signs_in(ann: User) -> None:
    client = first_step(to="/requests/")
    for address in ("/", "/help/", "/settings/", FACTORS, "/requests/"):
        assert client.get(address)["Location"].startswith("/sign-in/?"), address
    assert client.post("/settings/tokens/", {"name": "x"})["Location"].startswith("/sign-in/?")
    page = read(client.get(SECOND))
    assert "Your password is right, ann" in page.text
    answer = client.post(SECOND, {"second-factor": code()})
    assert (answer.status_code, answer["Location"]) == (302, "/requests/")
    assert is_in(client)
    assert actions()[-2:] == ["person.second_factor_used", "person.signed_in"]
    assert Session.objects.filter(person=ann).count() == 1


def test_without_a_second_factor_nothing_is_asked(ann: User) -> None:
    with_password(make_person("bob", "approver"))
    assert is_in(first_step("bob"))


def test_a_wrong_code_is_told_counted_and_after_five_none_is_looked_at(ann: User) -> None:
    client = first_step()
    for _ in range(5):
        answer = client.post(SECOND, {"second-factor": "000000"})
        assert answer.status_code == 422
        assert "isn't a code that counts" in read(answer).field("second-factor").said
    answer = client.post(SECOND, {"second-factor": code()})
    assert answer.status_code == 429
    # The password takes nothing back, wherever it is entered.
    assert first_step().post(SECOND, {"second-factor": code()}).status_code == 429
    assert not is_in(client)
    assert actions().count("person.second_factor_failed") == 5
    # Whose password it is hears of it.
    event = AuditEvent.objects.get(action="person.locked_out")
    assert event.data == {"username": "ann", "limit": "code"}
    assert "knows your password" in Message.objects.get(event=event.pk, person=ann).text


def test_an_empty_code_is_said_so_and_not_counted(ann: User) -> None:
    client = first_step()
    for _ in range(8):
        assert client.post(SECOND, {"second-factor": " "}).status_code == 422
    assert client.post(SECOND, {"second-factor": code()}).status_code == 302


def test_a_recovery_code_signs_in_once(ann: User) -> None:
    codes = second_factors.make_codes(acting(ann))
    client = first_step()
    assert client.post(SECOND, {"second-factor": codes[0]}).status_code == 302
    assert is_in(client)
    assert first_step().post(SECOND, {"second-factor": codes[0]}).status_code == 422


def test_a_code_that_signed_in_signs_nobody_else_in(ann: User) -> None:
    now = code()
    assert first_step().post(SECOND, {"second-factor": now}).status_code == 302
    assert first_step().post(SECOND, {"second-factor": now}).status_code == 422


@pytest.mark.parametrize("posted", ["{", "[]", "{}", '{"id": 1}', "null", "[" * 5000, "x" * 50_000, "\0"])
def test_a_passkey_that_is_none_is_refused_and_no_error(ann: User, posted: str, settings: Settings) -> None:
    settings.SITE_URL = "https://amicopy.example"
    second_factors.add_passkey(acting(ann), name="key", credential=CREDENTIAL, counter=0)
    client = first_step()
    client.get(SECOND)
    answer = client.post(SECOND, {"passkey": posted})
    assert answer.status_code == 422
    assert not is_in(client)


CREDENTIAL = (
    "AAAAAAAAAAAAAAAAAAAAAAAEAQIDBKUBAgMmIAEhWCBl7RorR-aLGkKpE4KwF0qgrzxs3mkPr0tYYtZc5nG1YSJYIDWoJ2QFNVWS4m4q6JbSW5Lh"
    "nWnVwq2u8xkUFpYhwR8k"
)


def test_the_second_step_ends_after_some_minutes_and_with_another_password(ann: User) -> None:
    client = first_step()
    session = client.session
    session["second-step"] = session["second-step"] | {"at": (timezone.now() - timedelta(minutes=6)).isoformat()}
    session.save()
    answer = client.post(SECOND, {"second-factor": code()})
    assert answer["Location"] == "/sign-in/"
    client = first_step()
    ann.set_password("another-long-password-2")
    ann.save()
    assert client.post(SECOND, {"second-factor": code()})["Location"] == "/sign-in/"
    client = first_step()
    assert Client().get(SECOND)["Location"] == "/sign-in/"


def test_who_is_switched_off_between_the_steps_stays_out(ann: User) -> None:
    client = first_step()
    User.objects.filter(pk=ann.pk).update(is_active=False)
    assert client.post(SECOND, {"second-factor": code()})["Location"] == "/sign-in/"


def add_app(client: Client, **more: str) -> Any:
    page = read(client.get(f"{FACTORS}app/"))
    secret = page.by_id("app-key").text
    return client.post(f"{FACTORS}app/", {"name": "phone", "code": pyotp.TOTP(secret).now(), **more})


def test_an_app_is_added_on_the_page_and_its_recovery_codes_are_shown_once() -> None:
    user = with_password(make_person("ann", "approver"))
    client, elsewhere = first_step(), first_step()
    answer = add_app(client)
    codes = re.findall(r"[A-Z2-7]{4}(?:-[A-Z2-7]{4}){3}", read(answer).by_id("recovery-codes").text)
    assert len(codes) == 10
    assert "no-store" in answer["Cache-Control"]
    assert not is_in(elsewhere), "Signed in without one, it is signed in no more."
    page = client.get(FACTORS)
    assert codes[0] not in page.text
    assert "10 are left" in read(page).text
    assert first_step().get("/help/").status_code == 302
    assert second_factors.take_code(acting(user), user, codes[3]) == "recovery-code"


def test_a_wrong_code_adds_no_app_and_keeps_the_key() -> None:
    with_password(make_person("ann", "approver"))
    client = first_step()
    secret = read(client.get(f"{FACTORS}app/")).by_id("app-key").text
    answer = client.post(f"{FACTORS}app/", {"name": "mine", "code": "123"})
    page = read(answer)
    assert answer.status_code == 422
    assert "isn't the app's code" in page.field("code").said
    assert (page.field("name").value, page.by_id("app-key").text) == ("mine", secret)
    stored = str([*Session.objects.values_list("session_data", flat=True), client.session.items()])
    assert secret not in stored
    assert client.post(f"{FACTORS}app/", {"name": "mine", "code": pyotp.TOTP(secret).now()}).status_code == 200


def test_removing_the_last_one_ends_the_asking(ann: User) -> None:
    client = signed_in_with_app()
    factor = SecondFactor.objects.get()
    assert client.post(f"{FACTORS}{factor.pk}/remove/").status_code == 302
    assert is_in(first_step())
    assert "person.second_factor_removed" in actions()


def test_nobody_removes_anothers(ann: User, signed_in: SignedIn) -> None:
    factor = SecondFactor.objects.get()
    assert signed_in("administrator").post(f"{FACTORS}{factor.pk}/remove/").status_code == 404


def test_what_asks_again_asks_for_the_second_factor_of_who_has_one(ann: User) -> None:
    ann.groups.set(make_person("boss", "administrator").groups.all())
    client = later(signed_in_with_app())
    asked = client.post("/rules/new/", rule_typed(name="Kept"))
    assert asked.status_code == 403
    page = read(asked)
    assert not page.has_field("password-again")
    values = page.form(to="/rules/new/").values
    assert values["name"] == "Kept"
    # The password is no way round it.
    assert client.post("/rules/new/", values | {"password-again": PASSWORD}).status_code == 422
    assert client.post("/rules/new/", values | {"second-factor": "000000"}).status_code == 422
    SecondFactor.objects.update(counter=1)
    assert client.post("/rules/new/", values | {"second-factor": code()}).status_code == 302
    event = AuditEvent.objects.filter(action="person.second_factor_failed").latest("id")
    assert event.data["for"] == "rule-new"


def test_a_role_that_needs_one_opens_nothing_before_it(settings: Settings) -> None:
    settings.SECOND_FACTOR_ROLES = ["approver"]
    with_password(make_person("ann", "approver"))
    with_password(make_person("rita", "requester"))
    assert is_in(first_step("rita"))
    client = first_step()
    for address in ("/", "/requests/", "/approvals/", "/settings/", "/settings/tokens/", "/api/"):
        assert client.get(address)["Location"] == FACTORS, address
    assert client.post("/settings/tokens/", {"name": "x", "scopes": ["read"], "days": "1"})["Location"] == FACTORS
    assert client.get("/requests/live/", headers={"HX-Request": "true"})["HX-Redirect"] == FACTORS
    assert "Your role needs a second factor" in read(client.get(FACTORS)).text
    assert add_app(client).status_code == 200
    assert client.get("/approvals/").status_code == 200


def test_a_superuser_counts_as_administrator(settings: Settings) -> None:
    settings.SECOND_FACTOR_ROLES = ["administrator"]
    boss = with_password(make_person("boss"))
    User.objects.filter(pk=boss.pk).update(is_superuser=True)
    assert first_step("boss").get("/")["Location"] == FACTORS


def test_an_administrator_resets_another_ones_and_ends_their_sessions(ann: User, signed_in: SignedIn) -> None:
    client, boss = signed_in_with_app(), signed_in("administrator")
    page = read(boss.get(f"/people/{ann.pk}/"))
    assert "phone (authenticator app, added" in page.text
    assert page.button("Reset second factors")
    boss.post(f"/people/{ann.pk}/second-factors/reset/")
    assert not is_in(client)
    assert is_in(first_step())
    page = read(boss.get(f"/people/{ann.pk}/"))
    assert "A reset of the second factors" in page.text
    assert not page.buttons("Reset second factors")
    assert signed_in("approver", name="other").post(f"/people/{ann.pk}/second-factors/reset/").status_code == 403


def test_whoever_operates_it_resets_an_administrators(ann: User) -> None:
    client = signed_in_with_app()
    out = StringIO()
    call_command("reset_second_factor", "ann", stdout=out)
    assert "ann has no second factor any more" in out.getvalue()
    assert not is_in(client)
    event = AuditEvent.objects.get(action="person.second_factor_reset")
    assert (event.actor, event.actor_id) == ("reset_second_factor", None)
    for name, words in (("ann", "no second factor"), ("nobody", "nobody called")):
        with pytest.raises(CommandError, match=words):
            call_command("reset_second_factor", name, stdout=out)


def test_the_password_is_changed_by_who_shows_who_it_is(ann: User) -> None:
    client, elsewhere = signed_in_with_app(), Client()
    elsewhere.force_login(ann)
    new = {"new_password1": "another-long-password-2", "new_password2": "another-long-password-2"}
    later(client)
    assert client.post("/settings/password/", new).status_code == 403
    SecondFactor.objects.update(counter=1)
    answer = client.post("/settings/password/", new | {"second-factor": code()})
    assert answer.status_code == 302
    assert is_in(client)
    assert not is_in(elsewhere)
    ann.refresh_from_db()
    assert ann.check_password("another-long-password-2")
    assert "person.password_changed" in actions()
    refused = client.post("/settings/password/", {"new_password1": "short", "new_password2": "short"})
    assert refused.status_code == 422
    assert "too short" in read(refused).text


def test_my_account_has_everything_in_one_place(ann: User) -> None:
    client = signed_in_with_app()
    own = ("password", "second-factors", "sign-on", "sessions", "tokens")
    for address in ("/settings/", *(f"/settings/{part}/" for part in own)):
        tabs = read(client.get(address)).navigation("My account")
        words = [link.text for link in tabs.links()]
        assert words == ["Preferences", "Password", "Second factors", "Single sign-on", "Sessions", "API tokens"]
        assert [link.address for link in tabs.links() if link.attribute("aria-current")] == [address]


def test_only_pages_that_need_them_may_use_passkeys(ann: User) -> None:
    client = signed_in_with_app()
    assert "publickey-credentials-create=(self)" in client.get(FACTORS)["Permissions-Policy"]
    for address in ("/", "/settings/", "/sign-in/"):
        assert "publickey-credentials-create=()" in client.get(address)["Permissions-Policy"]
        assert "publickey-credentials-get=()" in client.get(address)["Permissions-Policy"]
    waiting = first_step()
    assert "publickey-credentials-get=(self)" in waiting.get(SECOND)["Permissions-Policy"]


def test_no_passkey_is_offered_where_the_site_has_no_name(ann: User, settings: Settings) -> None:
    settings.SITE_URL = "https://10.0.0.1"
    assert "known by a number" in read(signed_in_with_app().get(FACTORS)).text


def test_the_secret_is_that_of_the_app(ann: User) -> None:
    assert SECRET in second_factors.address(ann, SECRET)


@pytest.fixture
def row(ann: User, signed_in: SignedIn) -> CopyRequest:
    """What waits under a rule that wants a second factor of who approves."""
    make_rule("Production", requirements=[{"group": "approver", "count": 1}], second_factor=True)
    signed_in("requester").post("/requests/new/", typed())
    return CopyRequest.objects.get()


def approval(row: CopyRequest) -> dict[str, str]:
    return {"content_hash": row.content_hash, "reason": "Seen with <care>", "back": "approvals"}


def test_an_approval_is_asked_for_the_second_factor_and_keeps_the_reason(row: CopyRequest) -> None:
    client = signed_in_with_app()
    shown = read(client.get(f"/requests/{row.pk}/")).region("Your decision")
    assert "“Production” asks whoever approves for a second factor in the last 15 minutes." in shown.text
    session = client.session
    session["factor_at"] = (timezone.now() - timedelta(minutes=20)).isoformat()
    session.save()
    address = f"/requests/{row.pk}/approve/"
    asked = client.post(address, approval(row))
    page = read(asked)
    assert asked.status_code == 403
    assert "“Production” asks whoever approves" in page.text
    values = page.form(to=address).values
    assert values["reason"] == "Seen with <care>"
    assert client.post(address, values | {"second-factor": "000000"}).status_code == 422
    SecondFactor.objects.update(counter=1)
    assert client.post(address, values | {"second-factor": code()})["Location"] == "/approvals/"
    row.refresh_from_db()
    assert row.state == "APPROVED"
    assert row.decisions.get().reason == "Seen with <care>"


def test_who_has_none_is_led_to_one_and_goes_on(row: CopyRequest) -> None:
    with_password(make_person("bob", "approver"))
    client = first_step("bob")
    address = f"/requests/{row.pk}/approve/"
    page = read(client.post(address, approval(row)))
    assert page.link("Second factors (in another tab)").address == FACTORS
    values = page.form(to=address).values
    add_app(client)
    assert client.post(address, values).status_code == 302
    row.refresh_from_db()
    assert (row.state, row.decisions.get().reason) == ("APPROVED", "Seen with <care>")


def test_an_approval_is_asked_for_the_password_where_a_sign_in_is_too_long_ago(signed_in: SignedIn) -> None:
    make_rule("Production", requirements=[{"group": "approver", "count": 1}], sign_in_minutes=1)
    signed_in("requester").post("/requests/new/", typed())
    row = CopyRequest.objects.get()
    with_password(make_person("bob", "approver"))
    client = later(first_step("bob"), minutes=2)
    address = f"/requests/{row.pk}/approve/"
    values = read(client.post(address, approval(row))).form(to=address).values
    assert client.post(address, values | {"password-again": "not-it"}).status_code == 422
    assert client.post(address, values | {"password-again": PASSWORD}).status_code == 302
    row.refresh_from_db()
    assert (row.state, row.decisions.get().reason) == ("APPROVED", "Seen with <care>")


def test_many_at_once_say_which_have_to_be_approved_alone(row: CopyRequest) -> None:
    with_password(make_person("bob", "approver"))
    client = first_step("bob")
    data = {"pick": row.pk, f"seen-{row.pk}": row.content_hash, "bulk": "approve", "confirm": "yes"}
    assert (
        "asks whoever approves for a second factor" in read(client.post("/approvals/decide/", data, follow=True)).text
    )
    row.refresh_from_db()
    assert row.state == "PENDING"


def test_a_rule_is_saved_with_what_it_wants_and_says_so(signed_in: SignedIn) -> None:
    client = signed_in("administrator")
    client.post("/rules/new/", rule_typed(sign_in_minutes="10", second_factor="on"))
    rule = ApprovalRule.objects.get()
    assert (rule.sign_in_minutes, rule.second_factor) == (10, True)
    assert "signed in at most 10 min ago, with a second factor" in read(client.get("/rules/")).text
    for wrong in ("0", "2000", "x", "-1"):
        answer = client.post("/rules/new/", rule_typed(name="Other", sign_in_minutes=wrong))
        assert answer.status_code == 422, wrong
        assert read(answer).field("sign_in_minutes").said, wrong


def test_an_attacker_who_resets_takes_over_and_votes_is_not_counted(ann: User, signed_in: SignedIn) -> None:
    """An administrator resets an approver's factor, sets their password by a link, signs in as them with a factor of
    their own, and approves what they asked for themselves."""
    User.objects.filter(pk=ann.pk).update(email="")
    boss = signed_in("administrator", name="boss")
    boss.post("/requests/new/", typed())
    row = CopyRequest.objects.get()
    boss.post(f"/people/{ann.pk}/second-factors/reset/")
    link = read(boss.post(f"/people/{ann.pk}/password-link/")).by_id("password-link").text
    browser = Client()
    path = browser.get(link.removeprefix("http://testserver"), follow=True).redirect_chain[-1][0]
    browser.post(path, {"new_password1": PASSWORD, "new_password2": PASSWORD})
    taken = first_step()
    add_app(taken)
    taken.post(f"/requests/{row.pk}/approve/", {"content_hash": row.content_hash})
    row.refresh_from_db()
    assert row.state == "PENDING"
    assert "Your approval doesn’t count here" in read(taken.get(f"/requests/{row.pk}/")).text
