"""CloudTrail's event history: who called what in an account and Region in the last 90 days, minutes after it.

AWS answers two calls a second for an account and Region, whoever makes them, and a call can ask by one thing only.
https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Literal

from amicopy.aws.account import AwsAccount
from amicopy.aws.sessions import client, typed_errors

DAYS = 90
# AWS gives 50 events a page; whoever looks for one call doesn't turn more pages than these.
PAGE, PAGES = 50, 3
By = Literal["ResourceName", "EventName"]


@dataclass(frozen=True)
class Event:
    """A call: `Arn` is that of the identity who made it, empty where CloudTrail doesn't say (a service of AWS);
    `requestID` what AWS answered it with; `error` AWS's code where it was refused."""

    EventId: str
    EventName: str
    EventTime: datetime
    Arn: str
    requestID: str
    error: str
    requestParameters: Mapping[str, Any]


@typed_errors()
def events(account: AwsAccount, *, region: str, by: By, value: str, since: datetime) -> list[Event]:
    """The newest calls since a time that name a resource, such as an image's id, or that have a name; the newest first.

    Up to 150, in up to three calls. Raises the errors of `amicopy.aws.errors` and no other.
    """
    pages = client("cloudtrail", account, region).pages(
        "lookup_events",
        LookupAttributes=[{"AttributeKey": by, "AttributeValue": value}],
        StartTime=since,
        PaginationConfig={"PageSize": PAGE},
    )
    return [_event(raw) for page in islice(pages, PAGES) for raw in _rows(page)]


def _rows(page: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from page.get("Events") or ()


def _event(raw: Mapping[str, Any]) -> Event:
    said = json.loads(raw.get("CloudTrailEvent") or "{}")
    identity = said.get("userIdentity") or {}
    return Event(
        EventId=str(raw["EventId"]),
        EventName=str(raw["EventName"]),
        EventTime=raw["EventTime"],
        Arn=str(identity.get("arn") or identity.get("invokedBy") or ""),
        requestID=str(said.get("requestID") or ""),
        error=str(said.get("errorCode") or ""),
        requestParameters=said.get("requestParameters") or {},
    )
