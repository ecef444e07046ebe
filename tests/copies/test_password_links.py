"""Links with which people set their password: to their own address, one at a time, once, and told of."""

from datetime import timedelta

import pytest
from django.conf import settings as configured
from django.contrib.auth.models import User
from django.core import mail as outgoing
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from amicopy.audit.models import AuditEvent
from amicopy.copies.core.models import PasswordLink
from amicopy.copies.core.permissions import NotAllowed
from amicopy.copies.core.power_models import Grant
from amicopy.copies.operations import password_links, people
from amicopy.notify import tasks
from amicopy.notify.models import Message, State
from tests.copies.conftest import acting, make_person

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"  # a test's


@pytest.fixture
def reachable(ann: User, settings: Settings) -> User:
    """Somebody with an address, and a server that takes mail."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    User.objects.filter(pk=ann.pk).update(email="ann@people.example")
    return ann


def shown(boss: User, user: User) -> str:
    """The path of a link that is shown."""
    parts = people.password_link(acting(boss), user.pk)
    assert parts
    return reverse("password-set", args=parts)


def mailed() -> list[str]:
    """The text of each mail that is sent now."""
    before = len(outgoing.outbox)
    tasks.send_due()
    return [str(message.body) for message in outgoing.outbox[before:]]


def path_in(body: str) -> str:
    return next(line for line in body.splitlines() if "/set-password/" in line).removeprefix(configured.SITE_URL)


def sets_a_password(path: str, password: str = PASSWORD) -> bool:
    browser = Client()
    page = browser.get(path, follow=True)
    if not page.context["validlink"]:
        return False
    address = page.redirect_chain[-1][0]
    answer = browser.post(address, {"new_password1": password, "new_password2": password})
    return answer.status_code == 302


def test_a_link_works_once_and_its_use_is_a_hand_in_the_person(boss: User, ann: User) -> None:
    path = shown(boss, ann)
    assert not Grant.objects.exists(), "nobody could act as them before it is used"
    assert sets_a_password(path)
    grant = Grant.objects.get()
    assert (grant.person, grant.kind, grant.given_by) == (ann, "password", boss)
    assert AuditEvent.objects.latest("pk").data["link_made_by"] == "boss"
    assert not sets_a_password(path)
    ann.refresh_from_db()
    assert ann.check_password(PASSWORD)


def test_a_link_ends_with_the_next_one_with_being_switched_off_with_another_address_and_with_time(
    boss: User, ann: User
) -> None:
    first = shown(boss, ann)
    second = shown(boss, ann)
    assert not sets_a_password(first)
    people.switch(acting(boss), ann.pk, on=False)
    with pytest.raises(NotAllowed, match="switched off"):
        people.password_link(acting(boss), ann.pk)
    people.switch(acting(boss), ann.pk, on=True)
    assert not sets_a_password(second)
    third = shown(boss, ann)
    people.set_email(acting(boss), ann.pk, "ann@people.example")
    people.set_email(acting(boss), ann.pk, "")
    assert not sets_a_password(third)
    fourth = shown(boss, ann)
    PasswordLink.objects.filter(ended_at__isnull=True).update(made_at=timezone.now() - timedelta(days=3, minutes=1))
    assert not sets_a_password(fourth)
    assert PasswordLink.objects.filter(ended_at__isnull=True).count() == 1, "one at a time"


def test_a_link_ends_with_a_password_set_in_another_way(boss: User, ann: User) -> None:
    path = shown(boss, ann)
    ann.set_password("another long password")
    ann.save()
    assert not sets_a_password(path)


def test_a_link_does_not_open_the_account_of_who_was_made_superuser_since(boss: User, ann: User) -> None:
    path = shown(boss, ann)
    User.objects.filter(pk=ann.pk).update(is_superuser=True)
    assert not sets_a_password(path)


def test_a_link_is_the_persons_own(boss: User, ann: User) -> None:
    other = make_person("other", "approver")
    place, token = people.password_link(acting(boss), ann.pk) or ("", "")
    people.password_link(acting(boss), other.pk)
    other_place = reverse("password-set", args=[place, token]).split("/")[2]
    assert other_place == place
    for wrong in (token[:-1], token.replace("-", "0-", 1), f"{token}0", "1", "", "x-y", "9" * 30 + "-0"):
        assert password_links.open_link(ann, wrong) is None
    assert password_links.open_link(other, token) is None
    assert password_links.open_link(ann, token) is not None


def test_two_uses_at_once_set_one_password(boss: User, ann: User) -> None:
    browsers = [Client(), Client()]
    path = shown(boss, ann)
    addresses = [browser.get(path, follow=True).redirect_chain[-1][0] for browser in browsers]
    _, token = path.strip("/").split("/")[1:]
    PasswordLink.objects.update(ended_at=timezone.now())
    with pytest.raises(NotAllowed, match="used already"):
        password_links.use(ann, token, actor=acting(ann))
    answer = browsers[0].post(addresses[0], {"new_password1": PASSWORD, "new_password2": PASSWORD})
    assert answer.status_code == 200
    ann.refresh_from_db()
    assert not ann.check_password(PASSWORD)


def test_a_link_goes_to_the_persons_own_address_and_is_stored_nowhere(boss: User, reachable: User) -> None:
    assert people.password_link(acting(boss), reachable.pk) is None
    assert AuditEvent.objects.latest("pk").data["mailed_to"] == "ann@people.example"
    (body,) = mailed()
    path = path_in(body)
    token = path.strip("/").split("/")[-1]
    assert token not in str(list(Message.objects.values())) + str(list(AuditEvent.objects.values_list("data")))
    assert "boss made a link" in body
    assert "Choose what you are told" not in body
    assert sets_a_password(path)
    (told,) = mailed()
    assert "by a link that boss made" in told


def test_a_mail_with_a_link_that_has_ended_is_not_sent(boss: User, reachable: User) -> None:
    people.password_link(acting(boss), reachable.pk)
    people.password_link(acting(boss), reachable.pk)
    assert sorted(Message.objects.values_list("state", "last_error")) == [
        (State.DROPPED, "Another link was made."),
        (State.WAITING, ""),
    ]
    people.set_email(acting(boss), reachable.pk, "thief@elsewhere.example")
    assert [body for body in mailed() if "/set-password/" in body] == []


def test_without_mail_or_address_the_link_is_shown(boss: User, reachable: User, settings: Settings) -> None:
    settings.EMAIL_ON = False
    assert people.password_link(acting(boss), reachable.pk) is not None
    assert not Message.objects.exists()
