"""`manage.py serve`: notes in the history what changed in the settings, then becomes the web server."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from amicopy.copies.operations.startup_audit import notice


class Command(BaseCommand):
    help = "Runs the web server; HOST, PORT, WEB_WORKERS and WEB_THREADS are taken from the environment."

    def handle(self, **_options: Any) -> None:
        """Never returns: the process becomes granian, so that signals reach it directly."""
        notice("web")
        server = Path(sys.executable).with_name("granian")
        os.execv(server, [str(server), *arguments(os.environ)])  # noqa: S606, no shell is meant


def arguments(environ: Mapping[str, str], application: str = "amicopy.wsgi:application") -> list[str]:
    """What granian is told: where to listen, and with how many processes and threads."""
    return [
        "--interface=wsgi",
        f"--host={environ.get('HOST') or '127.0.0.1'}",
        f"--port={environ.get('PORT') or '8000'}",
        f"--workers={environ.get('WEB_WORKERS') or '1'}",
        f"--blocking-threads={environ.get('WEB_THREADS') or '8'}",
        "--log-level=warn",
        application,
    ]
