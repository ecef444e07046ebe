"""What `make chaos` breaks: processes, broker, database, sandbox, and calls to AWS."""

import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import kombu
from redis import Redis

from amicopy import queues
from amicopy.local import broker, processes
from benchmarks.servers import Postgres, RabbitMQ
from benchmarks.step_counting import OPERATIONS
from tests.journey.conftest import START_SECONDS, Running

WORKERS, BEATS = ("worker", "worker-2"), ("beat", "beat-2")
# What happens, with which chance: nobody hears of a tenth of all calls that were carried out, a proxy answers in AWS's
# place, copies fail, some for good, and lists lag in both directions.
FAULTS: dict[str, dict[str, Any]] = {
    "answers lost": {"kind": "drop-after", "chance": 0.1},
    "throttled": {"kind": "throttle", "chance": 0.15},
    "errors": {"kind": "error", "code": "InternalError", "status": 500, "chance": 0.05},
    "answered by a proxy after the call": {"kind": "answer-after", "status": 403, "body": "html", "chance": 0.04},
    "answered by a proxy instead": {"kind": "answer", "status": 429, "body": "html", "chance": 0.03},
    "answers cut off": {"kind": "answer-after", "status": 200, "body": "cut", "chance": 0.02},
    "copies failed": {"kind": "fail", "action": "CopyImage", "percent": 50, "reason": "Chaos.", "chance": 0.15},
    "copies failed and finished later": {
        "kind": "fail",
        "action": "CopyImage",
        "percent": 50,
        "reason": "Chaos, for a while.",
        "seconds": 6,
        "chance": 0.1,
    },
}
# As the others, for the aliases.
FAULTS |= {
    f"aliases: {name}": {"service": "ssm", **FAULTS[name]}
    for name in ("answers lost", "throttled", "errors", "answered by a proxy after the call", "answers cut off")
}
# An image that is there is unknown to some of the calls that change it, which pass, and one is refused for good.
UNKNOWN, REFUSED = "InvalidAMIID.NotFound", "UnauthorizedOperation"
FAULTS |= {
    f"{action} told of no such image": {"kind": "error", "action": action, "code": UNKNOWN, "chance": 0.08}
    for action in ("AttachImageWatermark", "ModifyImageAttribute", "ModifySnapshotAttribute")
}
FAULTS |= {
    f"{action} refused": {"kind": "error", "action": action, "code": REFUSED, "chance": 0.08}
    for action in ("EnableImageDeprecation", "EnableImageDeregistrationProtection", "CreateLaunchTemplateVersion")
}
# What a short run may not come to.
SELDOM = {
    *(name for name in FAULTS if name.startswith("aliases: ") or name.split()[-1] in {"image", "refused"}),
    "answers cut off",
    "copies failed",
    "copies failed and finished later",
    "listed for a while after removal",
    "snapshots listed for a while after removal",
}
# As much as is copied at once in a Region of an account; one more is refused.
SANDBOX: dict[str, Any] = {"limit": 9, "copy_seconds": 4, "alias_seconds": 2}


# The calls of steps in the middle of which workers are killed, and how long one is waited for.
STEPS = sorted(name for names in OPERATIONS.values() for name in names)
STEP_SECONDS, ANSWERED_AFTER = 20.0, 60.0
IN_STEP = "workers in "


