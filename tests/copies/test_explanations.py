"""Every failure that stays is explained: what happened, what to do next, and where a new request would mend it."""

from typing import Any

import pytest

from amicopy.aws import errors
from amicopy.copies.core.explanation_causes import BOTOCORES, BY_CAUSE, OURS
from amicopy.copies.core.explanation_table import BY_CODE, Explanation
from amicopy.copies.core.explanations import explain, is_ours
from amicopy.copies.core.models import ImageCopy
from amicopy.copies.core.parameters import BY_NAME

CODES = sorted({code for codes in errors.KINDS.values() for code in codes} | BOTOCORES)
KEY = "alias/golden-images"
# As packer#12683 and packer-plugin-amazon#225 show them.
NOT_ACCESSIBLE = "The specified KMS key is not accessible"
NO_SUCH_KEY = "Given key ID is not accessible. You must have DescribeKey permissions on the default CMK"


def copy_of(code: str, message: str = "", *, image_id: str = "", **parameters: Any) -> ImageCopy:
    return ImageCopy(
        error_code=code,
        error_message=message,
        ImageId=image_id,
        DestinationRegion="eu-west-1",
        destination="eu-west-1",
        parameters=parameters,
    )


def known(**place: Any) -> dict[str, Any]:
    return {"destinations": [{"destination": "eu-west-1", "encrypts_by_default": False, **place}]}


def key_of(problem: str = "") -> dict[str, Any]:
    return {"asked": KEY, "Arn": "", "KeyState": "", "KeyManager": "", "problem": problem}


@pytest.mark.parametrize("found", [*(BY_CODE[code] for code in CODES), *OURS.values(), *BY_CAUSE.values()])
def test_a_failure_has_plain_words_and_a_next_step(found: Explanation) -> None:
    for code in (*CODES, *OURS):
        if code not in {"Blocked", "Unavailable", "NotFound"}:
            assert code not in found.title + found.cause + found.next_step, "AWS's words stay below"
    assert found.title[-1] not in ".!"
    assert found.cause.endswith(".")
    assert found.next_step.endswith(".")
    assert found.field in {"", "place", "DestinationRegion", *BY_NAME}


def test_an_explanation_is_of_a_code_that_can_happen() -> None:
    assert set(BY_CODE) == set(CODES)


@pytest.mark.parametrize(
    ("code", "message", "image_id"),
    [
        ("InvalidKMSKey.InvalidState", "The KMS key provided is in an incorrect state", ""),
        ("InvalidParameterValue", NOT_ACCESSIBLE, ""),
        ("Client.InternalError", NO_SUCH_KEY, "ami-1"),
        ("Client.InternalError", "Copy image failed with an internal error", "ami-1"),
        ("ImageFailed", "AWS gave no reason.", "ami-1"),
    ],
)
def test_f10_a_key_is_named_with_what_the_look_up_knew_of_it(code: str, message: str, image_id: str) -> None:
    copy = copy_of(code, message, image_id=image_id, Encrypted=True, KmsKeyId=KEY)
    found = explain(copy, known(key=key_of("KMS key must be enabled. This key is disabled.")))
    assert "KMS key" in found.title
    assert (
        f"asks for {KEY}. When it was looked at before: KMS key must be enabled. This key is disabled." in found.cause
    )
    assert found.field == "KmsKeyId"
    assert "KMS knew it in eu-west-1 as enabled" in explain(copy, known(key=key_of())).cause
    assert "It wasn't looked at before." in explain(copy).cause


def test_f10_without_a_key_it_is_the_default_or_the_sources() -> None:
    copy = copy_of("Client.InternalError", NO_SUCH_KEY, image_id="ami-1", Encrypted=True)
    source = {"volumes": [{"Encrypted": True, "KmsKeyId": "arn:source"}]}
    cause = explain(copy, {**known(default_key="arn:default"), "source": source}).cause
    assert "the default EBS key of eu-west-1, arn:default" in cause
    assert "encrypted with arn:source" in cause
    # With no key at all in it, an internal error is one.
    plain = explain(copy_of("Client.InternalError", "Copy image failed with an internal error", image_id="ami-1"))
    assert "key" not in plain.title + plain.cause


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("You are not authorized to perform this operation.", "AWS doesn't say which permission is missing"),
        ("You are not authorized. Encoded authorization failure message: abc_-", "an administrator can decode it"),
        (
            "User: x is not authorized to perform: ec2:CreateTags on resource: y",
            "The missing action is ec2:CreateTags.",
        ),
    ],
)
def test_f11_only_what_the_message_has_is_promised(message: str, words: str) -> None:
    found = explain(copy_of("UnauthorizedOperation", message))
    assert found.next_step.endswith(words) or words in found.next_step
    assert ("The missing action is" in found.next_step) == ("ec2:" in message)
    assert "names the missing action" not in found.next_step


