"""The estimate that a request keeps: what it would cost, and what its teams' budgets say to that."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.auth.models import User

from amicopy.copies.core import earlier_copies
from amicopy.copies.core.calls import Call
from amicopy.copies.core.models import Account
from amicopy.copies.voting import budgets


def estimate_for(
    account: Account, requester: User, calls: Sequence[Call], lookups: Mapping[str, Any]
) -> dict[str, Any]:
    """`cost.Estimate.as_dict` with `budgets`, for `CopyRequest.estimate`; empty without calls. It is shown, kept with
    each decision and asked by rules, and no part of what is approved: prices change without anybody's doing."""
    if not calls:
        return {}
    found = earlier_copies.estimate(account, calls, lookups)
    asked = not all(call.dry_run or call.existing for call in calls)
    return {**found.as_dict(), "budgets": budgets.against(requester, found) if asked else []}
