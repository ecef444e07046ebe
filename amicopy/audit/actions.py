"""Every action the history knows, with the sentence a page shows. `record` refuses any other."""

from collections.abc import Mapping

ACTIONS: Mapping[str, str] = {
    "person.signed_in": "Signed in",
    "person.signed_out": "Signed out",
    "person.sign_in_failed": "Sign-in failed",
    "person.locked_out": "Sign-in locked after too many tries",
    "request.submitted": "Submitted the request",
    "request.vote": "Approved, more approvals needed",
    "request.approved": "Approved the request",
    "request.rejected": "Rejected the request",
    "request.changes_requested": "Asked for changes",
    "request.withdrawn": "Withdrew the request",
    "request.retried": "Set the request to work again",
    "request.completed": "Request completed",
    "request.partial": "Request partly done",
    "request.failed": "Request failed",
    "request.cancelled": "Request cancelled",
    "copy.queued": "Copy queued",
    "copy.starting": "Copy starting",
    "copy.waiting": "Copy waits, AWS was asked",
    "copy.copying": "AWS started the copy",
    "copy.checked": "Permissions checked by a dry run",
    "copy.available": "New AMI is available",
    "copy.failed": "Copy failed",
    "copy.cancelling": "Cancelling the copy",
    "copy.cancelled": "Copy cancelled",
    "copy.retried": "Copy retried with a new token",
    "leftover.removed": "Removed a leftover image",
    "audit.exported": "Exported the history",
}
