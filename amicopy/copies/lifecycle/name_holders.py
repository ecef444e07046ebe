"""Who has a name in a Region of an account. AWS lets many images share one, so amicopy's own check is the only one.

AWS's lists lag and know nothing of what is still to come. So this amicopy's own requests and copies count too: at
submission, before an approval and before the call.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from amicopy.aws import ec2, errors
from amicopy.copies.core import absence, marks
from amicopy.copies.core.calls import Call
from amicopy.copies.core.models import Account, ImageCopy
from amicopy.copies.core.states import CopyState
from amicopy.copies.lifecycle.source_binding import GONE

APPROVED = (CopyState.QUEUED, CopyState.STARTING, CopyState.COPYING, CopyState.CANCELLING, CopyState.AVAILABLE)
ASKED_FOR = (CopyState.HELD, *APPROVED)


def refused() -> bool:
    """Whether this installation wants each name once in a Region of an account."""
    return bool(settings.NAME_CLASH == "refuse")


def lock(account: Account) -> None:
    """Lets nobody else take a name in this account until the transaction ends. A request is locked before it."""
    Account.objects.select_for_update(no_key=True).only("pk").get(pk=account.pk)


def candidates(wanted: Iterable[tuple[int, Call]], states: Sequence[str] = ASKED_FOR) -> list[ImageCopy]:
    """The copies in these states with the name of one of these calls, each with its account's key; one statement."""
    places = Q()
    for account, call in wanted:
        if not call.dry_run and not call.existing:
            name = call.parameters.get("Name", "")
            places |= Q(account=account, DestinationRegion=call.DestinationRegion, Name=name)
    if not places:
        return []
    return [copy for copy in ImageCopy.objects.filter(places, state__in=states).order_by("pk") if not copy.dry_run]


def holders(
    account: int,
    calls: Sequence[Call],
    lookups: Mapping[str, Any],
    *,
    besides: int | None = None,
    among: Sequence[ImageCopy] | None = None,
) -> list[list[ImageCopy]]:
    """For each call into an account, by its key, the copies of other requests that have its name where it goes, or will
    have it. `besides` is the number of the calls' own request, `among` the candidates where they are at hand.

    An available image that AWS's list in the look-ups shows is left to that list; one that the list lacks is gone,
    unless it is so young that lists may not show it yet.
    """
    found = candidates([(account, call) for call in calls]) if among is None else among
    listed = lookups.get("destinations") or ()
    return [
        [
            copy
            for copy in found
            if not call.dry_run
            and not call.existing
            and copy.request_id != besides
            and copy.account_id == account
            and (copy.DestinationRegion, copy.Name) == (call.DestinationRegion, call.parameters.get("Name"))
            and _counts(copy, listed[index : index + 1])
        ]
        for index, call in enumerate(calls)
    ]


def words(call: Call, copies: Sequence[ImageCopy]) -> str:
    """Who has a call's name, as a sentence without an end."""
    numbers = dict.fromkeys(f"#{copy.request_id}" for copy in copies)
    return f"{call.DestinationRegion} gets an AMI of this name by request {', '.join(numbers)}"


def check_call(copy: ImageCopy) -> None:
    """Right before a call: whether its name is still free, where this installation wants that. What the copy's own
    attempts made doesn't count. Raises Rejected with the code NameTaken, and whatever AWS answers when it can't be
    asked."""
    if not refused() or copy.dry_run:
        return
    call, account, name = copy.call(), copy.account_id, str(copy.parameters["Name"])
    images = ec2.images_named(copy.account.aws(), region=copy.DestinationRegion, names=[name], quick=False)
    listed = [{"DestinationRegion": copy.DestinationRegion, "clashes": [image.ImageId for image in images]}]
    # Of two that are queued, the one that was asked for first goes.
    approved = [
        other
        for other in candidates([(account, call)], APPROVED)
        if other.pk != copy.pk and (other.state != CopyState.QUEUED or other.pk < copy.pk)
    ]
    if taken := [other for other in approved if _counts(other, listed)]:
        raise errors.Rejected("NameTaken", f"{words(call, taken)}.")
    own = set(copy.attempts.exclude(ImageId="").values_list("ImageId", flat=True))
    mark = marks.found_in(copy.parameters, copy.mark)
    if mark is not None and "image" in mark.on:
        own |= {image.ImageId for image in images if mark.fits("image", image.tags)}
    foreign = [image.ImageId for image in images if image.State not in GONE and image.ImageId not in own]
    if foreign:
        raise errors.Rejected("NameTaken", f"{copy.DestinationRegion} has an AMI of this name: {', '.join(foreign)}.")


def _counts(copy: ImageCopy, listed: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a copy has its name, or takes it, besides what AWS's list of its Region says."""
    if copy.state != CopyState.AVAILABLE:
        return True
    known = next((row.get("clashes") for row in listed if row.get("DestinationRegion") == copy.DestinationRegion), None)
    if known is None:
        return True
    return copy.ImageId not in known and absence.young(copy.finished_at, timezone.now())
