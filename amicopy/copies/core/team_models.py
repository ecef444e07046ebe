"""Teams: groups of people that are no role. What a group is for and who looks after it is here; who is in it is the
group's own. Written by `operations.teams` only, so that each change has its event."""

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from django.db.models import QuerySet

from amicopy.copies.core.roles import ROLES


class Team(models.Model):
    """What amicopy knows of a team besides its name and members. A group made past amicopy has none, until somebody
    says something of it."""

    group = models.OneToOneField(Group, on_delete=models.CASCADE, primary_key=True, related_name="team")
    description = models.CharField(max_length=200, blank=True)
    # They change who is in it, as long as that gives nobody power, see `voting.team_power`.
    owners = models.ManyToManyField(settings.AUTH_USER_MODEL, blank=True, related_name="teams_owned")

    class Meta:
        ordering = ("group__name",)
        default_permissions = ()

    def __str__(self) -> str:
        return self.group.name


def team_groups() -> QuerySet[Group]:
    """Every team, by name: all groups that are no role."""
    return Group.objects.exclude(name__in=ROLES).order_by("name")
