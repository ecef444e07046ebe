"""Systems Manager's parameters, as far as amicopy needs them: aliases that show an AMI.

AWS checks after it has accepted a value whether that AMI is there, and drops it silently if not: what is accepted isn't
done until it is read back. https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-ec2-aliases.html
"""

from collections.abc import Sequence
from dataclasses import dataclass

from amicopy.aws.account import AwsAccount
from amicopy.aws.errors import NotFound, Rejected
from amicopy.aws.sessions import client, typed_errors

IMAGE = "aws:ec2:image"
# GetParameters takes so many names.
AT_ONCE = 10


@dataclass(frozen=True)
class Parameter:
    """API_Parameter.html."""

    Name: str
    Value: str
    Version: int
    Type: str
    DataType: str

    @property
    def an_alias(self) -> bool:
        """Whether AWS takes it for an AMI's; it never changes that of a parameter that is there."""
        return (self.Type, self.DataType) == ("String", IMAGE)


@dataclass(frozen=True)
class Put:
    Version: int
    request_id: str


def put_alias(
    account: AwsAccount, *, region: str, name: str, value: str, overwrite: bool, description: str, for_request: int
) -> Put:
    """Has a parameter show an AMI. Raises Rejected where it is there and isn't to be overwritten."""
    with typed_errors():
        answer = client("ssm", account, region, once=True, for_request=for_request).put_parameter(
            Name=name,
            Value=value,
            Type="String",
            DataType=IMAGE,
            Overwrite=overwrite,
            **({"Description": description} if description else {}),
        )
        return Put(int(answer["Version"]), str(answer["ResponseMetadata"]["RequestId"]))


def get(account: AwsAccount, *, region: str, name: str, quick: bool = False) -> Parameter | None:
    """A parameter; None where there is none."""
    try:
        with typed_errors():
            raw = client("ssm", account, region, quick=quick).get_parameter(Name=name)["Parameter"]
    except (NotFound, Rejected) as error:
        if error.code != "ParameterNotFound":
            raise
        return None
    return _parameter(raw)


@typed_errors()
def get_many(account: AwsAccount, *, region: str, names: Sequence[str]) -> dict[str, Parameter]:
    """Up to 10 parameters by name; those that aren't there are absent."""
    answer = client("ssm", account, region).get_parameters(Names=list(names))
    return {raw["Name"]: _parameter(raw) for raw in answer["Parameters"]}


def delete(account: AwsAccount, *, region: str, name: str, for_request: int) -> str:
    """Deletes a parameter, and returns AWS's request id. That there is none is no error."""
    try:
        with typed_errors():
            answer = client("ssm", account, region, once=True, for_request=for_request).delete_parameter(Name=name)
            return str(answer["ResponseMetadata"]["RequestId"])
    except (NotFound, Rejected) as error:
        if error.code != "ParameterNotFound":
            raise
        return error.request_id


def _parameter(raw: dict[str, object]) -> Parameter:
    return Parameter(
        Name=str(raw["Name"]),
        Value=str(raw["Value"]),
        Version=int(str(raw["Version"])),
        Type=str(raw.get("Type", "")),
        DataType=str(raw.get("DataType", "")),
    )
