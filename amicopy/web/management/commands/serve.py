"""`manage.py serve`: notes in the history what changed in the settings, then becomes the web server."""

import os
import resource
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from amicopy.copies.engine.outside_memory import Behind
from amicopy.copies.operations.startup_audit import notice

# Open connections, idle ones included, of each process; beyond them others wait to be accepted.
CONNECTIONS = 4096
# Files that a process has open besides: the database's, the broker's, AWS's.
OTHER_FILES = 512


class Command(BaseCommand):
    help = "Runs the web server; HOST, PORT, WEB_WORKERS and WEB_THREADS are taken from the environment."

    def handle(self, **_options: Any) -> None:
        """Never returns: the process becomes granian, so that signals reach it directly."""
        if settings.HTTPS_ONLY and not settings.TRUSTED_PROXIES:
            # amicopy speaks HTTP, and nobody could say that a request came by HTTPS.
            raise CommandError(
                "TRUSTED_PROXIES is empty while HTTPS_ONLY is on: every page would lead to itself, for ever. Name the "
                "proxy that ends TLS, such as 127.0.0.1, or set HTTPS_ONLY=off."
            )
        try:
            notice("web")
        except Behind as behind:
            raise CommandError(str(behind)) from None
        _allow_files(CONNECTIONS + OTHER_FILES)
        server = Path(sys.executable).with_name("granian")
        os.execv(server, [str(server), *arguments(os.environ)])  # noqa: S606, no shell is meant


def arguments(environ: Mapping[str, str], application: str = "amicopy.rsgi:application") -> list[str]:
    """What granian is told: where to listen, with how many processes, and what it closes connections for. How many
    threads make pages is told to `amicopy.rsgi`, which they belong to."""
    return [
        "--interface=rsgi",
        f"--host={environ.get('HOST') or '127.0.0.1'}",
        f"--port={environ.get('PORT') or '8000'}",
        f"--workers={environ.get('WEB_WORKERS') or '1'}",
        # Only with HTTP/1 alone does a connection on which nothing is said end.
        "--http=1",
        "--no-ws",
        f"--http1-header-read-timeout={int(settings.REQUEST_SECONDS * 1000)}",
        "--http1-buffer-size=65536",
        f"--backpressure={CONNECTIONS}",
        "--log-level=warn",
        application,
    ]


def _allow_files(wanted: int) -> None:
    """Raises the process's own limit of open files, a connection being one, as far as the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
