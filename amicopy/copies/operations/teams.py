"""Teams: made, named, given members and owners, and deleted when nothing uses them.

Administrators do all of it. A team's owners say who is in it, as long as that gives nobody power; where it does, it is
for administrators, and what gives power takes two of them, see `voting.team_power` and `proposals`. Every member that
comes or goes is an event about that person, with how they stand then.
"""

from collections.abc import Collection
from typing import Any

from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.db import transaction

from amicopy.audit.actor import Actor
from amicopy.audit.log import lock_chain, record
from amicopy.copies.core import permissions
from amicopy.copies.core.permissions import NotAllowed, person
from amicopy.copies.core.policy_models import ApprovalRule
from amicopy.copies.core.power_models import Grant
from amicopy.copies.core.team_models import Team, team_groups
from amicopy.copies.operations import people, services
from amicopy.copies.operations.names import like, mixed
from amicopy.copies.voting import power, team_power
from amicopy.copies.voting.team_power import Uses

MOST_OWNERS = 20
# A group's name ends lists of names that are pasted, so none of these is in it.
SEPARATORS = frozenset(",;|\0\n\r\t")


def add(actor: Actor, *, name: str, description: str = "", owners: Collection[User] = ()) -> Group:
    """Makes a team without members. Raises NotAllowed, and ValidationError by field."""
    permissions.check_manage_people(person(actor))
    with transaction.atomic():
        lock_chain()
        group = Group(name=_good_name(name))
        team = Team(group=group, description=_good_description(description))
        _check_owners(owners)
        group.save()
        team.save()
        team.owners.set(owners)
        record("team.added", actor=actor, data={**_about(group), "team_state": _state(team)})
    return group


def save(actor: Actor, group_id: int, *, name: str, description: str, owners: Collection[User]) -> Group:
    """Gives a team another name, description or owners; nothing where there is no difference. Approval rules go with a
    new name. Raises as `add`, NotAllowed where what is under way goes by the name, and Group.DoesNotExist."""
    permissions.check_manage_people(person(actor))
    with transaction.atomic():
        group = _locked(group_id)
        team = _team(group)
        before = _state(team)
        _check_owners(owners)
        if name.strip() != group.name:
            _rename(group, _good_name(name, but=group))
        team.description = _good_description(description)
        team.save(update_fields=["description"])
        team.owners.set(owners)
        after = _state(team)
        changes = {key: [before[key], value] for key, value in after.items() if before[key] != value}
        if changes:
            record("team.changed", actor=actor, data={**_about(group), "changes": changes})
    return group


def delete(actor: Actor, group_id: int) -> None:
    """Deletes a team that nothing uses, with an event for each who was in it. Raises NotAllowed with what uses it, and
    Group.DoesNotExist."""
    permissions.check_manage_people(person(actor))
    with transaction.atomic():
        group = _locked(group_id)
        if words := team_power.uses(group).words:
            raise NotAllowed(f"{group.name} can't be deleted. It is used by {', '.join(words)}.")
        for user in group.user_set.order_by("username"):
            group.user_set.remove(user)
            people.tell("person.team_left", user, actor=actor, team=group.name)
        record("team.deleted", actor=actor, data={**_about(group), "team_state": _state(_team(group))})
        group.delete()


def join(actor: Actor, group_id: int, *user_ids: int) -> Group:
    """Puts people in a team; nothing for those who are in it. Raises NotAllowed, Group.DoesNotExist and
    User.DoesNotExist."""
    with transaction.atomic():
        group = _locked(group_id)
        used = team_power.uses(group)
        for user_id in user_ids:
            user = _member(actor, group, user_id, used)
            if not user.groups.filter(pk=group.pk).exists():
                put_in(actor, group, user)
                if used.joining_gives_power:
                    power.give(user, Grant.Kind.TEAM, by=actor, detail=group.name)
    return group


def leave(actor: Actor, group_id: int, user_id: int) -> Group:
    """Takes somebody out of a team; nothing where they aren't in it. Raises as `join`."""
    with transaction.atomic():
        group = _locked(group_id)
        used = team_power.uses(group)
        user = _member(actor, group, user_id, used)
        if user.groups.filter(pk=group.pk).exists():
            take_out(actor, group, user)
            if used.leaving_gives_power:
                power.give(user, Grant.Kind.TEAM, by=actor, detail=group.name)
    return group


def put_in(actor: Actor, group: Group, user: User, **about: Any) -> None:
    """Writes that somebody is in a team, as its events tell; who may say so is the caller's to know."""
    user.groups.add(group)
    people.tell("person.team_joined", user, actor=actor, team=group.name, **about)
    services.joined(actor, group, user)


