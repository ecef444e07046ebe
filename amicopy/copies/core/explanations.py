"""A failure in plain words: what happened, what it did not affect, what to do next. AWS's own words stay beside it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from amicopy.copies.core.models import ImageCopy


@dataclass(frozen=True)
class Explanation:
    """`title` is a heading, `cause` a sentence or two, `next_step` what a person can do; `retry` whether that can
    help."""

    title: str
    cause: str
    next_step: str
    retry: bool = True


# https://docs.aws.amazon.com/STS/latest/APIReference/API_DecodeAuthorizationMessage.html
_ENCODED = re.compile(r"Encoded authorization failure message: ([\w+/=-]{1,10240})")
_ADMIN = "Ask an administrator of the AWS account. Then retry; the approval still counts."
_NEW_REQUEST = "Clone the request, correct the field and submit it again."

_DENIED = Explanation(
    "AWS doesn't let amicopy act in this account",
    "The account's role doesn't trust amicopy, its ExternalId differs, or a policy of the organisation forbids it.",
    f"{_ADMIN} The message below names what was refused.",
)
_CREDENTIALS = Explanation(
    "AWS doesn't know amicopy's credentials",
    "They were deleted, are mistyped, or this machine's clock is wrong. Every copy of the account is affected.",
    "Ask whoever runs amicopy to run manage.py doctor. Then retry; the approval still counts.",
)
_PLACE = Explanation(
    "The destination isn't valid",
    "AWS has no such zone in this Region, or the account may not use it.",
    _NEW_REQUEST,
    retry=False,
)
_PARAMETER = Explanation(
    "AWS doesn't accept a parameter of this copy",
    "A value, or two values together, broke a rule of AWS that amicopy doesn't know. AWS's words below name it.",
    _NEW_REQUEST,
    retry=False,
)
_GONE = Explanation(
    "Something the copy needs can't be found",
    "A key or another part named in the request is gone, or isn't shared with this account.",
    _NEW_REQUEST,
    retry=False,
)
_OURS = Explanation(
    "AWS didn't understand amicopy's call",
    "The fault is amicopy's, not the request's. Nothing was made.",
    "Tell whoever runs amicopy, with the AWS request ID below.",
)

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
    "AccessDenied": _DENIED,
    "AccessDeniedException": _DENIED,
    "NoCredentialsError": _CREDENTIALS,
    "InvalidClientTokenId": _CREDENTIALS,
    "UnrecognizedClientException": _CREDENTIALS,
    "SignatureDoesNotMatch": _CREDENTIALS,
    "MissingAuthenticationToken": _CREDENTIALS,
    "PendingVerification": Explanation(
        "AWS is still checking the account",
        "The account is new, or AWS wants it verified before it may make images in this Region.",
        "Wait for AWS's message to the account's owner. Then retry; the approval still counts.",
    ),
    "Blocked": Explanation(
        "AWS has blocked the account",
        "AWS blocks accounts for reasons it tells their owners. No call of this account works.",
        f"{_ADMIN} AWS Support can say why.",
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
    "InvalidClientToken": Explanation(
        "AWS doesn't accept the client token",
        "A token has at most 64 characters, all of them ASCII.",
        "Retry: amicopy then uses a token of its own.",
    ),
    "InvalidTagKey.Malformed": Explanation(
        "The key of a tag isn't valid",
        "A key can't be empty or begin with aws:.",
        _NEW_REQUEST,
        retry=False,
    ),
    "InvalidZone.NotFound": _PLACE,
    "InvalidAvailabilityZone": _PLACE,
    "InvalidParameter": _PARAMETER,
    "InvalidParameterValue": _PARAMETER,
    "InvalidParameterCombination": _PARAMETER,
    "InvalidParameterDependency": _PARAMETER,
    "MissingParameter": _PARAMETER,
    "UnknownParameter": _PARAMETER,
    "UnsupportedOperation": _PARAMETER,
    "ValidationError": _PARAMETER,
    "InvalidCharacter": _PARAMETER,
    "ParamValidationError": _PARAMETER,
    "CustomerKeyHasBeenRevoked": Explanation(
        "The KMS key was revoked",
        "The owner of the key of a source snapshot, or of the key asked for, has taken it back.",
        "Ask the key's owner. Then retry; the approval still counts.",
    ),
    "InvalidSnapshot.NotFound": Explanation(
        "A snapshot of the source AMI is gone",
        "The AMI is still listed, but a snapshot it is made of was deleted, or isn't shared with this account.",
        "Ask the AMI's owner, or clone the request with another source.",
        retry=False,
    ),
    "InvalidSnapshot.InUse": Explanation(
        "A snapshot is in use",
        "Another AMI needs a snapshot that was to be removed.",
        "Deregister that AMI first, or leave the snapshot.",
    ),
    "SnapshotCopyUnsupported.InterRegion": Explanation(
        "AWS can't copy between these Regions",
        "This source can't be copied from its Region to the destination.",
        "Clone the request with another destination, or copy by way of a third Region.",
        retry=False,
    ),
    "IncorrectState": Explanation(
        "AWS can't do this in the AMI's present state",
        "Most often the AMI is protected from deregistration, or disabled.",
        "Look at the AMI at AWS and lift the protection. Then retry.",
    ),
    "OperationNotPermitted": Explanation(
        "AWS doesn't permit this for the AMI",
        "Most often the AMI is protected from deregistration, or belongs to AWS Backup.",
        "Look at the AMI at AWS and lift the protection. Then retry.",
    ),
    "NotFound": _GONE,
    "NotFoundException": _GONE,
    "FilterLimitExceeded": _OURS,
    "InvalidMaxResults": _OURS,
    "InvalidPaginationToken": _OURS,
    "InvalidNextToken": _OURS,
    "NotADryRun": _OURS,
    "ImageGone": Explanation(
        "AWS doesn't show the new AMI any more",
        "It was listed while it was being copied, and then left out of many looks over minutes. Somebody may have "
        "removed it. The source and the other destinations are not affected.",
        "Look for it at AWS; CloudTrail shows who removed it. Then retry: should it be there after all, amicopy goes "
        "on with it.",
    ),
    "ImageDeregistered": Explanation(
        "The new AMI was deregistered while it was being copied",
        "Somebody or something in the account removed it. The source and the other destinations are not affected.",
        "Find out who removed it; AWS CloudTrail shows it. Then retry.",
    ),
    "UnclearImage": Explanation(
        "amicopy can't tell which AMI is this copy",
        "Earlier calls made an AMI that isn't what was approved, or more than one. To be sure never to make two, "
        "amicopy made none.",
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
    "NotApproved": Explanation(
        "It isn't what was approved",
        "What is stored differs from what the history says was approved, so amicopy sent nothing to AWS. The "
        "administrators are told.",
        "Ask an administrator what was changed, and make a new request.",
        retry=False,
    ),
    "NameTaken": Explanation(
        "The name is taken in this Region",
        "Another AMI of the account has it by now, or another copy is about to. This amicopy wants each name once.",
        "Rename or deregister the other AMI and retry, or clone the request with another name.",
    ),
    "KeyChanged": Explanation(
        "The alias points at another KMS key than was approved",
        "Somebody changed the alias since the request was submitted, so amicopy did not copy with it.",
        "Clone the request, look at the key and submit it again, or have the alias changed back and retry.",
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
    "Retry: amicopy first looks for what this attempt made, then uses a new token. The approval still counts.",
)
_UNKNOWN = Explanation(
    "AWS refused this copy",
    "amicopy has no explanation of its own for this answer; AWS's words are below.",
    "Retrying is safe: amicopy first looks for what this attempt may have made, and goes on with that.",
)


def encoded(copy: ImageCopy) -> str:
    """The encoded part of AWS's refusal, or empty: what `sts:DecodeAuthorizationMessage` takes."""
    found = _ENCODED.search(copy.error_message)
    return found[1] if found else ""


def explain(copy: ImageCopy) -> Explanation:
    """The explanation of a failed copy."""
    known = BY_CODE.get(copy.error_code)
    if known is not None:
        return known
    # AWS's free text is a hint for the words on the page only; nothing is decided by it.
    if copy.ImageId:
        return _KEY if "key" in copy.error_message.lower() else _LATE
    return _UNKNOWN
