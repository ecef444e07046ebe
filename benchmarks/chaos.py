"""`make chaos`: real processes, killed and cut off at random, while many copies are made.

60 requests for 300 copies over 6 Regions and 2 accounts: most are approved, some of those cancelled on the way, some
rejected, withdrawn, or dry runs. Half have steps after their copies, a few are for an AMI that exists: sharing, dates,
protection, launch templates, aliases. Meanwhile workers, beat and web server are killed, workers also between call and
answer of a step, the broker is emptied and killed, the sandbox is killed, and with `--stack servers` PostgreSQL too;
calls to AWS are throttled, answered with errors or by a proxy, or carried out and not answered; steps are refused, or
told that there is no such image; copies fail, and some of them are finished later all the same; every image, snapshot
and source is left out of each action for up to a minute at random, and listed as long after it is gone. People press
Retry and Cancel. At the end the sandbox is counted, every word of the history about AWS is held against what the
sandbox answered (see `counting`), and every change that it made against the steps that were approved (see
`step_counting`). Any deviation ends it with 1.

The seed, printed and given again, repeats what is asked and in which order things break; not the instant.
"""

import argparse
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks import asking, breaking, step_wishes
from benchmarks.counting import Asked, deviations, false_words
from benchmarks.servers import Postgres, RabbitMQ, postgres, rabbitmq
from benchmarks.step_counting import Sandbox, false_steps, step_deviations
from tests.journey.conftest import ROOT, Running, everything

COMMAND_SECONDS = 600.0
# What may be broken on purpose: one image a copy, that it is there, an end for each copy, nobody let in unapproved.
PROMISES = ("once", "made", "final", "wider")
# Faster than AWS would take the calls, and with so few slots that copies wait for one.
SETTINGS = {"START_WORKERS": "8", "COPY_CALLS_PER_SECOND": "20", "COPIES_AT_ONCE": "10"}


@contextmanager
def stack(
    name: str, var: Path, log: Path, *, absent: float
) -> Iterator[tuple[Running, Postgres | None, RabbitMQ | None]]:
    """amicopy with two workers and two beats: `embedded` as on one machine, or on `servers` thrown away at the end.

    What AWS doesn't show counts as gone after `absent` seconds.
    """
    with ExitStack() as opened:
        database = opened.enter_context(postgres()) if name == "servers" else None
        broker = opened.enter_context(rabbitmq()) if name == "servers" else None
        changed = {
            **SETTINGS,
            "ABSENT_SECONDS": str(round(absent)),
            "DATABASE_URL": database.url if database else "",
            "CELERY_BROKER_URL": broker.url if broker else "",
        }
        running = opened.enter_context(everything(var, "amicopy_chaos", log=log, changed=changed))
        running.start("worker-2")
        running.start("beat-2")
        yield running, database, broker


def settle(running: Running, asked: Sequence[Asked], *, seconds: float) -> None:
    """Waits until every request has ended, or the time is over, and takes down what amicopy says of each.

    Whoever wanted a copy that failed presses Retry, and whose steps failed, has those tried again.
    """
    deadline = time.monotonic() + seconds
    person = asking.Persistent(running.url, "requester")
    waiting = list(asked)
    while waiting:
        for one in waiting:
            person.look(one)
            retry, steps = asking.wants_again(one), one.state == "PARTIAL" and one.steps_failed > 0
            if retry:
                person.do(one.number, "retry")
                one.retried += 1
            if steps:
                person.do(one.number, "retry-steps")
                one.steps_retried += one.steps_failed
            one.state = "APPROVED" if retry or steps else one.state
        waiting = [one for one in waiting if one.state in {"PENDING", "APPROVED"}]
        if time.monotonic() > deadline:
            return
        time.sleep(1)


def sabotage(running: Running, asked: Sequence[Asked], promise: str) -> None:
    """Breaks a promise behind amicopy's back, to see that it is noticed."""
    images = running.control("images")
    image = next(
        row
        for row in images
        if (row["State"], row["Account"]) == ("available", asking.ACCOUNTS[0].number)
        and row["Region"] != step_wishes.ENCRYPTED
    )
    session = step_wishes.session_of(running, image["Account"])
    ec2 = session.client("ec2", image["Region"], endpoint_url=running.sandbox)
    if promise == "once":
        source = {"SourceImageId": image["SourceImageId"], "SourceRegion": image["SourceRegion"]}
        ec2.copy_image(Name=image["Name"], **source)
    elif promise == "made":
        ec2.deregister_image(ImageId=image["ImageId"])
    elif promise == "wider":
        ec2.modify_image_attribute(ImageId=image["ImageId"], LaunchPermission={"Add": [{"UserId": "999900001111"}]})
    elif promise == "final":
        next(one for one in asked if one.states).states[0] = "STARTING"


