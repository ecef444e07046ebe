"""Counts that stop, several in one statement: an exact number of thousands helps nobody, and would cost a look at every
row."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import User
from django.db.models import IntegerField, QuerySet, Subquery


class _Counted(Subquery):
    template = "(SELECT COUNT(*) FROM (%(subquery)s) counted)"
    output_field = IntegerField()


def counts(user: User, rows: Mapping[str, tuple[QuerySet[Any], int]]) -> dict[str, int]:
    """How many rows each of these has, at most so many; asked in the name of a person, who is the one row of the
    statement."""
    asked = [_Counted(each.order_by()[:most].values("pk")) for each, most in rows.values()]
    found = User.objects.filter(pk=user.pk).order_by().values_list(*asked)[0]
    return dict(zip(rows, found, strict=True))
