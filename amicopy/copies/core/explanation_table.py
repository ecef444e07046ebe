"""What amicopy says of each of AWS's error codes, and the form in which it says it.

Codes: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
"""

from collections.abc import Mapping
from dataclasses import dataclass

from amicopy.aws import errors


@dataclass(frozen=True)
class Explanation:
    """`title` is a heading, `cause` a sentence or two, `next_step` what a person can do; `retry` whether that can
    help. `field` is the member, or DestinationRegion, at which a new request would mend it; empty where none would."""

    title: str
    cause: str
    next_step: str
    retry: bool = True
    field: str = ""


# Where a copy goes, by whichever member says it.
PLACE = "place"
ADMIN = "Ask an administrator of the AWS account. Then retry; the approval still counts."
LATE_STEP = "Retry: amicopy first looks for what this attempt made, then uses a new token. The approval still counts."
NEW_REQUEST = "Fix it and ask again: the form is filled in, and says where."

_DENIED = Explanation(
    "AWS doesn't let amicopy act in this account",
    "The account's role doesn't trust amicopy, its ExternalId differs, or a policy of the organization forbids it.",
    ADMIN,
)
_CREDENTIALS = Explanation(
    "AWS doesn't know amicopy's credentials",
    "They were deleted, are mistyped, or this machine's clock is wrong. Every copy of the account is affected.",
    "Ask whoever runs amicopy to run manage.py doctor. Then retry; the approval still counts.",
)
_EXPIRED = Explanation(
    "amicopy's credentials have expired",
    "They couldn't be renewed, or this machine's clock is more than 15 minutes wrong.",
    "Ask whoever runs amicopy to run manage.py doctor. Then retry; the approval still counts.",
)
_ZONE = Explanation(
    "The destination isn't valid",
    "AWS has no such zone in this Region, or the account may not use it.",
    NEW_REQUEST,
    retry=False,
    field=PLACE,
)
_PARAMETER = Explanation(
    "AWS doesn't accept a parameter of this copy",
    "A value, or two values together, broke a rule of AWS that amicopy doesn't know. AWS's words below name it.",
    NEW_REQUEST,
    retry=False,
)
_GONE = Explanation(
    "Something the copy needs can't be found",
    "A key or another part named in the request is gone, or isn't shared with this account.",
    NEW_REQUEST,
    retry=False,
)
_OURS = Explanation(
    "AWS didn't understand amicopy's call",
    "The fault is amicopy's, not the request's. Nothing was made.",
    "Tell whoever runs amicopy, with the AWS request ID below.",
)
_BUSY = Explanation(
    "AWS is asked too often",
    "The account makes more calls in this Region than AWS takes at a time.",
    "Nothing: it is tried again by itself, more slowly.",
)
_SERVER = Explanation(
    "AWS has trouble of its own",
    "AWS's servers couldn't answer. The source and the other destinations are not affected.",
    "Nothing: it is tried again by itself. If it lasts, look at AWS's Health Dashboard.",
)
_SLOTS = Explanation(
    "AWS has as much in progress as it allows",
    "The account has too many copies or snapshots under way in this Region.",
    "Nothing: it is tried again by itself, as soon as others are done.",
)

