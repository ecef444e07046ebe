"""Rules about written forms, in every partition botocore knows, and what was probably meant."""

import re

import pytest
from botocore.loaders import create_loader

from amicopy.aws.partitions import partition_of, partitions, region_meant, titles
from amicopy.copies.core.calls import Call
from amicopy.copies.core.parameters import KEY_ARN, OUTPOST_ARN
from amicopy.copies.rules import check_call, formats
from tests.copies.conftest import SOURCE, make_call
from tests.copies.rules.cases import ACCOUNT, KEY, LOCAL_ZONE, LOCAL_ZONE_ID, MULTI_REGION_KEY, OUTPOST, key_arn, said

# Every Region of botocore's own data with its partition.
REGIONS = [
    (data["id"], region)
    for data in create_loader().load_data("partitions")["partitions"]
    for region in data["regions"]
    if not region.endswith("-global")
]
IDS = [region for _, region in REGIONS]


def test_every_partition_is_there() -> None:
    wanted = {"aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc"}
    assert wanted <= set(partitions()) == {partition for partition, _ in REGIONS}
    assert all(titles(partition) for partition in partitions())


@pytest.mark.parametrize(("partition", "region"), REGIONS, ids=IDS)
def test_a_call_with_everything_passes_in_every_region(partition: str, region: str) -> None:
    assert partition_of(region) == partition
    key = key_arn(region, partition=partition, key=f"key/{MULTI_REGION_KEY}")
    assert re.fullmatch(KEY_ARN, key)
    call = make_call(region, SourceRegion=region, Encrypted=True, KmsKeyId=key)
    assert check_call(call, account_id=ACCOUNT, partition=partition) == []
    outpost = f"arn:{partition}:outposts:{region}:{ACCOUNT}:outpost/op-0a1b2c3d4e5f67890"
    assert re.fullmatch(OUTPOST_ARN, outpost)
    call = make_call(region, SourceRegion=region, DestinationOutpostArn=outpost)
    assert check_call(call, account_id=ACCOUNT, partition=partition) == []
    call = make_call(region, SourceRegion=region, DestinationAvailabilityZone=f"{region}-abc-1a")
    assert check_call(call, account_id=ACCOUNT, partition=partition) == []


def test_name_has_only_allowed_characters() -> None:
    rule = formats.name_has_only_allowed_characters
    assert said(rule, Name="a b(c)[d]./-'@_1Z") == ""
    assert "Remove ü." in said(rule, Name="über")
    assert "Remove * < >." in said(rule, Name="<what*ever>")
    assert "and others" in said(rule, Name="a!#$%^&")
    assert "Remove the line feed (U+000A) after “two”." in said(rule, Name="two\nlines")
    # Digits and letters of other scripts are none here.
    assert "must be letters" in said(rule, Name="ami-٣")
    # Too long is said by another rule, once.
    assert said(rule, Name="*" * 129) == ""


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("golden\u00a0web", "Remove the no-break space (U+00A0) after “golden”."),
        ("web\tapp", "Remove the tab (U+0009) after “web”."),
        ("\ufeffweb-2026", "Remove the zero width no-break space (U+FEFF) at the beginning."),
        ("web-2026\u00a0", "Remove the no-break space (U+00A0) after “web-2026”."),
        ("golden-image-of-the-week\u200b-47", "Remove the zero width space (U+200B) after “…-of-the-week”."),
        ("we\u3164b", "Remove the hangul filler (U+3164) after “we”."),
        ("a*b\u00a0c", "Remove *, and the no-break space (U+00A0) after “a*b”."),
        ("w\u0435b", "Remove \u0435 (cyrillic small letter ie)."),
    ],
)
def test_f21_what_cannot_be_seen_is_called_by_its_name(name: str, words: str) -> None:
    assert said(formats.name_has_only_allowed_characters, Name=name).endswith(words)


