"""Going on with what a copy's calls have made already, instead of making it a second time."""

import uuid
from collections.abc import Sequence

from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.aws.shapes import Image
from amicopy.copies.core import absence
from amicopy.copies.core.models import Attempt, ImageCopy
from amicopy.copies.engine import call_outcomes, recovery
from amicopy.copies.engine.call_outcomes import Made
from amicopy.copies.lifecycle.transitions import InvalidTransition


def follow(copy: ImageCopy, *, lease: uuid.UUID, actor: Actor) -> list[Image] | None:
    """Looks for what the attempts made already and goes on with that: None. Otherwise nothing good is there, and the
    list has what failed and is the copy's own.

    What failed isn't gone on with, unless a call is in doubt that must have made it. Raises Unclear when a person has
    to look, MayAppear while something may still turn up, and AwsError.
    """
    attempts = list(copy.attempts.order_by("number"))
    attempt, found = attempts[-1], recovery.look(copy, attempts)
    if len(found.good) > 1:
        raise recovery.unclear(found.good)
    for image in found.good:
        if image.State in recovery.AVAILABLE:
            recovery.check_result(copy, image)
        _adopt(copy, attempts, image, found.how[image.ImageId], lease=lease, actor=actor)
        return None
    known = {each.ImageId for each in attempts}
    failed = [image for image in found.bad if image.ImageId not in known]
    if len(failed) > 1:
        raise recovery.unclear(failed)
    if failed and attempt.in_doubt:
        _adopt(copy, attempts, failed[0], found.how[failed[0].ImageId], lease=lease, actor=actor)
        return None
    if recovery.still_to_come(copy, attempts, attempt, timezone.now()):
        raise absence.MayAppear("ImageMayAppear", "An image of an earlier call may still turn up.")
    return [image for image in found.bad if found.how[image.ImageId] != recovery.BY_SOURCE_AND_NAME]


def _adopt(
    copy: ImageCopy, attempts: Sequence[Attempt], image: Image, how: str, *, lease: uuid.UUID, actor: Actor
) -> None:
    """Goes on with an image that was found, as that of the attempt which made it."""
    by_id = [each for each in attempts if each.ImageId == image.ImageId]
    in_doubt = [each for each in attempts if each.in_doubt and not each.ImageId]
    owner = [attempts[-1], *in_doubt, *by_id][-1]
    call_outcomes.starting(copy, lease=lease, actor=actor)
    if call_outcomes.copying([Made(copy, owner, actor, image.ImageId, how=f"found {how}")], lease=lease):
        raise InvalidTransition(f"The copy to {copy.destination} is no longer this worker's.")
