"""New requests that follow from another: linked to it, and decided on their own.

Adding destinations to one that is over leaves all that isn't a destination's as it was there; asking again for a copy
that failed is where everything may be mended.
"""

from collections.abc import Sequence

from django.contrib.auth.models import User

from amicopy.copies.core import permissions
from amicopy.copies.core.calls import Call, FieldError, InvalidRequest
from amicopy.copies.core.models import Account, CopyRequest, ImageCopy
from amicopy.copies.core.states import CopyState, RequestState
from amicopy.copies.rules.requests import SHARED

OVER = frozenset({RequestState.COMPLETED, RequestState.PARTIAL, RequestState.FAILED, RequestState.CANCELLED})


def may_continue(user: User, request: CopyRequest) -> bool:
    """Whether the person may add destinations to this request, which they see."""
    copied = not request.dry_run and not request.existing
    return permissions.may_submit(user) and request.state in OVER and copied


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


def failed_copy(user: User, number: int | None) -> ImageCopy | None:
    """The copy of this number, with its request, if it failed in a request that the person sees."""
    visible = CopyRequest.objects.visible_to(user)
    rows = ImageCopy.objects.select_related("request", "request__account")
    failed = rows.filter(state=CopyState.FAILED, existing=False, request__in=visible)
    return failed.filter(pk=number).first() if number else None


def to_mend(user: User, number: int) -> ImageCopy:
    """As `failed_copy`. Raises InvalidRequest where there is none: it works by now, or somebody retries it."""
    copy = failed_copy(user, number)
    if copy is None:
        raise InvalidRequest([FieldError("mends", "The copy that this was to mend isn't failed any more.")])
    return copy


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
