"""A worker's memory with many AWS accounts and Regions in use, beside one with few"""

import json
import os
import subprocess
import sys

from amicopy.sandbox.catalogue import ACCOUNTS, opt_in
from amicopy.sandbox.server import start
from benchmarks.figures import Figure
from tests.twenty_regions import OPTED_IN, TWENTY

FIGURES = (
    Figure(
        "clients_memory_ratio",
        "",
        "memory of a worker's process with 20 accounts in 15 Regions in use, in multiples of one account in five",
        at_most=1.3,
    ),
    Figure("clients_memory_mb_few", "MB", "with one account in five Regions"),
    Figure("clients_memory_mb_many", "MB", "with 20 accounts in 15 Regions"),
    Figure("clients_memory_mb_fleet", "MB", "with 200 accounts in 17 Regions, 3,400 places", at_most=400),
)


def after_calls(url: str, *, accounts: int, regions: int, rounds: int = 2) -> float:
    """The memory, in MB, of a process of its own that made a worker's calls in so many places."""
    places = TWENTY[:regions]
    role = next(row for row in ACCOUNTS.values() if "RoleArn" in row)
    # The sandbox knows one role; what a worker keeps for an account is the same whichever role it is.
    known = {"role_arn": role["RoleArn"], "external_id": role["ExternalId"]}
    environ = {**os.environ, "SANDBOX_URL": url, "ROLE": json.dumps(known)}
    command = [sys.executable, "-m", "benchmarks.placed", str(rounds), str(accounts), *places]
    said = subprocess.run(command, env=environ, capture_output=True, text=True, check=True, timeout=1200)
    return float(said.stdout)


def measure() -> dict[str, float]:
    opt_in(OPTED_IN)
    server = start()
    try:
        few = after_calls(server.url, accounts=1, regions=5)
        many = after_calls(server.url, accounts=20, regions=15)
        fleet = after_calls(server.url, accounts=200, regions=17, rounds=1)
    finally:
        server.stop()
    return {
        "clients_memory_ratio": round(many / few, 2),
        "clients_memory_mb_few": round(few, 1),
        "clients_memory_mb_many": round(many, 1),
        "clients_memory_mb_fleet": round(fleet, 1),
    }
