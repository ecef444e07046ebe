"""Clients: what a worker reads before it forks."""

from typing import Any

import pytest

from amicopy.aws import sessions
from amicopy.aws.account import AwsAccount


def test_a_client_made_after_the_model_was_loaded_reads_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    sessions.load()

    def refuse(path: str) -> Any:
        raise AssertionError(f"{path} was read again")

    monkeypatch.setattr(sessions._loader.file_loader, "load_file", refuse)
    sessions.forget_all()
    assert sessions.client("ec2", AwsAccount("111122223333"), "eu-west-1").meta.region_name == "eu-west-1"
