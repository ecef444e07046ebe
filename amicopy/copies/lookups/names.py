"""Images of the account that have the new name already, in a destination's Region."""

from amicopy.aws import ec2
from amicopy.aws.account import AwsAccount
from amicopy.copies.lookups.async_queries import Question

KEPT_SECONDS = 30


def clash_question(account: AwsAccount, *, region: str, name: str) -> Question[list[str]]:
    """The ids of the account's images in a Region with exactly this name."""

    def ask() -> list[str]:
        return [image.ImageId for image in ec2.images_named(account, region=region, name=name)]

    return Question("name", account, (region, name), ask, KEPT_SECONDS)
