"""What Django hears of a request that the web server got."""

import asyncio
import threading
from types import SimpleNamespace
from typing import Any, cast

from django.http import HttpResponse
from granian.rsgi import HTTPProtocol, Scope  # type: ignore[attr-defined]  # both are its own

from amicopy.api.bodies import MOST_BYTES
from amicopy.rsgi import Application, environ_of, is_poll, most_bytes


def asked(headers: dict[str, str], *, method: str = "POST", path: str = "/requests/ü/") -> Scope:
    """A request as granian hands it over."""
    about = {
        "http_version": "1.1",
        "server": "[::1]:8000",
        "client": "[::1]:51000",
        "scheme": "http",
        "method": method,
        "path": path,
        "query_string": "q=%C3%BC",
    }
    return cast("Scope", SimpleNamespace(**about, headers=headers))


def test_a_request_is_described_as_wsgi_does() -> None:
    environ = environ_of(asked({"content-type": "text/plain", "content-length": "9", "x-one": "1"}), b"four")
    assert environ["PATH_INFO"].encode("latin-1").decode() == "/requests/ü/"
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"], environ["REMOTE_ADDR"]) == ("::1", "8000", "::1")
    assert (environ["CONTENT_TYPE"], environ["HTTP_X_ONE"]) == ("text/plain", "1")
    assert environ["CONTENT_LENGTH"] == "4", "what is here, whatever was said"
    assert environ["wsgi.input"].read() == b"four"


def test_a_header_with_an_underscore_passes_for_no_other() -> None:
    environ = environ_of(asked({"x_forwarded_for": "203.0.113.9", "content_type": "text/html"}), b"")
    assert "HTTP_X_FORWARDED_FOR" not in environ
    assert environ["CONTENT_TYPE"] == ""


def test_a_body_of_a_program_may_be_as_long_as_the_api_takes() -> None:
    assert most_bytes("/api/v1/requests") == MOST_BYTES
    assert most_bytes("/people/many/") > MOST_BYTES
    # The EC2 endpoint says it itself, as EC2 does.
    assert most_bytes("/ec2") > MOST_BYTES


def test_what_asks_again_and_again_is_told_from_what_somebody_waits_for() -> None:
    page, status, known = "/requests/7/", "/api/v1/requests/7/status", {"if-none-match": '"7.1"'}

    def poll(method: str, path: str, headers: dict[str, str]) -> bool:
        return is_poll(environ_of(asked(headers, method=method, path=path), b""))

    assert poll("GET", page, {"hx-request": "true", **known}), "a page that is open"
    assert poll("GET", status, known), "a program that follows"
    assert poll("GET", status, {}), "one that begins to"
    assert not poll("GET", page, {"hx-request": "true"}), "a click"
    assert not poll("GET", page, known), "a page that is loaded again"
    assert not poll("GET", "/api/v1/requests/7", known)
    assert not poll("POST", status, known)


def test_polls_share_a_thread_health_has_its_own_and_the_others_are_for_pages() -> None:
    threads: list[str] = []

    def pages(environ: dict[str, Any], start_response: Any) -> HttpResponse:
        threads.append(threading.current_thread().name)
        return HttpResponse()

    application = Application(pages, threads=2)
    protocol = cast("HTTPProtocol", SimpleNamespace(response_bytes=lambda *_answer: None))
    for path in ("/api/v1/requests/7/status", "/requests/7/", "/healthz", "/readyz"):
        asyncio.run(application.__rsgi__(asked({}, method="GET", path=path), protocol))
    assert [name.partition("_")[0] for name in threads] == ["poll", "page", "health", "page"]
