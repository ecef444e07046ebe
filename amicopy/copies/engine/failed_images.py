"""What earlier calls of a copy made and AWS then called failed is taken away before a call with a new ClientToken.

AWS can still finish an image that it said had failed: beside the one of the new call it would be a second good image.
"""

import uuid
from collections.abc import Collection

from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.aws import errors
from amicopy.aws.shapes import Image
from amicopy.copies.core import absence
from amicopy.copies.core.models import ImageCopy
from amicopy.copies.engine import aws_removal
from amicopy.copies.engine.aws_removal import Removal

# What is kept of an image that stayed away for so long that it is gone, though AWS never said so.
ABSENT = "absent"


class Kept(errors.Rejected):
    """AWS refuses to deregister a failed image, so that nothing new may be made yet; a person has to see to it."""


def clear(copy: ImageCopy, shown: Collection[Image], *, lease: uuid.UUID, actor: Actor) -> None:
    """Deregisters the images that calls of the copy's earlier attempts returned, and those of its failed ones that AWS
    shows.

    Raises Kept, MayAppear while AWS says that it doesn't know one, which only time can tell from one that is gone, and
    AwsError.
    """
    attempts = list(copy.attempts.order_by("number"))
    removal = Removal(
        actor=actor, copy=copy, account=copy.account, region=copy.DestinationRegion, answers=dict(copy.removal)
    )
    there = {image.ImageId for image in shown}
    returned = {each.ImageId for each in attempts[:-1] if each.ImageId and removal.answers.get(each.ImageId) != ABSENT}
    images = sorted(there | returned)
    if all(removal.settled(name) for name in images):
        return
    stored = ImageCopy.objects.filter(pk=copy.pk, lease_id=lease)
    try:
        aws_removal.clear(removal, images=images, snapshots=(), mark=copy.frozen_mark)
    except errors.Rejected as error:
        raise Kept(error.code, error.message, error.request_id) from error
    finally:
        copy.removal = removal.answers
        stored.update(removal=removal.answers)
    unknown = [name for name in images if not removal.settled(name)]
    now = timezone.now()
    called = [attempt.last_called_at for attempt in attempts if attempt.last_called_at is not None]
    if unknown and not absence.is_fact(copy, now, promised_at=max(called, default=None)):
        stored.update(**absence.missed(copy, now))
        raise absence.MayAppear("FailedImageUnknown", f"AWS may still finish {', '.join(unknown)}.")
    copy.removal = removal.answers | dict.fromkeys(unknown, ABSENT)
    stored.update(removal=copy.removal, **absence.SHOWN)
