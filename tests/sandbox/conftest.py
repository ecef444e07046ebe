"""A sandbox on a free port, and plain boto3 clients that reach it over HTTP."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.request import Request, urlopen

import boto3
import pytest
from botocore.config import Config

from amicopy.sandbox.server import Server, start

KEY = "AKIASANDBOX000000000"
ONCE = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=10, max_pool_connections=50)
Control = Callable[..., Any]
Client = Callable[..., Any]


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    server = start(copy_seconds=20)
    yield server
    server.stop()


@pytest.fixture
def control(server: Server) -> Control:
    """Calls a control address: `control("advance", seconds=5)`; without values it is a GET."""

    def call(name: str = "", *, method: str | None = None, **values: Any) -> Any:
        body = json.dumps(values).encode() if values or method else None
        request = Request(f"{server.url}/_sandbox/{name}", data=body, method=method)
        with urlopen(request) as answer:
            return json.load(answer)

    call("reset", method="POST")
    return call


@pytest.fixture(scope="session")
def session() -> boto3.Session:
    return boto3.Session(KEY, "not-checked")


@pytest.fixture
def client(server: Server, session: boto3.Session, control: Control) -> Client:
    """A client for a service in a Region; `credentials` are those of AssumeRole."""

    def make(service: str = "ec2", region: str = "us-east-1", *, credentials: Any = None, config: Config = ONCE) -> Any:
        keys = (
            {
                "aws_access_key_id": credentials["AccessKeyId"],
                "aws_secret_access_key": credentials["SecretAccessKey"],
                "aws_session_token": credentials["SessionToken"],
            }
            if credentials
            else {}
        )
        return session.client(service, region, endpoint_url=server.url, config=config, **keys)  # type: ignore[call-overload]

    return make
