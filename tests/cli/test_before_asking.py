"""What the command line says before anything is asked for: the source, how much and how long."""

import re
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone

from amicopy.copies.core.models import CopyRequest, ImageCopy
from amicopy.copies.core.name_templates import PLACEHOLDERS
from amicopy_cli import members
from tests.cli.conftest import ASKED, Command
from tests.copies.conftest import SOURCE

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("patient")]
LOOK = ("source", "--account", "111122223333", "--source-region")


def test_a_source_is_waited_for_and_shown(amicopy: Command) -> None:
    run = amicopy(*LOOK, "us-east-1", "--source-image-id", SOURCE)
    assert (run.code, run.err) == (0, "")
    for words in ("found", "golden-al2023-x86_64-2026.11.18", "52 GiB", "launch permissions"):
        assert words in run.out
    told = amicopy(*LOOK, "us-east-1", "--source-image-id", SOURCE, "--output", "json").json
    assert (told["seen"], told["usable"]) == ("found", True)


def test_a_source_that_can_t_be_copied_ends_with_6(amicopy: Command) -> None:
    unreadable = amicopy(*LOOK, "us-east-1", "--source-image-id", "ami-0490c7d3f5e2b68a1")
    assert (unreadable.code, "Refused: " in unreadable.out) == (6, True)
    elsewhere = amicopy(*LOOK, "eu-west-1", "--source-image-id", SOURCE)
    assert (elsewhere.code, "us-east-1" in elsewhere.out) == (6, True)
    wrong = amicopy(*LOOK, "us-east-1", "--source-image-id", "ami-x")
    assert (wrong.code, wrong.out) == (6, "")


def test_an_estimate_stores_nothing_and_fills_names_in(amicopy: Command) -> None:
    assert amicopy("request", *ASKED, "--region", "eu-west-1").code == 0
    # Earlier, 26 GiB took 260 seconds: ten for each.
    taken = {"snapshots": [{"VolumeSize": 26}], "called_at": timezone.now() - timedelta(seconds=260)}
    ImageCopy.objects.update(state="AVAILABLE", ImageId="ami-1", finished_at=timezone.now(), **taken)
    cache.clear()
    regions = ("--region", "eu-west-1", "--region", "us-west-2")
    run = amicopy("estimate", *ASKED, *regions, "--name", "golden-{region}")
    assert (run.code, run.err) == (0, "")
    assert "52 GiB" in run.out
    (ireland,) = [line for line in run.out.splitlines() if line.startswith("eu-west-1")]
    assert ireland.split()[:6] == ["eu-west-1", "golden-eu-west-1", "about", "9", "min", "no"]
    # An earlier copy is there, under no key either: it may be of changes only.
    assert re.search(r"0 to \d\.\d\d USD +0 to \d\.\d\d USD$", ireland)
    assert "without discounts" in run.out
    (oregon,) = [line for line in run.out.splitlines() if line.startswith("us-west-2")]
    assert "not known" in oregon
    assert re.search(r"at most \d\.\d\d USD +at most \d\.\d\d USD$", oregon)
    told = amicopy("estimate", *ASKED, *regions, "--output", "json").json
    assert (told["GiB"], round(told["destinations"][0]["seconds"]["high"])) == (52, 520)
    assert CopyRequest.objects.count() == 1
    assert amicopy("estimate", *ASKED, "--account", "999999999999").code == 6


def test_the_help_of_a_name_says_what_is_filled_in() -> None:
    words = members.BY_NAME["Name"].help
    assert all(each in words for each in PLACEHOLDERS)