def test_f21_in_a_key_too() -> None:
    words = said(formats.key_is_an_id_an_alias_or_an_arn, Encrypted=True, KmsKeyId="alias/gol\u200bden")
    assert words.endswith("Remove the zero width space (U+200B) after “alias/gol”.")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("AMI-0A7F3C92D41BE6058", f"Did you mean {SOURCE}?"),
        (f" {SOURCE}", "Remove the space"),
        (f"'{SOURCE}',", f"Did you mean {SOURCE}?"),
        (f"arn:aws:ec2:us-east-1::image/{SOURCE}", f"Did you mean {SOURCE}?"),
        (SOURCE.removeprefix("ami-"), f"Did you mean {SOURCE}?"),
        ("ami-0a7f3c92d41be605", "This has 16 after ami-."),
        ("ami-xyz", "ami- and 8 or 17 characters of 0-9 and a-f."),
        ("snap-0a7f3c92d41be6058", "This is a snapshot's ID."),
        ("i-0a7f3c92d41be6058", "This is an instance's ID."),
        ("ami-٠a7f3c92d41be6058", "ami- and 8 or 17"),
        (f"{SOURCE}\n", "Remove the line feed (U+000A)"),
    ],
)
def test_source_image_id_is_an_ami_id(text: str, words: str) -> None:
    rule = formats.source_image_id_is_an_ami_id
    assert words in said(rule, SourceImageId=text)
    assert said(rule, SourceImageId="ami-0a1b2c3d") == said(rule, SourceImageId=SOURCE) == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("eu-west-1a", "This is an Availability Zone. Did you mean eu-west-1?"),
        ("Ireland", "Did you mean eu-west-1?"),
        ("Europe (Ireland)", "Did you mean eu-west-1?"),
        ("Virginia", "Did you mean us-east-1?"),
        ("EU-WEST-1", "Did you mean eu-west-1?"),
        ("eu_west_1", "Did you mean eu-west-1?"),
        ("eu west1", "Did you mean eu-west-1?"),
        (" eu-west-1 ", "Remove the space"),
        ("ec2.eu-west-1.amazonaws.com", "Did you mean eu-west-1?"),
        ("us-east-1-bos-1a", "Did you mean us-east-1?"),
        ("us-east-1٣", "a Region's code such as"),
        ("nowhere", "a Region's code such as"),
    ],
)
def test_regions_are_region_codes(text: str, words: str) -> None:
    rule = formats.regions_are_region_codes
    assert words in said(rule, make_call(text))
    assert said(rule, make_call(text)).startswith("DestinationRegion: Region must be a Region's code")
    assert said(rule, SourceRegion=text).startswith("SourceRegion: Source Region must be a Region's code")
    assert said(rule) == ""


@pytest.mark.parametrize(("partition", "region"), REGIONS, ids=IDS)
def test_a_regions_name_is_understood_as_its_code(partition: str, region: str) -> None:
    assert region_meant(titles(partition)[region]) == region