def plan(dice: random.Random, *, kills: int, database: bool) -> list[str]:
    """What is broken, in order; the sandbox and the database somewhere in the middle, and every second kill of workers
    between call and answer of a step, at the end, when there are some."""
    within = list(islice(cycle(dice.sample(STEPS, len(STEPS))), kills // 2))
    steps = [*["worker"] * (kills - len(within)), "beat", "beat", "web", "broker emptied", "broker emptied", "broker"]
    dice.shuffle(steps)
    for one in ("sandbox", "database") if database else ("sandbox",):
        steps.insert(dice.randrange(len(steps) // 4, 3 * len(steps) // 4 + 1), one)
    return steps + [f"{IN_STEP}{name}" for name in within]


class Breaker:
    """Breaks what is running; `done` counts what it did, `struck` the calls to AWS that went wrong."""

    def __init__(
        self,
        running: Running,
        dice: random.Random,
        database: Postgres | None,
        rabbitmq: RabbitMQ | None,
        *,
        hidden: float,
    ) -> None:
        """`hidden`: for how many seconds at most something is left out of an action, or listed after its removal."""
        self.hidden = hidden
        self.running, self.dice, self.database, self.rabbitmq = running, dice, database, rabbitmq
        self.done: Counter[str] = Counter()
        self.struck: Counter[str] = Counter()
        # The servers started in place of one that was killed.
        self.brokers: list[subprocess.Popen[bytes] | None] = []

    def run(self, steps: Sequence[str], *, pause: float) -> None:
        """Breaks one thing after the other."""
        for step in steps:
            time.sleep(self.dice.uniform(0.5, 1.5) * pause)
            if self._break(step):
                self.done[step] += 1

    def inject(self) -> None:
        """Sets the sandbox up, and what happens to calls from now on."""
        processes.wait_for(self.running.ready, {}, seconds=START_SECONDS)
        self.running.control("settings", **SANDBOX)
        for rule in self._rules().values():
            self.running.control("faults", count=None, seed=self.dice.randrange(2**31), **rule)

    def _rules(self) -> dict[str, dict[str, Any]]:
        """Every rule of the sandbox by its name, in one order."""
        lag = {"resource": "any", "most_seconds": self.hidden}
        faults = {name: {"service": "ec2", **rule} for name, rule in FAULTS.items()}
        if not self.hidden:
            return faults
        return {
            **faults,
            "hidden from an action for a while": {"kind": "hide", "since": "rule", **lag},
            "listed for a while after removal": {"kind": "linger", "action": "DescribeImages", **lag},
            "snapshots listed for a while after removal": {"kind": "linger", "action": "DescribeSnapshots", **lag},
        }

    def tally(self) -> None:
        """Adds up the calls that went wrong since the last start of the sandbox."""
        for name, rule in zip(self._rules(), self.running.control("faults")["rules"], strict=True):
            self.struck[name] += rule["used"]

    def missing(self, steps: Sequence[str]) -> list[str]:
        """What was to go wrong and didn't: then the run proves less than it says."""
        wanted = Counter(step for step in steps if not step.startswith(IN_STEP))
        within = [step for step in steps if step.startswith(IN_STEP)]
        lacking = [f"{name} was not broken" for name in wanted if self.done[name] < wanted[name]]
        if within and not any(self.done[step] for step in within):
            lacking.append("no worker was killed in a step")
        return lacking + [
            f"nothing was {name}" for name in self._rules() if not self.struck[name] and name not in SELDOM
        ]

    def _break(self, step: str) -> bool:
        """Breaks one thing; False where there was no occasion."""
        if step.startswith(IN_STEP):
            return self._within(step.removeprefix(IN_STEP))
        if step == "worker":
            self._again(self.dice.choice(WORKERS))
        elif step == "beat":
            self._again(self.dice.choice(BEATS))
        elif step == "web":
            self._again("web")
        elif step == "sandbox":
            self.tally()
            self._again("sandbox")
            self.inject()
        elif step == "broker emptied":
            with kombu.Connection(self.running.environ["CELERY_BROKER_URL"]) as connection:
                for name in queues.names(self.running.environ["CELERY_QUEUE"]):
                    kombu.Queue(name, channel=connection.channel()).purge()
        elif step == "broker":
            self._broker()
        elif step == "database" and self.database:
            self.database.kill()
            time.sleep(1)
            self.database.start()
        return True

    def _within(self, action: str) -> bool:
        """Kills the workers once a call of a step is carried out and not answered yet; False where nobody made one."""
        rule = self.running.control("faults", kind="late", action=action, seconds=ANSWERED_AFTER)["id"]
        deadline = time.monotonic() + STEP_SECONDS
        struck = False
        while not struck and time.monotonic() < deadline:
            struck = any(row["id"] == rule and row["used"] for row in self.running.control("faults")["rules"])
            time.sleep(0.2)
        for name in WORKERS if struck else ():
            self.running.kill(name)
        self.running.control("faults", method="DELETE", id=rule)
        for name in WORKERS if struck else ():
            self.running.start(name)
        return struck

    def _again(self, name: str) -> None:
        self.running.kill(name)
        self.running.start(name)

    def _broker(self) -> None:
        if self.rabbitmq:
            self.rabbitmq.kill()
            self.rabbitmq.start()
            return
        socket = Path(self.running.environ["CELERY_BROKER_URL"].removeprefix("redis+socket://"))
        with Redis(unix_socket_path=str(socket)) as client:
            pid = int(client.info("server")["process_id"])
        os.kill(pid, signal.SIGKILL)
        self.brokers.append(broker.start(socket, directory=socket.parent / "broker"))
