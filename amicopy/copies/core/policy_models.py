"""What administrators lay down about approval: rules, delegations, freeze windows. Written by `requests.policy_actions`
and `requests.delegation_actions` only, so that each change has its event."""

from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q

from amicopy.copies.core.calls import fingerprint

REGIONS = RegexValidator(
    r"^[a-z0-9*?-]+(, ?[a-z0-9*?-]+)*$",
    "Enter Regions with commas between them. A star stands for any letters, as in eu-*.",
)

# Digits are spelled [0-9]: \d takes those of every script. And \Z, since $ lets a line end follow.
ACCOUNT_ID = RegexValidator(r"^[0-9]{12}\Z", "Enter the 12 digits of an account.")


class ApprovalRule(models.Model):
    """Who has to approve a destination of a request; the first enabled rule that fits it counts.

    A condition left empty fits everything. `requirements` is [{"group": name, "count": n}, ...]; empty: nobody has to.
    """

    class Encryption(models.TextChoices):
        ANY = "", "Encrypted or not"
        ENCRYPTED = "encrypted", "Encrypted copies"
        UNENCRYPTED = "unencrypted", "Unencrypted copies"

    class DryRuns(models.TextChoices):
        COPIES = "copies", "Copies, not dry runs"
        DRY_RUNS = "dry-runs", "Dry runs only"
        BOTH = "both", "Copies and dry runs"

    class AskedBy(models.TextChoices):
        ANY = "", "People and machines"
        PEOPLE = "people", "People"
        MACHINES = "machines", "Machines"

    order = models.PositiveIntegerField()
    name = models.CharField(max_length=80, unique=True)
    enabled = models.BooleanField(default=True)
    account = models.ForeignKey("copies.Account", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    DestinationRegion = models.CharField(max_length=200, blank=True, validators=[REGIONS])
    SourceAccount = models.CharField(max_length=12, blank=True, validators=[ACCOUNT_ID])
    encryption = models.CharField(max_length=12, blank=True, choices=Encryption.choices, default=Encryption.ANY)
    dry_runs = models.CharField(max_length=12, choices=DryRuns.choices, default=DryRuns.COPIES)
    # GiB of one copy.
    larger_than = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(1_000_000)]
    )
    at_most = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(1_000_000)]
    )
    requester_group = models.ForeignKey(Group, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    # A machine is a program with a token, a person's or a service's.
    asked_by = models.CharField(max_length=8, blank=True, choices=AskedBy.choices, default=AskedBy.ANY)
    # Codes of named facts, see `voting.fact_table`: one of them has to hold. Empty: none has to.
    facts = models.JSONField(default=list, blank=True, db_default=[])
    # What all copies of the request cost together, at most, in whole units of the price list's currency: a month, and
    # once. A cost that isn't known counts as more.
    costs_more_a_month = models.PositiveIntegerField(null=True, blank=True, validators=[MaxValueValidator(1_000_000)])
    costs_more_once = models.PositiveIntegerField(null=True, blank=True, validators=[MaxValueValidator(1_000_000)])
    requirements = models.JSONField(default=list, blank=True)
    # What whoever approves has to have shown of who they are: a sign-in, or a password or second factor given again, at
    # most so many minutes ago; and that it was a second factor.
    sign_in_minutes = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(1440)]
    )
    second_factor = models.BooleanField(default=False, db_default=False)
    # Whether an AMI may be made public by a request that this rule asks for approvals of.
    allows_public = models.BooleanField(default=False, db_default=False)

    class Meta:
        ordering = ("order", "id")
        default_permissions = ()
        permissions = (("manage_rules", "Can change approval rules and freeze windows"),)
        constraints = (
            models.CheckConstraint(
                condition=Q(encryption__in=("", "encrypted", "unencrypted")), name="rule_encryption_known"
            ),
            models.CheckConstraint(
                condition=Q(dry_runs__in=("copies", "dry-runs", "both")), name="rule_dry_runs_known"
            ),
            models.CheckConstraint(condition=Q(asked_by__in=("", "people", "machines")), name="rule_asked_by_known"),
        )

    def __str__(self) -> str:
        return self.name

    def as_dict(self) -> dict[str, Any]:
        """For audit rows: every field by its name, others' rows by theirs."""
        return {
            "order": self.order,
            "name": self.name,
            "enabled": self.enabled,
            "account": self.account.account_id if self.account else "",
            "DestinationRegion": self.DestinationRegion,
            "SourceAccount": self.SourceAccount,
            "encryption": self.encryption,
            "dry_runs": self.dry_runs,
            "larger_than": self.larger_than,
            "at_most": self.at_most,
            "requester_group": self.requester_group.name if self.requester_group else "",
            "asked_by": self.asked_by,
            "facts": self.facts,
            "costs_more_a_month": self.costs_more_a_month,
            "costs_more_once": self.costs_more_once,
            "requirements": self.requirements,
            "sign_in_minutes": self.sign_in_minutes,
            "second_factor": self.second_factor,
            "allows_public": self.allows_public,
        }

    @property
    def version(self) -> str:
        """What tells a rule from itself as it was or will be; its place in the order doesn't count."""
        said = {name: value for name, value in self.as_dict().items() if name != "order"}
        if not self.allows_public:
            # Rules of before this column keep their versions, which requests are bound to.
            del said["allows_public"]
        return fingerprint(said)


class Delegation(models.Model):
    """For a time, somebody else may give a person's vote: another person, or whoever is in a team or has a role when
    they vote. The giver keeps it too; whoever votes first uses it."""

    giver = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="delegations_given")
    receiver = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="delegations_held"
    )
    # By number: another group of the name is another one. Where it is gone, its name as it was is what is left.
    group = models.ForeignKey(Group, null=True, blank=True, on_delete=models.SET_NULL, related_name="delegations_held")
    group_name = models.CharField(max_length=150, blank=True, db_default="")
    reason = models.TextField(blank=True)
    created_at = models.DateTimeField()
    until = models.DateTimeField()

    class Meta:
        ordering = ("until", "id")
        default_permissions = ()
        constraints = (
            models.CheckConstraint(
                condition=Q(receiver__isnull=True) | ~Q(giver=F("receiver")), name="delegation_to_another"
            ),
            models.CheckConstraint(
                condition=Q(receiver__isnull=False, group__isnull=True, group_name="")
                | (Q(receiver__isnull=True) & ~Q(group_name="")),
                name="delegation_to_one",
            ),
            models.CheckConstraint(condition=Q(until__gte=F("created_at")), name="delegation_ends_after_start"),
        )

    def __str__(self) -> str:
        return f"{self.giver_id} to {self.to} until {self.until:%Y-%m-%d %H:%M} UTC"

    @property
    def to(self) -> str:
        """The name of whom it is to."""
        if self.receiver:
            return self.receiver.get_username()
        return self.group.name if self.group else self.group_name


class FreezeWindow(models.Model):
    """A time in which approved copies wait; of an account or of all, of Regions or of all."""

    name = models.CharField(max_length=80)
    account = models.ForeignKey("copies.Account", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    DestinationRegion = models.CharField(max_length=200, blank=True, validators=[REGIONS])
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()

    class Meta:
        ordering = ("starts_at", "id")
        default_permissions = ()
        constraints = (models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="freeze_ends_after_start"),)

    def __str__(self) -> str:
        return self.name

    def as_dict(self) -> dict[str, Any]:
        """For audit rows."""
        return {
            "name": self.name,
            "account": self.account.account_id if self.account else "",
            "DestinationRegion": self.DestinationRegion,
            "starts_at": self.starts_at.isoformat(),
            "ends_at": self.ends_at.isoformat(),
        }
