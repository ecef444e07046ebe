"""Every model of `copies`, from the modules that are each about one thing: here Django finds them, and all others
import them from here."""

from amicopy.copies.core.account_models import Account
from amicopy.copies.core.attempts import Attempt
from amicopy.copies.core.copy_models import ImageCopy
from amicopy.copies.core.cost_models import Budget, CopyCost, PriceList
from amicopy.copies.core.engine_models import (
    AccountCheck,
    CallBucket,
    CopyLook,
    DriftLook,
    DriftTrace,
    EventQueue,
    EventSource,
    LeftoverLook,
    PermissionCheck,
    Pulse,
    RegionCheck,
    SeenLeftover,
)
from amicopy.copies.core.factor_models import RecoveryCode, SecondFactor
from amicopy.copies.core.identity_models import Identity
from amicopy.copies.core.installation import Installation
from amicopy.copies.core.minute_counts import MinuteCount
from amicopy.copies.core.policy_models import ApprovalRule, Delegation, FreezeWindow
from amicopy.copies.core.power_models import Grant, PasswordLink, ServiceAccount
from amicopy.copies.core.proposal_models import Proposal
from amicopy.copies.core.request_models import CopyRequest, CopyRequestQuerySet, Decision
from amicopy.copies.core.request_words import RequestWords
from amicopy.copies.core.set_models import RequestSet
from amicopy.copies.core.step_models import CopyStep
from amicopy.copies.core.team_models import Team
from amicopy.copies.core.token_models import ApiToken

__all__ = (
    "Account",
    "AccountCheck",
    "ApiToken",
    "ApprovalRule",
    "Attempt",
    "Budget",
    "CallBucket",
    "CopyCost",
    "CopyLook",
    "CopyRequest",
    "CopyRequestQuerySet",
    "CopyStep",
    "Decision",
    "Delegation",
    "DriftLook",
    "DriftTrace",
    "EventQueue",
    "EventSource",
    "FreezeWindow",
    "Grant",
    "Identity",
    "ImageCopy",
    "Installation",
    "LeftoverLook",
    "MinuteCount",
    "PasswordLink",
    "PermissionCheck",
    "PriceList",
    "Proposal",
    "Pulse",
    "RecoveryCode",
    "RegionCheck",
    "RequestSet",
    "RequestWords",
    "SecondFactor",
    "SeenLeftover",
    "ServiceAccount",
    "Team",
)
