"""Images of the account that have the new name already, in a destination's Region."""

from collections.abc import Iterator, Sequence

from django.core.cache import cache

from amicopy.aws import ec2
from amicopy.aws.account import AwsAccount
from amicopy.copies.lookups.async_queries import Question

KEPT_SECONDS = 30
# Values of one filter that EC2 takes (API_Filter.html).
MOST = 200


def clash_question(account: AwsAccount, *, region: str, name: str) -> Question[list[str]]:
    """The ids of the account's images in a Region with exactly this name."""

    def ask() -> list[str]:
        return [image.ImageId for image in ec2.images_named(account, region=region, names=[name])]

    return Question("name", account, (region, name), ask, KEPT_SECONDS)


def together(account: AwsAccount, region: str, wanted: Sequence[str]) -> Iterator[Question[None]]:
    """Questions about many names in a Region at once; what is found answers `clash_question` of each."""
    many = sorted(set(wanted))
    for first in range(0, len(many), MOST):
        yield _some(account, region, many[first : first + MOST])


def _some(account: AwsAccount, region: str, wanted: Sequence[str]) -> Question[None]:
    def ask() -> None:
        found: dict[str, list[str]] = {name: [] for name in wanted}
        for image in ec2.images_named(account, region=region, names=wanted):
            found.setdefault(image.Name, []).append(image.ImageId)
        for name, ids in found.items():
            cache.set(clash_question(account, region=region, name=name).key, ids, KEPT_SECONDS)

    return Question("names", account, (region, *wanted), ask, KEPT_SECONDS)
