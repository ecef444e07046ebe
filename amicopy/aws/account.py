"""Which AWS account to act in, and how to get there."""

from dataclasses import dataclass


@dataclass(frozen=True)
class AwsAccount:
    """`account_id` has 12 digits; `role_arn` is the role to assume, or empty for the ambient credentials."""

    account_id: str
    partition: str = "aws"
    role_arn: str = ""
    external_id: str = ""
