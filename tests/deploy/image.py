"""`make image`: builds deploy/Containerfile with podman, and runs what compose.yaml runs of it.

No registry of images is asked: the place of the base image is taken by one of the same name, with Debian's Python 3.11
on what debootstrap installs, and no compiler. Processes see the container's files as their root and have this machine's
network and processes. PostgreSQL and RabbitMQ are those of DATABASE_URL and CELERY_BROKER_URL, and Caddy is Debian's.
Needs root, and from Debian podman, debootstrap and caddy.
"""

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import yaml

from amicopy.local import processes
from tests.deploy.test_proxies import Proxied, caddy, wait_for
from tests.journey.conftest import delete_queues, fresh_database, until
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "deploy" / "compose.yaml"
BASE = "docker.io/library/python:3.11-slim-bookworm"
DATABASE_URL = os.environ.get("DATABASE_URL", "postgres://postgres@127.0.0.1:5432/postgres")
CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL", "amqp://guest:guest@127.0.0.1:5672//")
# What an image of amicopy has no use for.
BUILD_TOOLS = ("cc", "gcc", "g++", "ld", "as", "make", "cargo", "rustc")
# Into the files at $0, with what every container has of its machine; the mounts end with whoever sees them.
ENTER = (
    'mount --rbind /dev "$0/dev" && mount --rbind /proc "$0/proc" && user=$1 && shift && exec chroot "$user" "$0" "$@"'
)
# What doctor has to find well: the rest is AWS, which isn't there, or what an installation is to choose.
WELL = {"database", "broker", "workers", "beat", "web", "clocks", "versions", "work", "disk"}


def main() -> None:
    """Says what was done, with seconds and megabytes; ends with a traceback where something doesn't hold."""
    with tempfile.TemporaryDirectory() as name, Podman(Path(name)) as podman:
        began = time.monotonic()
        make_base(podman)
        say(f"a stand-in for {BASE}", began, podman.size(BASE))
        began = time.monotonic()
        build(podman)
        say("the image, from deploy/Containerfile", began, podman.size("amicopy"))
        with podman.files("amicopy") as root:
            image = Image(podman.inspect("amicopy"), root)
            image.hold_against_what_it_promises()
            run_services(image, Path(name))


def say(what: str, began: float, size: float) -> None:
    print(f"{what}: {time.monotonic() - began:.0f} s, {size:.0f} MB", flush=True)  # noqa: T201


class Podman:
    """podman with images of its own in a folder, which it leaves as it was."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._store = folder / "store"

    def __enter__(self) -> "Podman":
        return self

    def __exit__(self, *ended: object) -> None:
        # It mounts this folder over itself.
        subprocess.run(["umount", str(self._store / "overlay")], check=False, stderr=subprocess.DEVNULL)

    def __call__(self, *words: str, **options: Any) -> str:
        """What a command says."""
        command = ["podman", "--root", str(self._store), "--runroot", str(self.folder / "run"), *words]
        said: str = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **options).stdout
        return said.strip()

    def inspect(self, image: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self("image", "inspect", image))[0]
        return found

    def size(self, image: str) -> float:
        """Megabytes of all of it."""
        return float(self.inspect(image)["Size"]) / 1e6

    @contextmanager
    def files(self, image: str) -> Iterator[Path]:
        """The files of a container of this image, which can be written to."""
        container = self("create", image)
        try:
            yield Path(self("mount", container))
        finally:
            self("umount", container)
            self("rm", container)


def make_base(podman: Podman) -> None:
    """An image by the name of the base, from where this machine's apt has its packages."""
    root = podman.folder / "base"
    site = ["--format", "$(REPO_URI)", "Identifier: Packages", "Codename: bookworm", "Component: main"]
    mirrors = subprocess.run(["apt-get", "indextargets", *site], check=True, capture_output=True, text=True)
    packages = "python3,python3-venv,ca-certificates"
    install = ["debootstrap", "--variant=minbase", f"--include={packages}", "bookworm", str(root)]
    subprocess.run([*install, *mirrors.stdout.split()[:1]], check=True, stdout=subprocess.DEVNULL)
    (root / "usr/bin/python").symlink_to("python3")
    shutil.rmtree(root / "var/cache/apt")
    shutil.rmtree(root / "var/lib/apt/lists")
    with subprocess.Popen(["tar", "-C", str(root), "-c", "."], stdout=subprocess.PIPE) as packed:
        podman("import", "--quiet", "-", BASE, stdin=packed.stdout)
    shutil.rmtree(root)


