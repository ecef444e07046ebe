"""People and their roles: added, given an address, given and taken roles, switched off, and what was done to them past
these verbs.

Nobody changes their own roles, nobody but a superuser a superuser's, and somebody who can do this is always left. What
is given is stored with who gave it, see `voting.power`. Names and addresses belong to one person each, and no name
looks like another's.
"""

from collections.abc import Collection, Mapping
from typing import Any

from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.urls import reverse

from amicopy.audit.actor import Actor
from amicopy.audit.log import lock_chain, record
from amicopy.audit.models import AuditEvent
from amicopy.copies.core import permissions
from amicopy.copies.core.permissions import NotAllowed, person
from amicopy.copies.core.power_models import Grant
from amicopy.copies.core.roles import ADMINISTRATOR, OF_SERVICES, ROLES
from amicopy.copies.operations import password_links
from amicopy.copies.operations.names import like, mixed
from amicopy.copies.voting import power
from amicopy.notify import outbox
from amicopy.notify.outbox import Notice

# What an event says of a person; together the events say how everybody stands.
State = dict[str, Any]
BASELINE = "person.found_changed"
CHANGES = (
    "person.added",
    "person.email_changed",
    "person.role_given",
    "person.role_taken",
    "person.team_joined",
    "person.team_left",
    "person.switched_off",
    "person.switched_on",
    "service.added",
)
# A team's new name is that of its members, too.
RENAMES = "team.changed"


def add(actor: Actor, *, name: str, email: str, roles: Collection[str]) -> User:
    """Adds a person who can't sign in before they have set a password. Raises NotAllowed and ValidationError by
    field."""
    permissions.check_manage_people(person(actor))
    return added(actor, name=name, email=email, roles=roles)


def add_administrator(actor: Actor, *, name: str, email: str) -> tuple[str, str]:
    """Adds somebody who can add everybody else, for an operator at the command line, who needs no role. Returns the two
    parts of the link with which they set their password."""
    with transaction.atomic():
        user = added(actor, name=name, email=email, roles=[ADMINISTRATOR])
        parts = password_links.make(user, actor=actor)
    assert parts  # noqa: S101, an operator's link is never mailed
    return parts


def set_roles(actor: Actor, user_id: int, roles: Collection[str]) -> User:
    """Makes these the person's roles, with an event for each given and each taken one. Raises NotAllowed."""
    with transaction.atomic():
        user = changeable(actor, user_id)
        wanted = {role for role in roles if role in ROLES}
        if permissions.service_of(user) and not wanted <= set(OF_SERVICES):
            raise NotAllowed(f"A service account can only have the roles {' and '.join(OF_SERVICES)}.")
        held = set(user.groups.filter(name__in=ROLES).values_list("name", flat=True))
        for role, action in [
            *((role, "person.role_given") for role in sorted(wanted - held)),
            *((role, "person.role_taken") for role in sorted(held - wanted)),
        ]:
            group = Group.objects.get(name=role)
            (user.groups.add if action == "person.role_given" else user.groups.remove)(group)
            tell(action, user, actor=actor, role=role)
            if action == "person.role_given":
                power.give(user, Grant.Kind.ROLE, by=actor, detail=role)
        _check_somebody_is_left()
    return user


def set_email(actor: Actor, user_id: int, email: str) -> User:
    """Makes this the person's address; empty takes it away. An administrator's own is no exception: it gives nobody a
    right. A link that is on its way to the old one ends, and both addresses are told. Raises NotAllowed, and
    ValidationError by field."""
    me = person(actor)
    permissions.check_manage_people(me)
    with transaction.atomic():
        user = locked(user_id)
        _check_superuser(me, user)
        if permissions.service_of(user):
            raise NotAllowed(f"{user.username} is a service account. amicopy writes to its owners.")
        changed_email(user, email, actor=actor)
    return user


def switch(actor: Actor, user_id: int, *, on: bool) -> User:
    """Lets a person sign in, or ends every session of theirs with the next click. Raises NotAllowed."""
    with transaction.atomic():
        user = changeable(actor, user_id)
        if user.is_active != on:
            user.is_active = on
            user.save(update_fields=["is_active"])
            password_links.end(user, "The person was switched off.")
            if on:
                power.give(user, Grant.Kind.SWITCHED_ON, by=actor)
            tell("person.switched_on" if on else "person.switched_off", user, actor=actor)
        _check_somebody_is_left()
    return user


def password_link(actor: Actor, user_id: int) -> tuple[str, str] | None:
    """The two parts of a link with which the person sets a password; None where it goes to their own address. Raises
    NotAllowed, for a superuser too: their password is set at the command line."""
    with transaction.atomic():
        user = changeable(actor, user_id)
        if user.is_superuser:
            raise NotAllowed("A superuser's password is set with manage.py changepassword.")
        if permissions.service_of(user):
            raise NotAllowed(f"{user.username} is a service account: nobody signs in as it.")
        if not user.is_active:
            raise NotAllowed(f"{user.username} is switched off. Switch them on first.")
        return password_links.make(user, actor=actor)


def notice(actor: Actor) -> None:
    """Records, in one event, how people differ from what the events say of them, if they do: changes made in a shell,
    by SQL or with Django's own commands leave no other trace."""
    with transaction.atomic():
        lock_chain()
        known, now = _known(), {user.username: _state(user) for user in User.objects.prefetch_related("groups")}
        changes = {
            name: [_words(known.get(name)), _words(now.get(name))]
            for name in sorted({*known, *now})
            if known.get(name) != now.get(name)
        }
        if changes:
            record(BASELINE, actor=actor, data={"changes": changes, "people": now})