BY_CODE: Mapping[str, Explanation] = {
    "UnauthorizedOperation": Explanation(
        "AWS doesn't allow this copy",
        "The role amicopy acts with lacks a permission for this source, this destination or these tags.",
        ADMIN,
    ),
    "AuthFailure": Explanation(
        "AWS doesn't accept amicopy's credentials in this Region",
        "The Region may not be enabled for the account, the credentials may have no right to the source AMI, or they "
        "came from STS's global endpoint, whose tokens don't work in Regions that have to be enabled.",
        "Enable the Region for the account, or correct the account's role; manage.py doctor says if amicopy uses STS's "
        "global endpoint. Then retry.",
        field="DestinationRegion",
    ),
    "AccessDenied": _DENIED,
    "AccessDeniedException": _DENIED,
    "NoCredentialsError": _CREDENTIALS,
    "PartialCredentialsError": _CREDENTIALS,
    "ProfileNotFound": _CREDENTIALS,
    "InvalidClientTokenId": _CREDENTIALS,
    "UnrecognizedClientException": _CREDENTIALS,
    "SignatureDoesNotMatch": _CREDENTIALS,
    "MissingAuthenticationToken": _CREDENTIALS,
    **dict.fromkeys(("RequestExpired", "ExpiredToken", "ExpiredTokenException"), _EXPIRED),
    "PendingVerification": Explanation(
        "AWS is still checking the account",
        "The account is new, or AWS wants it verified before it may make images in this Region.",
        "Wait for AWS's message to the account's owner. Then retry; the approval still counts.",
    ),
    "Blocked": Explanation(
        "AWS has blocked the account",
        "AWS blocks accounts for reasons it tells their owners. No call of this account works.",
        f"{ADMIN} AWS Support can say why.",
    ),
    "OptInRequired": Explanation(
        "The Region isn't enabled for the account",
        "AWS keeps this Region switched off until an administrator of the account enables it.",
        "Enable the Region in the account's settings at AWS. Then retry.",
        field="DestinationRegion",
    ),
    "InvalidAMIID.NotFound": Explanation(
        "The source AMI can't be found",
        "It was deregistered, is in another Region, isn't shared with this account any more, or the account's Allowed "
        "AMIs setting in the source Region hides it.",
        f"{NEW_REQUEST} If the AMI is there, ask an administrator of the account what Allowed AMIs lets through.",
        retry=False,
        field="SourceImageId",
    ),
    "InvalidAMIID.Unavailable": Explanation(
        "The source AMI can't be copied now",
        "It is still being made, it is disabled, or it was deregistered.",
        "If it is still being made, retry once it is available. If it is disabled, ask its owner to enable it.",
        field="SourceImageId",
    ),
    "InvalidAMIID.Malformed": Explanation(
        "The source AMI's ID isn't valid",
        "AWS doesn't recognise the ID.",
        NEW_REQUEST,
        retry=False,
        field="SourceImageId",
    ),
    "InvalidAMIName.Malformed": Explanation(
        "The name isn't valid",
        "AWS doesn't accept a character or the length of the name.",
        NEW_REQUEST,
        retry=False,
        field="Name",
    ),
    "InvalidAMIName.Duplicate": Explanation(
        "The name is taken in this Region",
        "Another AMI of the account has it, or had it until a moment ago.",
        "Rename or deregister the other AMI and retry, or fix it and ask again with another name.",
        field="Name",
    ),
    "InvalidRegion": Explanation(
        "The Region isn't valid", "AWS has no such Region.", NEW_REQUEST, retry=False, field="DestinationRegion"
    ),
    "InvalidRequest": Explanation(
        "AWS refuses to copy this AMI",
        "Most often its storage isn't shared with the account, it carries Marketplace or billing codes, a snapshot of "
        "it is archived, or an encrypted snapshot was asked to become unencrypted. AWS's words below say which.",
        "Ask the AMI's owner to share its snapshots, or launch an instance from it and make an image of that.",
        field="SourceImageId",
    ),
    "TagLimitExceeded": Explanation(
        "Too many tags",
        "An AMI or snapshot can carry 50 tags.",
        NEW_REQUEST,
        retry=False,
        field="TagSpecifications",
    ),
    "TagPolicyViolation": Explanation(
        "A tag policy of the organization refuses a tag",
        "The tags asked for aren't what the organization's tag policy allows.",
        f"{NEW_REQUEST} Whoever administers the organization knows which tags it allows.",
        retry=False,
        field="TagSpecifications",
    ),
    "InvalidTagKey.Malformed": Explanation(
        "The key of a tag isn't valid",
        "A key can't be empty or begin with aws:.",
        NEW_REQUEST,
        retry=False,
        field="TagSpecifications",
    ),
    "SnapshotLimitExceeded": Explanation(
        "The account has no room for more snapshots",
        "The account's quota of snapshots in this Region is used up.",
        "Remove snapshots or ask AWS for a higher quota. Then retry.",
    ),
    **dict.fromkeys(("ResourceLimitExceeded", "PendingSnapshotLimitExceeded"), _SLOTS),
    "ConcurrentSnapshotLimitExceeded": _SLOTS,
    **dict.fromkeys(("ConcurrentTagAccess", "RetryableError"), _SERVER),
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
    "InvalidZone.NotFound": _ZONE,
    "InvalidAvailabilityZone": _ZONE,
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
        field="KmsKeyId",
    ),
    "InvalidSnapshot.NotFound": Explanation(
        "A snapshot of the source AMI is gone",
        "The AMI is still listed, but a snapshot it is made of was deleted, or isn't shared with this account.",
        "Ask the AMI's owner, or fix it and ask again with another source.",
        retry=False,
        field="SourceImageId",
    ),
    "InvalidSnapshot.InUse": Explanation(
        "A snapshot is in use",
        "Another AMI needs a snapshot that was to be removed.",
        "Deregister that AMI first, or leave the snapshot.",
    ),
    "SnapshotCopyUnsupported.InterRegion": Explanation(
        "AWS can't copy between these Regions",
        "This source can't be copied from its Region to the destination.",
        "Fix it and ask again with another destination, or copy by way of a third Region.",
        retry=False,
        field="DestinationRegion",
    ),
    "IncorrectState": Explanation(
        "AWS can't do this in the AMI's present state",
        "Most often the AMI is protected from deregistration, or disabled.",
        "Look at the AMI at AWS and lift the protection, or have it enabled. Then retry.",
    ),
    "OperationNotPermitted": Explanation(
        "AWS doesn't permit this for the AMI",
        "Most often the AMI is protected from deregistration, or belongs to AWS Backup.",
        "Look at the AMI at AWS and lift the protection. Then retry.",
    ),
    "NotFound": _GONE,
    "NotFoundException": _GONE,
    **dict.fromkeys(errors.KINDS[errors.Throttled], _BUSY),
    **dict.fromkeys(errors.KINDS[errors.Unavailable], _SERVER),
    **dict.fromkeys(("FilterLimitExceeded", "InvalidMaxResults", "InvalidPaginationToken", "InvalidNextToken"), _OURS),
}
