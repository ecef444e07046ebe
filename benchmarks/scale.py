"""A house after years of use, put straight into the database: requests with a copy each, of whom so many are under way
and so many wait for a decision, with votes, costs and a history of ten events for each request."""

import random
import uuid
from collections.abc import Iterator, Sequence
from datetime import timedelta

from django.contrib.auth.models import Group, User
from django.db import connection, transaction
from django.utils import timezone

from amicopy.copies.core.models import Account, CopyCost, CopyRequest, Decision, ImageCopy, RequestSet, RequestWords
from amicopy.copies.core.states import CopyState, RequestState
from amicopy.copies.voting.pending_votes import key_of
from benchmarks import events

REGIONS = (
    *("us-east-1", "us-east-2", "us-west-2", "ca-central-1", "sa-east-1", "eu-west-1", "eu-west-2", "eu-central-1"),
    *("ap-northeast-1", "ap-southeast-2"),
)
SOURCE = "ami-0a7f3c92d41be6058"
BATCH = 5000
# Of a hundred requests: under way, waiting for a decision, failed. The others are done.
RUNNING, PENDING, FAILED = 10, 5, 3
# Of a hundred that wait: for a second vote, and for a group of others.
SECOND, OTHERS = 10, 20
# What few and many have in common: the people who do the most are the same.
PLAN, OF_OTHERS = [{"group": "approver", "count": 1}], [{"group": "security", "count": 1}]
TWO = [{"group": "approver", "count": 2}]
DAYS = 180


