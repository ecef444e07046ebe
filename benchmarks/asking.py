"""The people of `make chaos`: they ask, approve, reject, withdraw and cancel, and try again when a page fails."""

import heapq
import random
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from itertools import count, cycle, islice
from typing import TypeVar

from benchmarks import step_wishes
from benchmarks.counting import APPROVED, CANCELLED, DRY_RUN, ONE_CANCELLED, REJECTED, WITHDRAWN, Asked
from tests.journey.conftest import Person, Running, state_of, states_of_copies
from tests.web.page import read

REGIONS = ("us-west-2", "eu-west-1", "eu-central-1", "ap-southeast-2", "sa-east-1", "us-east-1")
# Of twenty requests.
FATES = (*[APPROVED] * 11, *[CANCELLED] * 3, *[ONE_CANCELLED] * 2, REJECTED, REJECTED, WITHDRAWN, DRY_RUN)
PATIENCE_SECONDS = 90.0
T = TypeVar("T")


@dataclass(frozen=True)
class Place:
    """An account of the catalogue, by amicopy's name and AWS's number, with an image it may copy."""

    name: str
    number: str
    source: str


ACCOUNTS = (
    Place("sandbox", "111122223333", "ami-0a7f3c92d41be6058"),
    Place("sandbox-second", "444455556666", "ami-07c3fa0628b5e91d4"),
)


def wishes(dice: random.Random, *, requests: int, copies: int) -> list[Asked]:
    """What is going to be asked for. Every fate comes up, in an order of chance."""
    fates = [*dict.fromkeys(FATES), *islice(cycle(FATES), requests)][:requests]
    dice.shuffle(fates)
    asked = []
    for index, fate in enumerate(fates):
        place = ACCOUNTS[index % len(ACCOUNTS)]
        asked.append(Asked(f"chaos-{index:03}", place.number, place.source, dice.sample(REGIONS, copies), fate))
    step_wishes.add(asked, dice)
    return asked


class Persistent(Person):
    """Somebody who tries again: the web server or the database may be down for a moment."""

    def __init__(self, url: str, name: str) -> None:
        persist(lambda: Person.__init__(self, url, name))

    def hand_in(self, one: Asked) -> int:
        """Submits a request. The form's own number makes it one request however often it is sent."""
        account = next(place for place in ACCOUNTS if place.number == one.account)
        values = {
            "account": account.name,
            "SourceImageId": one.source,
            "submission": str(uuid.uuid4()),
            **step_wishes.typed(one),
        }
        if one.existing:
            return persist(lambda: self.submit_existing(SourceRegion=one.regions[0], reason="Chaos.", **values))
        values |= {f"destinations-{place}-DestinationRegion": region for place, region in enumerate(one.regions)}
        values |= {"Name": one.name, **({"DryRun": "true"} if one.fate == DRY_RUN else {})}
        return persist(lambda: self.submit(**values))

    def look(self, one: Asked) -> None:
        """Takes down the state of a request, those of its copies, and how many of its steps have failed."""

        def look() -> None:
            # Steps are shown with their destinations unfolded, which takes longer.
            page = read(self.get(f"/requests/{one.number}/{'?open=all' if one.steps else ''}"))
            one.state, one.states = state_of(page), states_of_copies(page)
            steps = [step.attribute("data-state") for step in page.marked("data-step")]
            one.steps_failed = steps.count("FAILED")

        persist(look)

    def do(self, number: int, verb: str, **fields: str) -> None:
        """Does one thing to a request, as often as it takes to be answered; the second time finds it done."""

        def post() -> None:
            source = self.get(f"/requests/{number}/")
            page = read(source)
            seen = [field.value for field in page.fields() if field.sent_as == "content_hash"]
            values = {"content_hash": seen[0] if seen else "", **fields}
            if fields.get("copy") == "first":
                copies = page.marks("data-copy")
                assert copies, page.text
                values["copy"] = copies[0]
            path, answer = self.post(f"/requests/{number}/{verb}/", page=source, **values)
            assert path == f"/requests/{number}/", answer

        persist(post)


def wants_again(one: Asked) -> bool:
    """Whether somebody presses Retry: a copy failed of a request that was meant to be made."""
    return (
        one.fate in {APPROVED, ONE_CANCELLED, DRY_RUN} and one.state in {"FAILED", "PARTIAL"} and "FAILED" in one.states
    )


def persist(do: Callable[[], T]) -> T:
    """Tries until it works, or patience ends with the last error."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return do()
        except (OSError, HTTPException, AssertionError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def ask(running: Running, asked: Sequence[Asked], *, seconds: float) -> None:
    """Makes the requests within about this time, and what becomes of each a moment later."""
    requester, approver = Persistent(running.url, "requester"), Persistent(running.url, "approver")
    dice = random.Random(len(asked))
    order, pause = count(), 0.7 * seconds / len(asked)
    later: list[tuple[float, int, Callable[[], None]]] = []
    began = time.monotonic()
    for index, one in enumerate(asked):
        heapq.heappush(later, (began + index * pause, next(order), lambda one=one: submit(one)))  # type: ignore[misc]

    def submit(one: Asked) -> None:
        one.number = requester.hand_in(one)
        if one.fate == REJECTED:
            approver.do(one.number, "reject", reason="Not this week.")
        elif one.fate == WITHDRAWN:
            requester.do(one.number, "withdraw")
        elif one.fate != DRY_RUN:
            approver.do(one.number, "approve")
        fields = {"copy": "first"} if one.fate == ONE_CANCELLED else {}
        if one.fate in {CANCELLED, ONE_CANCELLED}:
            # Before, during or after the call, as chance has it.
            at = time.monotonic() + dice.choice((0.0, 0.2, 1.0, 3.0, 6.0))
            heapq.heappush(later, (at, next(order), lambda: requester.do(one.number, "cancel", **fields)))
        elif one.fate == APPROVED and dice.random() < 0.5:
            # At a moment when something may have failed, and may turn up later all the same.
            at = time.monotonic() + dice.uniform(1.0, 12.0)
            heapq.heappush(later, (at, next(order), lambda: requester.do(one.number, "retry")))

    while later:
        at, _, act = heapq.heappop(later)
        time.sleep(max(0.0, at - time.monotonic()))
        act()
