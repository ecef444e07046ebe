"""KMS, as far as amicopy needs it: looking at keys. Raises the errors of `amicopy.aws.errors`."""

from dataclasses import dataclass
from datetime import datetime

from amicopy.aws.account import AwsAccount
from amicopy.aws.sessions import client, typed_errors


@dataclass(frozen=True)
class Key:
    """API_KeyMetadata.html; KeyManager is AWS or CUSTOMER, CreationDate None where AWS doesn't say it."""

    KeyId: str
    Arn: str
    KeyState: str
    KeySpec: str
    KeyUsage: str
    KeyManager: str
    MultiRegion: bool
    Enabled: bool
    Description: str = ""
    CreationDate: datetime | None = None


@dataclass(frozen=True)
class Alias:
    AliasName: str
    TargetKeyId: str


@typed_errors()
def describe_key(account: AwsAccount, *, region: str, key_id: str, quick: bool = True) -> Key:
    """The key behind an id, alias or ARN, as this Region of this account resolves it. Raises NotFound."""
    raw = client("kms", account, region, quick=quick).describe_key(KeyId=key_id)["KeyMetadata"]
    return Key(
        KeyId=raw["KeyId"],
        Arn=raw["Arn"],
        KeyState=raw.get("KeyState", ""),
        KeySpec=raw.get("KeySpec", ""),
        KeyUsage=raw.get("KeyUsage", ""),
        KeyManager=raw.get("KeyManager", ""),
        MultiRegion=bool(raw.get("MultiRegion", False)),
        Enabled=bool(raw.get("Enabled", False)),
        Description=raw.get("Description", ""),
        CreationDate=raw.get("CreationDate"),
    )


@typed_errors()
def policy(account: AwsAccount, *, region: str, key_id: str, quick: bool = True) -> str:
    """A key's policy, as JSON (API_GetKeyPolicy.html). AWS shows that of the account's own keys alone."""
    answer = client("kms", account, region, quick=quick).get_key_policy(KeyId=key_id, PolicyName="default")
    return str(answer["Policy"])


@typed_errors()
def aliases(account: AwsAccount, *, region: str, quick: bool = True) -> list[Alias]:
    """The aliases of the account's Region, AWS's own included, by name."""
    found: list[Alias] = []
    for page in client("kms", account, region, quick=quick).pages("list_aliases"):
        found += [Alias(raw["AliasName"], raw.get("TargetKeyId", "")) for raw in page["Aliases"]]
    return sorted(found, key=lambda alias: alias.AliasName)
