"""What every request passes first: charsets, and what a browser may do with the answer."""

import codecs
from collections.abc import Callable

import pytest
from django.test import Client, RequestFactory

from amicopy.web.utf8_request import Handler, Utf8Request
from amicopy.web.views.errors import broken
from tests.web.conftest import SignedIn
from tests.web.page import read

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("connections_stay")]
FORM = "application/x-www-form-urlencoded"
CHARSETS = ["utf-16", "latin-1", "hex", "rot13", "zlib", "idna", "undefined", "utf-7", "utf-8-sig", "nope", "", "\xe9"]
PLACES = ["/sign-in/", "/", "/healthz", "/requests/new/", "/approvals/decide/", "/nowhere/", "/static/amicopy.css"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("charset", CHARSETS)
def test_another_charset_is_refused_at_every_address(signed_in: SignedIn, place: str, charset: str) -> None:
    for client in (Client(), signed_in("requester")):
        for kind in (FORM, "multipart/form-data; boundary=x", "text/plain"):
            for method in ("GET", "POST", "PUT"):
                answer = client.generic(method, place, b"a=%C3%A9", content_type=f"{kind}; charset={charset}")
                assert answer.status_code == 400, (method, kind)
    assert "That couldn’t be read" in read(answer).text


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", "utf8", '"utf-8"', "U8"])
def test_every_name_of_utf8_is_taken(client: Client, charset: str) -> None:
    sent = b"username=%C3%A9&password=wrong"
    answer = client.generic("POST", "/sign-in/", sent, content_type=f"{FORM}; charset={charset}")
    # Read: the name isn't known.
    assert answer.status_code in {422, 400}
    request = Utf8Request(
        {**RequestFactory().post("/sign-in/?q=ü").environ, "CONTENT_TYPE": f"{FORM}; charset={charset}"}
    )
    assert request.encoding is None


@pytest.mark.parametrize("name", sorted({*CHARSETS, "base64", "bz2", "uu", "quopri", "punycode", "unicode_escape"}))
def test_no_codec_of_pythons_decodes_an_address(name: str) -> None:
    environ = RequestFactory().get("/sign-in/?q=%C3%BC").environ
    request = Utf8Request({**environ, "CONTENT_TYPE": f"a/b; charset={name}"})
    assert request.GET["q"] == "ü"
    assert request.content_params == {"charset": name}


@pytest.mark.parametrize("kind", ["a/b; x*=nope''%41", "a/b; x*=hex''%41", "a/b; charset*=idna''%ff", "a/b; x*='"])
def test_a_parameter_in_an_encoding_of_its_own_is_no_error(kind: str) -> None:
    request = Utf8Request({**RequestFactory().get("/?q=1").environ, "CONTENT_TYPE": kind})
    assert request.GET["q"] == "1"


def test_there_are_codecs_that_are_no_charset() -> None:
    """What the tests above are about: Python finds a codec by these names, and bytes can't be decoded with it."""
    for name in ("hex", "zlib"):
        assert not codecs.lookup(name)._is_text_encoding


@pytest.mark.parametrize("place", ["/sign-in/", "/", "/nowhere/", "/static/amicopy.css", "/healthz"])
def test_every_answer_says_what_no_page_needs(client: Client, place: str) -> None:
    answer = client.get(place)
    answer.close()
    policy = answer["Permissions-Policy"]
    assert {"camera=()", "geolocation=()", "payment=()", "usb=()"} <= set(policy.split(", "))


@pytest.mark.parametrize("page", ["http://[::1", "http://[", "//[x", "\xff", "%ff%0a", "javascript:alert(1)"])
def test_a_panel_of_a_page_that_has_no_address_leads_to_sign_in(client: Client, page: str) -> None:
    answer = client.get("/", headers={"HX-Request": "true", "HX-Current-URL": page})
    assert answer.status_code == 200
    assert answer["HX-Redirect"].startswith("/sign-in/")


BROKEN = {
    "no boundary": (b"abcde", "multipart/form-data"),
    "no end": (b"--x\r\nContent-Disposition: form-data; name=a", "multipart/form-data; boundary=x"),
    "too many fields": (b"a=1&" * 3000, FORM),
    "too large": (b"a=" + b"a" * 3_000_000, FORM),
    "another charset": (b"abcde", "multipart/form-data; charset=hex"),
    "an encoding of its own": (b"abcde", "multipart/form-data; boundary*=nope''%41"),
}


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("place", ["/nowhere", "/%ff%00", "/sign-in/", "/sign-in", "/", "/people/", "/healthz"])
@pytest.mark.parametrize("role", ["requester", ""])
def test_a_broken_body_is_never_an_error_of_the_server(signed_in: SignedIn, place: str, kind: str, role: str) -> None:
    """Django's pages for errors look for the token in the body, for which they read it."""
    client = signed_in(role) if role else Client()
    client.cookies["csrftoken"] = "a" * 32
    body, content_type = BROKEN[kind]
    statuses: list[str] = []

    def start(status: str, headers: object, exc_info: object = None) -> Callable[[bytes], object]:
        statuses.append(status)
        return bytes

    for method in ("POST", "PUT"):
        cookies = client.cookies.output(header="", sep=";")
        environ = RequestFactory().generic(method, place, body, content_type=FORM, HTTP_COOKIE=cookies).environ
        Handler()({**environ, "CONTENT_TYPE": content_type}, start)
    assert {status[0] for status in statuses} <= {"2", "3", "4"}, statuses


def test_pages_for_errors_are_ours(signed_in: SignedIn) -> None:
    client = signed_in("requester")
    assert "There is nothing here" in read(client.get("/nowhere")).text
    refused = client.get("/people/")
    assert refused.status_code == 403
    assert "You can’t do this" in read(refused).text
    assert broken(RequestFactory().get("/")).status_code == 500
