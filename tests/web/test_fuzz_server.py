"""Bytes at the real server: charsets, odd headers, broken, chunked and slow bodies. Never an error of the server, no
line of the log that somebody else wrote, and afterwards it answers as before."""

import os
import re
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st

from tests.web.fuzzing import HOSTILE, INVALID_UTF8, MULTIPART, URLENCODED, Submission, as_bytes
from tests.web.raw_http import PASSWORD, Web, web_server
from tests.web.test_fuzz_addresses import ARGUMENT, LIKELY, ROUTES

pytestmark = [pytest.mark.processes, pytest.mark.slow]

HOW_MANY = max(150, int(os.environ.get("FUZZ_SUBMISSIONS", "0")) // 10)
SEED = int(os.environ.get("FUZZ_SEED", "1"))
INJECTED = "2026-01-01 00:00:00,000 CRITICAL fuzz: injected"
CHARSETS = (
    "utf-8",
    "utf-16",
    "hex",
    "zlib",
    "rot13",
    "idna",
    "undefined",
    "latin-1",
    "utf-7",
    "nope",
    "",
    "\xff",
    "x" * 99,
)
TYPES = (
    *[URLENCODED] * 10,
    *[MULTIPART] * 4,
    "multipart/form-data",
    "multipart/form-data; boundary*=hex''%41",
    "multipart/form-data; boundary=\xff",
    "multipart/form-data; boundary=" + "b" * 300,
    "text/plain",
    "application/json",
    "a/b; x*=nope''%41",
    "a/b; x*0*=hex''%41; x*1=b",
    ";",
    "",
)
HEADERS = (
    "Accept",
    "Accept-Encoding",
    "Accept-Language",
    "Authorization",
    "Content-Encoding",
    "Content-Language",
    "Cookie",
    "Expect",
    "Forwarded",
    "Host",
    "HX-Boosted",
    "HX-Current-URL",
    "HX-Request",
    "HX-Target",
    "HX-Trigger",
    "If-Match",
    "If-Modified-Since",
    "If-None-Match",
    "If-Range",
    "If-Unmodified-Since",
    "Origin",
    "Range",
    "Referer",
    "Transfer-Encoding",
    "Upgrade",
    "User-Agent",
    "X-CSRFToken",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-HTTP-Method-Override",
    "X_Forwarded_For",
)
VALUES = (
    "http://[::1",
    "http://localhost:99999999/",
    "//[",
    "%0d%0a" + INJECTED,
    "true",
    "bytes=5-1,9-",
    "bytes=-99999999999999999999",
    "Mon, 01 Jan 0000 00:00:00 GMT",
    'W/"',
    "*",
    "sessionid=%00; csrftoken=\xff; messages=x:y:z; time-zone=../../etc/passwd; theme=<fuzz>",
    'sessionid="; browser-time-zone=\x80',
    "1.1.1.1, [::1]:x, " + "9" * 300,
    "gzip, chunked",
    "100-continue",
    "Basic \xff",
    "localhost:0",
    "localhost, evil.example",
    "a" * 7000,
)


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    with web_server(tmp_path_factory.mktemp("web"), TRUSTED_PROXIES="127.0.0.1") as it:
        yield it


@pytest.fixture(scope="module")
def signed_in(web: Web) -> str:
    """The cookies of somebody who may see nearly everything."""
    status, answer = web.sign_in("admin", PASSWORD)
    assert status == 302
    session, token = re.search(rb"sessionid=(\w+)", answer), re.search(rb"csrftoken=(\w+)", answer)
    assert session
    assert token
    return f"sessionid={session[1].decode()}; csrftoken={token[1].decode()}"


def chunked(body: bytes, size: int = 7) -> bytes:
    """A body in chunks."""
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def in_frame(frame: str, body: bytes) -> tuple[bytes, list[bytes], bool]:
    """How a body is announced, sent, and whether the connection ends after it."""
    length = b"Content-Length: %d\r\n" % len(body)
    if frame == "short":
        return b"Content-Length: %d\r\n" % (len(body) + 50), [body], True
    if frame == "chunked":
        return b"Transfer-Encoding: chunked\r\n", [chunked(body)], False
    if frame == "chunks in pieces":
        whole = chunked(body)
        return b"Transfer-Encoding: chunked\r\n", [whole[:9], whole[9:20], whole[20:]], False
    if frame == "bad chunk":
        return b"Transfer-Encoding: chunked\r\n", [b"zz\r\n" + body + b"\r\n0\r\n\r\n"], True
    if frame == "endless chunk":
        return b"Transfer-Encoding: chunked\r\n", [b"ffffffffffffffff\r\n", body], True
    if frame == "cut chunk":
        return b"Transfer-Encoding: chunked\r\n", [chunked(body)[:-7]], True
    if frame == "both":
        return length + b"Transfer-Encoding: chunked\r\n", [chunked(body)], True
    if frame == "two lengths":
        return length + b"Content-Length: 3\r\n", [body], True
    if frame == "slow":
        return length, [body[:3], body[3:6], body[6:]], False
    if frame == "bad length":
        return b"Content-Length: -1\r\n", [body], True
    return length, [body], False


FRAMES = (
    *["length"] * 12,
    "short",
    "chunked",
    "chunks in pieces",
    "bad chunk",
    "endless chunk",
    "cut chunk",
    "both",
    "two lengths",
    "slow",
    "bad length",
)
ELSEWHERE = ("sign-in/", "sign-in/", "static/amicopy.css", "nowhere", f"%0a{INJECTED}", "*", "%ff%00")


@pytest.mark.parametrize("charset", CHARSETS[1:])
def test_a_charset_is_refused_by_the_server_itself(web: Web, charset: str) -> None:
    """Django alone decodes an address with it before any middleware is asked."""
    kinds = f"text/plain; charset={charset}"
    head = f"GET /sign-in/?q=1 HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kinds}\r\nConnection: close\r\n\r\n"
    status, _ = web.send(head.encode("latin-1"))
    # What isn't ASCII granian leaves out of what it passes on.
    assert status == (200 if charset == "\xff" else 400)


def test_a_slow_body_is_read_to_its_end_and_one_that_ends_early_is_none(web: Web) -> None:
    token = web.token()
    body = f"username=nobody-slow&password=wrong&csrfmiddlewaretoken={token}".encode()
    head = (
        f"POST /sign-in/ HTTP/1.1\r\nHost: localhost\r\nCookie: csrftoken={token}\r\nContent-Length: {len(body)}\r\n"
        f"Content-Type: {URLENCODED}\r\nConnection: close\r\n\r\n"
    ).encode()
    pieces = [bytes([each]) for each in body]
    assert web.send(head, *pieces, pause=0.01)[0] == 422
    assert web.send(head, body[:-5], end=True)[0] in {0, 400, 403}
    in_chunks = head.replace(b"Content-Length: %d" % len(body), b"Transfer-Encoding: chunked")
    status, _ = web.send(in_chunks, chunked(body))
    # Of a body without a length nobody knows whether its end is missing.
    assert status == 411


def test_behind_a_proxy_everybody_has_an_address_of_their_own(web: Web) -> None:
    """Five wrong passwords through the proxy stop one client, and nobody else who comes through it."""

    def through(address: str, password: str) -> int:
        return web.sign_in("requester", password, {"X-Forwarded-For": address})[0]

    assert [through("192.0.2.66", "wrong") for _ in range(6)] == [422] * 4 + [429] * 2
    # What the first one says before the proxy's own word doesn't help.
    assert through("198.51.100.1, 192.0.2.66", PASSWORD) == 429
    assert through("198.51.100.1", PASSWORD) == 302


def test_no_bytes_are_an_error_of_the_server(web: Web, signed_in: str, capsys: pytest.CaptureFixture[str]) -> None:
    texts = st.one_of(st.sampled_from(LIKELY), st.sampled_from(HOSTILE), st.sampled_from(INVALID_UTF8))
    names = st.sampled_from(("username", "password", "next", "csrfmiddlewaretoken", "reason", "theme", "q", "page"))
    pairs = st.lists(st.tuples(names, texts), max_size=4)
    values = st.one_of(st.sampled_from(VALUES), st.sampled_from(HOSTILE), st.binary(max_size=20))
    token = signed_in.partition("csrftoken=")[2]
    statuses: Counter[int] = Counter()

    @seeded(SEED)
    @settings(
        max_examples=HOW_MANY,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(
        st.sampled_from(("GET", "GET", "POST", "POST", "POST", "PUT", "HEAD", "OPTIONS", "DELETE", "TRACE", "FUZZ")),
        st.sampled_from((*ROUTES, *ELSEWHERE)),
        pairs,
        pairs,
        st.sampled_from(TYPES),
        st.sampled_from(("", *CHARSETS) + ("", "utf-8") * 15),
        st.one_of(st.just([]), st.lists(st.tuples(st.sampled_from(HEADERS), values), max_size=2)),
        st.sampled_from(FRAMES),
        st.sampled_from((signed_in, f"csrftoken={token}", "")),
    )
    def send(
        method: str,
        route: str,
        query: list[tuple[str, str | bytes]],
        body: list[tuple[str, str | bytes]],
        kind: str,
        charset: str,
        headers: list[tuple[str, str | bytes]],
        frame: str,
        cookies: str,
    ) -> None:
        # Signing out would end the session for the rest of the run.
        path = "/" + ARGUMENT.sub("1", route).replace("sign-out", "sign-in").replace(" ", "%20")
        asked = Submission(tuple(query)).body.decode()
        announced, pieces, end = in_frame(frame, Submission((*body, ("csrfmiddlewaretoken", token)), kind).body)
        lines = [b"Host: localhost", b"Connection: close", b"X-CSRFToken: " + token.encode()]
        content_type = kind + (f"; charset={charset}" if charset else "")
        lines += [b"Content-Type: " + content_type.encode("latin-1")] if kind else []
        lines += [b"Cookie: " + cookies.encode()] if cookies else []
        # A line of a header ends where it ends; what else is in it the server has to cope with.
        sent = ((name, re.sub(rb"[\r\n]", b"", as_bytes(value))) for name, value in headers)
        lines += [name.encode() + b": " + value for name, value in sent]
        head = b"%s %s HTTP/1.1\r\n%s\r\n" % (method.encode(), f"{path}?{asked}".encode(), b"\r\n".join(lines))
        status, answer = web.send(head + announced + b"\r\n", *pieces, pause=0.01 if len(pieces) > 1 else 0, end=end)
        assert status < 500, (head, answer[:300])
        statuses[status] += 1

    send()
    with capsys.disabled():
        os.write(1, f"\n{dict(statuses.most_common())}, seed {SEED}\n".encode())
    # No answer comes where the server closes before it has read all that was sent.
    assert statuses[0] < HOW_MANY / 10
    assert HOW_MANY * 0.9 > statuses[400] > HOW_MANY / 20
    assert web.get("/healthz")[0] == 200
    log = web.log.read_text(errors="replace")
    assert not any(line.startswith(INJECTED[:10]) for line in log.splitlines())
    assert "Internal Server Error" not in log
    assert "raised an exception" not in log
