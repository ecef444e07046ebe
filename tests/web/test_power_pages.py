"""Pages say whose vote doesn't count for a request, why, and what would change that."""

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from amicopy.copies.core.models import Account, CopyRequest
from amicopy.copies.core.power_models import Grant
from amicopy.copies.requests import verbs
from tests.copies.conftest import acting, make_call, make_person, make_rule
from tests.web.conftest import SignedIn, typed
from tests.web.page import read

pytestmark = pytest.mark.django_db
WHY = "What puppet may do comes from boss, and nobody else has confirmed it"


@pytest.fixture
def boss(account: Account) -> User:
    return make_person("boss", "administrator")


@pytest.fixture
def puppet(boss: User) -> User:
    """Whom the boss made an approver."""
    user = make_person("puppet", "approver")
    Grant.objects.create(person=user, kind="account", given_by=boss, given_at=timezone.now())
    return user


def asked(by: User) -> CopyRequest:
    account = Account.objects.get(name="sandbox")
    return verbs.submit(acting(by), account=account, reason="PLAT-1", calls=[make_call()])


def test_the_request_says_whose_vote_does_not_count_and_what_changes_that(
    signed_in: SignedIn, boss: User, puppet: User
) -> None:
    row = asked(boss)
    page = read(signed_in("administrator", name="boss").get(f"/requests/{row.pk}/"))
    assert f"puppet’s approval doesn’t count here. {WHY}" in page.text
    assert "manage.py confirm_person puppet" in page.text
    theirs = signed_in("approver", name="puppet")
    Grant.objects.filter(person=puppet).update(confirmed_at=None)
    form = read(theirs.get(f"/requests/{row.pk}/")).region("Your decision")
    assert f"Your approval doesn’t count here. {WHY}" in form.text
    assert not form.buttons(f"Approve #{row.pk}")
    assert form.button(f"Reject #{row.pk}")
    told = read(theirs.post(f"/requests/{row.pk}/approve/", {"content_hash": row.content_hash}, follow=True)).told
    assert f"Your approval doesn't count for request #{row.pk}. {WHY}" in told
    others = read(theirs.get("/approvals/?queue=others"))
    assert f"Your approval doesn’t count here. {WHY}" in others.text
    assert "Nothing waits for you" in read(theirs.get("/approvals/")).text


def test_the_request_says_that_a_second_vote_of_one_hand_does_not_count(
    signed_in: SignedIn, boss: User, puppet: User
) -> None:
    make_rule("Two", requirements=[{"group": "approver", "count": 2}])
    make_person("ann", "approver"), make_person("abe", "approver")
    boss.groups.add(*puppet.groups.all())
    row = asked(make_person("rita", "requester"))
    why = f"boss has approved it. {WHY}"
    theirs = signed_in("approver", name="puppet")
    Grant.objects.filter(person=puppet).update(confirmed_at=None)
    assert "doesn’t count" not in read(theirs.get(f"/requests/{row.pk}/")).text
    verbs.approve(acting(boss), row.pk, seen_hash=row.content_hash)
    form = read(theirs.get(f"/requests/{row.pk}/")).region("Your decision")
    assert f"Your approval doesn’t count here. {why}" in form.text
    assert "manage.py confirm_person puppet" in form.text
    assert not form.buttons(f"Approve #{row.pk}")
    told = read(theirs.post(f"/requests/{row.pk}/approve/", {"content_hash": row.content_hash}, follow=True)).told
    assert f"Your approval doesn't count for request #{row.pk}. {why}" in told
    assert why in read(theirs.get("/approvals/?queue=others")).text
    page = read(signed_in("requester", name="rita").get(f"/requests/{row.pk}/"))
    assert f"puppet’s approval doesn’t count here. {why}" in page.text


def test_a_page_of_somebody_else_says_nothing_of_it(signed_in: SignedIn, boss: User, puppet: User) -> None:
    row = asked(make_person("rita", "requester"))
    assert "doesn’t count" not in read(signed_in("approver", name="puppet").get(f"/requests/{row.pk}/")).text


def test_a_request_nobody_else_can_approve_is_refused_on_the_form_with_the_way_out(
    signed_in: SignedIn, boss: User, puppet: User
) -> None:
    User.objects.filter(username="approver").update(is_active=False)
    make_person("second", "administrator")
    client = signed_in("administrator", name="boss")
    User.objects.filter(username="second").update(is_active=False)
    answer = client.post("/requests/new/", typed())
    assert answer.status_code == 422
    page = read(answer)
    assert "Nobody could approve this but puppet" in page.text
    assert "Whoever operates amicopy can confirm puppet: manage.py confirm_person puppet." in page.text
    assert not CopyRequest.objects.exists()
    Grant.objects.update(confirmed_at=timezone.now())
    assert client.post("/requests/new/", typed()).status_code == 302


def test_who_has_no_role_any_more_only_looks(signed_in: SignedIn, boss: User) -> None:
    rita = make_person("rita", "requester")
    row = asked(rita)
    client = signed_in("requester", name="rita")
    assert read(client.get("/audit/")).buttons("Export as CSV")
    rita.groups.clear()
    page = read(client.get(f"/requests/{row.pk}/"))
    assert not page.buttons(f"Withdraw #{row.pk}")
    told = read(client.post(f"/requests/{row.pk}/withdraw/", follow=True)).told
    assert "You have no role any more, so you can only look." in told
    assert not read(client.get("/audit/")).buttons("Export as CSV")
    assert client.post("/audit/export/", {"format": "csv"}).status_code == 403
    row.refresh_from_db()
    assert row.state == "PENDING"
