"""Requests and copies for benchmarks, put straight into the database: what they cost to make is not measured."""

import uuid
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from amicopy.copies.core.models import Account, Attempt, CopyRequest, ImageCopy
from amicopy.copies.core.states import CopyState, RequestState

REGIONS = (
    *("us-east-1", "us-east-2", "us-west-2", "ca-central-1", "sa-east-1"),
    *("eu-west-1", "eu-west-2", "eu-central-1", "ap-northeast-1", "ap-southeast-2"),
)
SOURCE = "ami-0a7f3c92d41be6058"
COPIES_A_REQUEST = 10


def make(count: int, *, state: CopyState, regions: tuple[str, ...] = REGIONS, **fields: Any) -> list[ImageCopy]:
    """Copies of approved requests in this state, due now, spread evenly over Regions; each with its attempt."""
    account, requester = Account.objects.get(name="sandbox"), User.objects.get(username="requester")
    now = timezone.now()
    names = [f"bench-{uuid.uuid4().hex[:12]}" for _ in range(-(-count // COPIES_A_REQUEST))]
    requests = CopyRequest.objects.bulk_create(
        CopyRequest(
            account=account,
            requester=requester,
            reason="benchmark",
            state=RequestState.APPROVED,
            SourceRegion="us-east-1",
            SourceImageId=SOURCE,
            Name=name,
            created_at=now,
            submitted_at=now,
        )
        for name in names
    )
    copies = ImageCopy.objects.bulk_create(
        ImageCopy(
            request=requests[index // COPIES_A_REQUEST],
            position=index % COPIES_A_REQUEST,
            account=account,
            DestinationRegion=regions[index % len(regions)],
            destination=regions[index % len(regions)],
            parameters={
                "Name": f"{requests[index // COPIES_A_REQUEST].Name}-{index}",
                "SourceImageId": SOURCE,
                "SourceRegion": "us-east-1",
            },
            state=state,
            queued_at=now,
            next_step_at=now - timedelta(seconds=1),
            **{name: value(index) if callable(value) else value for name, value in fields.items()},
        )
        for index in range(count)
    )
    Attempt.objects.bulk_create(
        Attempt(
            copy=copy,
            number=1,
            account=account,
            DestinationRegion=copy.DestinationRegion,
            ClientToken=str(uuid.uuid4()),
            created_at=now,
            ImageId=copy.ImageId,
        )
        for copy in copies
    )
    return copies
