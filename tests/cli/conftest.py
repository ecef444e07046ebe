"""The command line as it is run: a process of its own against a live server, perhaps through a door that shuts."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import F
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from amicopy.copies.core.models import Account, CopyRequest, ImageCopy
from tests.api.conftest import token_of
from tests.cli.door import Door
from tests.conftest import Control
from tests.copies.conftest import SOURCE, make_person

FOLDER = Path(__file__).resolve().parents[2] / "amicopy" / "cli"
MODULE = (sys.executable, "-m", "amicopy_cli")
ASKED = (
    *("--account", "111122223333", "--reason", "PLAT-1", "--source-region", "us-east-1"),
    *("--source-image-id", SOURCE, "--name", "golden-1"),
)


@dataclass
class Run:
    """What a run said, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Command:
    """The command with an environment; a token or an address can be another's. Fails the test after a minute."""

    environ: dict[str, str]
    start: tuple[str, ...] = MODULE
    running: list[subprocess.Popen[str]] = field(default_factory=list)

    def __call__(self, *arguments: Any, stdin: str = "", **environ: str) -> Run:
        done = subprocess.run(
            [*self.start, *map(str, arguments)],
            input=stdin,
            env=self.environ | environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Run(done.returncode, done.stdout, done.stderr)

    def begin(self, *arguments: Any, **environ: str) -> subprocess.Popen[str]:
        """Starts it, to be looked at while it runs."""
        pipes: Any = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        process = subprocess.Popen([*self.start, *map(str, arguments)], env=self.environ | environ, **pipes)
        self.running.append(process)
        return process

    def with_token(self, token: str) -> "Command":
        return Command(self.environ | {"AMICOPY_TOKEN": token}, self.start, self.running)


def ended(process: subprocess.Popen[str]) -> Run:
    """A run that was begun, at its end."""
    out, err = process.communicate(timeout=60)
    assert "Traceback" not in err, err
    return Run(process.returncode, out, err)


def line(process: subprocess.Popen[str], words: str) -> str:
    """The first line on standard error with these words; the test fails if the run ends without, as it is made to after
    a minute."""
    assert process.stderr is not None
    ending = threading.Timer(60, process.kill)
    ending.start()
    try:
        for each in process.stderr:
            if words in each:
                return each
    finally:
        ending.cancel()
    raise AssertionError(f"ended without “{words}”")


@pytest.fixture
def person(transactional_db: None) -> User:
    """Who asks; somebody who can approve is there."""
    make_person("approver", "approver")
    Account.objects.get_or_create(name="sandbox", account_id="111122223333")
    return make_person("requester", "requester")


@pytest.fixture
def server_url(live_server: LiveServer, sandbox: Control, settings: Settings) -> str:
    settings.SITE_URL = live_server.url
    return str(live_server.url)


@pytest.fixture
def amicopy(server_url: str, person: User, tmp_path: Path) -> Iterator[Command]:
    """The command as the requester's, with a token to read, ask and export."""
    token = token_of(person, "read", "request", "audit")
    made = Command(environ(tmp_path, AMICOPY_SERVER=server_url, AMICOPY_TOKEN=token))
    yield made
    for process in made.running:
        if process.poll() is None:
            process.kill()
        process.communicate()


def environ(home: Path, **more: str) -> dict[str, str]:
    """What a run of it knows: nothing of this process."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PYTHONPATH": str(FOLDER),
        "NO_PROXY": "*",
        "AMICOPY_RETRY_FOR": "20s",
        "PYTHONWARNINGS": "error",
        **more,
    }


@pytest.fixture(scope="session")
def one_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make cli` makes."""
    folder = tmp_path_factory.mktemp("dist")
    make = ["make", "-C", str(FOLDER.parents[1]), "cli", f"DIST={folder}", "-o", ".venv/.installed"]
    done = subprocess.run(make, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in folder.iterdir()] == ["amicopy"]
    return folder / "amicopy"


@pytest.fixture
def door(server_url: str) -> Iterator[Door]:
    made = Door(server_url)
    yield made
    made.shut()


def filed(**narrowed: Any) -> CopyRequest:
    return CopyRequest.objects.get(**narrowed)


def become(row: CopyRequest, state: str, copies: Mapping[int, str]) -> None:
    """A request and its copies, by their place, reach states that workers and AWS would bring them to."""
    for copy in row.copies.order_by("position"):
        new = copies[copy.position]
        done = {"ImageId": f"ami-{copy.position + 1}", "progress": 100} if new == "AVAILABLE" else {}
        failed = {"error_code": "Client.InvalidKey", "error_message": "No such key."} if new == "FAILED" else {}
        ImageCopy.objects.filter(pk=copy.pk).update(state=new, **done, **failed)
    CopyRequest.objects.filter(pk=row.pk).update(state=state, version=F("version") + 1)


def interrupt(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGINT)


def until(look: Callable[[], Any], *, seconds: float = 30) -> Any:
    """What `look` returns as soon as it is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.05)
    raise AssertionError(f"nothing after {seconds} s")
