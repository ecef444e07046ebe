"""Garbage at every other address, with every method and as every role: words, a redirect or a refusal, never a server
error, and nothing sent comes back as markup."""

import logging
import os
import re
from collections.abc import Iterator

import pytest
from django.http import StreamingHttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st

from amicopy.copies.core.models import CopyRequest
from tests.conftest import Control
from tests.web.conftest import SignedIn, typed
from tests.web.fuzzing import HOSTILE, INVALID_UTF8, UNESCAPED, URLENCODED, Submission
from tests.web.page import read

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

HOW_MANY = max(150, int(os.environ.get("FUZZ_SUBMISSIONS", "0")) // 5)
SEED = int(os.environ.get("FUZZ_SEED", "1"))
ROLES = ("requester", "approver", "auditor", "administrator", "", None)
NUMBERS = ("1", "2", "3", "0", "2147483648", "9223372036854775807", "9223372036854775808", "1" + "0" * 30)
LIKELY = (
    "1",
    "2",
    "on",
    "PENDING",
    "requester",
    "all",
    "2026-11-25",
    "2026-13-45",
    "0001-01-01T00:00",
    "9999-12-31T23:59:59+14:00",
    "6d3a3c8e-6d8f-4d55-9d5c-0b7a0f5f4f11",
    "eu-west-1",
    "ami-0a7f3c92d41be6058",
    "9223372036854775808",
    "//evil.example/",
    "javascript:alert(1)",
    "x" * 5000,
)
# Open on purpose; the last says that its link is used up.
OPEN = {"sign-in/", "healthz", "readyz", "set-password/<str:uidb64>/<str:token>/"}
ARGUMENT = re.compile(r"<(?:(\w+):)?\w+>")


def addresses(patterns: list[URLPattern | URLResolver], before: str = "") -> Iterator[str]:
    """The route of every address, those of included modules too."""
    for pattern in patterns:
        route = before + str(pattern.pattern)
        # Machines have a door of their own: tests/api/test_document_holds.py.
        if isinstance(pattern, URLResolver) and pattern.namespace == "api":
            continue
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, route)
        else:
            yield route


ROUTES = sorted(set(addresses(get_resolver().url_patterns)))


def names_in_use(client: Client) -> list[str]:
    """The names of the inputs of all pages, and of what links ask."""
    found = {"next", "copy", "reason", "content_hash", "back", "ids", "after", "before", "clone", "request"}
    for route in ROUTES:
        answer = client.get("/" + ARGUMENT.sub("1", route))
        if answer.status_code == 200 and not isinstance(answer, StreamingHttpResponse):
            page = read(answer)
            found |= {*page.marks("name"), *re.findall(r"[?&;](\w+)=", page.source)}
    return sorted(found)


def test_garbage_at_any_address_is_never_an_error_of_the_server(signed_in: SignedIn, sandbox: Control) -> None:
    logging.disable(logging.CRITICAL)
    clients = {role: signed_in(role) if role else Client() for role in ROLES}
    clients[""] = signed_in(name="nobody")
    for name in ("one", "two", "three"):
        assert clients["requester"].post("/requests/new/", typed(Name=f"golden-{name}")).status_code == 302
    first = CopyRequest.objects.earliest("pk")
    clients["approver"].post(f"/requests/{first.pk}/approve/", {"content_hash": first.content_hash})
    numbers = st.sampled_from((*NUMBERS, str(first.pk), str(first.pk + 1)))
    values = st.one_of(
        st.sampled_from(LIKELY), st.sampled_from(HOSTILE), st.text(max_size=20), st.sampled_from(INVALID_UTF8)
    )
    pairs = st.lists(st.tuples(st.sampled_from(names_in_use(clients["administrator"])), values), max_size=5)
    htmx = st.sampled_from(
        ({}, {}, {"HX-Request": "true", "If-None-Match": "x"}, {"HX-Request": "true", "HX-Current-URL": "<"})
    )

    @seeded(SEED)
    @settings(
        max_examples=HOW_MANY,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(
        st.sampled_from(ROUTES),
        st.data(),
        st.sampled_from(("GET", "POST", "POST", "GET", "PUT", "DELETE", "HEAD", "OPTIONS")),
        st.sampled_from(ROLES),
        pairs,
        pairs,
        htmx,
        st.sampled_from((URLENCODED, URLENCODED, URLENCODED, "application/json", "multipart/form-data")),
    )
    def send(
        route: str,
        data: st.DataObject,
        method: str,
        role: str | None,
        query: list[tuple[str, str | bytes]],
        body: list[tuple[str, str | bytes]],
        headers: dict[str, str],
        content_type: str,
    ) -> None:
        path = "/" + ARGUMENT.sub(lambda _: data.draw(numbers), route)
        asked = Submission(tuple(query)).body.decode()
        sent = Submission(tuple(body)).body if method not in {"GET", "HEAD"} else b""
        answer = clients[role].generic(
            method, path, sent, content_type=content_type, QUERY_STRING=asked, headers=headers
        )
        assert answer.status_code < 500, (method, path, asked, answer.status_code)
        if role is None:
            assert answer.status_code != 200 or route in OPEN or "HX-Redirect" in answer, path
        content = answer.getvalue().decode(errors="replace")
        assert not re.search(UNESCAPED, content) or "html" not in answer.get("Content-Type", ""), path
        if route == "sign-out/" and role is not None:
            clients[role] = signed_in(role) if role else signed_in(name="nobody")

    try:
        send()
    finally:
        logging.disable(logging.NOTSET)
