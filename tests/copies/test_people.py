"""People: each change of a role is an event, nobody changes their own, somebody is always left, nothing goes unseen."""

from collections.abc import Callable
from io import StringIO

import pytest
from django.contrib.auth.models import Group, User
from django.core import mail as outgoing
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from pytest_django import Settings

from amicopy.audit.actor import Actor, worker
from amicopy.audit.log import record
from amicopy.audit.models import AuditEvent
from amicopy.copies.core.permissions import NotAllowed
from amicopy.copies.operations import people, startup_audit
from amicopy.notify import tasks
from amicopy.notify.models import Message
from tests.copies.conftest import acting, make_person

pytestmark = pytest.mark.django_db


def last() -> AuditEvent:
    return AuditEvent.objects.latest("pk")


def test_a_person_is_added_without_a_password(boss: User) -> None:
    user = people.add(acting(boss), name="newcomer", email="", roles=["auditor", "no-such-role"])
    assert not user.has_usable_password()
    assert list(user.groups.values_list("name", flat=True)) == ["auditor"]
    assert (last().action, last().actor, last().data["person"]) == ("person.added", "boss", "newcomer")
    for name in ("newcomer", "", "two words", "x" * 151):
        with pytest.raises(ValidationError):
            people.add(acting(boss), name=name, email="", roles=[])


def test_each_role_given_and_taken_is_an_event_of_its_own(boss: User) -> None:
    user = make_person("somebody", "requester", "auditor")
    people.set_roles(acting(boss), user.pk, ["auditor", "approver", "break-glass"])
    told = [(event.action, event.data["role"]) for event in AuditEvent.objects.order_by("id")]
    assert told == [
        ("person.role_given", "approver"),
        ("person.role_given", "break-glass"),
        ("person.role_taken", "requester"),
    ]
    assert sorted(user.groups.values_list("name", flat=True)) == ["approver", "auditor", "break-glass"]
    people.set_roles(acting(boss), user.pk, ["auditor", "approver", "break-glass"])
    assert AuditEvent.objects.count() == 3


def test_a_changed_address_is_an_event_with_both(boss: User) -> None:
    user = people.add(acting(boss), name="newcomer", email="old@people.example", roles=[])
    people.set_email(acting(boss), user.pk, " new@people.example ")
    assert (last().action, last().data["person"]) == ("person.email_changed", "newcomer")
    assert last().data["changes"] == {"email": ["old@people.example", "new@people.example"]}
    people.set_email(acting(boss), user.pk, "new@people.example")
    assert AuditEvent.objects.count() == 2, "nothing changed"
    for nonsense in (
        "nonsense",
        "a b@people.example",
        f"{'x' * 250}@people.example",
        "a@people.example\nBcc: b@c.example",
    ):
        with pytest.raises(ValidationError) as refused:
            people.set_email(acting(boss), user.pk, nonsense)
        assert list(refused.value.message_dict) == ["email"]
    user.refresh_from_db()
    assert user.email == "new@people.example"
    people.set_email(acting(boss), user.pk, "")
    assert last().data["changes"] == {"email": ["new@people.example", ""]}
    people.set_email(acting(boss), boss.pk, "boss@people.example")
    assert last().data["person"] == "boss", "an address gives nobody a right"


