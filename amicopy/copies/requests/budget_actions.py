"""Setting what teams may spend a month, and taking it back; each is an event. A budget stops nothing."""

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.audit.log import record
from amicopy.copies.core import permissions
from amicopy.copies.core.models import Budget
from amicopy.copies.core.permissions import person
from amicopy.copies.core.roles import ROLES


def save(actor: Actor, *, team: Group, amount: int) -> Budget:
    """Sets a team's budget, or changes it; nothing when it is that already. Raises NotAllowed, and ValidationError, by
    field."""
    user = person(actor)
    permissions.check_manage_rules(user)
    if team.name in ROLES:
        raise ValidationError({"team": "Choose a team. A role is no team."})
    with transaction.atomic():
        budget = Budget.objects.select_for_update(of=("self",)).select_related("team").filter(team=team).first()
        before = budget.amount if budget else None
        budget = budget or Budget(team=team)
        budget.amount, budget.set_by, budget.set_at = amount, user, timezone.now()
        budget.full_clean(validate_unique=False)
        if before == amount:
            return budget
        budget.save()
        if before is None:
            record("budget.set", actor=actor, data={"id": budget.pk, "name": team.name, "budget": budget.as_dict()})
        else:
            changes = {"amount": [before, amount]}
            record("budget.changed", actor=actor, data={"id": budget.pk, "name": team.name, "changes": changes})
    return budget


def delete(actor: Actor, budget_id: int) -> None:
    """Takes a team's budget away. Raises NotAllowed and Budget.DoesNotExist."""
    permissions.check_manage_rules(person(actor))
    with transaction.atomic():
        budget = Budget.objects.select_for_update(of=("self",)).select_related("team").get(pk=budget_id)
        record(
            "budget.deleted",
            actor=actor,
            data={"id": budget_id, "name": budget.team.name, "budget": budget.as_dict()},
        )
        budget.delete()
