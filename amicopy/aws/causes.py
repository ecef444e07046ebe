"""What lies behind an error, as far as AWS's code and words tell.

A hint, made in one place and for words on the page only: AWS may change its sentences, so nothing is ever decided by
them but whether a limit ends by itself, where the code alone doesn't say.
"""

import re
from enum import StrEnum


class Cause(StrEnum):
    """`UNKNOWN` is empty: neither code nor words say."""

    UNKNOWN = ""
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html, by the policy that refused
    SERVICE_CONTROL_POLICY = "service-control-policy"
    RESOURCE_CONTROL_POLICY = "resource-control-policy"
    PERMISSION_BOUNDARY = "permission-boundary"
    SESSION_POLICY = "session-policy"
    ENDPOINT_POLICY = "endpoint-policy"
    TRUST_POLICY = "trust-policy"
    RESOURCE_POLICY = "resource-policy"
    IDENTITY_POLICY = "identity-policy"
    TAG_POLICY = "tag-policy"
    KMS = "kms"
    QUOTA = "quota"
    CREDENTIALS = "credentials"
    ACCOUNT = "account"
    ALLOWED_AMIS = "allowed-amis"
    # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/CopyingAMIs.html: what AWS calls InvalidRequest
    SOURCE_STORAGE = "source-storage"
    MARKETPLACE = "marketplace"
    BILLING_PRODUCT = "billing-product"
    ENCRYPTED_SOURCE = "encrypted-source"


_BY_CODE = {
    "SnapshotLimitExceeded": Cause.QUOTA,
    **dict.fromkeys(("CustomerKeyHasBeenRevoked", "DisabledException", "KMSInvalidStateException"), Cause.KMS),
    **dict.fromkeys(("Blocked", "PendingVerification", "OptInRequired"), Cause.ACCOUNT),
    **dict.fromkeys(
        (
            "CredentialRetrievalError",
            "ExpiredToken",
            "ExpiredTokenException",
            "InvalidClientTokenId",
            "MissingAuthenticationToken",
            "NoCredentialsError",
            "PartialCredentialsError",
            "ProfileNotFound",
            "RequestExpired",
            "SignatureDoesNotMatch",
            "SSOTokenLoadError",
            "TokenRetrievalError",
            "UnauthorizedSSOTokenError",
            "UnrecognizedClientException",
        ),
        Cause.CREDENTIALS,
    ),
    "TagPolicyViolation": Cause.TAG_POLICY,
}
# The first that fits counts: who can lift a refusal comes before what was refused.
_BY_WORDS = tuple(
    (cause, re.compile(words, re.IGNORECASE))
    for cause, words in (
        (Cause.SERVICE_CONTROL_POLICY, r"\bservice control polic"),
        (Cause.RESOURCE_CONTROL_POLICY, r"\bresource control polic"),
        (Cause.PERMISSION_BOUNDARY, r"\bpermissions? boundary"),
        (Cause.SESSION_POLICY, r"\bsession polic"),
        (Cause.ENDPOINT_POLICY, r"\bVPC endpoint polic"),
        (Cause.TRUST_POLICY, r"\bsts:AssumeRole\b|\btrust polic"),
        (Cause.KMS, r"\bkms:[A-Za-z]|\bKMS key\b|\bCMK\b|\bkey ID is not accessible"),
        (Cause.RESOURCE_POLICY, r"\bresource-based polic"),
        (Cause.IDENTITY_POLICY, r"\bidentity-based polic"),
        (Cause.ALLOWED_AMIS, r"\ballowed (?:AMI|image)s?\b"),
        (Cause.SOURCE_STORAGE, r"\baccess the storage of this ami\b"),
        (Cause.MARKETPLACE, r"\bAWS Marketplace\b"),
        (Cause.BILLING_PRODUCT, r"\bBillingProduct\b"),
        (Cause.ENCRYPTED_SOURCE, r"\bunencrypted copy from an encrypted snapshot\b"),
    )
)
_PASSING = re.compile(r"\bin progress\b|\bconcurrent|\bsimultaneous|\bpending\b|\bat (?:once|a time)\b", re.IGNORECASE)
_QUOTA = re.compile(r"\bquota\b|\bnumber of (?:public )?(?:images|AMIs|snapshots)\b", re.IGNORECASE)


def cause_of(code: str, message: str) -> Cause:
    """What AWS's code and words point to, or `Cause.UNKNOWN`. A hint for words, as the module says."""
    if code in _BY_CODE:
        return _BY_CODE[code]
    if code.lower().startswith("invalidkmskey"):
        return Cause.KMS
    if code.endswith("LimitExceeded"):
        return Cause.QUOTA if _QUOTA.search(message) and not _PASSING.search(message) else Cause.UNKNOWN
    return next((cause for cause, words in _BY_WORDS if words.search(message)), Cause.UNKNOWN)
