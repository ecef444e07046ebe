"""Adding destinations to a request that is over: a new request, linked to it and decided on its own, in which all that
isn't a destination's stays as it was there."""

from collections.abc import Sequence

from django.contrib.auth.models import User

from amicopy.copies.core import permissions
from amicopy.copies.core.calls import Call, FieldError, InvalidRequest
from amicopy.copies.core.models import Account, CopyRequest
from amicopy.copies.core.states import CopyState, RequestState
from amicopy.copies.rules.requests import SHARED

OVER = frozenset({RequestState.COMPLETED, RequestState.PARTIAL, RequestState.FAILED, RequestState.CANCELLED})


def may_continue(user: User, request: CopyRequest) -> bool:
    """Whether the person may add destinations to this request, which they see."""
    return permissions.may_submit(user) and request.state in OVER and not request.dry_run


def original_of(user: User, number: int) -> CopyRequest:
    """The request of this number, which the person has to see. Raises InvalidRequest."""
    row = CopyRequest.objects.visible_to(user).select_related("account").filter(pk=number).first()
    if row is None:
        raise InvalidRequest([FieldError("continues", "Start from a request that you can see.")])
    return row


def refusals(original: CopyRequest, *, account: Account, calls: Sequence[Call], requester: User) -> list[FieldError]:
    """What keeps these calls from being more destinations of a request."""
    if not may_continue(requester, original):
        return [FieldError("continues", f"Wait until request #{original.pk} is over, or clone it.")]
    if account.pk != original.account_id:
        return [FieldError("account", f"Choose {original.account.name}, the account of request #{original.pk}.")]
    return _differences(original, calls) + _repeated(original, calls)


def _differences(original: CopyRequest, calls: Sequence[Call]) -> list[FieldError]:
    was = original.calls_as_asked()[0].parameters
    return [
        FieldError(name, f"Leave it as it is in request #{original.pk}, or clone that request to change it.")
        for name in sorted(SHARED - {"ClientToken"})
        if any(call.parameters.get(name) != was.get(name) for call in calls)
    ]


def _repeated(original: CopyRequest, calls: Sequence[Call]) -> list[FieldError]:
    """A destination that failed or was cancelled there may be asked for again."""
    done = original.copies.filter(round=original.round, state=CopyState.AVAILABLE)
    there = set(done.values_list("DestinationRegion", "destination"))
    return [
        FieldError("DestinationRegion", f"Choose another destination: request #{original.pk} copied there.", index)
        for index, call in enumerate(calls)
        if (call.DestinationRegion, call.destination) in there
    ]
