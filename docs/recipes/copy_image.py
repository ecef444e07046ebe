"""Asks amicopy for copies of an image and waits for them. Python 3.9 and nothing else.

    AMICOPY_SERVER=https://amicopy.example AMICOPY_TOKEN=… python3 copy_image.py KEY < request.json

KEY names what is asked for: the same key again asks for nothing twice and goes on waiting.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import HTTPRedirectHandler, Request, build_opener

# Seconds the server is asked to hold its answer, for one answer, and between looks where it can't hold any.
HOLD, ANSWER, PAUSE = 30, 60, 10
AGAIN = {429, 502, 503, 504}


class Refused(Exception):
    """amicopy said no; the words are its own."""


class StayHere(HTTPRedirectHandler):
    """The token is for this server alone."""

    def redirect_request(self, *_args: Any, **_more: Any) -> None:
        return None


http = build_opener(StayHere)


def call(
    method: str, url: str, body: Any = None, headers: dict[str, str] | None = None, *, tries: int = 5
) -> tuple[int, Any, Any]:
    """The status, headers and content of an answer. What may pass is tried again, with the same headers."""
    sent = {
        "Authorization": f"Bearer {os.environ['AMICOPY_TOKEN']}",
        "Content-Type": "application/json",
        **(headers or {}),
    }
    data = None if body is None else json.dumps(body).encode()
    while True:
        tries -= 1
        try:
            with http.open(Request(url, data, sent, method=method), timeout=ANSWER) as answer:
                return answer.status, answer.headers, json.load(answer)
        except HTTPError as error:
            if error.code == 304:
                return 304, error.headers, None
            if error.code not in AGAIN or not tries:
                raise Refused(error.read().decode(errors="replace")) from None
            pause = float(error.headers.get("Retry-After") or PAUSE)
        except (URLError, TimeoutError, ConnectionError):
            if not tries:
                raise
            pause = PAUSE
        time.sleep(pause)


def ask(key: str, wanted: dict[str, Any]) -> str:
    """The address of the status. The key is kept for a week, what it is stored with for ever: so that comes first."""
    requests = f"{os.environ['AMICOPY_SERVER']}/api/v1/requests"
    _, _, found = call("GET", f"{requests}?limit=1&correlation={quote(key, safe='')}")
    if found["items"]:
        return str(found["items"][0]["status_url"])
    _, _, made = call("POST", requests, {**wanted, "correlation": key}, {"Idempotency-Key": key})
    return str(made["status_url"])


def follow(url: str, seconds: float) -> Any:
    """The status once it is final, or as it is when the time is over."""
    until = time.monotonic() + seconds
    _, headers, status = call("GET", url)
    while not status["final"] and time.monotonic() < until:
        hold = max(1, min(HOLD, int(until - time.monotonic())))
        prefer = {"If-None-Match": headers["ETag"], "Prefer": f"wait={hold}"}
        _, headers, newer = call("GET", url, headers=prefer)
        status = newer or status
        if not status["final"] and "Preference-Applied" not in headers:
            time.sleep(max(0.0, min(PAUSE, until - time.monotonic())))
    return status


if __name__ == "__main__":
    try:
        ended = follow(ask(sys.argv[1], json.load(sys.stdin)), float(os.environ.get("SECONDS", "18000")))
    except Refused as refused:
        sys.exit(str(refused))
    print(json.dumps(ended))
    sys.exit(0 if ended["outcome"] == "succeeded" else 1)
