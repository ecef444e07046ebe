"""Who amicopy is at AWS. Raises the errors of `amicopy.aws.errors`."""

from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

from botocore.session import Session

from amicopy.aws.account import AwsAccount
from amicopy.aws.sessions import client, home_region, typed_errors


@dataclass(frozen=True)
class Identity:
    """`answered_at` is AWS's own time of the answer, where it said so."""

    Account: str
    Arn: str
    answered_at: datetime | None = None


@typed_errors()
def identity(account: AwsAccount, *, quick: bool = True) -> Identity:
    """The account and principal that amicopy's calls in this account are made as."""
    answer = client("sts", account, home_region(account), quick=quick).get_caller_identity()
    date = answer["ResponseMetadata"].get("HTTPHeaders", {}).get("date", "")
    return Identity(answer["Account"], answer["Arn"], parsedate_to_datetime(date) if date else None)


def uses_global_endpoint() -> bool:
    """Whether botocore is told to ask STS's global endpoint, whose tokens aren't valid in Regions that have to be
    enabled: by AWS_STS_REGIONAL_ENDPOINTS or its like in a profile.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_region-endpoints.html
    """
    return bool(Session().get_config_variable("sts_regional_endpoints") == "legacy")


@typed_errors()
def decode_authorization_message(account: AwsAccount, *, message: str, quick: bool = True) -> str:
    """The JSON behind the encoded blob of an UnauthorizedOperation. Sensitive: for administrators only."""
    answer = client("sts", account, home_region(account), quick=quick).decode_authorization_message(
        EncodedMessage=message
    )
    return str(answer["DecodedMessage"])
