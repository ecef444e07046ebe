"""`manage.py sandbox`: an EC2 endpoint of our own, for trying amicopy without AWS."""

import os
import signal
import threading
from argparse import ArgumentParser, BooleanOptionalAction
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from amicopy.sandbox import catalogue
from amicopy.sandbox.server import start


class Command(BaseCommand):
    help = "Runs an EC2 endpoint on this machine that imitates AWS, until SIGTERM or Ctrl-C."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=18000)
        parser.add_argument("--journal", type=Path, help="file that keeps accepted copies across restarts")
        parser.add_argument("--copy-seconds", type=float, default=20.0, help="how long a small copy takes")
        parser.add_argument("--limit", type=int, default=5, help="copies at once per account and Region")
        parser.add_argument("--leave-snapshots", action=BooleanOptionalAction, default=True)
        parser.add_argument("--alias-seconds", type=float, default=2.0, help="how long an alias is checked")
        parser.add_argument("--trail-seconds", type=float, default=60.0, help="how late CloudTrail tells an event")
        parser.add_argument("--buckets", type=float, default=0.0, help="AWS's token buckets, so many times as fast")
        parser.add_argument("--opt-in", nargs="+", default=(), metavar="REGION", help="Regions enabled besides")

    def handle(self, **options: Any) -> None:
        done = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: done.set())
        names = ("copy_seconds", "limit", "leave_snapshots", "alias_seconds", "trail_seconds", "buckets")
        host, port = options["host"], options["port"]
        try:
            catalogue.opt_in(options["opt_in"])
            server = start(host, port, journal=options["journal"], **{name: options[name] for name in names})
        except OSError as error:
            what = f"use {error.filename}" if error.filename else f"listen on {host}:{port}"
            raise CommandError(f"The sandbox can't {what}: {os.strerror(error.errno or 0)}.") from None
        except ValueError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"Sandbox ready at {server.url}")
        self.stdout.flush()
        done.wait()
        server.stop()
