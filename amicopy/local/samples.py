"""Sample people and accounts, for the sandbox only."""

import secrets

from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db import transaction

from amicopy.copies.core.models import Account
from amicopy.copies.core.roles import make_roles

PEOPLE = {
    "requester": ("requester",),
    "approver": ("approver",),
    "auditor": ("auditor",),
    "admin": ("administrator",),
}
# As the sandbox's catalogue has them.
ACCOUNTS = (
    {"name": "sandbox", "account_id": "111122223333"},
    {
        "name": "sandbox-second",
        "account_id": "444455556666",
        "role_arn": "arn:aws:iam::444455556666:role/amicopy",
        "read_only_role_arn": "arn:aws:iam::444455556666:role/amicopy-read-only",
        "external_id": "amicopy-sandbox",
    },
)


class SamplesRefused(Exception):
    """Sample people must not exist here."""


def check_mode() -> None:
    """Raises SamplesRefused outside sandbox mode."""
    if not settings.SANDBOX:
        raise SamplesRefused("Sample people exist in sandbox mode only (AMICOPY_AWS=sandbox).")


def make(password: str) -> None:
    """Makes what is missing and gives every sample person this password. Raises SamplesRefused outside sandbox mode."""
    check_mode()
    with transaction.atomic():
        make_roles(apps)
        for name, roles in PEOPLE.items():
            person, _ = User.objects.get_or_create(username=name)
            person.is_superuser = name == "admin"
            person.email = person.email or f"{name}@amicopy.example"
            person.set_password(password)
            person.save()
            person.groups.set(Group.objects.filter(name__in=roles))
        for values in ACCOUNTS:
            Account.objects.get_or_create(account_id=values["account_id"], defaults=values)


def password() -> str:
    """The sample people's password: SAMPLE_PASSWORD, or one made up once and kept in a file only this user can read.

    Raises SamplesRefused outside sandbox mode.
    """
    if settings.SAMPLE_PASSWORD:
        return str(settings.SAMPLE_PASSWORD)
    check_mode()
    settings.VAR_DIR.mkdir(parents=True, exist_ok=True)
    kept = settings.VAR_DIR / "sample-password"
    if not kept.exists():
        kept.touch(mode=0o600)
        kept.write_text(secrets.token_urlsafe(12))
    return str(kept.read_text())
