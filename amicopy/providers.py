"""The providers of single sign-on: who they are, and what they say of somebody's groups.

A claim that is absent says nothing, which isn't the same as an empty one; and Entra ID sends a reference in the place
of a long list, which says nothing either.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

MOST_GROUPS = 2000
OBJECT_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class Missing(StrEnum):
    """Why a provider said nothing of somebody's groups."""

    ABSENT = "absent"
    # https://learn.microsoft.com/en-us/entra/identity-platform/access-token-claims-reference#groups-overage-claim
    REFERENCE = "reference"
    # Neither a list of texts nor a text, or more than anybody is in.
    UNREADABLE = "unreadable"


@dataclass(frozen=True)
class Provider:
    """A provider of OpenID Connect. `name` stands in addresses, `label` on pages, `issuer` is what its tokens say.

    `groups_claim` is the path to the claim with a person's groups; a text there is one group, or several between
    `groups_separator`. `roles` and `teams` say what a group gives: roles of amicopy, and groups of its own.
    """

    name: str
    label: str
    issuer: str
    client_id: str
    client_secret: str
    scope: str
    groups_claim: tuple[str, ...]
    groups_separator: str
    roles: Mapping[str, tuple[str, ...]]
    teams: Mapping[str, tuple[str, ...]]

    def given_by(self, groups: frozenset[str]) -> set[str]:
        """The roles and teams that these groups give."""
        return {name for table in (self.roles, self.teams) for group in groups for name in table.get(group, ())}

    @property
    def mapped(self) -> set[str]:
        """Every role and team that any group gives: what signing on touches."""
        return self.given_by(frozenset({*self.roles, *self.teams}))

    def has_no_ids_but(self, groups: frozenset[str]) -> bool:
        """Whether these groups are object ids, as Entra ID sends them, while the table has names alone."""
        table = {*self.roles, *self.teams}
        return bool(groups) and all(map(OBJECT_ID.fullmatch, groups)) and not any(map(OBJECT_ID.fullmatch, table))

    def groups(self, claims: Mapping[str, Any]) -> frozenset[str] | Missing:
        """The groups that a person's claims name, or why they name none."""
        value: Any = claims
        for part in self.groups_claim:
            if not isinstance(value, Mapping) or value.get(part) is None:
                return Missing.REFERENCE if self._refers(claims) else Missing.ABSENT
            value = value[part]
        if isinstance(value, str):
            # Amazon Cognito writes a list as a text in brackets.
            value = value.strip("[] ").split(self.groups_separator) if self.groups_separator else [value]
        if not isinstance(value, list) or len(value) > MOST_GROUPS or not all(isinstance(each, str) for each in value):
            return Missing.UNREADABLE
        return frozenset(group for each in value if (group := each.strip()))

    def _refers(self, claims: Mapping[str, Any]) -> bool:
        names = claims.get("_claim_names")
        return bool(claims.get("hasgroups")) or (isinstance(names, Mapping) and self.groups_claim[0] in names)
