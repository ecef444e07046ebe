"""Where Django looks for the models of this app; they live in `core`, and everything imports them from there."""

from amicopy.copies.core.models import (
    Account,
    AccountCheck,
    ApprovalRule,
    Attempt,
    CallBucket,
    CopyRequest,
    Decision,
    Delegation,
    EventQueue,
    EventSource,
    FreezeWindow,
    ImageCopy,
    LeftoverLook,
    Pulse,
    RegionCheck,
    SeenLeftover,
)

__all__ = (
    "Account",
    "AccountCheck",
    "ApprovalRule",
    "Attempt",
    "CallBucket",
    "CopyRequest",
    "Decision",
    "Delegation",
    "EventQueue",
    "EventSource",
    "FreezeWindow",
    "ImageCopy",
    "LeftoverLook",
    "Pulse",
    "RegionCheck",
    "SeenLeftover",
)
