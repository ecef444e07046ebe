"""Rules about each member for itself."""

from typing import Any

import pytest

from amicopy.copies.core.calls import Call
from amicopy.copies.core.parameters import PARAMETERS
from amicopy.copies.rules import fields
from tests.copies.conftest import make_call
from tests.copies.rules.cases import said


def test_only_known_members() -> None:
    assert "Colour: CopyImage has no such member." in said(fields.only_known_members, Colour="red")
    assert "DestinationRegion" in said(fields.only_known_members, DestinationRegion="eu-west-1")
    assert "ClientToken" in said(fields.only_known_members, ClientToken="x")
    assert said(fields.only_known_members, **{row.name: "x" for row in PARAMETERS if row.name != "ClientToken"}) == ""


@pytest.mark.parametrize("empty", [None, ""])
def test_required_members_are_filled(empty: Any) -> None:
    rule = fields.required_members_are_filled
    assert said(rule, Name=empty) == "Name: Enter the name."
    assert said(rule, SourceImageId=empty) == "SourceImageId: Enter the source AMI."
    assert said(rule, SourceRegion=empty) == "SourceRegion: Enter the source Region."
    assert said(rule, Call("", make_call().parameters)) == "DestinationRegion: Choose a Region."
    assert said(rule) == ""


def test_values_are_of_their_type() -> None:
    rule = fields.values_are_of_their_type
    assert said(rule, Name=5, Description=["x"]) == "Name: Enter a text.\nDescription: Enter a text."
    for value in ("true", 1, "yes"):
        assert said(rule, Encrypted=value) == "Encrypted: Choose yes or no."
        assert said(rule, CopyImageTags=value) == "CopyImageTags: Choose yes or no."
    for number in ("60", 60.0, True):
        assert "whole number" in said(rule, SnapshotCopyCompletionDurationMinutes=number)
    assert "as rows" in said(rule, TagSpecifications="team=web")
    good = {"Encrypted": True, "CopyImageTags": False, "DryRun": True, "TagSpecifications": []}
    assert said(rule, SnapshotCopyCompletionDurationMinutes=60, **good) == ""


@pytest.mark.parametrize(
    ("member", "least", "most"),
    [("Name", 3, 128), ("Description", 0, 255), ("DestinationOutpostArn", 0, 255), ("SourceRegion", 0, 32)],
)
def test_texts_are_of_their_length(member: str, least: int, most: int) -> None:
    rule = fields.texts_are_of_their_length
    assert f"{member}: " in said(rule, **{member: "a" * (most + 1)})
    assert f"at most {most} characters. This has {most + 1}." in said(rule, **{member: "a" * (most + 1)})
    assert said(rule, **{member: "a" * most}) == ""
    if least:
        assert f"at least {least} characters. This has {least - 1}." in said(rule, **{member: "a" * (least - 1)})
        assert said(rule, **{member: "a" * least}) == ""
    assert "at most 64" in said(rule, Call("eu-west-1", make_call().parameters, "t" * 65))
    assert said(rule, Call("eu-west-1", make_call().parameters, "t" * 64)) == ""


def test_texts_have_no_control_characters() -> None:
    rule = fields.texts_have_no_control_characters
    for character in "\x00\x07\x0b\r\x1b\x7f\ud800\uffff":
        assert f"(U+{ord(character):04X}) after “a”." in said(rule, Description=f"a{character}b")
    # EC2 takes what XML can carry: line feeds, no-break spaces, and people made of several characters.
    assert said(rule, Description="a\tb\nc\u00a0d 👩‍🚀 \u202e") == ""


def test_warn_of_invisible_characters() -> None:
    rule = fields.warn_of_invisible_characters
    assert said(rule, Description="safe\u202egpj.exe") == (
        "Description: Description has an invisible character: right-to-left override (U+202E)."
    )
    assert said(rule, Description="plain\ntext 👩‍🚀") == ""
    # A megabyte is judged at once, too: whoever sends it waits for nothing but its way.
    assert said(rule, Description="a" * 2**20) == ""