def test_an_address_and_its_event_are_stored_together(boss: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **more: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(people, "record", fail)
    with pytest.raises(RuntimeError):
        people.set_email(acting(boss), boss.pk, "boss@people.example")
    boss.refresh_from_db()
    assert boss.email == ""


def test_nobody_changes_their_own_roles_or_account(boss: User) -> None:
    for verb in (
        lambda: people.set_roles(acting(boss), boss.pk, ["administrator", "break-glass"]),
        lambda: people.switch(acting(boss), boss.pk, on=False),
        lambda: people.password_link(acting(boss), boss.pk),
    ):
        with pytest.raises(NotAllowed, match="Somebody else has to"):
            verb()
    assert not AuditEvent.objects.exists()


@pytest.mark.parametrize("role", ["requester", "approver", "auditor", "break-glass"])
def test_only_administrators_manage_people(role: str, boss: User) -> None:
    somebody = make_person("somebody", role)
    for verb in (
        lambda: people.add(acting(somebody), name="newcomer", email="", roles=[]),
        lambda: people.set_email(acting(somebody), somebody.pk, "me@people.example"),
        lambda: people.set_roles(acting(somebody), boss.pk, []),
        lambda: people.switch(acting(somebody), boss.pk, on=False),
        lambda: people.password_link(acting(somebody), boss.pk),
    ):
        with pytest.raises(NotAllowed):
            verb()


def test_the_last_one_who_can_manage_people_stays(boss: User) -> None:
    """Somebody with the permission by itself acts, so that the last administrator is somebody else."""
    other = make_person("other", "administrator")
    people.switch(acting(boss), other.pk, on=False)
    assert last().action == "person.switched_off"
    people.switch(acting(boss), other.pk, on=True)
    people.set_roles(acting(other), boss.pk, ["auditor"])
    deputy = User.objects.create_superuser("deputy")
    User.objects.filter(pk=deputy.pk).update(is_superuser=False)
    deputy.user_permissions.add(Group.objects.get(name="administrator").permissions.get(codename="manage_people"))
    before = AuditEvent.objects.count()
    with pytest.raises(NotAllowed, match="Nobody would be left"):
        people.switch(acting(deputy), other.pk, on=False)
    with pytest.raises(NotAllowed, match="Nobody would be left"):
        people.set_roles(acting(deputy), other.pk, [])
    assert AuditEvent.objects.count() == before
    assert User.objects.get(pk=other.pk).is_active


def test_a_superusers_password_is_no_administrators_to_set(boss: User) -> None:
    root = User.objects.create_superuser("root")
    with pytest.raises(NotAllowed, match="Only another superuser"):
        people.password_link(acting(boss), root.pk)
    with pytest.raises(NotAllowed, match="changepassword"):
        people.password_link(acting(User.objects.create_superuser("second")), root.pk)


def test_nobody_changes_a_superuser_but_another_one(boss: User) -> None:
    root, second = (User.objects.create_superuser(name) for name in ("root", "second"))
    verbs: tuple[Callable[[Actor], User], ...] = (
        lambda actor: people.switch(actor, root.pk, on=False),
        lambda actor: people.set_roles(actor, root.pk, ["auditor"]),
        lambda actor: people.set_email(actor, root.pk, "root@people.example"),
    )
    for verb in verbs:
        with pytest.raises(NotAllowed, match="Only another superuser"):
            verb(acting(boss))
        assert not AuditEvent.objects.filter(actor="boss").exists()
        verb(acting(second))
    root.refresh_from_db()
    assert (root.is_active, root.email) == (False, "root@people.example")


def test_an_address_is_one_persons_whatever_its_case(boss: User) -> None:
    people.add(acting(boss), name="newcomer", email="N@people.example", roles=[])
    verbs: tuple[Callable[[], User], ...] = (
        lambda: people.add(acting(boss), name="second", email="n@People.example", roles=[]),
        lambda: people.set_email(acting(boss), boss.pk, "n@people.example"),
    )
    for verb in verbs:
        with pytest.raises(ValidationError, match="Somebody has this one") as refused:
            verb()
        assert list(refused.value.message_dict) == ["email"]
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.filter(pk=boss.pk).update(email="n@PEOPLE.example")
    people.set_email(acting(boss), User.objects.get(username="newcomer").pk, "n@people.example")


@pytest.mark.parametrize(
    ("taken", "looks"),
    [
        ("admin", "\u0430dmin"),
        ("admin", "Admin"),
        ("admin", "adrnin"),
        ("alice", "aIice"),
        ("user1", "userl"),
        ("bob", "b0b"),
        ("copy", "\u0441\u043e\u0440\u0443"),
    ],
)
def test_a_name_that_looks_like_anothers_is_refused(boss: User, taken: str, looks: str) -> None:
    people.add(acting(boss), name=taken, email="", roles=[])
    with pytest.raises(ValidationError, match="Choose another name") as refused:
        people.add(acting(boss), name=looks, email="", roles=[])
    assert list(refused.value.message_dict) == ["username"]


def test_names_in_any_one_alphabet_are_fine(boss: User) -> None:
    cyrillic, chinese = "\u0430\u043b\u0435\u043a\u0441\u0435\u0439", "\u674e\u96f7"
    for name in ("maria", "mario", cyrillic, "j\u00f6rg", "platform-1", "platform-2", chinese):
        people.add(acting(boss), name=name, email="", roles=[])


def test_what_was_done_to_people_past_the_verbs_is_noticed_once(boss: User) -> None:
    leaver = make_person("leaver", "administrator")
    people.notice(worker("notice"))
    assert last().data["changes"] == {"boss": [None, "administrator"], "leaver": [None, "administrator"]}
    user = people.add(acting(boss), name="newcomer", email="", roles=["auditor"])
    people.set_roles(acting(boss), user.pk, ["auditor", "approver"])
    before = AuditEvent.objects.count()
    people.notice(worker("notice"))
    assert AuditEvent.objects.count() == before, "the verbs told everything"
    user.groups.add(Group.objects.get(name="break-glass"))
    User.objects.create_superuser("root")
    leaver.delete()
    people.notice(worker("notice"))
    people.notice(worker("notice"))
    assert AuditEvent.objects.count() == before + 1
    assert last().action == "person.found_changed"
    assert last().data["changes"] == {
        "leaver": ["administrator", None],
        "newcomer": ["approver, auditor", "approver, auditor, break-glass"],
        "root": [None, "superuser"],
    }


def test_an_address_changed_past_the_verbs_is_noticed_and_one_changed_by_them_is_not(boss: User) -> None:
    people.notice(worker("notice"))
    user = people.add(acting(boss), name="newcomer", email="n@people.example", roles=["auditor"])
    people.set_email(acting(boss), user.pk, "n2@people.example")
    before = AuditEvent.objects.count()
    people.notice(worker("notice"))
    assert AuditEvent.objects.count() == before
    User.objects.filter(pk=user.pk).update(email="thief@elsewhere.example")
    people.notice(worker("notice"))
    assert last().data["changes"] == {"newcomer": ["auditor; n2@people.example", "auditor; thief@elsewhere.example"]}
    before = AuditEvent.objects.count()
    people.notice(worker("notice"))
    assert AuditEvent.objects.count() == before


def test_events_from_before_addresses_were_kept_make_no_change_of_their_own(boss: User) -> None:
    people.notice(worker("notice"))
    state = last().data["people"]["boss"]
    del state["email"]
    with transaction.atomic():
        record("person.found_changed", actor=worker("notice"), data={"changes": {}, "people": {"boss": state}})
    before = AuditEvent.objects.count()
    people.notice(worker("notice"))
    assert AuditEvent.objects.count() == before


def test_changed_settings_are_an_event_once_and_without_secrets(settings: Settings) -> None:
    startup_audit.notice("web")
    first = AuditEvent.objects.get(action="settings.changed")
    assert "AUDIT_KEEP_DAYS" in first.data["settings"]
    assert not {"SECRET_KEY", "DATABASE_URL", "AUDIT_SIGNING_KEY", "SAMPLE_PASSWORD"} & set(first.data["settings"])
    startup_audit.notice("web")
    startup_audit.notice("worker")
    startup_audit.notice("web")
    assert AuditEvent.objects.filter(action="settings.changed").count() == 2, "one for each kind of process"
    settings.AUDITED_SETTINGS = {**settings.AUDITED_SETTINGS, "AUDIT_KEEP_DAYS": 90}
    startup_audit.notice("web")
    startup_audit.notice("web")
    assert AuditEvent.objects.filter(action="settings.changed").count() == 3
    assert last().data["changes"] == {"AUDIT_KEEP_DAYS": ["0", "90"]}


def test_the_first_administrator_comes_from_the_command_line() -> None:
    out = StringIO()
    call_command("add_administrator", "first", stdout=out)
    assert "/set-password/" in out.getvalue()
    added, link = AuditEvent.objects.order_by("id")
    assert (added.action, added.source, link.action) == ("person.added", "command", "person.link_made")
    with pytest.raises(CommandError, match="already exists"):
        call_command("add_administrator", "first", stdout=out)


def test_both_addresses_are_told_of_a_change(settings: Settings) -> None:
    """The old one above all: who took an account over reads the new one."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    boss, ann = make_person("boss", "administrator"), make_person("ann", "approver")
    told = []
    for address in ("first@people.example", "second@people.example", ""):
        people.set_email(acting(boss), ann.pk, address)
        tasks.send_due()
        told.append({mail.to[0] for mail in outgoing.outbox})
        assert len(outgoing.outbox) == len(told[-1])
        assert {mail.subject for mail in outgoing.outbox} == {"[amicopy] Your e-mail address was changed"}
        assert all("boss changed the e-mail address of your account ann" in str(mail.body) for mail in outgoing.outbox)
        outgoing.outbox.clear()
    first, second = "first@people.example", "second@people.example"
    assert told == [{first}, {first, second}, {second}]


def test_without_mail_nobody_is_told_of_a_changed_address(settings: Settings) -> None:
    settings.EMAIL_ON = False
    boss, ann = make_person("boss", "administrator"), make_person("ann", "approver")
    for address in ("first@people.example", "second@people.example"):
        people.set_email(acting(boss), ann.pk, address)
    assert not Message.objects.exists()
