"""Whom a call is signed as: the ambient credentials, or those of an account's role, which renew themselves.

A role is entered under a name that CloudTrail of its account shows: `amicopy`, or `amicopy-1234` for a call that
request 1234 asks for. Each account and name has credentials of its own, fetched when they are first used and once an
hour from then on. Those not used for longest are forgotten, so that they stay few.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import botocore.session
from botocore.credentials import AssumeRoleCredentialFetcher, Credentials, DeferredRefreshableCredentials
from botocore.exceptions import NoCredentialsError
from django.conf import settings

from amicopy.aws.account import AwsAccount

# The key the sandbox knows; nothing at AWS answers to it.
SANDBOX_KEY = {"access_key": "AKIASANDBOX000000000", "secret_key": "sandbox"}
SESSION_NAME = "amicopy"
# A few kilobytes each.
MOST = 256

_lock = threading.RLock()
_roles: OrderedDict[tuple[AwsAccount, str], Credentials] = OrderedDict()
_ambient: list[Credentials] = []


def of(account: AwsAccount, *, sts: Callable[..., Any], for_request: int | None = None) -> Credentials:
    """The credentials that act in an account; `sts` makes a client that calls STS with the ambient ones.

    Where no role is assumed `for_request` changes nothing. Raises botocore's NoCredentialsError.
    """
    if not account.role_arn:
        return ambient()
    key = (account, session_name(for_request))
    with _lock:
        if key not in _roles:
            _roles[key] = _assumed(*key, sts=sts)
            if len(_roles) > MOST:
                _roles.popitem(last=False)
        _roles.move_to_end(key)
        return _roles[key]


def session_name(for_request: int | None) -> str:
    """The RoleSessionName, 2 to 64 of `[\\w+=,.@-]` (API_AssumeRole.html): with the request's number if there is
    one."""
    return SESSION_NAME if for_request is None else f"{SESSION_NAME}-{for_request}"


def ambient() -> Credentials:
    """What amicopy runs with: environment, files, or the machine's role. Raises NoCredentialsError."""
    with _lock:
        if not _ambient:
            found = Credentials(**SANDBOX_KEY) if settings.AWS_ENDPOINT else _found()
            if found is None:
                raise NoCredentialsError
            _ambient.append(found)
        return _ambient[0]


def forget(account: AwsAccount) -> None:
    """Has the account's next call get new credentials, under whatever name."""
    with _lock:
        _ambient.clear()
        for key in [key for key in _roles if key[0] == account]:
            del _roles[key]


def forget_all() -> None:
    """Has every account's next call get new credentials."""
    with _lock:
        _ambient.clear()
        _roles.clear()


def _found() -> Credentials | None:
    # With botocore's whole models: a web identity, say, needs an operation that amicopy never calls itself.
    return botocore.session.Session().get_credentials()


def _assumed(account: AwsAccount, name: str, *, sts: Callable[..., Any]) -> Credentials:
    fetcher = AssumeRoleCredentialFetcher(
        client_creator=sts,
        source_credentials=ambient(),
        role_arn=account.role_arn,
        extra_args={
            "RoleSessionName": name,
            **({"ExternalId": account.external_id} if account.external_id else {}),
        },
    )
    return DeferredRefreshableCredentials(method="assume-role", refresh_using=fetcher.fetch_credentials)
