"""Rules about tags, those the organisation asks for included."""

from typing import Any

import pytest
from environs import EnvError
from pytest_django import Settings

from amicopy.copies.rules import tags
from amicopy.settings.values import required_tags
from tests.copies.rules.cases import OTHER_ACCOUNT, said, seen, tagged


def test_tags_are_for_image_or_snapshots() -> None:
    rule = tags.tags_are_for_image_or_snapshots
    refused: list[Any] = [tagged(("a", "b"), kind="vpc"), {"Tags": []}, "x", None, {"ResourceType": ["image"]}]
    for bad in refused:
        assert "Tags go on the image or on its snapshots." in said(rule, TagSpecifications=[bad])
    assert said(rule, TagSpecifications=[tagged(("a", "b")), tagged(("a", "b"), kind="snapshot")]) == ""


def test_tags_of_a_kind_are_together() -> None:
    rule = tags.tags_of_a_kind_are_together
    words = said(rule, TagSpecifications=[tagged(("a", "b")), tagged(("c", "d"))])
    assert words == "TagSpecifications: Put all tags of the AMI together."
    assert said(rule, TagSpecifications=[tagged(("a", "b")), tagged(("c", "d"), kind="snapshot")]) == ""


def test_tags_have_a_key_and_a_value() -> None:
    rule = tags.tags_have_a_key_and_a_value
    image = {"ResourceType": "image"}
    bad: list[Any] = [
        image,
        {**image, "Tags": []},
        {**image, "Tags": [{"Key": "a"}]},
        {**image, "Tags": [{"Key": "a", "Value": 1}]},
        {**image, "Tags": [{"Key": "a", "Value": "", "Colour": "red"}]},
        {**tagged(("a", "b")), "Colour": "red"},
        tagged(("", "b")),
        "image",
    ]
    for specification in bad:
        assert "Enter a key" in said(rule, TagSpecifications=[specification]), specification
    assert said(rule, TagSpecifications=[tagged(("a", ""))]) == said(rule) == ""


def test_mark_is_amicopys_own(settings: Settings) -> None:
    rule, own = tags.mark_is_amicopys_own, [tagged(("amicopy:copy", "x/y/0"), kind="snapshot")]
    assert "Use another key than “amicopy:copy”" in said(rule, TagSpecifications=own)
    assert "Use another key" in said(rule, TagSpecifications=own, mark="x/y/1")
    assert said(rule, TagSpecifications=own, mark="x/y/0") == said(rule, TagSpecifications=[tagged(("a", ""))]) == ""
    # Where nothing is marked, the key is anybody's.
    settings.MARK_TAG_KEY = ""
    assert said(rule, TagSpecifications=own) == ""


def test_tags_are_at_most_50(settings: Settings) -> None:
    rule = tags.tags_are_at_most_50
    many = [(str(n), "") for n in range(51)]
    words = said(rule, TagSpecifications=[tagged(*many[:50])])
    assert words.endswith("Remove 1 of the tags of the AMI: AWS takes 50, and one is amicopy's mark.")
    assert said(rule, TagSpecifications=[tagged(*many[:49]), tagged(*many[:49], kind="snapshot")]) == ""
    # Frozen with its mark, a call is counted as it is.
    assert said(rule, TagSpecifications=[tagged(*many[:50])], mark="x") == ""
    settings.MARK_TAG_KEY = ""
    assert said(rule, TagSpecifications=[tagged(*many)]).endswith("Remove 1 of the tags of the AMI: AWS takes 50.")
    assert said(rule, TagSpecifications=[tagged(*many[:50]), tagged(*many[:50], kind="snapshot")]) == ""


def test_a_mark_that_does_not_fit_on_the_image_is_no_reason_to_refuse_it() -> None:
    rule, full = tags.tags_are_at_most_50, [tagged(*((str(n), "") for n in range(50)))]
    lookups = seen(tags={str(n): "" for n in range(50)})
    assert said(rule, TagSpecifications=full, CopyImageTags=True, lookups=lookups) == ""


def test_tag_keys_are_unique() -> None:
    rule = tags.tag_keys_are_unique
    words = said(rule, TagSpecifications=[tagged(("a", "1"), ("a", "2"), kind="snapshot")])
    assert "The snapshots would get “a” 2 times." in words
    assert said(rule, TagSpecifications=[tagged(("a", "1"), ("A", "1")), tagged(("a", "1"), kind="snapshot")]) == ""


def test_tag_keys_and_values_are_of_their_length() -> None:
    rule = tags.tag_keys_and_values_are_of_their_length
    assert said(rule, TagSpecifications=[tagged(("k" * 127, "v" * 256))]) == ""
    words = said(rule, TagSpecifications=[tagged(("k" * 128, "v" * 257))])
    assert "at most 127 characters" in words
    assert "at most 256 characters" in words
    # Said once, though both get it, and never as long as what was sent.
    both = said(rule, TagSpecifications=[tagged(("k" * 10**6, "")), tagged(("k" * 10**6, ""), kind="snapshot")])
    assert len(both) < 200


def test_tag_keys_dont_begin_with_aws() -> None:
    rule = tags.tag_keys_dont_begin_with_aws
    for key in ("aws:x", "AWS:x"):
        assert "must not begin with aws:" in said(rule, TagSpecifications=[tagged((key, ""))])
    assert said(rule, TagSpecifications=[tagged(("awsome", ""), ("x", "aws:x"))]) == ""


