"""Asking from the command line: what becomes of options, of pasted commands, of refusals and of lost answers."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from amicopy.copies.core import cli_command
from amicopy.copies.core.calls import Call
from amicopy.copies.core.models import Account, CopyRequest
from tests.cli.conftest import ASKED, Command, become, ended, filed, interrupt, line
from tests.cli.door import Door
from tests.conftest import Control
from tests.copies.conftest import SOURCE, approve, make_person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
OUTPOST = "arn:aws:outposts:us-east-1:111122223333:outpost/op-0123456789abcdef0"


def asked_for(parameters: dict[str, Any]) -> dict[str, Any]:
    """A copy's parameters without amicopy's own mark."""
    tags = [
        {**each, "Tags": [tag for tag in each["Tags"] if tag["Key"] != "amicopy:copy"]}
        for each in parameters["TagSpecifications"]
    ]
    return {**parameters, "TagSpecifications": [each for each in tags if each["Tags"]]}


def test_each_region_is_a_destination_and_says_where_it_is(amicopy: Command) -> None:
    run = amicopy("request", *ASKED, "--region", "eu-west-1", "--region", "us-west-2", "--correlation", "run-7")
    assert (run.code, run.err) == (0, "")
    row = filed()
    assert [copy.DestinationRegion for copy in row.copies.order_by("position")] == ["eu-west-1", "us-west-2"]
    assert (row.reason, row.correlation, row.requester.username) == ("PLAT-1", "run-7", "requester")
    for words in (f"#{row.pk} PENDING", row.content_hash, "us-west-2", "1 of anybody who may decide"):
        assert words in run.out
    # To a pipe: no colours, no lines drawn, one line for each copy whatever its length.
    assert "\x1b" not in run.out
    assert run.out.isascii()
    assert not any(line.endswith(" ") for line in run.out.splitlines())


def test_every_kind_of_option_arrives(amicopy: Command) -> None:
    start = f"{timezone.now() + timedelta(days=30):%Y-%m-%dT%H:00:00Z}"
    run = amicopy(
        "request", *ASKED, "--encrypted", "--kms-key-id", "alias/golden-images", "--copy-image-tags",
        "--description", "for the fleet", "--snapshot-copy-completion-duration-minutes", "30",
        "--tag-specifications", "ResourceType=image,Tags=[{Key=team,Value=platform},{Key=Name,Value='a, b'}]",
        '{"ResourceType": "snapshot", "Tags": [{"Key": "team", "Value": "platform"}]}',
        "--destination", "DestinationRegion=eu-west-1,Name=golden-west,SnapshotCopyCompletionDurationMinutes=15",
        "--region", "us-west-2", "--start-not-before", start, "--output", "json",
    )  # fmt: skip
    assert run.code == 0, run.err
    west, ireland = filed().copies.order_by("position")
    tags = [
        {"ResourceType": "image", "Tags": [{"Key": "team", "Value": "platform"}, {"Key": "Name", "Value": "a, b"}]},
        {"ResourceType": "snapshot", "Tags": [{"Key": "team", "Value": "platform"}]},
    ]
    assert asked_for(west.parameters) == {
        "SourceRegion": "us-east-1",
        "SourceImageId": SOURCE,
        "Name": "golden-1",
        "Description": "for the fleet",
        "Encrypted": True,
        "KmsKeyId": "alias/golden-images",
        "SnapshotCopyCompletionDurationMinutes": 30,
        "CopyImageTags": True,
        "TagSpecifications": tags,
    }
    assert (ireland.Name, ireland.parameters["SnapshotCopyCompletionDurationMinutes"]) == ("golden-west", 15)
    assert run.json["start_not_before"] == start


@pytest.mark.parametrize(
    ("options", "destination"),
    [
        (["--destination-outpost-arn", OUTPOST], {"DestinationOutpostArn": OUTPOST}),
        (["--region", "us-east-1", "--destination-outpost-arn", OUTPOST], {"DestinationOutpostArn": OUTPOST}),
        (
            ["--destination-availability-zone", "us-east-1-bos-1a"],
            {"DestinationAvailabilityZone": "us-east-1-bos-1a"},
        ),
    ],
)
def test_an_outpost_or_a_zone_is_a_destination(
    amicopy: Command, options: list[str], destination: dict[str, str]
) -> None:
    # The sandbox has no such Outpost.
    assert amicopy("request", *ASKED, *options, "--submit-anyway", "The rack comes on Monday.").code == 0
    copy = filed().copies.get()
    assert copy.DestinationRegion == "us-east-1"
    assert destination.items() <= copy.parameters.items()


def test_several_accounts_are_a_request_each_and_all_or_none(amicopy: Command, person: User) -> None:
    Account.objects.create(name="second", account_id="444455556666")
    anyway = ("--submit-anyway", "The second account's role is being made.")
    both = ("request", *ASKED, "--region", "eu-west-1", "--account", "444455556666", *anyway)
    refused = amicopy(*both, "--account", "999999999999")
    assert (refused.code, refused.out) == (6, "")
    assert "--account: Choose the AWS account to copy into." in refused.err
    assert not CopyRequest.objects.exists()
    run = amicopy(*both, "--idempotency-key", "run-7")
    again = amicopy(*both, "--idempotency-key", "run-7")
    assert (run.code, again.code, again.out) == (0, 0, run.out)
    assert set(CopyRequest.objects.values_list("account__account_id", flat=True)) == {"111122223333", "444455556666"}
    assert CopyRequest.objects.count() == 2


def test_a_pasted_command_is_asked_for(amicopy: Command) -> None:
    call = Call(
        DestinationRegion="eu-west-1",
        parameters={
            "SourceRegion": "us-east-1",
            "SourceImageId": SOURCE,
            "Name": "golden (week 47)",
            "Description": "it's 'quoted', $HOME and\nmore",
            "CopyImageTags": True,
            "TagSpecifications": [{"ResourceType": "image", "Tags": [{"Key": "a", "Value": ""}]}],
        },
    )
    more = ("--account", "111122223333", "--reason", "PLAT-1")
    pasted = cli_command.text(call) + " --profile golden --no-cli-pager"
    run = amicopy("request", "--from-command", "-", *more, stdin=pasted)
    assert run.code == 0, run.err
    assert run.err == "".join(
        f"{option} is left out: it says nothing about the copy.\n" for option in ("--profile", "--no-cli-pager")
    )
    copy = filed().copies.get()
    assert (copy.DestinationRegion, asked_for(copy.parameters)) == ("eu-west-1", call.parameters)
    # What stands beside it comes before its own.
    instead = ("--region", "us-west-2", "--region", "eu-central-1", "--name", "another")
    assert amicopy("request", "--from-command", pasted, *more, *instead).code == 0
    copies = CopyRequest.objects.latest("pk").copies.order_by("position")
    assert [(each.DestinationRegion, each.Name) for each in copies] == [
        ("us-west-2", "another"),
        ("eu-central-1", "another"),
    ]


def test_a_refusal_says_what_is_wrong_with_each_option(amicopy: Command) -> None:
    wrong = ("request", *ASKED, "--region", "eu-west-1", "--region", "mars", "--name", "a*")
    run = amicopy(*wrong)
    assert (run.code, run.out) == (6, "")
    assert "The request was refused. Nothing was stored." in run.err
    assert "\n  destination 2, --region: " in run.err
    assert "\n  --name: " in run.err
    # In JSON it is the problem, as the API says it.
    told = amicopy(*wrong, "--output", "json")
    assert (told.code, told.json["code"], told.json["status"]) == (6, "invalid-request", 422)
    assert "#/destinations/1/DestinationRegion" in {each["pointer"] for each in told.json["errors"]}
    assert not CopyRequest.objects.exists()


def test_validating_stores_nothing(amicopy: Command) -> None:
    good = amicopy("validate", *ASKED, "--region", "eu-west-1")
    assert (good.code, good.out.splitlines()[0]) == (0, "It would be taken.")
    bad = amicopy("validate", *ASKED, "--region", "eu-west-1", "--name", "a*")
    assert bad.code == 6
    assert "Refused: --name: " in bad.out
    assert amicopy("validate", *ASKED, "--region", "eu-west-1", "--output", "json").json["valid"] is True
    assert not CopyRequest.objects.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("request",), "Missing option '--account'"),
        (("request", *ASKED, "--snapshot-copy-completion-duration-minutes", "soon"), "not a valid integer"),
        (("request", *ASKED, "--tag-specifications", "ResourceType"), "name=value is expected"),
        (("request", *ASKED, "--destination", "eu-west-1"), "name=value is expected"),
        (
            ("request", *ASKED, "--region", "a", "--region", "b", "--destination-outpost-arn", OUTPOST),
            "say it with --destination",
        ),
        (("request", *ASKED, "--from-command", "rm -rf /"), "it doesn't begin with aws"),
        (("request", *ASKED, "--timeout", "soon"), "no time such as"),
        (("request", *ASKED, "--token", "amic_x"), "No such option"),
        (("status", "twelve"), "not a valid integer"),
        (("reject", "12", "--content-hash", "0"), "Missing option '--reason'"),
        (("approve", "12"), "--content-hash"),
        ((), "Usage: amicopy"),
    ],
)
def test_a_wrong_call_is_usage(amicopy: Command, arguments: tuple[str, ...], words: str) -> None:
    run = amicopy(*arguments)
    assert (run.code, run.out) == (2, "")
    assert words in run.err


def test_a_lost_answer_asks_for_nothing_twice(amicopy: Command, door: Door) -> None:
    door.modes.extend(["lose", "busy"])
    run = amicopy("request", *ASKED, "--region", "eu-west-1", AMICOPY_SERVER=door.url)
    assert run.code == 0, run.err
    assert "Trying again" in run.err
    assert len(door.calls) == 3
    assert len({key for _, key in door.calls}) == 1
    assert len(door.calls[0][1]) > 20
    assert CopyRequest.objects.count() == 1


def test_every_run_has_a_key_of_its_own_unless_it_is_given_one(amicopy: Command) -> None:
    asked = ("request", *ASKED, "--region", "eu-west-1")
    assert amicopy(*asked).code == amicopy(*asked).code == 0
    assert CopyRequest.objects.count() == 2
    assert amicopy(*asked, "--idempotency-key", "k").out == amicopy(*asked, "--idempotency-key", "k").out
    assert CopyRequest.objects.count() == 3
    other = amicopy(*asked, "--description", "another", "--idempotency-key", "k")
    assert other.code == 6
    assert "Another call was made under this Idempotency-Key" in other.err


def test_asking_and_waiting_are_one_command(amicopy: Command) -> None:
    again = ("--interval", "0.1s", "--idempotency-key", "run-7")
    first = amicopy("request", *ASKED, "--region", "eu-west-1", "--wait", "--timeout", "0.3s", *again)
    row = filed()
    assert first.code == 3
    assert f"Request #{row.pk}: " in first.err
    assert f"It goes on: amicopy wait {row.pk}" in first.err
    approve(make_person("approver", "approver"), row)
    become(row, "PARTIAL", {0: "FAILED"})
    # The same run once more waits for the same request.
    second = amicopy("request", *ASKED, "--region", "eu-west-1", "--follow", *again, "--output", "json")
    assert (second.code, second.json["number"], second.json["outcome"]) == (5, row.pk, "partly")


def test_ctrl_c_while_asking_says_how_to_ask_once(amicopy: Command, door: Door) -> None:
    door.shut()
    process = amicopy.begin("request", *ASKED, "--region", "eu-west-1", AMICOPY_SERVER=door.url)
    line(process, "Trying again")
    interrupt(process)
    run = ended(process)
    assert (run.code, run.out) == (130, "")
    assert re.search(r"The same command with --idempotency-key [0-9a-f-]{36} asks for nothing twice", run.err)
    gone = amicopy("--retry-for", "0", "request", *ASKED, "--region", "eu-west-1", AMICOPY_SERVER=door.url)
    assert (gone.code, "--idempotency-key" in gone.err) == (7, True)


def test_steps_are_asked_for_by_option_from_a_file_and_otherwise_in_a_destination(
    amicopy: Command, tmp_path: Path
) -> None:
    path = tmp_path / "steps.json"
    path.write_text('{"ImageDeprecation": {"DaysAfterCopy": 90}, "Parameter": {"Name": "/golden/{region}"}}')
    run = amicopy(
        "request", *ASKED, "--region", "us-west-2", "--steps", f"file://{path}",
        "--launch-permission", "UserIds=222233334444,333344445555",
        "--image-deregistration-protection", "WithCooldown=true",
        "--destination", "DestinationRegion=eu-west-1,steps={ImageDeprecation={DaysAfterCopy=30}}",
        "--output", "json",
    )  # fmt: skip
    assert run.code == 0, run.err
    row = filed()
    assert row.steps == {
        "LaunchPermission": {"UserIds": ["222233334444", "333344445555"]},
        "ImageDeprecation": {"DaysAfterCopy": 90},
        "ImageDeregistrationProtection": {"WithCooldown": True},
        "Parameter": {"Name": "/golden/{region}"},
    }
    assert [copy.own_steps for copy in row.copies.order_by("position")] == [
        {},
        {"ImageDeprecation": {"DaysAfterCopy": 30}},
    ]
    assert [step["state"] for step in run.json["copies"][0]["steps"]] == ["WAITING"] * 4
    refused = amicopy("request", *ASKED, "--region", "eu-west-1", "--launch-permission", "UserIds=12")
    assert refused.code == 6
    assert "--launch-permission UserIds: Enter the 12 digits of an account. “12” isn't that." in refused.err
    shown = amicopy("show", str(row.pk))
    assert "0 of 4 steps done" in shown.out


def test_steps_for_an_ami_that_exists_are_asked_for_without_a_copy(
    amicopy: Command, sandbox: Control, patient: None
) -> None:
    image = ("--account", "111122223333", "--source-region", "us-east-1", "--source-image-id", SOURCE)
    wanted = (*image, "--reason", "PLAT-1", "--launch-permission", "UserIds=222233334444")
    checked = amicopy("request-steps", *wanted, "--validate")
    assert (checked.code, CopyRequest.objects.count()) == (0, 0), checked.err
    refused = amicopy("request-steps", *wanted, "--image-deprecation", "DaysAfterCopy=3")
    assert refused.code == 6
    assert "--image-deprecation DaysAfterCopy: Enter a date" in refused.err
    run = amicopy("request-steps", *wanted, "--idempotency-key", "run-7")
    assert run.code == 0, run.err
    row = filed()
    assert (row.existing, row.copies.get().approved_steps) == (
        True,
        {"LaunchPermission": {"UserIds": ["222233334444"]}},
    )
    for words in (f"#{row.pk} PENDING", "none, the AMI exists", "0 of 1 steps done"):
        assert words in run.out
    amicopy("request-steps", *wanted, "--idempotency-key", "run-7")
    assert CopyRequest.objects.count() == 1
