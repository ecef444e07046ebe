"""KMS keys of a destination, and whether a chosen one can encrypt a copy there.

AWS checks a key only after it has answered: a wrong one is a failed copy half an hour later. So it is looked at before.
https://docs.aws.amazon.com/kms/latest/APIReference/API_DescribeKey.html
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from amicopy.aws import ec2, errors, kms
from amicopy.aws.account import AwsAccount
from amicopy.aws.ec2 import EbsEncryption
from amicopy.aws.kms import Alias
from amicopy.copies.lookups.async_queries import Question
from amicopy.copies.rules.known_problems import Known, words

KEPT_SECONDS = 60
# So many keys of a Region are described for a list of them, so many at a time.
MOST, AT_ONCE = 100, 8


@dataclass(frozen=True)
class KeyCheck:
    """A key as a Region resolves it. `problem` says why it can't encrypt a copy, empty when it can; `code` is its."""

    asked: str
    Arn: str = ""
    KeyState: str = ""
    KeyManager: str = ""
    problem: str = ""
    code: str = ""


def _usual(aliases: Iterable[Alias]) -> list[Alias]:
    """The aliases that point at a key and aren't AWS's for other services."""
    return [
        alias
        for alias in aliases
        if alias.TargetKeyId and (not alias.AliasName.startswith("alias/aws/") or alias.AliasName == "alias/aws/ebs")
    ]


def key_question(account: AwsAccount, *, region: str, key_id: str) -> Question[KeyCheck]:
    """The key behind an id, alias or ARN in this Region, and what speaks against it."""

    def ask() -> KeyCheck:
        try:
            key = kms.describe_key(account, region=region, key_id=key_id)
        except errors.NotFound:
            return KeyCheck(key_id, problem=words(Known.KEY_UNKNOWN, region=region), code=Known.KEY_UNKNOWN)
        return _checked(key_id, key, region)

    return Question("key", account, (region, key_id), ask, KEPT_SECONDS)


@dataclass(frozen=True)
class ListedKey:
    """An alias with the key behind it; `problem` says why that can't encrypt a copy. Of a key that KMS didn't describe
    only the id is known."""

    AliasName: str
    KeyId: str
    Description: str = ""
    KeyState: str = ""
    CreationDate: datetime | None = None
    problem: str = ""


def listed_question(account: AwsAccount, *, region: str) -> Question[list[ListedKey]]:
    """The account's aliases of a Region, those of the newest keys first, with what KMS says of these. Of more than MOST
    keys the others aren't described."""

    def describe(alias: Alias) -> ListedKey:
        try:
            key = kms.describe_key(account, region=region, key_id=alias.TargetKeyId)
        except (errors.Denied, errors.NotFound, errors.Throttled):
            # The list is worth having without it.
            return ListedKey(alias.AliasName, alias.TargetKeyId)
        checked = _checked(alias.AliasName, key, region)
        return ListedKey(alias.AliasName, key.KeyId, key.Description, key.KeyState, key.CreationDate, checked.problem)

    def ask() -> list[ListedKey]:
        aliases = _usual(kms.aliases(account, region=region))
        with ThreadPoolExecutor(AT_ONCE) as pool:
            found = list(pool.map(describe, aliases[:MOST]))
        found += [ListedKey(alias.AliasName, alias.TargetKeyId) for alias in aliases[MOST:]]
        return sorted(found, key=_newest, reverse=True)

    return Question("keys", account, (region,), ask, KEPT_SECONDS)


def _newest(key: ListedKey) -> float:
    return key.CreationDate.timestamp() if key.CreationDate else 0.0


def defaults_question(account: AwsAccount, *, region: str) -> Question[EbsEncryption]:
    """Encryption by default of the account's Region, and the key it uses."""
    return Question("ebs-encryption", account, (region,), lambda: ec2.ebs_encryption(account, region=region))


def _checked(asked: str, key: kms.Key, region: str) -> KeyCheck:
    """What was asked for, with what speaks against the key that it is."""
    code = _problem(key, region)
    facts = {
        "region": region,
        "other": _region_of(key, region),
        "state": {"PendingImport": "waiting for its key material"}.get(key.KeyState, key.KeyState.lower()),
        "spec": key.KeySpec,
        "usage": key.KeyUsage,
    }
    said = words(code, **facts) if code else ""
    return KeyCheck(asked, key.Arn, key.KeyState, key.KeyManager, said, code or "")


def _problem(key: kms.Key, region: str) -> Known | None:
    if _region_of(key, region) != region:
        return Known.KEY_ELSEWHERE
    if key.KeyState != "Enabled":
        states = {"Disabled": Known.KEY_DISABLED, "PendingDeletion": Known.KEY_PENDING_DELETION}
        return states.get(key.KeyState, Known.KEY_NOT_ENABLED)
    if key.KeySpec != "SYMMETRIC_DEFAULT" or key.KeyUsage != "ENCRYPT_DECRYPT":
        return Known.KEY_UNFIT
    return None


def _region_of(key: kms.Key, region: str) -> str:
    return key.Arn.split(":")[3] if key.Arn.count(":") >= 5 else region
