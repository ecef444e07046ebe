"""Approved requests and their copies for benchmarks, asked for and approved as people do, through the verbs: the gate
before a call lets nothing else through. What they cost to make isn't measured."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.copies.core.calls import Call
from amicopy.copies.core.models import Account, Attempt, CopyRequest, ImageCopy
from amicopy.copies.core.states import CopyState
from amicopy.copies.core.steps.wanted import parse
from amicopy.copies.lifecycle.wakeup import together
from amicopy.copies.requests import verbs

REGIONS = (
    *("us-east-1", "us-east-2", "us-west-2", "ca-central-1", "sa-east-1"),
    *("eu-west-1", "eu-west-2", "eu-central-1", "ap-northeast-1", "ap-southeast-2"),
)
SOURCE = "ami-0a7f3c92d41be6058"
# The steps after the copies of a request, by the index of its first copy.
Steps = Callable[[int], Mapping[str, Any]]


def queued(
    count: int, *, regions: Sequence[str] = REGIONS, steps: Steps | None = None, **parameters: Any
) -> list[ImageCopy]:
    """So many copies that wait for their call, spread evenly over Regions: a request has one to each, and the steps
    of its index after it. `parameters` are of CopyImage, besides source and name."""
    account = Account.objects.get(name="sandbox")
    # Wakes the workers once, when all of them are there.
    with together(), transaction.atomic():
        # Nobody is written to: what that costs isn't measured either.
        User.objects.update(email="")
        numbers = [
            _approved(account, regions[: min(len(regions), count - made)], steps(made) if steps else {}, parameters)
            for made in range(0, count, len(regions))
        ]
    return list(ImageCopy.objects.filter(request__in=numbers).order_by("pk"))


def copying(count: int, *, image_id: Callable[[int], str]) -> list[ImageCopy]:
    """So many copies under way and due for a look, each with the image of its index."""
    copies, now = queued(count), timezone.now()
    attempts = list(Attempt.objects.filter(copy__in=copies).order_by("copy"))
    for index, (copy, attempt) in enumerate(zip(copies, attempts, strict=True)):
        copy.state, copy.called_at, copy.next_step_at = CopyState.COPYING, now, now - timedelta(seconds=1)
        copy.ImageId = attempt.ImageId = image_id(index)
    with transaction.atomic():
        ImageCopy.objects.bulk_update(copies, ["state", "ImageId", "called_at", "next_step_at"])
        Attempt.objects.bulk_update(attempts, ["ImageId"])
    return copies


def _approved(account: Account, regions: Sequence[str], steps: Mapping[str, Any], own: Mapping[str, Any]) -> int:
    """The number of a request with a copy to each of these Regions, approved by the sample approver."""
    requester, approver = (_actor(name) for name in ("requester", "approver"))
    parameters = {"SourceRegion": "us-east-1", "SourceImageId": SOURCE, "Name": f"bench-{uuid.uuid4().hex[:12]}", **own}
    calls = [Call(DestinationRegion=region, parameters=parameters) for region in regions]
    wanted, errors = parse(steps, now=timezone.now())
    assert not errors, errors
    request: CopyRequest = verbs.submit(requester, account=account, reason="benchmark", calls=calls, steps=wanted)
    return verbs.approve(approver, request.pk, seen_hash=request.content_hash).pk


def _actor(name: str) -> Actor:
    return Actor(name=name, source="page", id=User.objects.get(username=name).pk)
