"""The shipped configurations, in Debian's nginx and Caddy, in front of the real application."""

import os
import re
import shutil
import socket
import sqlite3
import ssl
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

import pytest
from django.conf import settings

from amicopy.local import processes
from tests.journey.conftest import until
from tests.ports import free_port
from tests.web.raw_http import web_server

ROOT = Path(__file__).resolve().parents[2]
HOST = "amicopy.example"
FORGED = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "http", "X_Forwarded_For": "203.0.113.10"}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.processes,
]


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: Message
    body: str


@dataclass
class Proxied:
    """amicopy behind a proxy: the ports of both schemes, and its database."""

    http: int
    https: int
    database: Path

    def ask(self, method: str, path: str, *, body: str = "", **headers: str) -> Answer:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with closing(HTTPSConnection("127.0.0.1", self.https, context=context, timeout=60)) as connection:
            connection.request(method, path, body, {"Host": HOST, **FORGED, **headers})
            with connection.getresponse() as answer:
                return Answer(answer.status, answer.headers, answer.read().decode())


def nginx(folder: Path, *, webs: Sequence[int], http: int, https: int) -> list[str]:
    """The command that runs the shipped file with ports and certificate of a test, in what Debian's nginx.conf has
    around it."""
    key, certificate = folder / f"{HOST}.key", folder / f"{HOST}.pem"
    new = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={HOST}", "-days", "1"]
    subprocess.run([*new, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    server = (ROOT / "deploy" / "nginx.conf").read_text()
    several = "\n".join(f"    server 127.0.0.1:{web} max_fails=0;" for web in webs)
    one = "    server 127.0.0.1:8000 max_fails=0;"
    assert one in server
    server = server.replace(one, several)
    server = re.sub(r"listen \[::\]:.*\n", "", server)
    server = re.sub(r"listen 80;", f"listen 127.0.0.1:{http};", server)
    server = re.sub(r"listen 443 ", f"listen 127.0.0.1:{https} ", server)
    server = server.replace("/etc/ssl/", f"{folder}/")
    temporary = "\n".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    # Root's processes would else be somebody's who can't write here.
    user = "user root;\n" if os.geteuid() == 0 else ""
    path = folder / "nginx.conf"
    path.write_text(
        f"{user}daemon off;\npid {folder}/pid;\nerror_log {folder}/error.log;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{temporary}\n{server}}}\n"
    )
    return ["nginx", "-p", str(folder), "-e", f"{folder}/error.log", "-c", str(path)]


def caddy(
    folder: Path,
    *,
    webs: Sequence[int],
    http: int,
    https: int,
    shipped: str = "Caddyfile",
    upstream: str = "127.0.0.1:8000",
) -> list[str]:
    """The command that runs the shipped file, which sends to `upstream`, with ports of a test, and a certificate that
    Caddy makes itself."""
    site = (ROOT / "deploy" / shipped).read_text()
    assert upstream in site
    site = site.replace(upstream, " ".join(f"127.0.0.1:{web}" for web in webs))
    path = folder / "Caddyfile"
    path.write_text(
        f"{{\n\tadmin off\n\thttp_port {http}\n\thttps_port {https}\n\tdefault_sni {HOST}\n\tlocal_certs\n"
        f"\tskip_install_trust\n\tservers {{\n\t\tprotocols h1 h2\n\t}}\n"
        f"\tstorage file_system {folder}/certificates\n}}\n{site}"
    )
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(path)]


PROXIES = {"nginx": nginx, "caddy": caddy}


@contextmanager
def in_front_of(webs: Sequence[int], folder: Path, name: str) -> Iterator[tuple[int, int]]:
    """Runs one of the proxies; gives its ports of HTTP and HTTPS."""
    if shutil.which(name) is None:
        pytest.skip(f"Needs Debian's {name}.")
    http, https = free_port(), free_port()
    proxy = subprocess.Popen(
        PROXIES[name](folder, webs=webs, http=http, https=https), env={**os.environ, "HOME": str(folder)}
    )
    try:
        wait_for(https, proxy)
        yield http, https
    finally:
        processes.stop(proxy)


@pytest.fixture(scope="module", params=PROXIES)
def proxied(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    folder = tmp_path_factory.mktemp(request.param)
    settings = {"HTTPS_ONLY": "on", "TRUSTED_PROXIES": "127.0.0.1", "ALLOWED_HOSTS": f"{HOST},127.0.0.1"}
    with web_server(folder, **settings) as web, in_front_of([web.port], folder, request.param) as (http, https):
        yield Proxied(http, https, folder / "amicopy.sqlite3")


def wait_for(port: int, proxy: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert proxy.poll() is None, "the proxy has ended"
        with socket.socket() as found:
            if found.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail("the proxy doesn't listen")


def test_http_leads_to_https(proxied: Proxied) -> None:
    with closing(HTTPConnection("127.0.0.1", proxied.http, timeout=60)) as connection:
        connection.request("GET", "/requests/?page=2", headers={"Host": HOST})
        answer = connection.getresponse()
        answer.read()
    assert answer.status in {301, 308}
    # Caddy names the port of a test, which in production is the usual one.
    assert re.sub(r":[0-9]+/", "/", answer.headers["Location"]) == f"https://{HOST}/requests/?page=2"


def test_who_signs_in_is_who_spoke_to_the_proxy_whatever_they_say(proxied: Proxied) -> None:
    page = proxied.ask("GET", "/sign-in/")
    assert page.status == 200, "and no redirect in a circle"
    assert "max-age" in page.headers["Strict-Transport-Security"]
    cookie = page.headers["Set-Cookie"]
    assert "Secure" in cookie
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.body)
    assert token
    body = urlencode({"username": "requester", "password": "wrong", "csrfmiddlewaretoken": token[1]})
    form = {"Content-Type": "application/x-www-form-urlencoded", "Referer": f"https://{HOST}/sign-in/"}
    answer = proxied.ask("POST", "/sign-in/", body=body, Cookie=cookie.partition(";")[0], **form)
    assert answer.status == 422, answer.body
    with closing(sqlite3.connect(proxied.database)) as database:
        rows = database.execute("SELECT address FROM audit_auditevent WHERE action = 'person.sign_in_failed'")
        assert rows.fetchall() == [("127.0.0.1",)]


def test_what_is_too_large_for_amicopy_ends_at_the_proxy(proxied: Proxied) -> None:
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    assert proxied.ask("POST", "/sign-in/", body="x" * limit).status == 403, "amicopy answers"
    # amicopy answers before it has read all of it, which Caddy may take for a fault.
    assert proxied.ask("POST", "/sign-in/", body="x" * (limit + 1)).status in {413, 502}


def test_web_processes_are_restarted_one_by_one_without_a_lost_request(tmp_path: Path) -> None:
    """Two web processes take turns behind a proxy; each is ended and started anew while pages are asked for and forms
    are sent."""
    settings = {"HTTPS_ONLY": "on", "TRUSTED_PROXIES": "127.0.0.1", "ALLOWED_HOSTS": f"{HOST},127.0.0.1"}
    ended = threading.Event()
    answers: Counter[int] = Counter()

    def ask() -> None:
        while not ended.is_set():
            for method, status in (("GET", 200), ("POST", 403)):
                answer = behind.ask(method, "/sign-in/", body="username=x" if method == "POST" else "")
                answers[0 if answer.status == status else answer.status] += 1

    with (
        web_server(tmp_path, **settings) as first,
        web_server(tmp_path, **settings) as second,
        in_front_of([first.port, second.port], tmp_path, "nginx") as (http, https),
    ):
        behind = Proxied(http, https, tmp_path / "amicopy.sqlite3")
        with ThreadPoolExecutor(6) as pool:
            asking = [pool.submit(ask) for _ in range(6)]
            try:
                for web in (first, second):
                    asked = answers.total()
                    until(lambda asked=asked: answers.total() > asked + 50)  # type: ignore[misc]
                    web.restart()
            finally:
                ended.set()
            for each in asking:
                each.result()
    print(f"nginx: {answers[0]} requests while two web processes were restarted")  # noqa: T201
    assert set(answers) == {0}
