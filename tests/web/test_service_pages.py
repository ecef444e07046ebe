"""Service accounts on their pages: made, owned and switched off by administrators, tokens made by owners."""

import pytest
from django.contrib.auth.models import User

from amicopy.copies.core.models import Account
from amicopy.copies.core.token_models import ApiToken
from amicopy.copies.operations import people, services, tokens
from amicopy.copies.requests import verbs
from tests.copies.conftest import acting, make_call, make_person
from tests.web.conftest import SignedIn
from tests.web.page import read

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"  # a test's


@pytest.fixture
def pipeline(signed_in: SignedIn) -> User:
    """A service of the requester's."""
    signed_in("requester")
    owner = User.objects.get(username="requester")
    user = services.add(acting(make_person("maker", "administrator")), name="pipeline", owners=[owner])
    user.groups.set(owner.groups.all())
    return user


def test_an_administrator_makes_one_and_says_who_owns_it(signed_in: SignedIn) -> None:
    signed_in("requester")
    client, owner = signed_in("administrator"), User.objects.get(username="requester")
    assert read(client.get("/people/")).link("Service accounts").address == "/people/services/"
    page = read(client.get("/people/services/"))
    assert [field.value for field in page.fields() if field.sent_as == "roles"] == ["requester", "auditor"]
    answer = client.post("/people/services/", {"username": "", "roles": ["requester"]})
    assert answer.status_code == 422
    assert "Enter a name." in read(answer).field("username").said
    assert read(answer).corrections("Choose who owns it.")
    answer = client.post("/people/services/", {"username": "pipeline", "owners": [owner.pk], "roles": ["approver"]})
    assert answer.status_code == 422
    made = client.post(
        "/people/services/", {"username": "pipeline", "owners": [owner.pk], "roles": ["requester"]}, follow=True
    )
    page = read(made)
    assert "A service account of requester" in page.text
    assert "sets a password" not in page.text
    assert "E-mail" not in page.text
    assert "pipeline" in read(client.get("/people/services/")).region("Service accounts").text
    people_of = read(client.get("/people/")).region("People").text
    assert "pipeline" not in people_of


def test_owners_are_changed_and_one_has_to_stay(signed_in: SignedIn, pipeline: User) -> None:
    client = signed_in("administrator")
    auditor = make_person("auditor", "auditor")
    address = f"/people/{pipeline.pk}/owners/"
    assert "Choose 1 to 20 people" in read(client.post(address, follow=True)).told
    for value in ("x", "9" * 30, "0"):
        assert "Choose 1 to 20 people" in read(client.post(address, {"owners": value}, follow=True)).told
    assert client.post("/people/99999999999999999999/owners/", {"owners": auditor.pk}).status_code == 404
    client.post(address, {"owners": [auditor.pk]})
    assert services.owners_of(pipeline.pk) in (["auditor"], ["requester"]), "at once, or once it is confirmed"


def test_an_owner_makes_its_tokens_on_their_page(signed_in: SignedIn, pipeline: User) -> None:
    client = signed_in("requester")
    page = read(client.get("/settings/tokens/"))
    assert "pipeline" in page.region("Service accounts you own").text
    typed = {"name": "nightly", "scopes": ["read", "request"], "days": "30", "service": str(pipeline.pk)}
    shown = read(client.post("/settings/tokens/", typed))
    text = next(word for word in shown.text.split() if word.startswith("amic_"))
    assert "acts as pipeline" in shown.text
    assert tokens.used(text, address="192.0.2.7").person == pipeline
    working = read(client.get("/settings/tokens/")).region("Working now").text
    assert "of the service pipeline, made by requester" in working
    # Whoever owns none is offered none.
    other = signed_in("approver")
    assert "Who acts with it" not in read(other.get("/settings/tokens/")).text
    assert other.post("/settings/tokens/", typed).status_code == 422
    assert ApiToken.objects.count() == 1


def test_pages_say_that_a_token_does_not_work_since_its_owner_is_off(signed_in: SignedIn, pipeline: User) -> None:
    client, owner = signed_in("administrator"), User.objects.get(username="requester")
    tokens.make(acting(owner), name="nightly", scopes=["read"], days=30, service=pipeline.pk)
    people.switch(acting(make_person("maker", "administrator")), owner.pk, on=False)
    working = read(client.get("/settings/tokens/")).region("Working now").text
    assert "The owner who made this token has been switched off. So it doesn’t work." in working
    assert "requester (switched off)" in read(client.get(f"/people/{pipeline.pk}/")).text


def test_requests_show_the_service_with_its_owner(signed_in: SignedIn, pipeline: User, account: Account) -> None:
    owner, approver = User.objects.get(username="requester"), signed_in("approver")
    row, _ = tokens.make(acting(owner), name="nightly", scopes=["request"], days=30, service=pipeline.pk)
    actor = tokens.actor_with(row, address="192.0.2.7")
    asked = verbs.submit(actor, account=account, reason="PLAT-1", calls=[make_call()])
    for path in ("/requests/", f"/requests/{asked.pk}/", "/approvals/", "/", f"/requests/{asked.pk}/evidence/"):
        assert "pipeline (service of requester)" in read(approver.get(path)).text, path
    assert "By a program, with a token" in read(approver.get(f"/requests/{asked.pk}/")).text
    mine = signed_in("requester")
    assert mine.get(f"/requests/{asked.pk}/").status_code == 200
    assert "Withdraw" in read(mine.get(f"/requests/{asked.pk}/")).text


def test_nobody_signs_in_as_one_even_with_a_password(signed_in: SignedIn, pipeline: User) -> None:
    pipeline.set_password(PASSWORD)
    pipeline.save()
    client = signed_in("requester")
    client.logout()
    answer = client.post("/sign-in/", {"username": "pipeline", "password": PASSWORD})
    assert answer.status_code == 422
    assert "_auth_user_id" not in client.session


def test_rules_for_machines_are_written_and_tried(signed_in: SignedIn, account: Account) -> None:
    client = signed_in("administrator")
    page = read(client.get("/rules/new/"))
    assert "A machine is a program with a token" in page.text
    typed = {
        "name": "Machines",
        "enabled": "on",
        "dry_runs": "copies",
        "asked_by": "machines",
        "who": "groups",
        "requirements-0-group": "approver",
        "requirements-0-count": "1",
        "try": "yes",
        "try-account": str(account.pk),
        "try-region": "eu-west-1",
    }
    by_hand = read(client.post("/rules/new/", typed)).region("With this edit").text
    assert "not for who asked" in by_hand
    by_machine = read(client.post("/rules/new/", {**typed, "try-by_machine": "on"})).region("With this edit").text
    assert "Fits, so it asks for 1 approval from approver" in by_machine
    del typed["try"]
    client.post("/rules/new/", typed)
    assert "asked for by machines" in read(client.get("/rules/")).text or "proposed" in read(client.get("/rules/")).text


def test_its_page_offers_no_confirmation_to_who_owns_it_or_did(signed_in: SignedIn, pipeline: User) -> None:
    another = make_person("another")
    services.set_owners(acting(make_person("maker", "administrator")), pipeline.pk, [another])
    for user in (User.objects.get(username="requester"), another):
        client = signed_in("administrator", name=user.username)
        assert not read(client.get(f"/people/{pipeline.pk}/")).buttons("Confirm pipeline")
    client = signed_in("administrator", name="second")
    assert read(client.get(f"/people/{pipeline.pk}/")).buttons("Confirm pipeline")
