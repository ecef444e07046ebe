"""EC2's lists, page by page: https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-pagination.html"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, TypeVar

from amicopy.aws.account import AwsAccount
from amicopy.aws.sessions import client, typed_errors

Item = TypeVar("Item")

# A filter takes 200 values (Using_Filtering.html); a page of results is 1,000 at most.
FILTER_VALUES = 200
PAGE = 1000


def listed(
    account: AwsAccount,
    region: str,
    operation: Literal["describe_images", "describe_snapshots"],
    item_of: Callable[[Mapping[str, Any]], Item],
    *,
    quick: bool = False,
    **query: Any,
) -> Iterator[Item]:
    """All that a list has, each page asked for when it is wanted; raises the errors of `amicopy.aws.errors`."""
    member = {"describe_images": "Images", "describe_snapshots": "Snapshots"}[operation]
    with typed_errors():
        pages = client("ec2", account, region, quick=quick).pages(
            operation, **query, PaginationConfig={"PageSize": PAGE}
        )
        for page in pages:
            yield from map(item_of, page.get(member) or ())


def chunks(values: Sequence[str]) -> Iterator[list[str]]:
    """As many at a time as a filter takes."""
    for start in range(0, len(values), FILTER_VALUES):
        yield list(values[start : start + FILTER_VALUES])


def literal(text: str) -> str:
    """A filter's value that fits this text and no other: `*` and `?` would fit more."""
    return "".join(f"\\{character}" if character in "*?\\" else character for character in text)