def build(podman: Podman) -> None:
    """The image `amicopy`, from what git knows of; pip finds packages where this machine's pip does."""
    context = podman.folder / "context"
    context.mkdir()
    known = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout
    subprocess.run(
        ["cp", "--parents", "-t", str(context), "--", *known.decode().strip("\0").split("\0")], cwd=ROOT, check=True
    )
    settings, paths = pip_settings()
    (podman.folder / "pip.conf").write_text(settings)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Without namespaces and with limits that this machine may set, which may be a container itself.
    here = ["--pull=never", "--isolation=chroot", "--network=host", f"--ulimit=nofile={most}:{most}"]
    mounts = [f"--volume={path}:{path}:ro" for path in paths] + [f"--volume={podman.folder}/pip.conf:/etc/pip.conf:ro"]
    file = context / "deploy" / "Containerfile"
    podman("build", "--quiet", *here, *mounts, "--file", str(file), "--tag", "amicopy", str(context))


def pip_settings() -> tuple[str, list[Path]]:
    """This machine's settings of pip, from wherever it has them, as one file, and the paths these name."""
    listed = subprocess.run([sys.executable, "-m", "pip", "config", "list"], check=True, capture_output=True, text=True)
    settings = dict(re.findall(r"^\S+?\.([\w-]+)='(.*)'$", listed.stdout, re.M))
    named = [Path(path) for value in settings.values() for path in re.findall(r"(?<!\S)/\S+", value)]
    # What an index of files leads to lies beside it.
    named += [Path(path).parent for value in settings.values() for path in re.findall(r"file://(/\S+)", value)]
    lines = "".join(f"{name} = {value}\n" for name, value in settings.items())
    return f"[global]\n{lines}", sorted({path for path in named if path.exists()})


