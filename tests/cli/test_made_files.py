"""What is made from the code for the command line is current, and what it has is all there."""

import json

import click

from amicopy.copies.core.parameters import PARAMETERS, Parameter
from amicopy.copies.core.states import Outcome
from amicopy_cli import members, submissions
from amicopy_cli.exits import OF_OUTCOME, Exit
from tests.cli import reference


def test_the_table_of_members_is_current() -> None:
    assert reference.MEMBERS.read_text() == reference.members(), "Run: make docs"
    assert reference.STEPS_FILE.read_text() == reference.steps(), "Run: make docs"


def test_the_page_is_current() -> None:
    assert reference.DOCUMENT.read_text() == reference.document(), "Run: make docs"


def test_every_member_is_an_option_of_what_asks() -> None:
    for command in (submissions.request, submissions.validate):
        names = {name for option in command.params for name in option.opts}
        assert {member.option for member in members.MEMBERS} <= names
    assert [member.name for member in members.MEMBERS] == ["DestinationRegion", *(each.name for each in PARAMETERS)]


def test_a_member_added_to_the_table_is_an_option() -> None:
    added = Parameter("ImageColour", "three-way", "Advanced", "both", "Colour", "What it looks like.")
    (row,) = json.loads(reference.members([added]))
    option = members.Member(**row).as_option()
    assert (option.opts, option.secondary_opts) == (["--image-colour"], ["--no-image-colour"])
    assert click.Command("x", params=[option]).make_context("x", ["--no-image-colour"]).params == {
        "image_colour": False
    }


def test_every_outcome_has_its_code() -> None:
    assert set(OF_OUTCOME) == set(Outcome)
    assert {code.value for code in Exit} == {0, 2, 3, 4, 5, 6, 7, 130}
