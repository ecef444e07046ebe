"""A failure in plain words: what happened, what it did not affect, what to do next. AWS's own words stay beside it."""

from collections.abc import Mapping
from dataclasses import dataclass

from amicopy.copies.models import ImageCopy


@dataclass(frozen=True)
class Explanation:
    """`title` is a heading, `cause` a sentence or two, `next_step` what a person can do; `retry` whether that can
    help."""

    title: str
    cause: str
    next_step: str
    retry: bool = True


_ADMIN = "Ask an administrator of the AWS account. Then retry; the approval still counts."
_NEW_REQUEST = "Clone the request, correct the field and submit it again."

# By AWS's error code: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
BY_CODE: Mapping[str, Explanation] = {
    "UnauthorizedOperation": Explanation(
        "AWS doesn't allow this copy",
        "The role amicopy acts with lacks a permission for this source, this destination or these tags.",
        f"{_ADMIN} The message below names the missing action.",
    ),
    "AuthFailure": Explanation(
        "AWS doesn't accept amicopy's credentials in this Region",
        "The Region may not be enabled for the account, or the credentials have no right to the source AMI.",
        "Enable the Region for the account, or correct the account's role. Then retry.",
    ),
    "OptInRequired": Explanation(
        "The Region isn't enabled for the account",
        "AWS keeps this Region switched off until an administrator of the account enables it.",
        "Enable the Region in the account's settings at AWS. Then retry.",
    ),
    "InvalidAMIID.NotFound": Explanation(
        "The source AMI can't be found",
        "It was deregistered, is in another Region, or isn't shared with this account any more.",
        _NEW_REQUEST,
        retry=False,
    ),
    "InvalidAMIID.Unavailable": Explanation(
        "The source AMI can't be copied now",
        "It is still being made, or it was deregistered.",
        "If it is still being made, retry once it is available.",
    ),
    "InvalidAMIID.Malformed": Explanation(
        "The source AMI's ID isn't valid", "AWS doesn't recognise the ID.", _NEW_REQUEST, retry=False
    ),
    "InvalidAMIName.Malformed": Explanation(
        "The name isn't valid", "AWS doesn't accept a character or the length of the name.", _NEW_REQUEST, retry=False
    ),
    "InvalidAMIName.Duplicate": Explanation(
        "The name is taken in this Region",
        "Another AMI of the account has it, or had it until a moment ago.",
        "Rename or deregister the other AMI and retry, or clone the request with another name.",
    ),
    "InvalidRegion": Explanation("The Region isn't valid", "AWS has no such Region.", _NEW_REQUEST, retry=False),
    "InvalidRequest": Explanation(
        "AWS refuses to copy this AMI",
        "Most often its storage isn't shared with the account, it carries Marketplace or billing codes, or an "
        "encrypted snapshot was asked to become unencrypted. AWS's words below say which.",
        "Ask the AMI's owner to share its snapshots, or launch an instance from it and make an image of that.",
    ),
    "TagLimitExceeded": Explanation(
        "Too many tags", "An AMI or snapshot can carry 50 tags.", _NEW_REQUEST, retry=False
    ),
    "TagPolicyViolation": Explanation(
        "A tag policy of the organisation refuses a tag",
        "The tags asked for aren't what the organisation's tag policy allows.",
        _NEW_REQUEST,
        retry=False,
    ),
    "SnapshotLimitExceeded": Explanation(
        "The account has no room for more snapshots",
        "The account's quota of snapshots in this Region is used up.",
        "Remove snapshots or ask AWS for a higher quota. Then retry.",
    ),
    "IdempotentParameterMismatch": Explanation(
        "The client token was used for another call",
        "AWS has seen this ClientToken in this Region with other parameters.",
        "Retry: amicopy then uses a token of its own.",
    ),
    "ImageDeregistered": Explanation(
        "The new AMI was deregistered while it was being copied",
        "Somebody or something in the account removed it. The source and the other destinations are not affected.",
        "Find out who removed it; AWS CloudTrail shows it. Then retry.",
    ),
    "UnclearImage": Explanation(
        "amicopy can't tell which AMI is this copy",
        "AWS's answer was lost, and more than one new AMI fits. To be sure never to make two, amicopy made none.",
        "Look at the AMIs named below, deregister those that nobody needs, then retry.",
    ),
    "SourceChanged": Explanation(
        "The source AMI isn't what was approved",
        "It has changed since the request was submitted, so amicopy did not copy it.",
        "Clone the request, look at the source and submit it again.",
        retry=False,
    ),
    "SourceGone": Explanation(
        "The source AMI is gone",
        "It was deregistered, or isn't shared with the account any more, since the request was submitted.",
        _NEW_REQUEST,
        retry=False,
    ),
    "RefusedByRules": Explanation(
        "amicopy's own rules refuse the call",
        "The rules have changed since the request was submitted, or the stored parameters have.",
        _NEW_REQUEST,
        retry=False,
    ),
}

_KEY = Explanation(
    "The KMS key can't be used for this copy",
    "AWS accepted the copy and gave up when it tried to encrypt a snapshot. The key may be disabled, in "
    "another Region, or its policy doesn't let the copy role use it. The other destinations are not affected.",
    "Ask the key's owner to allow kms:CreateGrant, kms:DescribeKey and kms:ReEncrypt* for the role. Then retry; the "
    "approval still counts.",
)
_LATE = Explanation(
    "AWS gave up on this copy",
    "AWS accepted the copy and ended it later. The source and the other destinations are not affected.",
    "Retry: it uses a new token, and the approval still counts.",
)
_UNKNOWN = Explanation(
    "AWS refused this copy",
    "amicopy has no explanation of its own for this answer; AWS's words are below.",
    "Retrying is safe: the same token never creates a second image.",
)


def explain(copy: ImageCopy) -> Explanation:
    """The explanation of a failed copy."""
    known = BY_CODE.get(copy.error_code)
    if known is not None:
        return known
    # AWS's free text is a hint for the words on the page only; nothing is decided by it.
    if copy.ImageId:
        return _KEY if "key" in copy.error_message.lower() else _LATE
    return _UNKNOWN