def test_tags_have_no_control_characters() -> None:
    rule = tags.tags_have_no_control_characters
    assert "Remove the character (U+0007) after “a”." in said(rule, TagSpecifications=[tagged(("a", "\x07"))])
    assert "U+DC80" in said(rule, TagSpecifications=[tagged(("a\udc80", ""))])
    assert said(rule, TagSpecifications=[tagged(("größe", "<b>=1+1\t👩‍🚀"))]) == ""


def test_required_tags_are_there(settings: Settings) -> None:
    rule = tags.required_tags_are_there
    assert said(rule) == ""
    settings.REQUIRED_TAGS = {"team": (), "stage": ("dev", "prod")}
    both = [tagged(("team", "web"), ("stage", "dev")), tagged(("team", "web"), ("stage", "dev"), kind="snapshot")]
    assert said(rule, TagSpecifications=both) == ""
    words = said(rule, TagSpecifications=both[:1])
    assert "TagSpecifications: Add the tag team to the snapshots: every copy must have it." in words
    assert "Add the tag stage with the value dev or prod to the AMI and the snapshots" in said(rule)
    wrong = [tagged(("team", " "), ("stage", "test"), kind=kind) for kind in ("image", "snapshot")]
    words = said(rule, TagSpecifications=wrong)
    assert "Enter a value for the tag team" in words
    assert "The tag stage must be one of dev, prod. This is “test”." in words


def test_a_copied_tag_of_the_source_counts_for_the_ami(settings: Settings) -> None:
    rule, lookups = tags.required_tags_are_there, seen(tags={"team": "web", "stage": "lab"})
    settings.REQUIRED_TAGS = {"team": ()}
    snapshots = [tagged(("team", "web"), kind="snapshot")]
    assert "to the AMI" in said(rule, TagSpecifications=snapshots, lookups=lookups)
    assert said(rule, TagSpecifications=snapshots, CopyImageTags=True, lookups=lookups) == ""
    assert "to the AMI" in said(rule, TagSpecifications=snapshots, CopyImageTags=True)
    foreign = seen(OwnerId=OTHER_ACCOUNT, tags={"team": "web"})
    assert "to the AMI" in said(rule, TagSpecifications=snapshots, CopyImageTags=True, lookups=foreign)


def test_new_tags_agree_with_copied_ones() -> None:
    rule, lookups = tags.new_tags_agree_with_copied_ones, seen(tags={"team": "web", "aws:x": "y"})
    new = [tagged(("team", "data"), ("os", "linux"))]
    assert "Remove “team” from the AMI's new tags" in said(
        rule, TagSpecifications=new, CopyImageTags=True, lookups=lookups
    )
    assert said(rule, TagSpecifications=new, lookups=lookups) == ""
    assert said(rule, TagSpecifications=new, CopyImageTags=True) == ""
    only_snapshots = [tagged(("team", "data"), kind="snapshot")]
    assert said(rule, TagSpecifications=only_snapshots, CopyImageTags=True, lookups=lookups) == ""


def test_warn_of_a_tag_both_new_and_copied() -> None:
    rule, lookups = tags.warn_of_a_tag_both_new_and_copied, seen(tags={"team": "web"})
    same, other = [tagged(("team", "web"))], [tagged(("team", "data"))]
    assert "“team” too" in said(rule, TagSpecifications=same, CopyImageTags=True, lookups=lookups)
    assert said(rule, TagSpecifications=same, lookups=lookups) == ""
    assert said(rule, TagSpecifications=other, CopyImageTags=True, lookups=lookups) == ""
    refuses = tags.new_tags_agree_with_copied_ones
    assert said(refuses, TagSpecifications=same, CopyImageTags=True, lookups=lookups) == ""


def test_warn_of_more_than_50_with_copied_ones() -> None:
    rule, lookups = tags.warn_of_more_than_50_with_copied_ones, seen(tags={str(n): "" for n in range(50)})
    assert said(rule, CopyImageTags=True, lookups=lookups) == ""
    assert "would get 51 tags" in said(rule, TagSpecifications=[tagged(("a", ""))], CopyImageTags=True, lookups=lookups)
    assert said(rule, TagSpecifications=[tagged(("1", ""))], CopyImageTags=True, lookups=lookups) == ""


def test_warn_of_tags_other_services_refuse() -> None:
    rule = tags.warn_of_tags_other_services_refuse
    assert "refuse tags with < >." in said(rule, TagSpecifications=[tagged(("a", "<b>"))])
    assert said(rule, TagSpecifications=[tagged(("Größe", "a+b-c=d. _:/@"))]) == ""


def test_warn_of_invisible_characters_in_tags() -> None:
    rule = tags.warn_of_invisible_characters_in_tags
    assert "U+200B" in said(rule, TagSpecifications=[tagged(("te\u200bam", ""))])
    assert said(rule, TagSpecifications=[tagged(("team", ""))]) == ""


def test_the_setting_says_keys_and_allowed_values(settings: Settings) -> None:
    assert required_tags(["team", " stage = dev | prod "]) == {"team": (), "stage": ("dev", "prod")}
    settings.REQUIRED_TAGS = {"team": (), "stage": ("dev", "prod")}
    assert tags.required_in_words() == (
        "Every copy must have on the AMI and on its snapshots: team, stage (dev or prod)."
    )
    settings.REQUIRED_TAGS = {}
    assert tags.required_in_words() == ""


@pytest.mark.parametrize("entries", [[""], ["=x"], ["a="], ["a=b|"], ["aws:a"], ["a", "a"], ["k" * 128]])
def test_a_setting_that_cannot_be_met_is_refused(entries: list[str]) -> None:
    with pytest.raises(EnvError, match="REQUIRED_TAGS must be keys"):
        required_tags(entries)
