"""`make chaos`: real processes, killed and cut off at random, while many copies are made.

At the end the sandbox is counted, not our own tables: exactly one image for each approved copy, none for any other,
no snapshot left of a cancelled one, every copy final, the audit chain whole. Prints the counts and exits 1 on any
deviation. The seed is printed and can be given.
"""

import argparse
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import kombu

from amicopy.local import broker
from tests.journey.conftest import ROOT, Person, Running, everything

REGIONS = ("us-west-2", "eu-west-1", "eu-central-1", "ap-southeast-2", "sa-east-1", "us-east-1")
# An image each account may copy.
ACCOUNTS = {"sandbox": "ami-0a7f3c92d41be6058", "sandbox-second": "ami-07c3fa0628b5e91d4"}
WORKERS = ("worker", "worker-2")


@dataclass
class Asked:
    """One request: its number, name, Regions, and whether it was approved or cancelled while it ran."""

    number: int
    name: str
    regions: list[str]
    approved: bool = True
    cancelled: bool = False
    states: list[str] = field(default_factory=list)


def ask(running: Running, dice: random.Random, requests: int, copies: int) -> list[Asked]:
    """Submits the requests, and approves all but one in ten."""
    requester, approver = Person(running.url, "requester"), Person(running.url, "approver")
    asked = []
    for index in range(requests):
        account, source = dice.choice(list(ACCOUNTS.items()))
        regions = dice.sample(REGIONS, copies)
        rows = {f"destinations-{place}-DestinationRegion": region for place, region in enumerate(regions)}
        name = f"chaos-{index:03}"
        number = requester.submit(account=account, SourceImageId=source, Name=name, **rows)
        one = Asked(number, name, regions, approved=dice.random() > 0.1)
        if one.approved:
            approver.approve(number)
        asked.append(one)
    return asked