@pytest.mark.parametrize(
    ("words", "who"),
    [
        ("with an explicit deny in a service control policy", "whoever administers the AWS organization"),
        ("with an explicit deny in a resource control policy", "whoever administers the AWS organization"),
        ("because no permissions boundary allows the ec2:CopyImage action", "whoever set the boundary"),
        ("because no resource-based policy allows the ec2:CopyImage action", "the owner of that resource"),
        ("because no session policy allows the ec2:CopyImage action", "whoever gives amicopy its credentials"),
        ("because no VPC endpoint policy allows the ec2:CopyImage action", "whoever runs that network"),
        ("because no identity-based policy allows the ec2:CopyImage action", "an administrator of the AWS account"),
    ],
)
@pytest.mark.parametrize("code", ["UnauthorizedOperation", "AccessDenied"])
def test_f12_who_can_lift_a_refusal_is_asked(code: str, words: str, who: str) -> None:
    message = f"User: x is not authorized to perform: ec2:CopyImage on resource: y {words}"
    found = explain(copy_of(code, message))
    assert f"Ask {who}" in found.next_step
    assert found.next_step.endswith("The missing action is ec2:CopyImage.")


def test_f16_allowed_amis_is_a_cause_of_a_source_that_cannot_be_found() -> None:
    found = explain(copy_of("InvalidAMIID.NotFound", "The image id '[ami-1]' does not exist"))
    assert "Allowed AMIs" in found.cause
    assert "Allowed AMIs" in found.next_step
    assert found.field == "SourceImageId"


def test_f17_a_token_of_the_global_endpoint_is_a_cause_of_auth_failure() -> None:
    copy = copy_of("AuthFailure", "AWS was not able to validate the provided access credentials")
    found = explain(copy)
    assert "STS's global endpoint" in found.cause
    assert "manage.py doctor" in found.next_step
    assert "so that it was enabled then" in explain(copy, known()).cause
    assert "enabled then" not in explain(copy, known(place="eu-west-1 is not enabled for this account.")).cause


@pytest.mark.parametrize("code", sorted(OURS))
def test_f23_our_own_words_are_ours(code: str) -> None:
    assert is_ours(code)
    assert not set(OURS) & set(CODES)


@pytest.mark.parametrize("code", sorted(set(CODES) - BOTOCORES))
def test_f23_the_others_are_awss(code: str) -> None:
    assert not is_ours(code)


def test_h4_of_an_unknown_refusal_nothing_untrue_is_said() -> None:
    found = explain(copy_of("SomethingNew", "?"))
    assert "never creates a second image" not in found.next_step
    assert "first looks for what this attempt may have made" in found.next_step


def test_what_the_look_ups_knew_against_a_source_is_said_again() -> None:
    stops = {"code": "archived", "message": "A snapshot of this AMI is archived. Restore it first.", "stops": True}
    lookups = {"warnings": [stops, {"code": "not-yours", "message": "Not yours.", "stops": False}]}
    cause = explain(copy_of("InvalidRequest", "?"), lookups).cause
    assert cause.endswith("this was known: A snapshot of this AMI is archived. Restore it first.")
    assert "Not yours" not in cause


@pytest.mark.parametrize(
    ("copy", "field"),
    [
        (
            copy_of("InvalidZone.NotFound", DestinationAvailabilityZoneId="use1-bos1-az1"),
            "DestinationAvailabilityZoneId",
        ),
        (copy_of("InvalidZone.NotFound"), "DestinationRegion"),
        (copy_of("InvalidAMIName.Duplicate"), "Name"),
        (copy_of("TagPolicyViolation"), "TagSpecifications"),
        (copy_of("InvalidParameterValue", "Value (x) for parameter Description is invalid."), "Description"),
        (copy_of("InvalidParameterValue", "?"), ""),
        (copy_of("SourceGone"), "SourceImageId"),
        (copy_of("KeyChanged"), "KmsKeyId"),
        (copy_of("Blocked"), ""),
    ],
)
def test_a_failure_says_at_which_field_it_is_mended(copy: ImageCopy, field: str) -> None:
    assert explain(copy).field == field


def test_a_quota_of_things_that_exist_is_told_from_copies_in_progress() -> None:
    quota = "You have reached your quota of 50000 for the number of images you can create"
    assert "quota" in explain(copy_of("ResourceLimitExceeded", quota)).title
    passing = explain(copy_of("ResourceLimitExceeded", "You have too many snapshot copies in progress"))
    assert "in progress" in passing.title
