"""The gate before the call: only what was approved is sent to AWS.

Asked right before CopyImage, of what is stored at that moment. What doesn't pass is never sent: the copy fails, and
whoever runs amicopy is told, see `notifications`.
"""

from collections.abc import Sequence

from amicopy.aws import errors
from amicopy.copies.core.models import Attempt, ImageCopy
from amicopy.copies.voting import approvals


def check(copy: ImageCopy, attempt: Attempt | None) -> None:
    """Raises Rejected with the code NotApproved unless the copy, with this attempt's ClientToken, is what was approved;
    an AMI that exists has none."""
    for refused in refusals([(copy, attempt)]).values():
        raise refused


def refusals(calls: Sequence[tuple[ImageCopy, Attempt | None]]) -> dict[int, errors.Rejected]:
    """The same for many at once: what `check` would raise, by the copy's primary key."""
    return {
        pk: errors.Rejected("NotApproved", f"It isn't what was approved. {refused}")
        for pk, refused in approvals.refusals(calls).items()
    }
