"""What deciding costs: 200 requests approved at once on a page, each in its own transaction with its own events."""

import statistics
import time
import uuid
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client

from amicopy.audit.actor import Actor
from amicopy.copies.core.calls import Call
from amicopy.copies.core.models import Account, CopyRequest
from amicopy.copies.core.policy_models import ApprovalRule
from amicopy.copies.requests import verbs
from amicopy.local import broker
from benchmarks.figures import Figure

MANY = 200
ROUNDS = 3
FIGURES = (
    Figure(
        "approve_200_s",
        "s",
        f"{MANY} requests approved on one page, from the click to the outcomes",
        at_most=2.0,
    ),
    Figure("approve_one_ms", "ms", "one of them"),
)


def measure() -> dict[str, float]:
    socket = Path(settings.VAR_DIR) / "b.sock"
    settings.CELERY_BROKER_URL = f"redis+socket://{socket}"
    bundled = broker.start(socket, directory=Path(settings.VAR_DIR) / "broker")
    try:
        seconds = statistics.median(_approve_many() for _ in range(ROUNDS))
    finally:
        broker.stop(socket)
        if bundled is not None:
            bundled.wait(timeout=60)
    return {"approve_200_s": round(seconds, 2), "approve_one_ms": round(seconds / MANY * 1000, 1)}


def _approve_many() -> float:
    """The seconds it takes an approver to approve many requests of two destinations under a rule of its own."""
    ApprovalRule.objects.get_or_create(
        name="Everything", defaults={"order": 1, "requirements": [{"group": "approver", "count": 1}]}
    )
    requester = User.objects.get(username="requester")
    account = Account.objects.get(name="sandbox")
    numbers = [_submit(requester, account) for _ in range(MANY)]
    hashes = dict(CopyRequest.objects.filter(pk__in=numbers).values_list("pk", "content_hash"))
    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.get(username="approver"))
    data = {f"seen-{number}": seen for number, seen in hashes.items()}
    began = time.perf_counter()
    answer = client.post("/approvals/decide/", {**data, "pick": numbers, "bulk": "approve", "confirm": "yes"})
    seconds = time.perf_counter() - began
    if f"{MANY} of {MANY} requests approved" not in answer.content.decode():
        raise RuntimeError("Not all of them were approved.")
    return seconds


def _submit(requester: User, account: Account) -> int:
    parameters = {
        "SourceRegion": "us-east-1",
        "SourceImageId": "ami-0a7f3c92d41be6058",
        "Name": f"golden-{uuid.uuid4().hex[:12]}",
    }
    calls = [Call(DestinationRegion=region, parameters=parameters) for region in ("eu-west-1", "us-west-2")]
    actor = Actor(name=requester.get_username(), source="page", id=requester.pk)
    return verbs.submit(actor, account=account, reason="PLAT-1: week 47 image", calls=calls).pk
