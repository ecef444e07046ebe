"""Programs with tokens."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client

from amicopy.copies.core.models import Account
from amicopy.copies.operations import tokens
from tests.copies.conftest import SOURCE, acting, approver, make_person, requester, submit

__all__ = ("approver", "requester", "submit")

ADDRESS = "/api/v1"


class Program:
    """Calls the API with a token, without a session."""

    def __init__(self, token: str = "") -> None:
        self.token = token
        self.client = Client(enforce_csrf_checks=True)

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> HttpResponse:
        """`body` is sent as JSON, bytes as they are; a header's name has underscores."""
        sent = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token:
            named.setdefault("Authorization", f"Bearer {self.token}")
        kind = named.pop("content-type", "application/json")
        return self.client.generic(method, ADDRESS + path, sent, content_type=kind, headers=named)  # type: ignore[return-value]

    def get(self, path: str, **headers: str) -> HttpResponse:
        return self("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> HttpResponse:
        return self("POST", path, body, **headers)


Programs = Callable[..., Program]


def token_of(user: User, *scopes: str, **limits: Any) -> str:
    return tokens.make(acting(user), name="nightly", scopes=scopes, days=30, **limits)[1]


@pytest.fixture(autouse=True)
def account(db: None) -> Account:
    """An account, and somebody who can approve in it."""
    make_person("approver", "approver")
    account, _ = Account.objects.get_or_create(name="sandbox", account_id="111122223333")
    return account


@pytest.fixture
def program(db: None) -> Programs:
    """A program of a person with these roles; the token has every scope that is named."""

    def make(*roles: str, scopes: tuple[str, ...] = ("read", "request", "audit"), **limits: Any) -> Program:
        return Program(token_of(make_person(roles[0], *roles), *scopes, **limits))

    return make


def wanted(**changes: Any) -> dict[str, Any]:
    """One copy to eu-west-1, as a program asks for it."""
    body: dict[str, Any] = {
        "account": "111122223333",
        "reason": "PLAT-1: week 47 image",
        "copy_image": {
            "Name": "golden-al2023-2026.11.24",
            "SourceImageId": SOURCE,
            "SourceRegion": "us-east-1",
        },
        "destinations": [{"DestinationRegion": "eu-west-1"}],
    }
    return {**body, **changes}


def members(**more: Any) -> dict[str, Any]:
    """The same with more members of CopyImage."""
    return wanted(copy_image={**wanted()["copy_image"], **more})


def said(answer: HttpResponse) -> Any:
    """What an answer says."""
    return json.loads(answer.content)


def pointers(answer: HttpResponse) -> dict[str, str]:
    """What a problem says, by pointer."""
    assert answer["Content-Type"] == "application/problem+json"
    return {wrong["pointer"]: wrong["detail"] for wrong in said(answer)["errors"]}
