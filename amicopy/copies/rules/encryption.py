"""Encryption and keys. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/AMIEncryption.html"""

import re
from typing import NamedTuple

from amicopy.aws.partitions import partition_of
from amicopy.copies.core.calls import FieldError
from amicopy.copies.core.parameters import KEY_ARN
from amicopy.copies.rules.case import Case


class Arn(NamedTuple):
    partition: str
    region: str
    account_id: str
    resource: str


def key_needs_encryption(case: Case) -> list[FieldError]:
    """KmsKeyId is sent together with Encrypted=true only."""
    if not case.get("KmsKeyId") or case.get("Encrypted") is True:
        return []
    return [FieldError("KmsKeyId", "Choose “Encrypt” for this destination, or clear the key: a key needs encryption.")]


def encrypted_is_never_false(case: Case) -> list[FieldError]:
    """Encrypted=false is an error with any encrypted snapshot and undocumented under encryption by default; leaving the
    member out copies an unencrypted AMI just the same.
    """
    if case.get("Encrypted") is not False or case.get("DestinationOutpostArn"):
        return []
    return [
        FieldError(
            "Encrypted",
            "Choose “Same as the source”. An unencrypted AMI stays unencrypted; an encrypted one can't be decrypted.",
        )
    ]


def outpost_copy_is_never_unencrypted(case: Case) -> list[FieldError]:
    """Snapshots on an Outpost are always encrypted.

    https://docs.aws.amazon.com/ebs/latest/userguide/snapshots-outposts.html
    """
    if case.get("Encrypted") is not False or not case.get("DestinationOutpostArn"):
        return []
    words = "A copy on an Outpost is always encrypted. Choose “Encrypt” or “Same as the source”."
    return [FieldError("Encrypted", words)]


def key_is_in_the_destinations_region(case: Case) -> list[FieldError]:
    """A key lives in one Region; the ARN of the source's key is the classic mistake.

    https://docs.aws.amazon.com/kms/latest/developerguide/multi-region-keys-overview.html
    """
    arn, to = _key(case), case.call.DestinationRegion
    if arn is None or not to or arn.region == to:
        return []
    hint = " It is a key of the source's Region." if arn.region == case.text("SourceRegion") else ""
    if arn.resource.startswith("key/mrk-"):
        replica = f"arn:{partition_of(to)}:kms:{to}:{arn.account_id}:{arn.resource}"
        hint += f" A multi-Region key's replica there has the same ID. Did you mean {replica}?"
    return [FieldError("KmsKeyId", f"KMS key must be in {to}. This key is in {arn.region}.{hint}")]


def key_is_in_the_destinations_partition(case: Case) -> list[FieldError]:
    """The ARN's partition is the destination's.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
    """
    arn, partition = _key(case), partition_of(case.call.DestinationRegion)
    if arn is None or not partition or arn.partition == partition:
        return []
    return [FieldError("KmsKeyId", f"KMS key must be in the partition {partition}. This is in {arn.partition}.")]


def warn_that_an_aws_managed_key_bars_sharing(case: Case) -> list[FieldError]:
    """A copy under an AWS managed key can't be shared later.

    https://docs.aws.amazon.com/ebs/latest/userguide/share-kms-key.html
    """
    name = case.text("KmsKeyId").rpartition("alias/aws/")[2]
    if "alias/aws/" not in case.text("KmsKeyId"):
        return []
    return [FieldError("KmsKeyId", f"A copy under aws/{name} can never be shared with another account.")]


def warn_of_a_key_of_another_account(case: Case) -> list[FieldError]:
    """A shared key works by its ARN, once its owner and an IAM policy allow it; AWS finds out after the call.

    https://docs.aws.amazon.com/ebs/latest/userguide/share-kms-key.html
    """
    arn = _key(case)
    if arn is None or arn.account_id == case.account_id or not case.account_id:
        return []
    words = f"The key is of account {arn.account_id}: its key policy must allow {case.account_id}, or the copy fails."
    return [FieldError("KmsKeyId", words)]


def warn_of_the_default_key(case: Case) -> list[FieldError]:
    """Encrypted without a key takes the default EBS key of the destination, which differs from Region to Region."""
    if case.get("KmsKeyId") or _encrypted_source(case):
        return []
    if case.get("DestinationOutpostArn"):
        words = "A copy on an Outpost is always encrypted: without a key AWS uses the default EBS key of the Region."
    elif case.get("Encrypted") is True:
        words = "Without a key AWS uses the default EBS key of the Region."
    else:
        return []
    return [FieldError("KmsKeyId", words)]


def warn_of_an_encrypted_source_without_key(case: Case) -> list[FieldError]:
    """AWS's pages disagree about which key the copy of an encrypted AMI gets when none is named.

    https://docs.aws.amazon.com/ebs/latest/userguide/ebs-copy-snapshot.html
    """
    if case.get("KmsKeyId") or not _encrypted_source(case):
        return []
    own = case.source.get("OwnerId") == case.account_id
    if own and case.text("SourceRegion") == case.call.DestinationRegion:
        words = "The source is encrypted, and AWS's pages disagree which key its copy gets. Enter a key if it matters."
    else:
        words = "The source is encrypted: without a key its copy gets the default EBS key of the Region."
    return [FieldError("KmsKeyId", words)]


def _encrypted_source(case: Case) -> bool:
    return any(volume.get("Encrypted") for volume in case.source.get("volumes") or ())


def _key(case: Case) -> Arn | None:
    """The parts of a well-formed ARN of a key or alias."""
    text = case.text("KmsKeyId")
    if not re.fullmatch(KEY_ARN, text):
        return None
    _, partition, _, region, account_id, resource = text.split(":", 5)
    return Arn(partition, region, account_id, resource)
