"""`manage.py sandbox` as a process of its own: start, journal, hard kill, port in use, end."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import boto3
import pytest

from tests.ports import free_port
from tests.sandbox.calls import copy, image, snapshots
from tests.sandbox.conftest import KEY

pytestmark = [pytest.mark.processes, pytest.mark.slow]
MANAGE = Path(__file__).parents[2] / "manage.py"


@contextmanager
def running(port: int, *options: str) -> Iterator[subprocess.Popen[str]]:
    """The command, from the line that says it is ready on."""
    command = [sys.executable, str(MANAGE), "sandbox", "--port", str(port), *options]
    process = subprocess.Popen(
        command,
        env={**os.environ, "AMICOPY_AWS": "sandbox"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == f"Sandbox ready at http://127.0.0.1:{port}\n"
        yield process
    finally:
        process.kill()
        process.communicate()


@cache
def ec2(port: int) -> Any:
    return boto3.Session(KEY, "x").client("ec2", "eu-west-1", endpoint_url=f"http://127.0.0.1:{port}")


def control(port: int, name: str = "", *, method: str | None = None, **values: Any) -> Any:
    body = json.dumps(values).encode() if values or method else None
    request = Request(f"http://127.0.0.1:{port}/_sandbox/{name}", data=body, method=method)
    with urlopen(request) as answer:
        return json.load(answer)


def test_regions_are_opted_in_besides_those_of_the_catalogue() -> None:
    port = free_port()
    with running(port, "--opt-in", "us-west-1", "af-south-1", "eu-west-1"):
        session = boto3.Session(KEY, "x")
        ec2 = session.client("ec2", "us-west-1", endpoint_url=f"http://127.0.0.1:{port}")
        listed = {row["RegionName"]: row["OptInStatus"] for row in ec2.describe_regions(AllRegions=True)["Regions"]}
    assert [listed[name] for name in ("us-west-1", "af-south-1", "eu-west-1")] == [
        "opted-in",
        "opted-in",
        "opt-in-not-required",
    ]
    done = subprocess.run(
        [sys.executable, str(MANAGE), "sandbox", "--opt-in", "everywhere"],
        env={**os.environ, "AMICOPY_AWS": "sandbox"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "CommandError: everywhere is no Region.\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_cleanly(number: signal.Signals) -> None:
    with running(free_port(), "--limit", "7", "--copy-seconds", "3", "--no-leave-snapshots") as process:
        process.send_signal(number)
        out, err = process.communicate(timeout=10)
        assert (process.returncode, out, err) == (0, "", "")


def test_a_port_in_use_is_one_line_and_exit_code_1() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        command = [sys.executable, str(MANAGE), "sandbox", "--port", str(port)]
        done = subprocess.run(
            command, env={**os.environ, "AMICOPY_AWS": "sandbox"}, capture_output=True, text=True, check=False
        )
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"CommandError: The sandbox can't listen on 127.0.0.1:{port}: Address already in use."
    ]


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--limit", "-1"], "limit must be a number of 0 or more."),
        (["--journal", "/nowhere/journal"], "The sandbox can't use /nowhere/journal: No such file or directory."),
    ],
)
def test_an_option_that_makes_no_sense_is_one_line(options: list[str], line: str) -> None:
    command = [sys.executable, str(MANAGE), "sandbox", "--port", str(free_port()), *options]
    environment = {**os.environ, "AMICOPY_AWS": "sandbox"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, f"CommandError: {line}\n")


@pytest.mark.slow
def test_the_journal_survives_a_hard_kill(tmp_path: Path) -> None:
    port, options = free_port(), ["--journal", str(tmp_path / "journal.jsonl"), "--limit", "9", "--copy-seconds", "300"]
    with running(port, *options):
        assert control(port)["settings"]["limit"] == 9
        kept = copy(ec2(port), Name="kept", ClientToken="kept", CopyImageTags=True)
        cancelled = copy(ec2(port), Name="cancelled")
        ec2(port).deregister_image(ImageId=cancelled)
        [first, second] = snapshots(ec2(port), cancelled)
        ec2(port).delete_snapshot(SnapshotId=first["SnapshotId"])
        control(port, "advance", seconds=10)
        progress = [row["Progress"] for row in snapshots(ec2(port), kept)]
        removed = [row["Removed"] for row in control(port, "images")]
    for name in ("journal.jsonl", "journal.answers"):
        with (tmp_path / name).open("a") as file:
            file.write('{"do": "copy", "acc')
    with running(port, *options):
        assert [row["action"] for row in control(port, "answers")] == [
            *["CopyImage"] * 2,
            "DeregisterImage",
            "DescribeSnapshots",
            "DeleteSnapshot",
            "DescribeSnapshots",
        ]
        assert [row["number"] for row in control(port, "answers")] == list(range(1, 7))
        assert copy(ec2(port), Name="kept", ClientToken="kept", CopyImageTags=True) == kept
        seen = image(ec2(port), kept)
        assert (seen["State"], seen["Name"], len(seen["Tags"])) == ("pending", "kept", 3)
        again = [row["Progress"] for row in snapshots(ec2(port), kept)]
        assert [int(new[:-1]) >= int(old[:-1]) > 0 for new, old in zip(again, progress, strict=True)] == [True] * 2
        assert ec2(port).describe_images(ImageIds=[cancelled])["Images"] == []
        assert [row["SnapshotId"] for row in snapshots(ec2(port), cancelled)] == [second["SnapshotId"]]
        assert [row["Removed"] for row in control(port, "images")] == removed
        control(port, "advance", seconds=600)
        assert image(ec2(port), kept)["State"] == "available"
        [deregistered] = [row for row in control(port, "images") if row["ImageId"] == cancelled]
        assert [row["SnapshotId"] for row in deregistered["DeletedSnapshots"]] == [first["SnapshotId"]]
        control(port, "forget-tokens", method="POST")
        place = {"ResourceId": kept, "Account": "111122223333", "Region": "eu-west-1"}
        control(port, "resource", State="disabled", **place)
    with running(port, *options):
        assert image(ec2(port), kept)["State"] == "disabled"
        assert copy(ec2(port), Name="kept", ClientToken="kept", CopyImageTags=True) != kept
        control(port, "reset", method="POST")
        assert not (tmp_path / "journal.answers").exists()
        assert control(port, "answers") == []
