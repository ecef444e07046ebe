"""What tests of the gateway share."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from amicopy.aws import sessions
from tests.aws.answering import Answering, http, start


@pytest.fixture
def answering(settings: Settings, _no_aws: None) -> Iterator[Answering]:
    """The application talks to a server that answers what the test says."""
    state, stop = start(lambda headers, body: http(500, ""))
    settings.AWS_ENDPOINT = state.url
    sessions.forget_all()
    yield state
    stop()
