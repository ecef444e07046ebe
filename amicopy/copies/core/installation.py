"""Which installation of amicopy this is. Its id stands in the mark on everything it makes at AWS."""

import uuid

from django.db import models


class Installation(models.Model):
    """One row, made when it is first asked for. It lives in the database, so that web and workers agree and a backup
    brings it back: what was made before a restore is still known as one's own."""

    number = models.PositiveSmallIntegerField(unique=True, default=1)
    mark = models.CharField(max_length=32, default="")
    # A process has found that this database is a backup that was restored; until `after_restore` was run.
    behind_since = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        constraints = (models.CheckConstraint(condition=models.Q(number=1), name="installation_is_one"),)

    def __str__(self) -> str:
        return self.mark


def mark_values(submission: uuid.UUID | str, number: int) -> list[str]:
    """The values of the marks for so many copies of the request that this submission made, by their places."""
    prefix = mark_prefix()
    return [f"{prefix}{submission}/{position}" for position in range(number)]


def mark_prefix() -> str:
    """What the values of all of this installation's marks begin with."""
    return f"{installation_mark()}/"


def installation_mark() -> str:
    """This installation's id: 12 hexadecimal digits that never change."""
    row, _ = Installation.objects.get_or_create(number=1, defaults={"mark": uuid.uuid4().hex[:12]})
    return row.mark