def verify_audit(running: Running) -> tuple[str, bool]:
    command = [sys.executable, "manage.py", "verify_audit"]
    said = answer(running, command, check=False)
    return re.sub(r"\s+", " ", said.stdout + said.stderr).strip(), said.returncode == 0


def history(running: Running) -> list[dict[str, Any]]:
    """The events that speak of an answer of AWS."""
    command = [sys.executable, "-m", "benchmarks.history"]
    return [json.loads(line) for line in answer(running, command, check=True).stdout.splitlines()]


def answer(running: Running, command: Sequence[str], *, check: bool) -> subprocess.CompletedProcess[str]:
    """What a command says of the installation."""
    return subprocess.run(
        command, cwd=ROOT, env=running.environ, capture_output=True, text=True, check=check, timeout=COMMAND_SECONDS
    )


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--stack", choices=("embedded", "servers"), default="embedded")
    options.add_argument("--requests", type=int, default=60)
    options.add_argument("--copies", type=int, default=5, help="of each request")
    options.add_argument("--kills", type=int, default=20, help="of workers")
    options.add_argument("--pause", type=float, default=4.0, help="seconds between two breaks, about")
    options.add_argument(
        "--hidden", type=float, default=60.0, help="seconds at most that something isn't listed; 0: never"
    )
    options.add_argument("--rough", type=float, default=600.0, help="seconds to settle in while calls go wrong")
    options.add_argument("--seconds", type=float, default=1500.0, help="to settle in after that")
    options.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**31))
    options.add_argument("--sabotage", choices=PROMISES, nargs="+", help="break these promises; must end with 1")
    given = options.parse_args()
    print(f"seed {given.seed}, {given.stack}", flush=True)
    dice = random.Random(given.seed)
    asked = asking.wishes(dice, requests=given.requests, copies=given.copies)
    plan = breaking.plan(dice, kills=given.kills, database=given.stack == "servers")
    log = Path(tempfile.gettempdir()) / f"amicopy-chaos-{given.stack}-{given.seed}.log"
    began = time.monotonic()
    # Longer than several looks in a row can miss what is there.
    absent = 4 * given.hidden + 10
    with ExitStack() as opened:
        var = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        running, database, broker = opened.enter_context(stack(given.stack, var, log, absent=absent))
        breaker = breaking.Breaker(running, dice, database, broker, hidden=given.hidden)
        step_wishes.prepare(running, asked)
        prepared = len(running.control("changes"))
        breaker.inject()
        with ThreadPoolExecutor(1) as pool:
            busy = pool.submit(asking.ask, running, asked, seconds=given.pause * len(plan))
            breaker.run(plan, pause=given.pause)
            busy.result()
        settle(running, asked, seconds=given.rough)
        breaker.tally()
        running.control("faults", method="DELETE")
        settle(running, asked, seconds=given.seconds)
        for promise in given.sabotage or ():
            sabotage(running, asked, promise)
        images, changes = running.control("images"), running.control("changes")
        chain, whole = verify_audit(running)
        said = history(running)
        answers = [json.loads(line) for line in (var / "sandbox.answers").read_text().splitlines()]
    seen = Sandbox(images, before=changes[:prepared], changes=changes[prepared:], answers=answers)
    wrong = deviations(asked, images) + false_words(said, answers)
    wrong += step_deviations(asked, seen) + false_steps(said, answers)
    wrong += [] if whole else ["the audit chain is broken"]
    wrong += breaker.missing(plan)
    there = sum(image["State"] == "available" for image in images)
    print(f"{len(asked)} requests: {counted(one.fate for one in asked)}")
    print(f"{sum(map(len, (one.regions for one in asked)))} copies: {counted(s for one in asked for s in one.states)}")
    print(f"broken: {counted(breaker.done.elements())}; calls struck: {counted(breaker.struck.elements())}")
    print(f"at the sandbox: {len(images)} images made, {there} there")
    steps = [code for one in asked for place in range(len(one.regions)) for code in one.steps.of(place)]
    print(f"{sum(one.existing for one in asked)} AMIs that exist, {len(steps)} steps: {counted(steps)}")
    retried = sum(one.retried for one in asked), sum(one.steps_retried for one in asked)
    print(f"tried again: {retried[0]} requests with failed copies, {retried[1]} failed steps")
    print(f"words about AWS: {len(said)}, changes: {len(seen.changes)}, answers: {len(answers)}")
    print(f"audit: {chain}")
    for line in wrong:
        print(f"WRONG: {line}")
    print(f"{len(wrong)} deviations after {time.monotonic() - began:.0f} s, seed {given.seed}")
    if wrong:
        sys.exit(f"what the processes said: {log}")
    log.unlink(missing_ok=True)


def counted(words: Iterable[str]) -> str:
    return ", ".join(f"{number} {word}" for word, number in sorted(Counter(words).items()))


if __name__ == "__main__":
    main()
