"""Every page of a house with 100,000 requests and a million events, beside the same page with a hundredth of it

Read by a person who has every role, and who has most to decide: 10,000 copies are under way, and 5,000 requests wait.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import psycopg
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from amicopy.copies.core.models import Account, CopyRequest, RequestSet
from amicopy.copies.core.states import RequestState
from benchmarks import scale
from benchmarks.figures import Figure

FEW, MANY = 1_000, 100_000
ROUNDS = 5
MOST_STATEMENTS = 25
SERVER = "postgres://postgres@127.0.0.1:5432/"
ROOT = Path(__file__).resolve().parents[1]
RATIO = "in multiples of a hundredth of the data"
# Pages, by name: the address, with the newest request of a state, an account, a person and a set put in.
PAGES: Mapping[str, str] = {
    "dashboard": "/",
    "requests": "/requests/",
    "requests in progress": "/requests/?view=running",
    "requests of a person": "/requests/?by=person-1",
    "requests with a copy that failed": "/requests/?outcome=failed&ended=week",
    "requests to a Region": "/requests/?region=eu-west-1",
    "requests by name": "/requests/?q=al2023-000007",
    "requests by a common word": "/requests/?q=golden",
    "requests by tag": "/requests/?q=team-7",
    "requests by AMI": f"/requests/?q={scale.SOURCE}",
    "requests by person": "/requests/?q=person-2",
    "request": "/requests/{done}/",
    "request under way": "/requests/{running}/",
    "request to decide on": "/requests/{pending}/",
    "new request": "/requests/new/",
    "set": "/sets/{set}/",
    "approvals": "/approvals/",
    "approvals for others": "/approvals/?queue=others",
    "approvals decided": "/approvals/?queue=decided",
    "audit": "/audit/",
    "audit of a person": "/audit/?actor=person-1",
    "audit by name": "/audit/?q=al2023-000007",
    "costs": "/costs/",
    "costs of a team": "/costs/?team=platform",
    "system": "/system/",
    "rules": "/rules/",
    "new rule": "/rules/new/",
    "freezes": "/freezes/",
    "budgets": "/budgets/",
    "delegations": "/delegations/",
    "changes": "/changes/",
    "accounts": "/accounts/",
    "account": "/accounts/{account}/",
    "leftovers": "/leftovers/",
    "people": "/people/",
    "person": "/people/{person}/",
    "services": "/people/services/",
    "teams": "/people/teams/",
    "messages": "/messages/",
    "webhooks": "/webhooks/",
    "settings": "/settings/",
    "help": "/help/",
}
FIGURES = (
    Figure("pages_slowest_ratio", "", f"the slowest of {len(PAGES)} pages, SQLite, {RATIO}", at_most=1.5),
    Figure("pages_over", "", "of them, pages that take more than 1.5 times as long, SQLite", at_most=0),
    Figure("pages_slowest_ratio_postgresql", "", f"the slowest page, PostgreSQL, {RATIO}", at_most=1.5),
    Figure("pages_over_postgresql", "", "pages that take more than 1.5 times as long, PostgreSQL", at_most=0),
    Figure("dashboard_ms", "ms", "the dashboard with all of it, SQLite, median"),
    Figure("dashboard_statements", "", "statements of the dashboard with all of it", at_most=MOST_STATEMENTS),
    Figure("help_page_ms", "ms", "a page that shows nothing of it but the menu, SQLite, median"),
)


def measure() -> dict[str, float]:
    """Both sizes on both databases, each in a process of its own; a server must be on this machine."""
    lite, postgres = ({count: _measured(count, on) for count in (FEW, MANY)} for on in ("sqlite", "postgresql"))
    found: dict[str, float] = {}
    for ending, by_size in (("", lite), ("_postgresql", postgres)):
        few, many = by_size[FEW], by_size[MANY]
        ratios = {name: many[name] / few[name] for name in PAGES}
        for name in sorted(PAGES, key=lambda each: -ratios[each]):
            print(f"{ratios[name]:6.2f} {many[name]:8.1f} ms {name}{ending}", flush=True)
        found[f"pages_slowest_ratio{ending}"] = round(max(ratios.values()), 2)
        found[f"pages_over{ending}"] = sum(ratio > 1.5 for ratio in ratios.values())
    return found | {
        "dashboard_ms": round(lite[MANY]["dashboard"], 1),
        "dashboard_statements": lite[MANY]["statements"],
        "help_page_ms": round(lite[MANY]["help"], 1),
    }


def _measured(count: int, on: str) -> dict[str, float]:
    """The milliseconds of each page in a house of so many requests."""
    with tempfile.TemporaryDirectory() as var:
        environ = {**os.environ, "AMICOPY_VAR_DIR": var}
        if on == "sqlite":
            return _run(count, environ)
        name = f"amicopy_pages_{os.getpid()}"
        with psycopg.connect(SERVER + "postgres", autocommit=True) as server:
            server.execute(f"CREATE DATABASE {name}".encode())
            try:
                return _run(count, environ | {"DATABASE_URL": SERVER + name})
            finally:
                server.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def _run(count: int, environ: Mapping[str, str]) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.pages_of", str(count)]
    said = subprocess.run(command, cwd=ROOT, env=environ, check=True, capture_output=True, text=True)
    return dict(json.loads(said.stdout.splitlines()[-1]))


def addresses() -> dict[str, str]:
    """The address of each page, of requests somewhere in the middle of those of their kind."""

    def middle(state: RequestState) -> int:
        numbers = CopyRequest.objects.filter(state=state).order_by("pk").values_list("pk", flat=True)
        return int(numbers[len(numbers) // 2])

    known = {
        "done": middle(RequestState.COMPLETED),
        "running": middle(RequestState.APPROVED),
        "pending": middle(RequestState.PENDING),
        "set": RequestSet.objects.order_by("pk")[0].pk,
        "account": Account.objects.order_by("-pk")[0].pk,
        "person": User.objects.get(username="person-1").pk,
    }
    return {name: address.format(**known) for name, address in PAGES.items()}


def page_times(user: User) -> dict[str, float]:
    """The milliseconds of each page, median, and the statements of the dashboard."""
    client = Client(SERVER_NAME="localhost")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    taken: dict[str, list[float]] = {}
    pages = addresses()
    for turn in range(ROUNDS + 1):
        for name, address in pages.items():
            began = time.perf_counter()
            answer = client.get(address)
            seconds = time.perf_counter() - began
            if answer.status_code != 200:
                sys.exit(f"{address} answers {answer.status_code}")
            # The first one fills caches of the process.
            if turn:
                taken.setdefault(name, []).append(seconds * 1000)
    with CaptureQueriesContext(connection) as asked:
        client.get("/")
    return {name: statistics.median(times) for name, times in taken.items()} | {"statements": len(asked)}


def main() -> None:
    """One house: made, read, and told as JSON."""
    call_command("migrate", verbosity=0)
    call_command("samples", verbosity=0)
    print(json.dumps(page_times(scale.fill(int(sys.argv[1])))))
