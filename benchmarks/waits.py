"""How long a person waits: from the command to the first page, and from an approval to the CopyImage call."""

import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from functools import partial
from pathlib import Path

import boto3

from amicopy.local import processes
from benchmarks.figures import Figure
from tests.journey.conftest import PASSWORD, Person, Running, everything, until

FIGURES = (
    Figure("start_to_first_page_s", "s", "from `manage.py run` in an empty folder to a page that answers"),
    Figure("approve_to_call_ms_median", "ms", "from the stored approval to CopyImage's stored answer, median"),
    Figure("approve_to_call_ms_p95", "ms", "the same, 95th percentile"),
    Figure("bare_call_ms_median", "ms", "a bare boto3 CopyImage at the same sandbox"),
    Figure("approve_to_call_ratio", "", "the median in multiples of the bare call"),
)
ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 9
STARTS = 3


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
            launcher.wait()


def approve_to_call(running: Running) -> dict[str, float]:
    """Milliseconds from the stored approval to the sandbox's receipt of CopyImage, beside a bare boto3 call."""
    requester, approver = Person(running.url, "requester"), Person(running.url, "approver")
    running.control("settings", limit=1000, copy_seconds=1)
    bare = boto3.Session("AKIASANDBOX000000000", "sandbox").client("ec2", "eu-west-1", endpoint_url=running.sandbox)
    taken, plain = [], []
    for round_number in range(ROUNDS):
        number = requester.submit(Name=f"bench-{round_number}")
        approver.approve(number)
        until(partial(_is_completed, requester, number))
        page = Person(running.url, "auditor").get(f"/audit/?request={number}")
        approved = _moment(running, page, "request.approved")
        called = _moment(running, page, "copy.copying")
        taken.append((called - approved).total_seconds() * 1000)
        began = time.monotonic()
        bare.copy_image(Name=f"bare-{round_number}", SourceImageId="ami-0a7f3c92d41be6058", SourceRegion="us-east-1")
        plain.append((time.monotonic() - began) * 1000)
    call = statistics.median(plain)
    return {
        "approve_to_call_ms_median": round(statistics.median(taken), 1),
        "approve_to_call_ms_p95": round(statistics.quantiles(taken, n=20)[-1], 1),
        "bare_call_ms_median": round(call, 1),
        "approve_to_call_ratio": round(statistics.median(taken) / call, 1),
    }


def _is_completed(person: Person, number: int) -> bool:
    return person.state(number) == "COMPLETED"


def _moment(running: Running, page: str, action: str) -> datetime:
    number = re.search(rf'data-event="(\d+)" data-action="{re.escape(action)}"', page)
    assert number, action
    event = Person(running.url, "auditor").get(f"/audit/{number[1]}/")
    stamp = re.search(r'<time datetime="([^"]+)"', event)
    assert stamp
    return datetime.fromisoformat(stamp[1])


def measure() -> dict[str, float]:
    first_page = statistics.median(seconds_to_first_page() for _ in range(STARTS))
    with tempfile.TemporaryDirectory() as var, everything(Path(var), "amicopy_bench") as running:
        return {"start_to_first_page_s": round(first_page, 2), **approve_to_call(running)}