def test_regions_are_of_a_known_partition() -> None:
    rule = formats.regions_are_of_a_known_partition
    assert said(rule, SourceRegion="xx-nowhere-9") == "SourceRegion: Choose a Region of AWS. xx-nowhere-9 isn't one."
    assert "Did you mean us-east-1?" in said(rule, make_call("uss-east-1"))
    assert said(rule, make_call("eu-west-9")) == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("op-0a1b2c3d4e5f67890", f"Did you mean {OUTPOST}?"),
        (f" {OUTPOST}", "Remove the space"),
        (OUTPOST.upper(), f"Did you mean {OUTPOST}?"),
        (f"arn:aws:ec2:us-east-1::image/{SOURCE}", "This is an ARN of ec2."),
        (OUTPOST + "0", "an Outpost's ARN such as"),
        (OUTPOST.replace(ACCOUNT, "11112222333"), "an Outpost's ARN such as"),
        (OUTPOST.replace(ACCOUNT, "١" * 12), "an Outpost's ARN such as"),
    ],
)
def test_outpost_arn_is_well_formed(text: str, words: str) -> None:
    rule = formats.outpost_arn_is_well_formed
    assert words in said(rule, make_call("us-east-1", DestinationOutpostArn=text))
    assert said(rule, make_call("us-east-1", DestinationOutpostArn=OUTPOST)) == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("us-east-1a", "This is an Availability Zone"),
        ("use1-az1", "This is an Availability Zone"),
        ("us-east-1-wl1-bos-wlz-1", "Wavelength"),
        ("us-east-1", "This is a Region."),
        (LOCAL_ZONE_ID, "enter it as Local Zone ID"),
        ("US-EAST-1-BOS-1A", f"Did you mean {LOCAL_ZONE}?"),
        ("boston", "a Local Zone's name such as"),
    ],
)
def test_local_zone_name_is_well_formed(text: str, words: str) -> None:
    rule = formats.local_zone_name_is_well_formed
    assert words in said(rule, DestinationAvailabilityZone=text)
    assert said(rule, DestinationAvailabilityZone=LOCAL_ZONE) == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [(LOCAL_ZONE, "enter it as Local Zone, and"), ("use1-az4", "Availability Zone"), ("x", "Local Zone's ID such as")],
)
def test_local_zone_id_is_well_formed(text: str, words: str) -> None:
    rule = formats.local_zone_id_is_well_formed
    assert words in said(rule, DestinationAvailabilityZoneId=text)
    assert said(rule, DestinationAvailabilityZoneId=LOCAL_ZONE_ID) == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("golden", "Did you mean alias/golden?"),
        ("Alias/golden", "Did you mean alias/golden?"),
        ("alias:golden", "Did you mean alias/golden?"),
        (f"key/{KEY}", f"Did you mean {KEY}?"),
        ("12345678-1234-1234-1234-1234567890AB", "Did you mean 12345678-1234-1234-1234-1234567890ab?"),
        (f" {KEY} ", "Remove the space"),
        (key_arn(account="1234"), "has 12 digits"),
        ("arn:aws:iam::111122223333:role/x", "This is an ARN of iam."),
        (key_arn(key="key/not-a-key"), "must be a key ID, alias/name, or the ARN"),
        ("not a key", "must be a key ID"),
        ("alias/", "must be a key ID"),
        ("alias/" + "a" * 251, "must be a key ID"),
        ("mrk-123", "must be a key ID"),
    ],
)
def test_key_is_an_id_an_alias_or_an_arn(text: str, words: str) -> None:
    rule = formats.key_is_an_id_an_alias_or_an_arn
    assert words in said(rule, KmsKeyId=text)
    good = (KEY, MULTI_REGION_KEY, "alias/a:b/c_d-1", "alias/" + "a" * 250, key_arn(), key_arn(key="alias/golden"))
    assert [said(rule, KmsKeyId=key) for key in good] == [""] * len(good)


def test_client_token_is_ascii() -> None:
    rule = formats.client_token_is_ascii
    assert said(rule, Call("eu-west-1", {}, "week 47/A~b")) == ""
    assert "must be ASCII" in said(rule, Call("eu-west-1", {}, "wöche"))


def test_warn_of_characters_only_some_pages_allow() -> None:
    rule = formats.warn_of_characters_only_some_pages_allow
    assert "may have a space '." in said(rule, Name="it's new")
    assert said(rule, Name="golden-al2023_(x86)/2026.11.24") == ""
    assert said(rule, Name="refused*") == ""


def test_warn_of_regions_newer_than_botocore() -> None:
    rule = formats.warn_of_regions_newer_than_botocore
    assert "DestinationRegion: us-eastt-1 isn't among" in said(rule, make_call("us-eastt-1"))
    assert "Did you mean us-east-1?" in said(rule, make_call("us-eastt-1"))
    assert said(rule) == ""
