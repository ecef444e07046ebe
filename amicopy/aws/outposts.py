"""Outposts of an account. Raises the errors of `amicopy.aws.errors`."""

from dataclasses import dataclass

from amicopy.aws.account import AwsAccount
from amicopy.aws.sessions import client, typed_errors


@dataclass(frozen=True)
class Outpost:
    OutpostArn: str
    Name: str
    AvailabilityZone: str


@typed_errors()
def outposts(account: AwsAccount, *, region: str, quick: bool = True) -> list[Outpost]:
    """The account's Outposts whose home is this Region."""
    found: list[Outpost] = []
    for page in client("outposts", account, region, quick=quick).pages("list_outposts"):
        found += [
            Outpost(raw["OutpostArn"], raw.get("Name", ""), raw.get("AvailabilityZone", "")) for raw in page["Outposts"]
        ]
    return found