def take_out(actor: Actor, group: Group, user: User, **about: Any) -> None:
    """As `put_in`, out of it."""
    services.left(actor, group, user)
    user.groups.remove(group)
    people.tell("person.team_left", user, actor=actor, team=group.name, **about)


def why_not_members(user: User, group: Group, used: Uses) -> str:
    """Why somebody can't say who is in a team, in words; empty when they can."""
    if permissions.may_manage_people(user):
        return ""
    if not user.is_active or not Team.objects.filter(group=group, owners=user).exists():
        return f"Only administrators and the owners of {group.name} can change who is in it."
    if used.power:
        return f"Who is in {group.name} gives people power, so administrators say who is. Ask one of them."
    return ""


def owned_by(user: User) -> list[Group]:
    """The teams somebody owns."""
    return list(Group.objects.filter(team__owners=user).order_by("name"))


def owners_of(group: Group) -> list[User]:
    """Who owns a team, by name."""
    return list(User.objects.filter(teams_owned=group.pk).order_by("username"))


def description_of(group: Group) -> str:
    """What a team is for; empty where nobody said."""
    return Team.objects.filter(group=group).values_list("description", flat=True).first() or ""


def _member(actor: Actor, group: Group, user_id: int, used: Uses) -> User:
    """The person, locked, whose membership the actor may change. Raises NotAllowed."""
    me = person(actor)
    if why := why_not_members(me, group, used):
        raise NotAllowed(why)
    if used.power:
        return people.changeable(actor, user_id)
    return User.objects.select_for_update().get(pk=user_id)


def _rename(group: Group, name: str) -> None:
    """Names a group, and every rule that asks it. What is under way was submitted and proposed by the old name."""
    used = team_power.uses(group)
    if used.requests or used.changes:
        what = ", ".join(Uses(requests=used.requests, changes=used.changes).words)
        raise NotAllowed(f"{group.name} can't have another name now: {what} went by this one. Decide on that first.")
    if name in team_power.names_asked():
        raise ValidationError(
            {"name": ["Choose another name. Approvals are asked from a team of this name that isn't there any more."]}
        )
    for rule in ApprovalRule.objects.select_for_update():
        if group.name in team_power.names_of(rule.requirements):
            rule.requirements = renamed(rule.requirements, group.name, name)
            rule.save(update_fields=["requirements"])
    for grant in Grant.objects.filter(kind=Grant.Kind.RULES, confirmed_at__isnull=True, before__isnull=False):
        rows = grant.before or []
        grant.before = [{**row, "requirements": renamed(row["requirements"], group.name, name)} for row in rows]
        grant.save(update_fields=["before"])
    group.name = name
    group.save(update_fields=["name"])


def renamed(requirements: Collection[dict[str, Any]], old: str, new: str) -> list[dict[str, Any]]:
    """The requirements with a group by its new name."""
    return [{**each, "group": new} if each.get("group") == old else each for each in requirements]


def _locked(group_id: int) -> Group:
    """The team. One change at a time: the chain is locked until the transaction ends. Raises Group.DoesNotExist for a
    role, too."""
    lock_chain()
    return team_groups().select_for_update().get(pk=group_id)


def _team(group: Group) -> Team:
    """What there is to say of a team; one that was made past amicopy gets its row."""
    team, _ = Team.objects.get_or_create(group=group)
    team.group = group
    return team


def _good_name(name: str, *, but: Group | None = None) -> str:
    """The name without blanks around it. Raises ValidationError, by field."""
    name, words = name.strip(), ""
    others = Group.objects.exclude(pk=but.pk) if but else Group.objects.all()
    if not name or len(name) > 150:
        words = "Enter a name of up to 150 characters."
    elif SEPARATORS & set(name):
        words = "Enter a name without commas, semicolons and bars. They stand between names."
    elif mixed(name):
        words = "Choose another name. This one mixes letters of alphabets that look alike."
    elif same := like(name, others.values_list("name", flat=True)):
        words = f"Choose another name. This one looks like “{same}”."
    if words:
        raise ValidationError({"name": [words]})
    return name


def _good_description(description: str) -> str:
    description = " ".join(description.split())
    if len(description) > 200 or "\0" in description:
        raise ValidationError({"description": ["Enter up to 200 characters."]})
    return description


def _check_owners(owners: Collection[User]) -> None:
    if len(owners) > MOST_OWNERS:
        raise ValidationError({"owners": [f"Choose at most {MOST_OWNERS} people."]})
    if any(permissions.service_of(owner) for owner in owners):
        raise ValidationError({"owners": ["Choose people. A service account owns nothing."]})


def _about(group: Group) -> dict[str, Any]:
    return {"team": group.name, "team_id": group.pk}


def _state(team: Team) -> dict[str, Any]:
    return {
        "name": team.group.name,
        "description": team.description,
        "owners": sorted(team.owners.values_list("username", flat=True)),
    }
