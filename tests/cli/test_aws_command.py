"""Pasted commands and the AWS CLI's shorthand, without a server."""

from contextlib import suppress
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amicopy.copies.core import cli_command
from amicopy.copies.core.calls import Call
from amicopy.copies.core.parameters import PARAMETERS
from amicopy_cli import aws_command, shorthand

TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1, max_size=30)
TAGS = st.lists(st.fixed_dictionaries({"Key": TEXT, "Value": st.text(max_size=5)}), min_size=1, max_size=3)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "text": TEXT,
    "long text": TEXT,
    "flag": st.just(True),
    "three-way": st.booleans(),
    "number": st.integers(0, 10_000),
    "tags": st.lists(st.fixed_dictionaries({"ResourceType": st.just("image"), "Tags": TAGS}), min_size=1, max_size=2),
}

# A client token stands beside a call's parameters.
GIVEN = {each.name: VALUES[each.kind] for each in PARAMETERS if each.name != "ClientToken"}


@given(
    st.fixed_dictionaries({}, optional=GIVEN),
    TEXT,
)
def test_the_command_that_amicopy_shows_is_read_back(parameters: dict[str, Any], region: str) -> None:
    found, left_out = aws_command.read(cli_command.text(Call(DestinationRegion=region, parameters=parameters)))
    assert (found, left_out) == ({"DestinationRegion": region, **parameters}, [])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("$ AWS_PROFILE=x /usr/bin/aws ec2 copy-image --name=a\\\n  --region eu-west-1", {"Name": "a"}),
        ("aws --profile x ec2 copy-image --region eu-west-1 --name 'a b' --debug --no-verify-ssl", {"Name": "a b"}),
        (
            "aws ec2 copy-image --region eu-west-1 --no-encrypted --no-copy-image-tags",
            {"Encrypted": False, "CopyImageTags": False},
        ),
        (
            """aws ec2 copy-image --region eu-west-1 --name b --cli-input-json '{"Name": "a", "DryRun": true}'""",
            {"Name": "b", "DryRun": True},
        ),
        (
            "aws ec2 copy-image --region eu-west-1 --tag-specifications 'ResourceType=image,Tags=[{Key=a,Value=b}]' "
            "'ResourceType=snapshot,Tags=[{Key=c,Value=}]' --name a",
            {
                "TagSpecifications": [
                    {"ResourceType": "image", "Tags": [{"Key": "a", "Value": "b"}]},
                    {"ResourceType": "snapshot", "Tags": [{"Key": "c", "Value": ""}]},
                ],
                "Name": "a",
            },
        ),
    ],
)  # fmt: skip
def test_what_people_paste_is_read(text: str, found: dict[str, Any]) -> None:
    assert aws_command.read(text)[0] == {"DestinationRegion": "eu-west-1", **found}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "doesn't begin with aws"),
        ("ec2 copy-image", "doesn't begin with aws"),
        ("aws ec2 describe-images", "isn't aws ec2 copy-image"),
        ("aws ec2 copy-image --name a | tee x", "isn't aws ec2 copy-image"),
        ("aws ec2 copy-image && rm x", "isn't aws ec2 copy-image"),
        ("aws ec2 copy-image --colour red", "No such option"),
        ("aws ec2 copy-image --name 'a", "No closing quotation"),
        ("aws ec2 copy-image --description file://words.txt", "put in what stands there"),
        ("aws ec2 copy-image --cli-input-json file://all.json", "isn't JSON"),
        ("aws ec2 copy-image --cli-input-json '{\"Colour\": 1}'", "no member Colour"),
        ("aws ec2 copy-image --cli-input-json '[]'", "no member a list"),
        ("aws ec2 copy-image --cli-input-json " + "[" * 100_000, "isn't JSON"),
        ("aws ec2 copy-image --snapshot-copy-completion-duration-minutes x", "not a valid integer"),
    ],
)
def test_what_can_t_be_read_is_said(text: str, words: str) -> None:
    with pytest.raises(click.UsageError, match="The command can't be read: ") as said:
        aws_command.read(text)
    assert words in said.value.format_message()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a=1,b=2", {"a": "1", "b": "2"}),
        ("a=,b=x=y", {"a": "", "b": "x=y"}),
        ("a=1, b='x, \\'y\\''", {"a": "1", "b": "x, 'y'"}),
        ('a="x]}",b={c=d,e=[f,g]}', {"a": "x]}", "b": {"c": "d", "e": ["f", "g"]}}),
        ("a=1,2,3,b=4", {"a": ["1", "2", "3"], "b": "4"}),
        ("a=[],b=[{c=1},{c=2}]", {"a": [], "b": [{"c": "1"}, {"c": "2"}]}),
        ('{"a": null}', {"a": None}),
    ],
)
def test_shorthand_is_read(text: str, found: Any) -> None:
    assert shorthand.parse(text) == found


@pytest.mark.parametrize(
    "text", ["", "a", "a=1,a=2", "a=[1", "a={b", "a=1]", "=1", "a=[b]c", "[", "a=" + "[" * 50, "a={b=1},c"]
)
def test_what_is_no_shorthand_is_said(text: str) -> None:
    with pytest.raises(click.BadParameter):
        shorthand.parse(text)


@given(st.text(alphabet="ab=,[]{}'\" \\", max_size=30))
def test_no_text_is_more_than_a_wrong_one(text: str) -> None:
    with suppress(click.BadParameter):
        shorthand.parse(text)
