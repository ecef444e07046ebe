"""The processes of `manage.py run`: what to start, in which order, and how to stop them."""

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

STOP_SECONDS = 8.0


def commands(procfile: Path, environ: Mapping[str, str]) -> dict[str, list[str]]:
    """The commands of a Procfile by name, with `${NAME:-default}` filled in, run from this Python's environment."""
    found: dict[str, list[str]] = {}
    for line in procfile.read_text().splitlines():
        name, _, command = line.partition(":")
        filled = re.sub(r"\$\{(\w+):-([^}]*)\}", lambda match: environ.get(match[1]) or match[2], command)
        program, *arguments = shlex.split(filled)
        beside = Path(sys.executable).parent / program
        found[name.strip()] = [str(beside) if beside.exists() else program, *arguments]
    return found


def start(command: list[str], environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """A process in a session of its own: Ctrl-C reaches the launcher alone, which stops the others in order."""
    return subprocess.Popen(command, env=dict(environ), start_new_session=True)  # noqa: S603, our own


def stop(process: subprocess.Popen[bytes]) -> None:
    """Asks a process to end, and ends it when it doesn't in time."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def port_is_free(host: str, port: int) -> bool:
    """Whether nobody listens on this port."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def wait_for(url: str, processes: Mapping[str, subprocess.Popen[bytes]], *, seconds: float) -> str:
    """Waits until an address answers; returns the name of a process that ended meanwhile, or empty when all is well.

    Raises TimeoutError.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        ended = first_ended(processes)
        if ended:
            return ended
        try:
            with urlopen(url, timeout=1):  # noqa: S310, an address of this machine
                return ""
        except (URLError, OSError):
            time.sleep(0.05)
    raise TimeoutError(url)


def first_ended(processes: Mapping[str, subprocess.Popen[bytes]]) -> str:
    """The name of a process that has ended, or empty."""
    return next((name for name, process in processes.items() if process.poll() is not None), "")
