"""The verbs of administrators on AWS accounts: add and change, each with its difference in the history; and what the
role in an account has to say."""

import json
import re
import secrets
from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from amicopy.audit.actor import Actor
from amicopy.audit.log import record
from amicopy.aws import partitions, policies, sts
from amicopy.aws.account import AwsAccount
from amicopy.aws.sts import Identity
from amicopy.copies.core import permissions
from amicopy.copies.core.calls import fingerprint
from amicopy.copies.core.installation import mark_prefix
from amicopy.copies.core.models import Account, CopyRequest
from amicopy.copies.core.permissions import person
from amicopy.copies.lifecycle.transitions import InvalidTransition
from amicopy.copies.lookups.async_queries import Begin, Question
from amicopy.copies.operations import account_checks

# https://docs.aws.amazon.com/IAM/latest/APIReference/API_Role.html: name and path.
ROLE = re.compile(r"arn:(?P<partition>[a-z-]+):iam::(?P<account>[0-9]{12}):role/[!-~]{0,511}[\w+=,.@-]{1,64}", re.ASCII)
ROLES = ("role_arn", "read_only_role_arn")
# In these a new value would be another account: what was approved in it would no longer hold.
IDENTITY = ("account_id", "partition")
# Where the policy has to name who amicopy is and nobody has looked yet.
UNKNOWN_PRINCIPAL = "arn:aws:iam::ACCOUNT-OF-AMICOPY:role/ROLE-OF-AMICOPY"


def seen_of(account: Account) -> str:
    """What a form was filled in on: an edit of anything else is refused."""
    return fingerprint(account.as_dict())


def save(actor: Actor, account: Account, *, groups: Collection[Group], seen: str = "") -> Account:
    """Adds an account, or changes one as it was `seen`, records the difference and has it looked at.

    The ExternalId is made here and never anybody's choice: who could choose it could have amicopy enter an account of
    somebody else's. Raises NotAllowed, ValidationError by field, and InvalidTransition when somebody else was first.
    """
    permissions.check_manage_accounts(person(actor))
    with transaction.atomic():
        stored = Account.objects.select_for_update().filter(pk=account.pk).first() if account.pk else None
        before = stored.as_dict() if stored else {}
        if stored and seen != seen_of(stored):
            raise InvalidTransition(f"Account {stored.name} was changed meanwhile. Look at it again.")
        account.external_id = before.get("external_id") or f"amicopy-{secrets.token_hex(16)}"
        _check(account, before)
        try:
            with transaction.atomic():
                account.save()
        except IntegrityError:
            raise InvalidTransition("An account of that name or number was added meanwhile. Look at it.") from None
        account.requester_groups.set(groups)
        _record(account, before, actor=actor)
        account_checks.want(account)
    return account


def check_now(actor: Actor, account: Account) -> None:
    """Has a worker look at an account. Raises NotAllowed."""
    permissions.check_manage_accounts(person(actor))
    with transaction.atomic():
        account_checks.want(account)


def trust_policy(account: Account, *, own_arn: str) -> str:
    """The trust policy of the role to assume: amicopy's own principal, with this account's ExternalId."""
    return json.dumps(policies.trust(principal=_principal(own_arn), external_id=account.external_id), indent=2)


def begin_to_look(account: Account, ask: Begin) -> tuple[Callable[[float], Any], Callable[[float], Any]]:
    """Begins to ask, for the web server, who it is by itself, and who in an account; returns what waits for each."""
    own = replace(account.aws(), role_arn="", external_id="")
    return ask(_who(own)), ask(_who(account.read_only()))


def _who(aws: AwsAccount) -> Question[Identity]:
    return Question("identity", aws, (), partial(sts.identity, aws), kept_seconds=60)


def permission_policies(account: Account) -> tuple[str, str]:
    """What workers need in an account, and what the web server does, as documents to paste."""
    marked = {"mark_key": settings.MARK_TAG_KEY, "mark_values": f"{mark_prefix()}*"}
    needed = policies.worker(account.partition, **marked), policies.web(account.partition)
    return json.dumps(needed[0], indent=2), json.dumps(needed[1], indent=2)


def _principal(own_arn: str) -> str:
    """What a policy can name of a session: its role. The role's path isn't in the session's ARN."""
    session = re.fullmatch(r"arn:([^:]+):sts::([0-9]{12}):assumed-role/([^/]+)/.+", own_arn)
    return f"arn:{session[1]}:iam::{session[2]}:role/{session[3]}" if session else own_arn or UNKNOWN_PRINCIPAL


def _check(account: Account, before: dict[str, Any]) -> None:
    errors: dict[str, Any] = {}
    try:
        account.clean_fields(exclude=["external_id"])
    except ValidationError as refused:
        errors = refused.error_dict
    others = Account.objects.exclude(pk=account.pk)
    if others.filter(name=account.name).exists():
        errors["name"] = ["Choose another name. There is an account of that name."]
    if not re.fullmatch("[0-9]{12}", account.account_id):
        errors["account_id"] = ["Enter the 12 digits of the account."]
    elif others.filter(account_id=account.account_id).exists():
        errors["account_id"] = ["Change the account that is here already. It has this number."]
    if account.partition not in partitions.partitions():
        errors["partition"] = ["Choose a partition that AWS has."]
    for name in IDENTITY:
        if before and before[name] != getattr(account, name) and CopyRequest.objects.filter(account=account).exists():
            errors[name] = [f"Add another account. Requests were made in this one, whose value is {before[name]}."]
    errors |= {name: [words] for name in ROLES if (words := _wrong_with_role(account, name))}
    if errors:
        raise ValidationError(errors)


def _wrong_with_role(account: Account, name: str) -> str:
    """What is wrong with one of an account's roles, empty where nothing is."""
    arn = getattr(account, name)
    role = ROLE.fullmatch(arn)
    if arn and role is None:
        return "Enter a role's ARN, such as arn:aws:iam::111122223333:role/amicopy."
    if role is not None and (role["partition"], role["account"]) != (account.partition, account.account_id):
        return "Enter a role in this account. This one is in another account or partition."
    if name == "read_only_role_arn" and arn and arn == account.role_arn:
        return "Enter another role than the one to assume, or leave it empty: then both are the same."
    return ""


def _record(account: Account, before: dict[str, Any], *, actor: Actor) -> None:
    now = account.as_dict()
    about = {"id": account.pk, "name": account.name}
    if not before:
        record("account.created", actor=actor, account=account.account_id, data={**about, "account": now})
        return
    changes = {name: [before[name], value] for name, value in now.items() if before[name] != value}
    if changes:
        record("account.changed", actor=actor, account=account.account_id, data={**about, "changes": changes})
