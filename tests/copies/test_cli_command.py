"""The printed command, run by a real shell: its arguments are the call's, whatever the values are."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from amicopy.copies.core import cli_command
from amicopy.copies.core.calls import Call
from tests.copies.conftest import make_call

HOSTILE = (
    "plain",
    "it's $(touch pwned) `touch pwned` ${HOME} \\ \" ; rm -rf / & | > x",
    "two\nlines\twith tab",
    "-starts-with-a-dash",
    "--dry-run",
    "ünïcödé 東京 \U0001f680",
    "'",
    "*",
    "~",
    "!history",
    "# no comment",
    "=cmd|'/c calc'!A1",
)


def arguments(call: Call, folder: Path) -> list[str]:
    """What `aws` is given when the command is pasted into a shell."""
    stub = folder / "aws"
    stub.write_text(f"#!{sys.executable}\nimport json, sys\nprint(json.dumps(sys.argv[1:]))\n")
    stub.chmod(0o755)
    shell = subprocess.run(
        ["/bin/sh", "-c", cli_command.text(call)],
        cwd=folder,
        env={"PATH": f"{folder}:/usr/bin:/bin", "HOME": "/nowhere", "PYTHONUTF8": "1"},
        capture_output=True,
        check=True,
    )
    assert {path.name for path in folder.iterdir()} == {"aws"}, "the command did something else"
    found: list[str] = json.loads(shell.stdout)
    return found


def options(given: list[str]) -> dict[str, Any]:
    """The options as the CLI reads them: `--name value`, `--name=value`, or `--name` alone."""
    assert given[:2] == ["ec2", "copy-image"]
    found: dict[str, Any] = {}
    rest = given[2:]
    while rest:
        name = rest.pop(0)
        assert name.startswith("--"), name
        if "=" in name:
            name, _, value = name.partition("=")
            found[name] = value
        elif rest and not rest[0].startswith("-"):
            found[name] = rest.pop(0)
        else:
            found[name] = True
    return found


@pytest.mark.parametrize("value", HOSTILE)
def test_a_shell_hands_on_every_value_as_it_is(value: str, tmp_path: Path) -> None:
    tags = [{"ResourceType": "image", "Tags": [{"Key": value, "Value": value}]}]
    call = make_call(
        value, Name=value, Description=value, TagSpecifications=tags, CopyImageTags=True, Encrypted=True, KmsKeyId=value
    )
    given = options(arguments(call, tmp_path))
    assert json.loads(given.pop("--tag-specifications")) == tags
    assert given == {
        "--region": value,
        "--name": value,
        "--description": value,
        "--source-image-id": "ami-0a7f3c92d41be6058",
        "--source-region": "us-east-1",
        "--copy-image-tags": True,
        "--encrypted": True,
        "--kms-key-id": value,
    }


@pytest.mark.parametrize("value", ["file:///etc/passwd", "fileb://x", "https://example.com/x"])
def test_a_value_that_the_cli_would_read_from_elsewhere_stays_a_value(value: str, tmp_path: Path) -> None:
    given = options(arguments(make_call(Description=value), tmp_path))
    assert "--description" not in given
    assert json.loads(given["--cli-input-json"]) == {"Description": value}


def test_every_member_has_the_option_of_the_cli(tmp_path: Path) -> None:
    call = Call(
        "us-east-1",
        {
            "DestinationAvailabilityZoneId": "use1-bos1-az1",
            "SnapshotCopyCompletionDurationMinutes": 60,
            "DryRun": True,
            "Encrypted": False,
        },
        "token",
    )
    assert options(arguments(call, tmp_path)) == {
        "--region": "us-east-1",
        "--destination-availability-zone-id": "use1-bos1-az1",
        "--snapshot-copy-completion-duration-minutes": "60",
        "--dry-run": True,
        "--no-encrypted": True,
        "--client-token": "token",
    }
