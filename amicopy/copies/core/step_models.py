"""How far the steps of a finished copy are, a row a step. States are written through `lifecycle.step_moves` only."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import models
from django.db.models import Q

from amicopy.copies.core.reasons import Code, Reason
from amicopy.copies.core.states import STEP_DONE, StepState
from amicopy.copies.core.steps.members import Members
from amicopy.copies.core.steps.table import BY_CODE, Step


@dataclass(frozen=True)
class StepCounts:
    """How many of a copy's steps are done, of how many, and how many have failed: "2 of 5 steps done"."""

    done: int
    of: int
    failed: int


def counts_of(copies: Iterable[int]) -> dict[int, StepCounts]:
    """Those of these copies, by primary key; copies without steps, or that aren't there yet, are absent. One
    statement."""
    states: dict[int, list[str]] = {}
    for copy, state in CopyStep.objects.filter(copy__in=list(copies)).order_by().values_list("copy_id", "state"):
        states.setdefault(copy, []).append(state)
    return {
        copy: StepCounts(sum(each in STEP_DONE for each in own), len(own), own.count(StepState.FAILED))
        for copy, own in states.items()
    }


class CopyStep(models.Model):
    """One step of one copy. What it does is `ImageCopy.approved_steps`, which nothing writes again.

    Rows are made when the copy is available, and done in the order of `position`: only one of a copy is due at a time,
    and what comes after one that failed isn't begun.
    """

    copy = models.ForeignKey("copies.ImageCopy", on_delete=models.PROTECT, related_name="steps")
    # Of `core.steps.table`.
    code = models.CharField(max_length=40)
    position = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=8, choices=StepState.choices, default=StepState.WAITING)
    # How often AWS was asked to do it; more than once is a repetition, before which AWS is asked what is there.
    attempts = models.PositiveIntegerField(default=0)

    next_step_at = models.DateTimeField(null=True)
    lease_id = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    lease_holder = models.UUIDField(null=True)
    failures = models.PositiveIntegerField(default=0)
    # As those of an image copy.
    wait_code = models.CharField(max_length=24, blank=True)
    wait_data = models.JSONField(default=dict)

    # What was there before, which undoing it puts back: an alias' `Value` and `Version`, a template's `DefaultVersion`,
    # for an AMI that existed with its `LatestVersion`; empty where there was nothing, or it isn't known yet.
    before = models.JSONField(default=dict)
    # What AWS answered: the alias' `Version`, the template's `VersionNumber`.
    answer = models.JSONField(default=dict)
    aws_request_id = models.CharField(max_length=64, blank=True)
    error_code = models.CharField(max_length=128, blank=True)
    error_message = models.TextField(blank=True)

    called_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("copy", "position")
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(fields=("copy", "code"), name="step_once_a_copy"),
            models.CheckConstraint(condition=Q(state__in=StepState.values), name="step_state_known"),
        )
        indexes = (
            models.Index(fields=("next_step_at",), condition=Q(next_step_at__isnull=False), name="step_due"),
            models.Index(fields=("lease_id",), condition=Q(lease_id__isnull=False), name="step_by_lease"),
        )

    def __str__(self) -> str:
        return f"{self.code} of copy {self.copy_id}"

    @property
    def step(self) -> Step:
        """Its row of the table."""
        return BY_CODE[self.code]

    @property
    def members(self) -> Members:
        """What was approved."""
        members: Members = self.copy.approved_steps[self.code]
        return members

    @property
    def done(self) -> bool:
        return self.state in STEP_DONE

    @property
    def wait(self) -> Reason | None:
        """Why it waits, or None."""
        return Reason(Code(self.wait_code), self.wait_data) if self.wait_code else None
