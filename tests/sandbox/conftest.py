"""Plain boto3 clients that reach the sandbox over HTTP."""

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config

from amicopy.sandbox.server import Server
from tests.conftest import Control
from tests.sandbox.calls import copy

KEY = "AKIASANDBOX000000000"
ONCE = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=10, max_pool_connections=50)
Client = Callable[..., Any]


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


@pytest.fixture
def ec2(client: Client) -> Any:
    return client("ec2", "eu-west-1")


@pytest.fixture
def done(ec2: Any, control: Control) -> str:
    """A copy that is over."""
    image_id = copy(ec2)
    control("advance", seconds=600)
    return image_id
