"""The AWS accounts amicopy can act in. Written by `operations.accounts` only, so that each change has its event."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Q

from amicopy.aws.account import AwsAccount
from amicopy.copies.core.policy_models import ACCOUNT_ID

if TYPE_CHECKING:
    from django.contrib.auth.models import User


class AccountQuerySet(models.QuerySet["Account"]):
    def open_to(self, user: "User") -> "AccountQuerySet":
        """The accounts that are switched on and in which this person may ask for copies."""
        mine = Q(requester_groups__isnull=True) | Q(requester_groups__in=user.groups.all())
        return self.filter(mine, enabled=True).distinct()


class Account(models.Model):
    """An AWS account amicopy can act in: with the ambient credentials, or with a role to assume; and one of its own to
    look with, for the web server."""

    name = models.CharField(max_length=64, unique=True)
    account_id = models.CharField(max_length=12, unique=True, validators=[ACCOUNT_ID])
    partition = models.CharField(max_length=16, default="aws")
    role_arn = models.CharField(max_length=2048, blank=True)
    read_only_role_arn = models.CharField(max_length=2048, blank=True)
    external_id = models.CharField(max_length=1224, blank=True)
    enabled = models.BooleanField(default=True)
    # Who may ask for copies here: members of any of these groups; none: every requester.
    requester_groups = models.ManyToManyField(Group, blank=True, related_name="+")

    objects = AccountQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        permissions = (("manage_accounts", "Can add and change AWS accounts"),)
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.name} ({self.account_id})"

    def as_dict(self) -> dict[str, Any]:
        """For audit rows: every field by its name, groups by theirs."""
        return {
            "name": self.name,
            "account_id": self.account_id,
            "partition": self.partition,
            "role_arn": self.role_arn,
            "read_only_role_arn": self.read_only_role_arn,
            "external_id": self.external_id,
            "enabled": self.enabled,
            "requester_groups": sorted(self.requester_groups.values_list("name", flat=True)) if self.pk else [],
        }

    def aws(self) -> AwsAccount:
        """The account as workers act in it."""
        return AwsAccount(
            account_id=self.account_id,
            partition=self.partition,
            role_arn=self.role_arn,
            external_id=self.external_id,
        )

    def read_only(self) -> AwsAccount:
        """The account as the web server looks at it: by a role of its own, if there is one."""
        return replace(self.aws(), role_arn=self.read_only_role_arn or self.role_arn)