def fill(requests: int) -> User:
    """Fills an empty house and returns the person who sees and may do the most."""
    everything = User.objects.create_user("everything")
    everything.groups.set(Group.objects.all())
    approver = User.objects.get(username="approver")
    people = _people(max(3, requests // 500))
    accounts = _accounts(max(2, requests // 500))
    chance = random.Random(requests)
    for begin in range(0, requests, BATCH):
        numbers = range(begin, min(begin + BATCH, requests))
        with transaction.atomic():
            made = CopyRequest.objects.bulk_create(_requests(numbers, requests, people, accounts, approver, chance))
            copies = ImageCopy.objects.bulk_create(map(_copy, made, numbers))
            CopyCost.objects.bulk_create(_costs(copies, made))
            RequestWords.objects.bulk_create(map(_words, made, numbers))
            Decision.objects.bulk_create(_decisions(made, everything, approver))
    events.fill(10 * requests)
    _finish()
    return everything


def _people(count: int) -> list[User]:
    team = Group.objects.create(name="platform")
    made = User.objects.bulk_create(User(username=f"person-{number}", password="!") for number in range(count))
    membership = User.groups.through
    requesters = Group.objects.get(name="requester")
    membership.objects.bulk_create(membership(user=user, group=group) for user in made for group in (team, requesters))
    return made


def _accounts(count: int) -> list[Account]:
    made = Account.objects.bulk_create(
        Account(name=f"fleet-{number}", account_id=f"{500000000000 + number}") for number in range(count)
    )
    return [Account.objects.get(name="sandbox"), *made]


def _kind(number: int) -> str:
    """What became of the request of this number: the newest wait, those before them are under way."""
    at = number % 100
    if at < RUNNING:
        return RequestState.APPROVED
    if at < RUNNING + PENDING:
        return RequestState.PENDING
    return RequestState.FAILED if at < RUNNING + PENDING + FAILED else RequestState.COMPLETED


def _requests(
    numbers: Sequence[int],
    total: int,
    people: Sequence[User],
    accounts: Sequence[Account],
    approver: User,
    chance: random.Random,
) -> Iterator[CopyRequest]:
    now, apart = timezone.now(), timedelta(days=DAYS) / total
    in_set = RequestSet.objects.create(requester=people[0], submission=uuid.uuid4(), created_at=now)
    for number in numbers:
        state, when = _kind(number), now - (total - number) * apart
        # Which of those that wait it is.
        waits = (number // 100 * PENDING + number % 100 - RUNNING) % 100
        plan = OF_OTHERS if waits < OTHERS else TWO if waits < OTHERS + SECOND else PLAN
        pending, running = state == RequestState.PENDING, state == RequestState.APPROVED
        yield CopyRequest(
            account=chance.choice(accounts),
            requester=people[number % len(people)],
            reason="PLAT-1: week 47 image",
            state=state,
            SourceRegion="us-east-1",
            SourceImageId=SOURCE if number % 50 else f"ami-{number:017x}",
            Name=f"golden-al2023-{number:06}",
            content_hash=f"{number:064x}",
            plan=plan if pending else PLAN,
            unvoted_plan=key_of(plan) if pending and plan is not TWO else "",
            rules=[{"id": 1, "name": "Everything", "version": 1, "requirements": plan if pending else PLAN}],
            risky=number % 3 == 0,
            in_set=in_set if number - numbers[0] < 10 else None,
            created_at=when,
            submitted_at=when,
            decided_at=None if pending else when,
            decided_by=None if pending else approver,
            finished_at=None if pending or running else when + timedelta(minutes=20),
            expires_at=now + timedelta(days=7) if pending else None,
        )


_BECAME = {
    RequestState.PENDING: CopyState.HELD,
    RequestState.APPROVED: CopyState.COPYING,
    RequestState.FAILED: CopyState.FAILED,
    RequestState.COMPLETED: CopyState.AVAILABLE,
}


def _copy(row: CopyRequest, number: int) -> ImageCopy:
    state = _BECAME[RequestState(row.state)]
    region, called = REGIONS[number % len(REGIONS)], state != CopyState.HELD
    made = state in (CopyState.COPYING, CopyState.AVAILABLE)
    progress = 100 if state == CopyState.AVAILABLE else 40 if made else 0
    snapshot = {"DeviceName": "/dev/xvda", "VolumeSize": 12, "Progress": progress, "State": "pending"}
    tags = [{"Key": "team", "Value": f"team-{number % 40}"}]
    return ImageCopy(
        request=row,
        position=0,
        account_id=row.account_id,
        DestinationRegion=region,
        destination=region,
        Name=row.Name,
        parameters={
            "SourceRegion": row.SourceRegion,
            "SourceImageId": row.SourceImageId,
            "Name": row.Name,
            "TagSpecifications": [{"ResourceType": "image", "Tags": tags}],
        },
        state=state,
        ImageId=f"ami-{0x10000000000 + number:017x}" if made else "",
        progress=progress,
        snapshots=[{**snapshot, "SnapshotId": f"snap-{number:017x}"}] if made else [],
        error_code="InvalidAMIID.NotFound" if state == CopyState.FAILED else "",
        queued_at=row.submitted_at if called else None,
        called_at=row.submitted_at if called else None,
        finished_at=row.finished_at,
        next_step_at=timezone.now() + timedelta(minutes=1) if state == CopyState.COPYING else None,
    )


def _words(row: CopyRequest, number: int) -> RequestWords:
    return RequestWords(request=row, words=f"{row.Name}\nteam=team-{number % 40}")


def _costs(copies: Sequence[ImageCopy], rows: Sequence[CopyRequest]) -> Iterator[CopyCost]:
    for copy, row in zip(copies, rows, strict=True):
        if row.decided_at is not None:
            there = copy.state == CopyState.AVAILABLE
            actual = {"once": "0.24", "month": "0.6", "bytes": 12 << 30, "kept_from": row.finished_at} if there else {}
            yield CopyCost(
                copy=copy,
                currency="USD",
                approved_at=row.decided_at,
                estimated_once="0.24",
                estimated_month="0.6",
                **actual,
            )


def _decisions(rows: Sequence[CopyRequest], everything: User, approver: User) -> Iterator[Decision]:
    """Half of what is decided was by the person who sees most; of what waits for two votes, one is given."""
    for index, row in enumerate(rows):
        if row.state == RequestState.PENDING and row.plan is not TWO:
            continue
        pending = row.state == RequestState.PENDING
        yield Decision(
            request=row,
            round=1,
            requester_id=row.requester_id,
            decided_by=approver if pending or index % 2 else everything,
            decided_at=row.submitted_at + timedelta(minutes=1),
            kind="approve",
            content_hash=row.content_hash,
        )


def _finish() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
