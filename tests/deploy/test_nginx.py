"""The shipped configuration, in Debian's nginx, in front of the real application."""

import os
import re
import shutil
import socket
import sqlite3
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

import pytest
from django.conf import settings

from amicopy.local import processes
from tests.ports import free_port
from tests.web.raw_http import web_server

ROOT = Path(__file__).resolve().parents[2]
HOST = "amicopy.example"
FORGED = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "http", "X_Forwarded_For": "203.0.113.10"}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.processes,
    pytest.mark.skipif(shutil.which("nginx") is None, reason="Needs Debian's nginx."),
]


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: Message
    body: str


@dataclass
class Proxied:
    """amicopy behind nginx: the ports of both schemes, and its database."""

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


def configured(folder: Path, *, web: int, http: int, https: int) -> Path:
    """The shipped file with ports and certificate of a test, in what Debian's nginx.conf has around it."""
    server = (ROOT / "deploy" / "nginx.conf").read_text().replace("127.0.0.1:8000", f"127.0.0.1:{web}")
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
    return path


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    folder = tmp_path_factory.mktemp("nginx")
    key, certificate = folder / f"{HOST}.key", folder / f"{HOST}.pem"
    new = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={HOST}", "-days", "1"]
    subprocess.run([*new, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    settings = {"HTTPS_ONLY": "on", "TRUSTED_PROXIES": "127.0.0.1", "ALLOWED_HOSTS": f"{HOST},127.0.0.1"}
    with web_server(folder, **settings) as web:
        http, https = free_port(), free_port()
        path = configured(folder, web=web.port, http=http, https=https)
        nginx = subprocess.Popen(["nginx", "-p", str(folder), "-e", f"{folder}/error.log", "-c", str(path)])
        try:
            wait_for(https, nginx)
            yield Proxied(http, https, folder / "amicopy.sqlite3")
        finally:
            processes.stop(nginx)


def wait_for(port: int, nginx: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert nginx.poll() is None, "nginx has ended"
        with socket.socket() as found:
            if found.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail("nginx doesn't listen")


def test_http_leads_to_https(proxied: Proxied) -> None:
    with closing(HTTPConnection("127.0.0.1", proxied.http, timeout=60)) as connection:
        connection.request("GET", "/requests/?page=2", headers={"Host": HOST})
        answer = connection.getresponse()
        answer.read()
    assert (answer.status, answer.headers["Location"]) == (301, f"https://{HOST}/requests/?page=2")


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
    assert proxied.ask("POST", "/sign-in/", body="x" * (limit + 1)).status == 413
