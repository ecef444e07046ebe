"""Which answers of AWS another try can mend, and how long a copy waits for it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from amicopy.aws import errors
from amicopy.backoff import pause
from amicopy.copies.core import absence
from amicopy.copies.core.reasons import Code, Reason
from amicopy.copies.engine.failed_images import Kept


@dataclass(frozen=True)
class Wait:
    """`base` and `cap` in seconds; `code` says why, on the row and so on the page."""

    base: float
    cap: float
    code: Code


# The first class that fits counts. What is not here is permanent.
WAITS: tuple[tuple[type[errors.AwsError], Wait], ...] = (
    (errors.NoSlot, Wait(15, 300, Code.NO_SLOT)),
    (errors.QuotaReached, Wait(300, 3600, Code.QUOTA)),
    (absence.KeyNotShown, Wait(15, 60, Code.KEY_UNSEEN)),
    (absence.NotShown, Wait(15, 60, Code.SOURCE_UNSEEN)),
    (Kept, Wait(300, 3600, Code.FAILED_IMAGE_KEPT)),
    (absence.MayAppear, Wait(30, 60, Code.LOOKING_FOR_IMAGE)),
    (errors.NotReady, Wait(15, 300, Code.SOURCE_PENDING)),
    (errors.Throttled, Wait(2, 60, Code.THROTTLED)),
    (errors.CredentialsExpired, Wait(2, 60, Code.CREDENTIALS_RENEWED)),
    (errors.Unavailable, Wait(2, 120, Code.AWS_UNREACHABLE)),
)


def wait_for(error: errors.AwsError) -> Wait | None:
    """What to wait for after this error, or None when waiting can't help."""
    return next((wait for kind, wait in WAITS if isinstance(error, kind)), None)


def because(code: Code, error: errors.AwsError, *, action: str = "", **data: Any) -> Reason:
    """The reason to wait that AWS's answer gives: its code and words, and the operation it was about."""
    said = {"AwsCode": error.code, "AwsMessage": error.message, "Action": action}
    return Reason(code, {name: value for name, value in (said | data).items() if value})


def delay(wait: Wait, failures: int) -> timedelta:
    """The pause before the next try, after `failures` tries in a row (at least 1)."""
    return timedelta(seconds=pause(base=wait.base, cap=wait.cap, failures=failures))
