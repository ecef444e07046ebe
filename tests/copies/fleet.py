"""A fleet for tests: rows of thousands of places, put straight into the database. What they cost to make is not what
is looked at."""

import uuid
from collections.abc import Sequence
from datetime import timedelta
from itertools import islice, product
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from amicopy.copies.core.models import Account, CopyRequest, ImageCopy
from amicopy.copies.core.states import CopyState, RequestState
from tests.copies.conftest import SOURCE

Place = tuple[Account, str]
REGIONS = tuple(f"eu-test-{number}" for number in range(17))
A_REQUEST = 10


def make_places(count: int) -> list[Place]:
    """So many Regions of accounts, 17 of each account."""
    accounts = Account.objects.bulk_create(
        Account(name=f"fleet-{count}-{number}", account_id=f"{count:06}{number:06}")
        for number in range(-(-count // 17))
    )
    return list(islice(product(accounts, REGIONS), count))


def make_copies(places: Sequence[Place], requester: User, *, state: CopyState, **fields: Any) -> list[ImageCopy]:
    """A copy in each of these places, by requests of ten, as if it had become due in this order."""
    now = timezone.now()
    requests = CopyRequest.objects.bulk_create(
        CopyRequest(
            account=account,
            requester=requester,
            reason="fleet",
            state=RequestState.APPROVED,
            SourceRegion="us-east-1",
            SourceImageId=SOURCE,
            Name="fleet",
            created_at=now,
            submitted_at=now,
        )
        for account, _ in places[::A_REQUEST]
    )
    return ImageCopy.objects.bulk_create(
        ImageCopy(
            request=requests[index // A_REQUEST],
            position=index % A_REQUEST,
            account=account,
            DestinationRegion=region,
            destination=region,
            parameters={"Name": "fleet", "SourceImageId": SOURCE, "SourceRegion": "us-east-1"},
            state=state,
            ImageId=f"ami-{uuid.uuid4().hex[:17]}" if state == CopyState.COPYING else "",
            queued_at=now,
            **{"next_step_at": now - timedelta(seconds=len(places) - index), **fields},
        )
        for index, (account, region) in enumerate(places)
    )
