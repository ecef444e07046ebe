"""How long a copy waits after an answer that another try can mend: full jitter under a cap that doubles."""

import random
from dataclasses import dataclass
from datetime import timedelta

from amicopy.aws import errors


@dataclass(frozen=True)
class Wait:
    """`base` and `cap` in seconds; `words` go on the page."""

    base: float
    cap: float
    words: str


NO_SLOT = "Waiting for a slot: AWS has as many copies in progress as it allows."
# The first class that fits counts. What is not here is permanent.
WAITS: tuple[tuple[type[errors.AwsError], Wait], ...] = (
    (errors.NoSlot, Wait(15, 300, NO_SLOT)),
    (errors.QuotaReached, Wait(300, 3600, "Waiting: a quota of the account is used up. Somebody has to make room.")),
    (errors.NotReady, Wait(15, 300, "Waiting for the source AMI: it is still being made.")),
    (errors.Throttled, Wait(2, 60, "Waiting: AWS asks to slow down.")),
    (errors.CredentialsExpired, Wait(2, 60, "Waiting for new AWS credentials.")),
    (errors.Unavailable, Wait(2, 120, "Waiting: AWS can't be reached right now.")),
)


def wait_for(error: errors.AwsError) -> Wait | None:
    """What to wait for after this error, or None when waiting can't help."""
    return next((wait for kind, wait in WAITS if isinstance(error, kind)), None)


def delay(wait: Wait, failures: int) -> timedelta:
    """The pause before the next try, after `failures` tries in a row (at least 1)."""
    ceiling = min(wait.cap, wait.base * 2.0 ** min(failures - 1, 16))
    return timedelta(seconds=random.uniform(min(1.0, ceiling), ceiling))  # noqa: S311, jitter is no secret
