"""What `manage.py check --deploy` says of settings that amicopy is weaker with."""

import os
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning

from amicopy.copies.core.roles import ROLES


def two_person_changes(**kwargs: Any) -> list[CheckMessage]:
    """Warns while one administrator is enough for any change."""
    if settings.TWO_PERSON_CHANGES:
        return []
    words = "TWO_PERSON_CHANGES is off: one administrator alone can change rules, roles and accounts."
    return [Warning(words, hint="Leave it on; with one administrator changes take effect at once.", id="amicopy.W003")]


def https_behind_a_proxy(**kwargs: Any) -> list[CheckMessage]:
    """Warns where nobody can say that a request came by HTTPS: amicopy itself speaks HTTP, and then every page leads to
    itself, for ever."""
    if not settings.HTTPS_ONLY or settings.TRUSTED_PROXIES:
        return []
    words = "HTTPS_ONLY is on and TRUSTED_PROXIES is empty: no proxy can say that a request came by HTTPS."
    hint = "Name the proxy that ends TLS in TRUSTED_PROXIES, such as 127.0.0.1."
    return [Warning(words, hint=hint, id="amicopy.W004")]


def nothing_outside(**kwargs: Any) -> list[CheckMessage]:
    """Warns where a worker couldn't write down what it has seen of the database, so that nobody would notice a restored
    backup."""
    there = next(path for path in (settings.VAR_DIR, *settings.VAR_DIR.parents) if path.exists())
    if there.is_dir() and os.access(there, os.W_OK):
        return []
    words = f"{settings.VAR_DIR} can't be written: a database restored from a backup wouldn't be noticed."
    return [Warning(words, hint="Let AMICOPY_VAR_DIR be a folder that workers can write.", id="amicopy.W005")]


def given_by_groups(**kwargs: Any) -> list[CheckMessage]:
    """Refuses a table of groups that gives a role which there isn't, or a role as if it were a team."""
    found: list[CheckMessage] = []
    for name, provider in settings.OIDC_PROVIDERS.items():
        unknown = {role for given in provider.roles.values() for role in given} - set(ROLES)
        if unknown:
            words = f"OIDC_PROVIDERS: {name} gives roles that there aren't: {', '.join(sorted(unknown))}."
            found.append(Error(words, hint=f"There are {', '.join(ROLES)}.", id="amicopy.E001"))
        if teams := {team for given in provider.teams.values() for team in given} & set(ROLES):
            words = f"OIDC_PROVIDERS: {name} has roles among its teams: {', '.join(sorted(teams))}."
            found.append(Error(words, hint="Put them among its roles.", id="amicopy.E002"))
    return found
