"""Broker, AWS, mail server and a webhook's receiver are gone, or hang, one after the other, under real processes: what
waits is shown, nothing else is held up, and all of it goes on. Each test prints how long that took.

`OUTAGE_SECONDS` says how long each is away: 60 every night, less before a change lands.
"""

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.gate import Gate
from tests.journey.conftest import Person, Running, everything, until
from tests.notify.servers import HookServer, MailServer
from tests.web.page import read

pytestmark = [
    pytest.mark.slow,
    pytest.mark.processes,
    # The embedded one is a process of amicopy's own, and all else is the same with either.
    pytest.mark.skipif(not os.environ.get("CELERY_BROKER_URL"), reason="Needs a broker (CELERY_BROKER_URL)."),
]
AWAY_SECONDS = float(os.environ.get("OUTAGE_SECONDS", "15"))
HOW = pytest.mark.parametrize("how", ["refuse", "hang"])
# From the approval to the image, with all at hand on a busy machine.
PATIENCE = 60.0


@dataclass
class World:
    """amicopy, what stands between it and the others, and what came through to people and programs."""

    running: Running
    gates: dict[str, Gate]
    mail: MailServer
    hook: HookServer
    requester: Person
    approver: Person

    def end(self, what: str, how: str) -> None:
        """Ends or stops one of them."""
        if what != "aws":
            getattr(self.gates[what], how)()
        elif how == "hang":
            os.killpg(self.running.started["sandbox"].pid, signal.SIGSTOP)
        else:
            self.running.kill("sandbox")

    def begin(self, what: str, how: str) -> None:
        """Has it go on."""
        if what != "aws":
            self.gates[what].open()
        elif how == "hang":
            os.killpg(self.running.started["sandbox"].pid, signal.SIGCONT)
        else:
            self.running.start("sandbox")

    def approved(self, name: str) -> int:
        """Asks for a copy and approves it; neither page waits for anything that is away."""
        began = time.monotonic()
        number = self.requester.submit(Name=name)
        self.approver.approve(number)
        assert time.monotonic() - began < PATIENCE / 2
        return number

    def arrives(self, number: int, *, seconds: float = PATIENCE) -> None:
        until(lambda: self.requester.copies(number) == ["AVAILABLE"], seconds=seconds)

    def images(self, name: str) -> int:
        return sum(image["Name"] == name for image in self.running.control("images"))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    var, mail, hook = tmp_path_factory.mktemp("outages"), MailServer(), HookServer()
    mail.start()
    gates = {"mail": Gate("127.0.0.1", mail.port), "hook": Gate("127.0.0.1", urlsplit(hook.url).port or 0)}
    changed = {"EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": str(gates["mail"].port), "EMAIL_SECURITY": "none"}
    broker = urlsplit(os.environ["CELERY_BROKER_URL"])
    gates["broker"] = Gate(broker.hostname or "127.0.0.1", broker.port or 5672)
    netloc = f"{broker.netloc.rpartition('@')[0]}@127.0.0.1:{gates['broker'].port}".removeprefix("@")
    changed["CELERY_BROKER_URL"] = broker._replace(netloc=netloc).geturl()
    with everything(var, "amicopy_outages", log=var / "log", changed=changed) as running:
        people = {name: Person(running.url, name) for name in ("requester", "approver", "admin")}
        where, page = people["admin"].post(
            "/webhooks/new/",
            url=f"http://127.0.0.1:{gates['hook'].port}/hook",
            name="outages",
            format="signed",
            kinds=["asked"],
            enabled="on",
        )
        assert where != "/webhooks/new/", read(page).text
        yield World(running, gates, mail, hook, people["requester"], people["approver"])
        for gate in gates.values():
            gate.open()
    mail.stop()
    hook.stop()


def said(what: str, how: str, words: str, since: float) -> None:
    """Prints how long something took that was away."""
    print(f"{what}, {how}, {AWAY_SECONDS:g} s: {words} after {time.monotonic() - since:.1f} s")  # noqa: T201


@HOW
def test_without_aws_copies_wait_and_say_so_and_each_makes_one_image(world: World, how: str) -> None:
    name, until_back = f"aws-{how}", time.monotonic() + AWAY_SECONDS
    world.end("aws", how)
    number = world.approved(name)
    until(lambda: "AWS" in read(world.requester.get(f"/requests/{number}/")).text)
    _wait(until_back)
    assert world.requester.copies(number) != ["AVAILABLE"]
    world.begin("aws", how)
    back = time.monotonic()
    world.arrives(number, seconds=2 * PATIENCE)
    said("AWS", how, "the copy was there", back)
    assert world.images(name) == 1


@HOW
def test_without_a_broker_pages_work_and_copies_begin_once_it_is_back(world: World, how: str) -> None:
    name, until_back = f"broker-{how}", time.monotonic() + AWAY_SECONDS
    world.end("broker", how)
    number = world.approved(name)
    _wait(until_back)
    world.begin("broker", how)
    back = time.monotonic()
    world.arrives(number, seconds=2 * PATIENCE)
    said("broker", how, "the copy was there", back)
    assert world.images(name) == 1
    log = (world.running.log or Path()).read_text()
    lines = [line for line in log.splitlines() if "The broker is away" in line]
    # Web, worker with its processes, and beat: each once a minute at most.
    assert len(lines) <= 8 * (1 + AWAY_SECONDS // 60)
    assert "Traceback" not in log


@HOW
def test_without_a_mail_server_copies_go_on_and_so_does_mail_within_a_minute(world: World, how: str) -> None:
    name, until_back = f"mail-{how}", time.monotonic() + AWAY_SECONDS
    world.end("mail", how)
    number = world.approved(name)
    began = time.monotonic()
    world.arrives(number)
    said("mail", how, "though it was away, the copy was there", began)
    _wait(until_back)
    assert not _told(world, name)
    world.begin("mail", how)
    back = time.monotonic()
    until(lambda: _told(world, name), seconds=60)
    said("mail", how, "people were told", back)


@HOW
def test_without_a_receiver_of_webhooks_everything_else_goes_on(world: World, how: str) -> None:
    name, until_back = f"hook-{how}", time.monotonic() + AWAY_SECONDS
    world.end("hook", how)
    number = world.approved(name)
    world.arrives(number)
    until(lambda: _told(world, name))
    _wait(until_back)
    world.begin("hook", how)
    back = time.monotonic()
    until(lambda: any(f'"{name}"'.encode() in body for _, _, body in world.hook.requests), seconds=2 * PATIENCE)
    said("webhook", how, "it was delivered", back)


def _told(world: World, name: str) -> bool:
    """Whether the requester got an e-mail that speaks of this copy."""
    emails = world.mail.to("requester@amicopy.example")
    return any(name in f"{email['Subject']} {email.get_content()}" for email in emails)  # type: ignore[attr-defined]


def _wait(moment: float) -> None:
    until(lambda: time.monotonic() >= moment, seconds=AWAY_SECONDS + 1)
