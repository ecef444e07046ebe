"""amicopy as people run it: sandbox, broker, worker, beat and web server as processes of their own.

By default the embedded parts; DATABASE_URL and CELERY_BROKER_URL choose others, as in production.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any, TypeVar
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPCookieProcessor, Request, build_opener, urlopen

import kombu
import psycopg
import pytest
from playwright.sync_api import Browser

from amicopy import queues
from amicopy.local import broker, processes
from tests import migrated
from tests.journey import browsing
from tests.ports import free_port
from tests.twenty_regions import OPTED_IN
from tests.web.page import Page, read

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "journey-password-1"
# Longer than any page or control takes, and any process to start, on a machine that does much else.
ANSWER_SECONDS, START_SECONDS = 60.0, 120.0
T = TypeVar("T")


def until(look: Callable[[], T], *, seconds: float = 60) -> T:
    """What `look` returns as soon as it is true; fails the test after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    pytest.fail(f"Nothing after {seconds} seconds.")


@dataclass
class Running:
    """A running amicopy: the addresses of its pages and of its sandbox, and its processes by name."""

    url: str
    sandbox: str
    environ: dict[str, str]
    started: dict[str, subprocess.Popen[bytes]]
    moto: bool = False
    # Where the processes write; None: to the terminal.
    log: Path | None = None

    @property
    def ready(self) -> str:
        """An address of the EC2 endpoint that answers once it is up."""
        return f"{self.sandbox}/moto-api/" if self.moto else f"{self.sandbox}/_sandbox/"

    def control(self, name: str = "", *, method: str | None = None, **values: Any) -> Any:
        body = json.dumps(values).encode() if values else None
        with urlopen(
            Request(f"{self.sandbox}/_sandbox/{name}", data=body, method=method), timeout=ANSWER_SECONDS
        ) as answer:
            return json.load(answer)

    def start(self, name: str) -> None:
        commands = processes.commands(ROOT / "Procfile", self.environ)
        port = str(urlsplit(self.sandbox).port)
        own = [sys.executable, "manage.py", "sandbox", "--port", port, "--copy-seconds", "6"]
        own += ["--journal", f"{self.environ['AMICOPY_VAR_DIR']}/sandbox.jsonl"]
        own += ["--opt-in", *OPTED_IN]
        commands["worker-2"] = [*commands["worker"], "--hostname", "second@%h"]
        commands["beat-2"] = commands["beat"]
        motos = [str(Path(sys.executable).with_name("moto_server")), "--host", "127.0.0.1", "--port", port]
        commands["sandbox"] = motos if self.moto else own
        # moto's own server is the sample account, whose number amicopy holds against what AWS says of itself.
        environ = {**self.environ, **({"MOTO_ACCOUNT_ID": "111122223333"} if self.moto else {})}
        with ExitStack() as opened:
            out = opened.enter_context(self.log.open("ab")) if self.log else None
            self.started[name] = subprocess.Popen(
                commands[name], env=environ, cwd=ROOT, start_new_session=True, stdout=out, stderr=out
            )

    def kill(self, name: str) -> None:
        """Ends a process and its children at once, as a crash would."""
        os.killpg(self.started[name].pid, 9)
        self.started.pop(name).wait()

    def stop(self) -> None:
        """Asks all processes to end, the last started first."""
        for process in reversed(list(self.started.values())):
            processes.stop(process)