def added(
    actor: Actor,
    *,
    name: str,
    email: str = "",
    roles: Collection[str] = (),
    action: str = "person.added",
    **more: Any,
) -> User:
    """A user made, and told of with this action and what `more` there is to say; for who checked that the actor may."""
    user = User(username=name, email=email)
    user.set_unusable_password()
    with transaction.atomic():
        lock_chain()
        user.full_clean()
        _check_address(user)
        _check_name(user)
        user.save()
        user.groups.set(Group.objects.filter(name__in=set(roles) & set(ROLES)))
        power.give(user, Grant.Kind.ACCOUNT, by=actor)
        tell(action, user, actor=actor, **more)
    return user


def changed_email(user: User, email: str, *, actor: Actor) -> None:
    """Makes this the address of a person, who is locked; for who checked that the actor may. Raises ValidationError by
    field."""
    old = user.email
    try:
        user.email = User._meta.get_field("email").clean(email.strip(), user)
    except ValidationError as refused:
        raise ValidationError({"email": refused.messages}) from None
    if user.email == old:
        return
    _check_address(user)
    user.save(update_fields=["email"])
    password_links.end(user, "The person has another address.")
    power.give(user, Grant.Kind.ADDRESS, by=actor)
    event = tell("person.email_changed", user, actor=actor, changes={"email": [old, user.email]})
    _tell_both(user, old, event, actor=actor)


def locked(user_id: int) -> User:
    """The person. One change at a time: the chain is locked until the transaction ends."""
    lock_chain()
    return User.objects.select_for_update().get(pk=user_id)


def changeable(actor: Actor, user_id: int) -> User:
    """The person, locked with the history until the transaction ends. Raises NotAllowed where the actor may not manage
    people, or not this one: themselves, or a superuser without being one."""
    me = person(actor)
    permissions.check_manage_people(me)
    if user_id == me.pk:
        raise NotAllowed("You can't change your own roles or account. Somebody else has to.")
    user = locked(user_id)
    _check_superuser(me, user)
    return user


def _check_superuser(me: User, user: User) -> None:
    if user.is_superuser and not me.is_superuser:
        raise NotAllowed(f"{user.username} is a superuser. Only another superuser can change that account.")


def _check_address(user: User) -> None:
    """Raises ValidationError, by field, for an address that is somebody else's, however it is written."""
    if user.email and User.objects.filter(email__iexact=user.email).exclude(pk=user.pk).exists():
        raise ValidationError({"email": ["Enter another address. Somebody has this one already."]})


def _check_name(user: User) -> None:
    """Raises ValidationError, by field, for a name that people could take for another person's."""
    if mixed(user.username):
        raise ValidationError(
            {"username": ["Choose another name. This one mixes letters of alphabets that look alike."]}
        )
    if same := like(user.username, User.objects.values_list("username", flat=True)):
        raise ValidationError({"username": [f"Choose another name. This one looks like “{same}”."]})


def _check_somebody_is_left() -> None:
    active = User.objects.filter(is_active=True)
    if not (active.filter(is_superuser=True) | active.filter(groups__name=ADMINISTRATOR)).exists():
        raise NotAllowed("Nobody would be left who can manage people. Make somebody else administrator first.")


def tell(action: str, user: User, *, actor: Actor, **more: Any) -> AuditEvent:
    """Writes what was done to somebody into the history, with how they stand now."""
    return record(action, actor=actor, data={**_about(user), **more, "state": _state(user)})


def _tell_both(user: User, old: str, event: AuditEvent, *, actor: Actor) -> None:
    """Tells a person of their changed address, there and at the one of before: whoever took the account over may be the
    only one to read the new one."""
    text = (
        f"{actor.name} changed the e-mail address of your account {user.username} in amicopy. What amicopy has to tell "
        "you goes to the new one from now on. If you don't expect it, tell somebody else who runs amicopy."
    )
    notice = Notice.of_account(event.pk, subject="Your e-mail address was changed", text=text, path=reverse("sign-in"))
    outbox.put(notice, people=[user.pk], webhooks=False, also_to={user.pk: old})


def _about(user: User) -> dict[str, Any]:
    return {"person": user.username, "person_id": user.pk}


def _state(user: User) -> State:
    return {
        "email": user.email,
        "active": user.is_active,
        "superuser": user.is_superuser,
        "roles": sorted(group.name for group in user.groups.all()),
        "permissions": sorted(user.user_permissions.values_list("codename", flat=True)),
    }


def _with_team_named(state: State, old: str, new: str) -> State:
    return {**state, "roles": sorted(new if name == old else name for name in state["roles"])}


def _words(state: Mapping[str, Any] | None) -> str | None:
    if state is None:
        return None
    extra = [word for word, said in (("superuser", state["superuser"]), ("switched off", not state["active"])) if said]
    roles = ", ".join([*state["roles"], *state["permissions"], *extra]) or "no role"
    return f"{roles}; {state['email']}" if state["email"] else roles


def _known() -> dict[str, State]:
    """How everybody stands by the events: the last look at all, and the changes since."""
    look = AuditEvent.objects.filter(action=BASELINE).order_by("-id").first()
    known: dict[str, State] = dict(look.data["people"]) if look else {}
    since = AuditEvent.objects.filter(action__in=(*CHANGES, RENAMES), id__gt=look.pk if look else 0).order_by("id")
    for action, data in since.values_list("action", "data"):
        if action != RENAMES:
            known[data["person"]] = data["state"]
        elif name := data["changes"].get("name"):
            known = {person: _with_team_named(state, *name) for person, state in known.items()}
    # Older events say nothing of addresses.
    return {name: {"email": "", **state} for name, state in known.items()}