def disturb(running: Running, dice: random.Random, asked: list[Asked], *, kills: int, pause: float) -> Counter[str]:
    """Kills workers, empties and kills the broker, kills the sandbox once, cancels some requests; counts what it
    did."""
    done: Counter[str] = Counter()
    approver = Person(running.url, "approver")
    others = ["empty", "empty", "broker", "sandbox", *["cancel"] * max(1, len(asked) // 10)]
    plan = ["kill"] * kills + others
    dice.shuffle(plan)
    for step in plan:
        time.sleep(dice.uniform(0.5, 1.5) * pause)
        if step == "kill":
            worker = dice.choice(WORKERS)
            running.kill(worker)
            running.start(worker)
        elif step == "empty":
            with kombu.Connection(running.environ["CELERY_BROKER_URL"]) as connection:
                kombu.Queue(running.environ["CELERY_QUEUE"], channel=connection.channel()).purge()
        elif step == "broker":
            restart_broker(running)
        elif step == "sandbox":
            running.kill("sandbox")
            time.sleep(1)
            running.start("sandbox")
            inject(running, dice)
        elif step == "cancel":
            candidates = [one for one in asked if one.approved and not one.cancelled]
            one = dice.choice(candidates)
            _, _page = approver.post(f"/requests/{one.number}/cancel/", page=approver.get("/requests/"))
            one.cancelled = True
        done[step] += 1
    return done


def restart_broker(running: Running) -> None:
    """Kills the bundled broker and starts it again; another broker is emptied instead."""
    url = running.environ["CELERY_BROKER_URL"]
    if not url.startswith("redis+socket://"):
        with kombu.Connection(url) as connection:
            kombu.Queue(running.environ["CELERY_QUEUE"], channel=connection.channel()).purge()
        return
    socket = Path(url.removeprefix("redis+socket://"))
    subprocess.run(["pkill", "-9", "-f", str(socket)], check=False)
    time.sleep(0.5)
    broker.start(socket, directory=socket.parent / "broker")


def inject(running: Running, dice: random.Random) -> None:
    """One answer in ten lost after the action, one call in five throttled, one in twenty a server's error."""
    deadline = time.monotonic() + 30
    while True:
        try:
            running.control("settings", limit=1000, copy_seconds=4)
            break
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
    for chance, rule in (
        (0.1, {"kind": "drop-after", "action": "CopyImage"}),
        (0.2, {"kind": "throttle", "service": "ec2"}),
        (0.05, {"kind": "error", "service": "ec2", "code": "InternalError", "status": 500}),
    ):
        running.control("faults", **rule, chance=chance, count=None, seed=dice.randrange(2**31))


def settle(running: Running, asked: list[Asked], *, seconds: float) -> None:
    """Waits until every approved request has ended, or the time is over."""
    requester = Person(running.url, "requester")
    deadline = time.monotonic() + seconds
    waiting = [one for one in asked if one.approved]
    while waiting and time.monotonic() < deadline:
        for one in list(waiting):
            if requester.state(one.number) not in {"PENDING", "APPROVED"}:
                one.states = requester.copies(one.number)
                waiting.remove(one)
        time.sleep(1)
    for one in waiting:
        one.states = requester.copies(one.number)


def deviations(running: Running, asked: list[Asked]) -> list[str]:
    """What is not as it must be, counted at the sandbox."""
    images: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for image in running.control("images"):
        images.setdefault((image["Name"], image["Region"]), []).append(image)
    wrong = []
    known = {(one.name, region) for one in asked for region in one.regions}
    wrong += [f"{place} was made and nobody asked" for place in images if place not in known]
    for one in asked:
        for region, state in zip(one.regions, one.states or ["HELD"] * len(one.regions), strict=True):
            made = images.get((one.name, region), [])
            there = [image for image in made if image["State"] != "deregistered"]
            snapshots = [snapshot for image in made for snapshot in image["Snapshots"]]
            where = f"#{one.number} {one.name} {region} ({state})"
            if not one.approved and made:
                wrong.append(f"{where}: made without approval")
            elif one.approved and state == "AVAILABLE" and (len(made), len(there)) != (1, 1):
                wrong.append(f"{where}: {len(made)} images made, {len(there)} there")
            elif one.approved and state == "CANCELLED" and (there or snapshots or len(made) > 1):
                wrong.append(f"{where}: {len(made)} made, {len(there)} images and {len(snapshots)} snapshots left")
            elif one.approved and state not in {"AVAILABLE", "CANCELLED"}:
                wrong.append(f"{where}: not in the state it should end in")
            elif state == "CANCELLED" and not one.cancelled:
                wrong.append(f"{where}: cancelled by nobody")
    return wrong


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--requests", type=int, default=60)
    options.add_argument("--copies", type=int, default=5)
    options.add_argument("--kills", type=int, default=20)
    options.add_argument("--pause", type=float, default=4.0, help="seconds between two disturbances, about")
    options.add_argument("--seconds", type=float, default=900.0, help="to settle in")
    options.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**31))
    given = options.parse_args()
    print(f"seed {given.seed}", flush=True)
    dice = random.Random(given.seed)
    with tempfile.TemporaryDirectory() as var, everything(Path(var), "amicopy_chaos", chaos=True) as running:
        running.start("worker-2")
        inject(running, dice)
        asked = ask(running, dice, given.requests, given.copies)
        done = disturb(running, dice, asked, kills=given.kills, pause=given.pause)
        settle(running, asked, seconds=given.seconds)
        wrong = deviations(running, asked)
        chain = subprocess.run(
            [sys.executable, "manage.py", "verify_audit"],
            cwd=ROOT,
            env=running.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        if chain.returncode:
            wrong.append(f"the audit chain: {chain.stdout}{chain.stderr}")
        states = Counter(state for one in asked for state in one.states)
        made = len(running.control("images"))
        refused = running.control()["refusals"]
    print(f"{len(asked)} requests, {sum(one.approved for one in asked)} approved, copies: {dict(states)}")
    print(f"disturbances: {dict(done)}; refusals by the sandbox: {refused}; images made: {made}")
    print(re.sub(r"\s+", " ", chain.stdout).strip())
    for line in wrong:
        print(f"WRONG: {line}")
    print(f"{len(wrong)} deviations")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
