"""Changes of rules, freeze windows, people and accounts that wait for another administrator. Written through
`operations.proposals` only, so that each step has its event."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q

# What is to be done, by kind, for a list and a subject line; `name` is what it is done to.
TITLES: Mapping[str, str] = {
    "rule.add": "Add rule “{name}”",
    "rule.save": "Change rule “{name}”",
    "rule.on": "Switch rule “{name}” on",
    "rule.off": "Switch rule “{name}” off",
    "rule.up": "Move rule “{name}” up",
    "rule.down": "Move rule “{name}” down",
    "rule.delete": "Delete rule “{name}”",
    "freeze.add": "Add freeze “{name}”",
    "freeze.save": "Change freeze “{name}”",
    "freeze.end": "End freeze “{name}” now",
    "freeze.delete": "Delete freeze “{name}”",
    "budget.save": "Set the budget of {name}",
    "budget.delete": "Delete the budget of {name}",
    "person.roles": "Give {name} roles",
    "person.owners": "Change who owns {name}",
    "person.on": "Switch {name} on",
    "team.join": "Put people in team “{name}”",
    "team.leave": "Take somebody out of team “{name}”",
    "account.add": "Add account “{name}”",
    "account.save": "Change account “{name}”",
}


class Proposal(models.Model):
    """What one administrator wants changed: the verb with its values, and its target as it was and as it would be.

    It counts for the target as it was; once that has changed, it is out of date.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        CONFIRMED = "confirmed", "Confirmed"
        REJECTED = "rejected", "Rejected"
        WITHDRAWN = "withdrawn", "Withdrawn"
        LAPSED = "lapsed", "Out of date"

    # One of TITLES.
    kind = models.CharField(max_length=16)
    # What it is done to: `rule`, `freeze`, `budget`, `person`, `team` or `account`, and the row's number; None: one
    # to be made.
    subject = models.CharField(max_length=8)
    target = models.BigIntegerField(null=True)
    name = models.CharField(max_length=150)
    # What the verb is given.
    values = models.JSONField(default=dict)
    # The target by its fields, as it was proposed on and as it would be; empty where there is none.
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    state = models.CharField(max_length=9, choices=State.choices, default=State.WAITING)
    proposed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField()
    # None with a time: decided at the command line, or by amicopy itself.
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(null=True)
    # Why it was rejected, or what is out of date.
    why = models.TextField(blank=True)

    class Meta:
        ordering = ("-id",)
        default_permissions = ()
        constraints = (
            models.CheckConstraint(
                condition=Q(state__in=("waiting", "confirmed", "rejected", "withdrawn", "lapsed")),
                name="proposal_state_known",
            ),
            models.CheckConstraint(
                condition=Q(state="waiting", decided_at__isnull=True, decided_by__isnull=True)
                | (~Q(state="waiting") & Q(decided_at__isnull=False)),
                name="proposal_decided_has_its_time",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=("confirmed", "rejected"), decided_by=F("proposed_by")),
                name="proposal_decided_by_another",
            ),
            models.UniqueConstraint(
                fields=("subject", "target"),
                condition=Q(state="waiting", target__isnull=False),
                name="proposal_one_open_a_target",
            ),
        )

    def __str__(self) -> str:
        return self.title

    @property
    def title(self) -> str:
        """What is to be done, in words."""
        return TITLES[self.kind].format(name=self.name)

    @property
    def changes(self) -> dict[str, list[Any]]:
        """What would differ, {field: [before, after]}, as events say it."""
        names = [*self.before, *(name for name in self.after if name not in self.before)]
        pairs = {name: [self.before.get(name), self.after.get(name)] for name in names}
        return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
