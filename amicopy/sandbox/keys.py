"""The catalogue's KMS keys in moto's store, with ids that stay the same, and how EC2 finds a key."""

from copy import copy
from functools import cache
from typing import Any

from moto.kms.models import Key, kms_backends

from amicopy.sandbox.catalogue import ACCOUNTS, KEYS, REGIONS, key_arn, key_id


@cache
def template() -> Any:
    """A key to copy: moto makes an RSA pair for every key, which takes 60 ms each."""
    return Key(None, "ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT", "", "000000000000", "us-east-1")


def load() -> None:
    """Puts the catalogue's keys into every account and Region."""
    for account in ACCOUNTS:
        for region in REGIONS:
            backend = kms_backends[account][region]
            for row in KEYS:
                key = copy(template())
                key.id = key_id(account, region, row["alias"])
                key.arn = key_arn(account, region, row["alias"])
                key.account_id, key.region = account, region
                key.description, key.key_manager = row["description"], row["manager"]
                key.policy = key.generate_default_policy()
                key.aliases, key.grants, key.rotations = {}, {}, []
                backend.keys[key.id] = key
                backend.create_alias(key.id, row["alias"])
                if row["state"] == "Disabled":
                    backend.disable_key(key.id)


def resolve(reference: str, *, account: str, region: str) -> tuple[str, str | None]:
    """The ARN of a key given as id, alias, key ARN or alias ARN, and what is wrong with it, if anything.

    An id or alias name means the caller's account and Region; a key of another account needs an ARN. The key
    must be in the destination Region, symmetric and enabled.
    """
    name = reference
    if reference.startswith("arn:"):
        parts = reference.split(":", 5)
        if len(parts) != 6 or parts[3] != region:
            return reference, "The key is in another Region."
        account, name = parts[4], parts[5].removeprefix("key/")
    if account not in ACCOUNTS:
        return reference, "The key's account is unknown."
    backend = kms_backends[account][region]
    found = backend.get_key_id_from_alias(name) if name.startswith("alias/") else name
    key = backend.keys.get(found)
    if key is None:
        return reference, "The key doesn't exist."
    if key.key_state != "Enabled" or key.key_spec != "SYMMETRIC_DEFAULT":
        return str(key.arn), f"The key is {key.key_state} and {key.key_spec}."
    return str(key.arn), None