@pytest.fixture(scope="package")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Ends with the journeys: its processes ask for work every second."""
    with everything(tmp_path_factory.mktemp("var"), "amicopy_journey") as it:
        yield it


@contextmanager
def everything(
    var: Path,
    name: str,
    *,
    moto: bool = False,
    log: Path | None = None,
    changed: Mapping[str, str] | None = None,
) -> Iterator[Running]:
    """Starts all processes with their files in `var`; with `moto`, EC2 is moto's own server, unmodified.

    Database and queue on servers that others use too are called `name` with this process's number, and end with it.
    `changed` are settings other than those of a test, empty for none. What the processes say goes to `log`, if any.
    """
    own = f"{name}_{os.getpid()}"
    web, sandbox = free_port(), free_port()
    environ = {
        **os.environ,
        "AMICOPY_AWS": "sandbox",
        "AMICOPY_VAR_DIR": str(var),
        "PORT": str(web),
        "HOST": "127.0.0.1",
        "SANDBOX_URL": f"http://127.0.0.1:{sandbox}",
        "SAMPLE_PASSWORD": PASSWORD,
        "SWEEP_SECONDS": "1",
        "APPROVAL_UNDO_SECONDS": "0",
        "TRACK_SECONDS": "1",
        "LEASE_SECONDS": "20",
        "CELERY_QUEUE": own,
        **(changed or {}),
    }
    environ = {setting: value for setting, value in environ.items() if value}
    with ExitStack() as opened:
        if "DATABASE_URL" in environ:
            environ["DATABASE_URL"] = opened.enter_context(fresh_database(environ["DATABASE_URL"], own))
        else:
            migrated.put_into(var)
        if "CELERY_BROKER_URL" in environ:
            opened.callback(delete_queues, environ["CELERY_BROKER_URL"], own)
        else:
            environ["CELERY_BROKER_URL"] = opened.enter_context(_bundled_broker(var))
        it = Running(f"http://127.0.0.1:{web}", environ["SANDBOX_URL"], environ, {}, moto=moto, log=log)
        opened.callback(it.stop)
        it.start("sandbox")
        subprocess.run([sys.executable, "manage.py", "samples"], env=environ, cwd=ROOT, check=True, stdout=-3)
        for process in ("worker", "beat", "web"):
            it.start(process)
        assert processes.wait_for(it.ready, it.started, seconds=START_SECONDS) == ""
        assert processes.wait_for(f"{it.url}/healthz", it.started, seconds=START_SECONDS) == ""
        yield it


@contextmanager
def fresh_database(url: str, name: str, *, migrate: bool = True) -> Iterator[str]:
    """The address of a database of this name beside the one in `url`, made anew with all tables, or with none, and
    dropped afterwards."""
    template = f" TEMPLATE {migrated.template(url)}" if migrate else ""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {name}{template}")
    try:
        yield urlsplit(url)._replace(path=f"/{name}").geturl()
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def _bundled_broker(var: Path) -> Iterator[str]:
    """The address of a broker of its own with its files in `var`."""
    socket = var / "b.sock"
    server = broker.start(socket, directory=var / "broker")
    assert server is not None
    try:
        yield f"redis+socket://{socket}"
    finally:
        broker.stop(socket)
        server.wait()


def delete_queues(url: str, prefix: str) -> None:
    with kombu.Connection(url) as connection:
        for name in queues.names(prefix):
            kombu.Queue(name, channel=connection.channel()).delete()


class Person:
    """Somebody signed in, without a browser: gets pages, posts forms with their token."""

    def __init__(self, url: str, name: str) -> None:
        self.url = url
        self.cookies = CookieJar()
        self.opener = build_opener(HTTPCookieProcessor(self.cookies))
        self.post("/sign-in/", username=name, password=PASSWORD)

    def get(self, path: str) -> str:
        with self.opener.open(self.url + path, timeout=ANSWER_SECONDS) as answer:
            return str(answer.read().decode())

    def post(self, path: str, *, page: str = "", **fields: str | list[str]) -> tuple[str, str]:
        """Posts a form; returns the path it led to and the page there, refusals (422) included."""
        tokens = read(page or self.get(path)).marked("name", "csrfmiddlewaretoken")
        assert tokens, page
        data = urlencode({**fields, "csrfmiddlewaretoken": tokens[0].attribute("value")}, doseq=True).encode()
        try:
            request = Request(self.url + path, data, {"Referer": self.url + path})
            with self.opener.open(request, timeout=ANSWER_SECONDS) as answer:
                return urlsplit(answer.url).path, answer.read().decode()
        except HTTPError as refused:
            return path, refused.read().decode()

    def submit(self, **changes: str) -> int:
        """Submits a request, to eu-west-1 unless told otherwise, and returns its number."""
        return self._hand_in("/requests/new/", **typed(**changes))

    def submit_existing(self, **values: str) -> int:
        """Asks for steps for an AMI that exists, and returns the request's number."""
        return self._hand_in("/requests/existing/", **values)

    def _hand_in(self, form: str, **values: str) -> int:
        path, page = self.post(form, **values)
        number = re.fullmatch(r"/requests/(\d+)/", path)
        assert number, page
        return int(number[1])

    def approve(self, number: int) -> None:
        page = self.get(f"/requests/{number}/")
        seen = read(page).form(to=f"/requests/{number}/approve/").field("content_hash").value
        self.post(f"/requests/{number}/approve/", page=page, content_hash=seen)

    def state(self, number: int) -> str:
        return state_of(read(self.get(f"/requests/{number}/")))

    def copies(self, number: int) -> list[str]:
        return states_of_copies(read(self.get(f"/requests/{number}/")))


def add_requesters(running: Running, count: int) -> list[str]:
    """So many more requesters; their names."""
    names = [f"requester-{number}" for number in range(1, count + 1)]
    code = (
        "from django.contrib.auth.models import Group, User\n"
        f"for name in {names!r}:\n"
        f"    User.objects.create_user(name, password={PASSWORD!r}).groups.add(Group.objects.get(name='requester'))\n"
    )
    command = [sys.executable, "manage.py", "shell", "-v0", "-c", code]
    subprocess.run(command, cwd=ROOT, env=running.environ, check=True, timeout=60)
    return names


def state_of(page: Page) -> str:
    """The state of the request whose page it is."""
    found = page.marked("data-request")
    assert len(found) == 1, page.text
    return found[0].attribute("data-state")


def states_of_copies(page: Page) -> list[str]:
    """The states of the copies of the request whose page it is."""
    return [copy.attribute("data-state") for copy in page.marked("data-copy")]


def typed(**changes: str) -> dict[str, str]:
    return {
        "account": "sandbox",
        "SourceRegion": "us-east-1",
        "SourceImageId": "ami-0a7f3c92d41be6058",
        "Name": "golden-al2023-journey",
        "destinations-0-DestinationRegion": "eu-west-1",
        "reason": "PLAT-1: week 47 image",
        **changes,
    }


@pytest.fixture
def requester(running: Running) -> Person:
    return Person(running.url, "requester")


@pytest.fixture
def approver(running: Running) -> Person:
    return Person(running.url, "approver")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing.launched() as browser:
        yield browser


@pytest.fixture
def windows(browser: Browser, running: Running) -> Iterator[browsing.Windows]:
    """Opens browser windows: `windows("requester", viewport=...)`. The test fails if one of them complained."""
    opened = browsing.Windows(browser, running)
    yield opened
    opened.close()
