"""What Django hears of a request that the web server got."""

from types import SimpleNamespace
from typing import cast

from granian.rsgi import Scope

from amicopy.api.bodies import MOST_BYTES
from amicopy.rsgi import environ_of, most_bytes


def asked(headers: dict[str, str]) -> Scope:
    """A request as granian hands it over."""
    about = {
        "http_version": "1.1",
        "server": "[::1]:8000",
        "client": "[::1]:51000",
        "scheme": "http",
        "method": "POST",
        "path": "/requests/ü/",
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
