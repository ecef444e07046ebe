"""The gate before the call: only what was approved is sent to AWS.

Asked right before CopyImage, of what is stored at that moment. What doesn't pass is never sent: the copy fails, and
whoever runs amicopy is told, see `notifications`.
"""

from amicopy.aws import errors
from amicopy.copies.core.models import Attempt, ImageCopy
from amicopy.copies.voting import approvals
from amicopy.copies.voting.approvals import NotApproved


def check(copy: ImageCopy, attempt: Attempt) -> None:
    """Raises Rejected with the code NotApproved unless the copy, with this attempt's ClientToken, is what was
    approved."""
    try:
        approvals.check_call(copy, attempt)
    except NotApproved as refused:
        raise errors.Rejected("NotApproved", f"It isn't what was approved. {refused}") from refused