class Image:
    """The files of a container and what its image says of user, environment, folder and command."""

    def __init__(self, inspected: Mapping[str, Any], root: Path) -> None:
        self.root = root
        config = inspected["Config"]
        self.user, self.folder, self.command = config["User"], config["WorkingDir"], config["Cmd"]
        self.volumes = list(config.get("Volumes") or {})
        self.environ = dict(entry.split("=", 1) for entry in config["Env"])

    def hold_against_what_it_promises(self) -> None:
        """Somebody else than root, nothing to build with, and a place of its own that lasts."""
        ids = self.run(["id", "-u"]).stdout.strip()
        assert ids not in {"", "0"}, ids
        folders = ("usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin", "sbin", "bin")
        path = ":".join(str(self.root / folder) for folder in folders)
        assert [tool for tool in BUILD_TOOLS if shutil.which(tool, path=path)] == []
        for volume in self.volumes:
            self.run(["touch", f"{volume}/written"])
        assert self.run(["touch", "manage.py"], check=False).returncode != 0, "its own program it can't change"

    def words(self, command: list[str]) -> list[str]:
        """A command as somebody in the image runs it."""
        inside = ["env", f"--chdir={self.folder}", *command]
        return ["unshare", "--mount", "sh", "-c", ENTER, str(self.root), f"--userspec={self.user}", *inside]

    def run(
        self, command: list[str], *, check: bool = True, environ: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        given = {**self.environ, **(environ or {})}
        return subprocess.run(self.words(command), env=given, check=check, capture_output=True, text=True)


def environment(image: Image, service: Mapping[str, Any], changed: Mapping[str, str]) -> dict[str, str]:
    """What compose gives a service: `.env` made of `.env.example`, what compose.yaml says, and what is
    different here."""
    example = dict(re.findall(r"^([A-Z0-9_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.M))
    said = {name: re.sub(r"\$\{(\w+):\?\}", r"\1", value) for name, value in service["environment"].items()}
    return {**image.environ, **example, **said, **changed}


def keys(image: Image) -> dict[str, str]:
    """The keys of an installation, made by the commands that amicopy has for them."""
    trying = {"AMICOPY_AWS": "sandbox"}
    pair = image.run(["python", "manage.py", "make_audit_key"], environ=trying).stdout
    return {
        "SECRET_KEY": "s" + os.urandom(30).hex(),
        "AUDIT_SIGNING_KEY": "a" + os.urandom(30).hex(),
        "ENCRYPTION_KEYS": image.run(["python", "manage.py", "make_encryption_key"], environ=trying).stdout.strip(),
        **dict(re.findall(r"^(AUDIT_\w+)=(\S+)$", pair, re.M)),
    }


def run_services(image: Image, folder: Path) -> None:
    """Runs the services that are amicopy's in the order of compose.yaml, asks web through its proxy, has doctor look,
    and ends them."""
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    own, port = f"amicopy_image_{os.getpid()}", free_port()
    with ExitStack() as opened:
        opened.callback(delete_queues, CELERY_BROKER_URL, own)
        changed = {
            **keys(image),
            "DATABASE_URL": opened.enter_context(fresh_database(DATABASE_URL, own, migrate=False)),
            "CELERY_BROKER_URL": CELERY_BROKER_URL,
            "CELERY_QUEUE": own,
            "PORT": str(port),
            "TRUSTED_PROXIES": "127.0.0.1",
            "AUDIT_HEAD_DIR": "/var/lib/amicopy/heads",
            # AWS isn't there, and who amicopy is isn't asked for.
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        began = time.monotonic()
        migrate = services["migrate"]
        image.run(migrate["command"], environ=environment(image, migrate, changed))
        print(f"migrate: {time.monotonic() - began:.0f} s", flush=True)  # noqa: T201
        assert services["web"]["command"] == image.command, "what the image does by itself"
        began = time.monotonic()
        started: dict[str, subprocess.Popen[bytes]] = {}
        for name in ("web", "worker", "beat"):
            log = opened.enter_context((folder / f"{name}.log").open("wb"))
            environ = environment(image, services[name], changed)
            command = image.words(services[name]["command"])
            started[name] = subprocess.Popen(command, env=environ, stdout=log, stderr=log, start_new_session=True)
            opened.callback(processes.stop, started[name])
        try:
            watch(image, started, port, environment(image, services["web"], changed), folder)
        except BaseException:
            for name in started:
                print((folder / f"{name}.log").read_text()[-3000:])  # noqa: T201
            raise
        print(f"web, worker and beat did their work: {time.monotonic() - began:.0f} s", flush=True)  # noqa: T201
        for name, process in started.items():
            began = time.monotonic()
            process.send_signal(getattr(signal, services[name]["stop_signal"]))
            process.wait(timeout=float(services[name]["stop_grace_period"].removesuffix("s")))
            print(f"{name} ended: {time.monotonic() - began:.1f} s", flush=True)  # noqa: T201


def watch(
    image: Image, started: dict[str, subprocess.Popen[bytes]], port: int, environ: Mapping[str, str], folder: Path
) -> None:
    """Web is well and ready, by itself and behind the proxy of compose.yaml, and a worker takes what beat and doctor
    send."""
    assert processes.wait_for(f"http://127.0.0.1:{port}/healthz", started, seconds=600) == ""
    with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=30) as answer:
        assert json.load(answer)["ready"] is True
    http, https = free_port(), free_port()
    command = caddy(folder, webs=[port], http=http, https=https, shipped="Caddyfile.compose", upstream="web:8000")
    proxy = subprocess.Popen(command, env={**os.environ, "HOME": str(folder)}, stderr=subprocess.DEVNULL)
    try:
        wait_for(https, proxy)
        page = Proxied(http, https, folder / "none").ask("GET", "/sign-in/")
        assert (page.status, "Secure" in page.headers["Set-Cookie"]) == (200, True)
    finally:
        processes.stop(proxy)

    def seen() -> dict[str, str]:
        said = json.loads(image.run(["python", "manage.py", "doctor", "--json"], check=False, environ=environ).stdout)
        return {finding["part"]: finding["state"] for finding in said if finding["part"] in WELL}

    until(lambda: set(seen().values()) == {"well"} and seen(), seconds=600)


if __name__ == "__main__":
    main()
