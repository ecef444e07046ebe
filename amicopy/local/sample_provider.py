"""A provider of single sign-on beside the sandbox: oidc-provider-mock, of the development requirements."""

import json
import sys
from collections.abc import Mapping
from importlib.util import find_spec

from django.conf import settings

# Who is known there, by subject, with their groups; it takes any other subject too.
PEOPLE: Mapping[str, list[str]] = {
    "provider-requester": ["image-requesters"],
    "provider-approver": ["image-approvers", "platform"],
    "provider-auditor": ["image-auditors"],
    "provider-nobody": ["others"],
}
ROLES = {"image-requesters": ["requester"], "image-approvers": ["approver"], "image-auditors": ["auditor"]}


def is_wanted() -> bool:
    """Whether it is installed, in the sandbox, and no other provider stands in the settings."""
    return bool(settings.SANDBOX) and not settings.OIDC_PROVIDERS and find_spec("oidc_provider_mock") is not None


def environ(issuer: str) -> dict[str, str]:
    """The settings with which amicopy knows it."""
    provider = {
        "name": "sample",
        "label": "the sample provider",
        "issuer": issuer,
        "client_id": "amicopy",
        "roles": ROLES,
        "teams": {"platform": ["Platform"]},
    }
    return {"OIDC_PROVIDERS": json.dumps([provider]), "OIDC_CLIENT_SECRETS": json.dumps({"sample": "of-no-use"})}


def claims(subject: str, groups: list[str]) -> dict[str, object]:
    """What it says of somebody."""
    return {"preferred_username": subject, "email": f"{subject}@amicopy.example", "groups": groups}


def command(host: str, port: int) -> list[str]:
    """What starts it."""
    people = [json.dumps({"sub": subject, **claims(subject, groups)}) for subject, groups in PEOPLE.items()]
    asked = [part for each in people for part in ("--user-claims", each)]
    return [sys.executable, "-m", "oidc_provider_mock", "--host", host, "--port", str(port), "--require-nonce", *asked]
