"""How long something must stay away before it counts as gone: the one place that decides.

EC2's lists lag behind its deeds, by minutes and in both directions: what was made isn't shown yet, what was shown is
left out of the next look (https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html). So an image, a
snapshot or a source that isn't there, and "not found" for it, say nothing until it has been missing for ABSENT_SECONDS
over several looks, and is that old itself. What AWS says in so many words, that an image is deregistered or has failed,
counts at once and isn't asked about here. An alias of KMS is held to the same: its changes take time to be seen
everywhere, too (https://docs.aws.amazon.com/kms/latest/developerguide/accessing-kms.html#programming-eventual-consistency).
"""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import models

from amicopy.aws import errors

# So many looks at least have to miss it: a worker that comes back after an outage has not looked for minutes.
LOOKS = 3


class NotShown(errors.NotReady):
    """AWS doesn't show a source that it has shown before; whether it is gone can't be said yet."""


class KeyNotShown(NotShown):
    """KMS doesn't show the alias that a look-up has seen; whether it is gone can't be said yet."""


class MayAppear(errors.NotReady):
    """An image that an earlier call may have made can still turn up, so that nothing new may be made yet."""


class Missable(models.Model):
    """A row about something at AWS that may be missing: since when it is, and how many looks have missed it."""

    missing_since = models.DateTimeField(null=True)
    missing_looks = models.PositiveSmallIntegerField(default=0)

    class Meta:
        abstract = True


# The columns of a row whose thing AWS shows.
SHOWN: dict[str, Any] = {"missing_since": None, "missing_looks": 0}


def needed() -> timedelta:
    """How long something has to stay away."""
    return timedelta(seconds=settings.ABSENT_SECONDS)


def young(since: datetime | None, now: datetime) -> bool:
    """Whether something promised or changed at that moment may not have reached all of AWS's lists; what has no such
    moment isn't young."""
    return since is not None and now - since < needed()


def missed(row: Missable, now: datetime) -> dict[str, Any]:
    """The columns of a row after one more look that missed its thing."""
    return {"missing_since": row.missing_since or now, "missing_looks": min(row.missing_looks + 1, 10_000)}


def is_fact(row: Missable, now: datetime, *, promised_at: datetime | None = None) -> bool:
    """Whether a look at this moment that misses the thing again makes it gone. `promised_at` is when AWS was asked to
    make it, where that is known."""
    if row.missing_since is None or young(promised_at, now) or young(row.missing_since, now):
        return False
    return row.missing_looks + 1 >= LOOKS
