"""PostgreSQL and RabbitMQ servers to throw away: on free ports, with files of their own, killed without harm."""

import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

START_SECONDS = 120.0
RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")


def spare_ports(count: int) -> list[int]:
    """Ports nobody listens on, all different, and none that the system gives to a client while a server is down."""
    with ExitStack() as probes:
        found: list[int] = []
        for port in random.sample(range(10000, 20000), 1000):
            probe = probes.enter_context(socket.socket())
            if probe.connect_ex(("127.0.0.1", port)) and port not in found:
                found.append(port)
            if len(found) == count:
                break
        return found


class Postgres:
    """A cluster made anew; `url` is a database in it. Run by an ordinary user, as PostgreSQL insists."""

    def __init__(self, directory: Path) -> None:
        (self.port,) = spare_ports(1)
        self.url = f"postgres://postgres@127.0.0.1:{self.port}/postgres"
        self.directory = directory / "cluster"
        self.log = directory / "log"
        self.binaries = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
        if os.getuid() == 0:
            shutil.chown(directory, "postgres")
        self._run("initdb", "-A", "trust", "-U", "postgres", "--no-sync")

    def start(self) -> None:
        options = f"-h 127.0.0.1 -p {self.port} -k {self.directory} -c max_connections=200"
        self._run("pg_ctl", "-w", "-l", str(self.log), "-o", options, "start")

    def kill(self) -> None:
        """Ends it as a crash would: connections cut, nothing written back, recovery at the next start."""
        self._run("pg_ctl", "-w", "-m", "immediate", "stop")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self.binaries / program), "-D", str(self.directory), *arguments]
        if os.getuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        subprocess.run(command, cwd="/", check=True, stdout=subprocess.DEVNULL, timeout=START_SECONDS)


class RabbitMQ:
    """A node made anew; `url` is its broker."""

    def __init__(self, directory: Path) -> None:
        self.port, distribution = spare_ports(2)
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}//"
        self.environ = {
            **os.environ,
            # The node's cookie lies in its home.
            "HOME": str(directory),
            "RABBITMQ_NODENAME": f"amicopy-{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_MNESIA_BASE": str(directory / "mnesia"),
            "RABBITMQ_LOG_BASE": str(directory / "log"),
            "RABBITMQ_CONFIG_FILE": str(directory / "none"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "plugins"),
        }

    def start(self) -> None:
        self.process = subprocess.Popen(
            [RABBITMQ], env=self.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        self._until(listening=True)

    def kill(self) -> None:
        """Ends it as a crash would, and returns when nothing of it is left."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=START_SECONDS)
        self._until(listening=False)

    def _until(self, *, listening: bool) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if (probe.connect_ex(("127.0.0.1", self.port)) == 0) == listening:
                    return
            time.sleep(0.1)
        raise TimeoutError(f"RabbitMQ on port {self.port} doesn't {'answer' if listening else 'end'}.")


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A running PostgreSQL, thrown away at the end."""
    with _folder() as directory:
        server = Postgres(directory)
        server.start()
        try:
            yield server
        finally:
            server.kill()


@contextmanager
def rabbitmq() -> Iterator[RabbitMQ]:
    """A running RabbitMQ, thrown away at the end."""
    with _folder() as directory:
        node = RabbitMQ(directory)
        node.start()
        try:
            yield node
        finally:
            node.kill()


@contextmanager
def _folder() -> Iterator[Path]:
    # A server that was told to die may still be writing.
    with tempfile.TemporaryDirectory(prefix="amicopy-", ignore_cleanup_errors=True) as directory:
        yield Path(directory)
