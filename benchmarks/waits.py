"""How long a person waits: from the command to the first page, and from an approval to the CopyImage call."""

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from pathlib import Path

import boto3

from amicopy.local import processes
from benchmarks.figures import Figure
from benchmarks.limits import until
from benchmarks.servers import postgres, rabbitmq
from tests.journey.conftest import PASSWORD, Person, Running, everything
from tests.web.page import read

STACKS = {"embedded": "SQLite and the embedded broker", "servers": "PostgreSQL and RabbitMQ"}

FIGURES = (
    Figure("start_to_first_page_s", "s", "from `manage.py run` in an empty folder to a page that answers"),
    *(
        figure
        for stack, words in STACKS.items()
        for figure in (
            Figure(
                f"approve_to_call_ms_median_{stack}", "ms", f"from the stored approval to CopyImage at AWS, {words}"
            ),
            Figure(f"approve_to_call_ms_p95_{stack}", "ms", "the same, 95th percentile"),
            Figure(f"approve_to_call_ratio_{stack}", "", "the median, in multiples of a bare boto3 call"),
            Figure(f"approve_to_call_p95_ratio_{stack}", "", "the 95th percentile, in multiples of a bare boto3 call"),
            Figure(f"approve_to_call_ms_first_{stack}", "ms", "the first call of workers that were just started"),
            Figure(f"bare_call_ms_{stack}", "ms", "a bare boto3 CopyImage at the same sandbox meanwhile, median"),
        )
    ),
)
ROOT = Path(__file__).resolve().parents[1]
ROUNDS, STARTS = 30, 3
# Each of the worker's processes makes its first call in these rounds, most likely; they are not counted.
WARM = 10


def seconds_to_first_page() -> float:
    """From `manage.py run` in an empty folder to a page that answers."""
    with tempfile.TemporaryDirectory() as var:
        port = next(port for port in range(8300, 8400) if processes.port_is_free("127.0.0.1", port))
        environ = {**os.environ, "AMICOPY_VAR_DIR": var, "PORT": str(port), "SAMPLE_PASSWORD": PASSWORD}
        began = time.monotonic()
        command = [sys.executable, "manage.py", "run"]
        launcher = subprocess.Popen(
            command, cwd=ROOT, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            processes.wait_for(f"http://127.0.0.1:{port}/sign-in/", {"run": launcher}, seconds=60)
            return time.monotonic() - began
        finally:
            launcher.send_signal(signal.SIGINT)
            launcher.wait(timeout=60)


def approve_to_call(running: Running, stack: str) -> dict[str, float]:
    """From the stored approval to the sandbox's receipt of CopyImage, beside bare boto3 calls in between."""
    requester, approver, auditor = (Person(running.url, name) for name in ("requester", "approver", "auditor"))
    running.control("settings", limit=1000, copy_seconds=1)
    bare = boto3.Session("AKIASANDBOX000000000", "sandbox").client("ec2", "eu-west-1", endpoint_url=running.sandbox)
    taken, plain = [], []
    for index in range(ROUNDS):
        number = requester.submit(Name=f"bench-{index}")
        approver.approve(number)
        called = until(partial(_called, running, f"bench-{index}"), awaited=f"the call for request #{number}")
        taken.append((called - _approved(auditor, number)) * 1000)
        began = time.monotonic()
        bare.copy_image(Name=f"bare-{index}", SourceImageId="ami-0a7f3c92d41be6058", SourceRegion="us-east-1")
        plain.append((time.monotonic() - began) * 1000)
    first, taken, call = taken[0], taken[WARM:], statistics.median(plain[WARM:])
    median, p95 = statistics.median(taken), statistics.quantiles(taken, n=20)[-1]
    return {
        f"approve_to_call_ms_median_{stack}": round(median, 1),
        f"approve_to_call_ms_p95_{stack}": round(p95, 1),
        f"approve_to_call_ratio_{stack}": round(median / call, 1),
        f"approve_to_call_p95_ratio_{stack}": round(p95 / call, 1),
        f"approve_to_call_ms_first_{stack}": round(first, 1),
        f"bare_call_ms_{stack}": round(call, 1),
    }


def _called(running: Running, name: str) -> float:
    """When the call that makes an image of this name came in, in seconds since 1970; 0 before it did."""
    calls = running.control("calls?action=CopyImage")
    return next((float(call["time"]) for call in calls if call["params"].get("Name") == name), 0.0)


def _approved(auditor: Person, number: int) -> float:
    (event,) = read(auditor.get(f"/audit/?request={number}")).marked("data-action", "request.approved")
    stamp = read(auditor.get(f"/audit/{event.attribute('data-event')}/")).marks("datetime")[0]
    return datetime.fromisoformat(stamp).timestamp()


def measure() -> dict[str, float]:
    found = {"start_to_first_page_s": round(statistics.median(seconds_to_first_page() for _ in range(STARTS)), 2)}
    for stack in STACKS:
        with ExitStack() as opened:
            var = Path(opened.enter_context(tempfile.TemporaryDirectory()))
            changed = {}
            if stack == "servers":
                changed["DATABASE_URL"] = opened.enter_context(postgres()).url
                changed["CELERY_BROKER_URL"] = opened.enter_context(rabbitmq()).url
            running = opened.enter_context(everything(var, "amicopy_waits", log=var / "log", changed=changed))
            found |= approve_to_call(running, stack)
    return found
