"""Finding the image of a call whose answer was lost, by what identifies it."""

from collections.abc import Sequence
from datetime import timedelta

from amicopy.aws import ec2
from amicopy.aws.shapes import Image
from amicopy.copies.core.models import Attempt, ImageCopy

# AWS's clock and ours may differ; an image older than the call by more than this isn't the call's.
CLOCK_SLACK = timedelta(minutes=5)


def candidates(copy: ImageCopy, attempt: Attempt) -> list[Image]:
    """The images in the destination that this attempt may have made and no other attempt has. Raises AwsError."""
    parameters = copy.parameters
    found = ec2.find_copies(
        copy.account.aws(),
        region=copy.DestinationRegion,
        source_image_id=parameters["SourceImageId"],
        source_region=parameters["SourceRegion"],
        name=parameters["Name"],
    )
    earliest = (attempt.first_called_at or attempt.created_at) - CLOCK_SLACK
    taken = set(
        Attempt.objects.filter(account_id=copy.account_id, DestinationRegion=copy.DestinationRegion)
        .exclude(pk=attempt.pk)
        .exclude(ImageId="")
        .values_list("ImageId", flat=True)
    )
    return [
        image
        for image in found
        if image.ImageId not in taken and (image.CreationDate is None or image.CreationDate >= earliest)
    ]


def unclear(found: Sequence[Image]) -> str:
    """The words for more than one candidate; a person has to look."""
    ids = ", ".join(sorted(image.ImageId for image in found))
    return f"AWS's answer was lost, and more than one image could be this copy: {ids}."
