"""Encryption and keys. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/AMIEncryption.html"""

from amicopy.copies.calls import Call, FieldError
from amicopy.copies.rules.case import Case


def key_needs_encryption(case: Case) -> list[FieldError]:
    if not case.get("KmsKeyId") or case.get("Encrypted") is True:
        return []
    return [FieldError("KmsKeyId", "Choose “Encrypt” for this destination, or clear the key: a key needs encryption.")]


def explicitly_unencrypted_is_not_sent(case: Case) -> list[FieldError]:
    """Encrypted=false is an error with any encrypted snapshot and undocumented under encryption by default; leaving the
    member out copies an unencrypted AMI just the same."""
    if case.get("Encrypted") is not False:
        return []
    if case.get("DestinationOutpostArn"):
        return [
            FieldError(
                "Encrypted", "A copy on an Outpost is always encrypted. Choose “Encrypt” or “Same as the source”."
            )
        ]
    return [
        FieldError(
            "Encrypted",
            "Choose “Same as the source”. An unencrypted AMI stays unencrypted; an encrypted one can't be decrypted.",
        )
    ]


def key_arn_is_of_the_destination(case: Case) -> list[FieldError]:
    """A key lives in one Region; the ARN of the source's key is the classic mistake."""
    parts = case.text("KmsKeyId").split(":", 5)
    if len(parts) != 6 or parts[0] != "arn" or parts[2] != "kms":
        return []
    partition, region = parts[1], parts[3]
    to = case.call.DestinationRegion
    errors = []
    if region != to:
        hint = ""
        if region == case.text("SourceRegion"):
            hint = " It is a key of the source's Region."
        if "mrk-" in parts[5]:
            hint += f" A multi-Region key's replica there has the same ID: …:{to}:{parts[4]}:{parts[5]}."
        errors.append(FieldError("KmsKeyId", f"KMS key must be in {to}. This key is in {region}.{hint}"))
    if partition != case.partition:
        errors.append(
            FieldError("KmsKeyId", f"KMS key must be in the partition {case.partition}. This is in {partition}.")
        )
    return errors


def warnings(call: Call) -> list[FieldError]:
    """A copy under an AWS managed key can't be shared later."""
    key = str(call.parameters.get("KmsKeyId", ""))
    if key == "alias/aws/ebs" or key.endswith(":alias/aws/ebs"):
        return [FieldError("KmsKeyId", "A copy under aws/ebs can never be shared with another account.")]
    if call.parameters.get("Encrypted") and not key:
        return [FieldError("KmsKeyId", "Without a key AWS uses the default EBS key of the Region.")]
    return []
