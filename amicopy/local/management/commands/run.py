"""`manage.py run`: everything on this machine with one command, until Ctrl-C."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from amicopy.local import broker, processes, sample_provider, samples

READY_SECONDS = 60.0


class Stop(Exception):
    """Ctrl-C or SIGTERM."""


def _stop(number: int, frame: FrameType | None) -> None:
    raise Stop


class Command(BaseCommand):
    help = "Start everything on this machine: the sandbox, the broker, a worker, beat, the web server; Ctrl-C stops it."

    def handle(self, *args: Any, **options: Any) -> None:
        host, port = os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8000"))
        more = [10000, *([20000] if sample_provider.is_wanted() else [])] if settings.SANDBOX else []
        for wanted in [port, *(port + offset for offset in more)]:
            if not processes.port_is_free(host, wanted):
                raise CommandError(f"Port {wanted} is in use. Choose another with PORT=8001.")
        settings.VAR_DIR.mkdir(parents=True, exist_ok=True)
        environ = {**os.environ, "PORT": str(port), "HOST": host, "PYTHONUNBUFFERED": "1"}
        environ.setdefault("SITE_URL", f"http://{host}:{port}")
        signal.signal(signal.SIGTERM, _stop)
        signal.signal(signal.SIGINT, _stop)
        bundled: subprocess.Popen[bytes] | None = None
        started: dict[str, subprocess.Popen[bytes]] = {}
        own_broker = Path(settings.CELERY_BROKER_URL.removeprefix("redis+socket://"))
        has_broker = settings.SANDBOX and settings.CELERY_BROKER_URL.startswith("redis+socket://")
        try:
            if has_broker:
                bundled = broker.start(own_broker, directory=settings.VAR_DIR / "broker")
            if settings.SANDBOX:
                environ["SANDBOX_URL"] = f"http://127.0.0.1:{port + 10000}"
                started["sandbox"] = processes.start(
                    [
                        sys.executable,
                        "manage.py",
                        "sandbox",
                        "--port",
                        str(port + 10000),
                        "--journal",
                        str(settings.VAR_DIR / "sandbox.jsonl"),
                    ],
                    environ,
                )
                if sample_provider.is_wanted():
                    environ |= sample_provider.environ(f"http://{host}:{port + 20000}")
                    started["provider"] = processes.start(sample_provider.command(host, port + 20000), environ)
            call_command("migrate", verbosity=0)
            password = samples.password() if settings.SANDBOX else ""
            if settings.SANDBOX:
                samples.make(password)
            for name, command in processes.commands(settings.BASE_DIR / "Procfile", environ).items():
                started[name] = processes.start(command, environ)
            if settings.EVENTS_QUEUES:
                started["listen"] = processes.start([sys.executable, "manage.py", "listen"], environ)
            ended = processes.wait_for(f"http://{host}:{port}/healthz", started, seconds=READY_SECONDS)
            if not ended:
                self._welcome(f"http://{host}:{port}/", password)
            while not ended:
                time.sleep(0.5)
                ended = processes.first_ended(started)
            raise CommandError(f"{ended} has ended by itself; its last words are above. Everything is stopped.")
        except broker.BrokerError as error:
            raise CommandError(str(error)) from None
        except TimeoutError as error:
            raise CommandError(f"{error} doesn't answer after {READY_SECONDS:.0f} seconds.") from None
        except Stop:
            self.stdout.write("\nStopping.")
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            for process in reversed(started.values()):
                processes.stop(process)
            if has_broker:
                broker.stop(own_broker)
            if bundled is not None:
                bundled.wait()

    def _welcome(self, address: str, password: str) -> None:
        self.stdout.write(f"\namicopy is at {address}")
        if password:
            people = ", ".join(samples.PEOPLE)
            self.stdout.write(f"Sign in as {people}. The password of each is {password}")
            if sample_provider.is_wanted():
                self.stdout.write("Or sign in with the sample provider, which knows people and their groups too.")
        self.stdout.write("Ctrl-C stops everything.\n")
