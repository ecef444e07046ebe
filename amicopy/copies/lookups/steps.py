"""What steps after a copy would meet where it goes: the alias as it is now and the launch templates that would take the
AMI from it, the template that gets a version, whether AMIs may be made public, and which accounts the copy's key
doesn't admit. Asked as the other look-ups are; rules and facts read it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from amicopy.aws import errors, image_changes, kms, ssm, templates
from amicopy.aws.account import AwsAccount
from amicopy.copies.core.calls import Call
from amicopy.copies.core.steps import table
from amicopy.copies.core.steps.members import Members
from amicopy.copies.lookups.async_queries import Missing, Question

KEPT_SECONDS = 30
# So many templates are named.
USERS = 10
TEMPLATE_UNKNOWN = frozenset(
    {
        "InvalidLaunchTemplateId.NotFound",
        "InvalidLaunchTemplateName.NotFoundException",
        "InvalidLaunchTemplateId.VersionNotFound",
    }
)


class KeptAlias(TypedDict):
    """A parameter as it is now; `Value` is empty where there is none."""

    Name: str
    Value: str
    Type: str
    DataType: str


class KeptUsers(TypedDict):
    """The launch templates that launch whatever an alias shows, the first of them by name; `more`: not all templates of
    the Region were read."""

    count: int
    templates: list[str]
    more: bool


class KeptSteps(TypedDict, total=False):
    """What was found out about one destination's steps; what AWS didn't answer is absent. `key_policy_lacks` are
    accounts, of those it is to be shared with, that the chosen key's policy doesn't name."""

    alias: KeptAlias
    alias_users: KeptUsers
    template: dict[str, bool]
    ImageBlockPublicAccessState: str
    key_policy_lacks: list[str]


def questions(account: AwsAccount, call: Call, steps: Mapping[str, Members]) -> dict[str, Question[Any]]:
    """The questions about the steps of one destination, by the name of the part they answer."""
    region, asked = call.DestinationRegion, dict[str, Question[Any]]()
    if (alias := steps.get(table.ALIAS)) and "{" not in alias.get("Name", "{"):
        asked["alias"] = _alias_question(account, region, alias["Name"])
        asked["alias_users"] = _users_question(account, region, alias["Name"])
    if template := steps.get(table.TEMPLATE):
        which = {name: template[name] for name in ("LaunchTemplateId", "LaunchTemplateName") if name in template}
        if len(which) == 1:
            asked["template"] = _template_question(account, region, which)
    launch = steps.get(table.LAUNCH) or {}
    if "all" in launch.get("UserGroups", ()):
        asked["public"] = Question(
            "public-sharing", account, (region,), lambda: image_changes.public_sharing(account, region=region)
        )
    if policy := policy_question(account, call, steps, str(call.parameters.get("KmsKeyId") or "")):
        asked["key_policy"] = policy
    return asked


def policy_question(account: AwsAccount, call: Call, steps: Mapping[str, Members], key: str) -> Question[str] | None:
    """The question whom the policy of a key admits, where anybody gets what it encrypts."""
    wanted = key and _accounts(steps) and "alias/aws/" not in key
    return _policy_question(account, call.DestinationRegion, key) if wanted else None


def kept(answers: Mapping[str, Any], steps: Mapping[str, Members]) -> KeptSteps:
    """What a request keeps of the answers."""
    found = KeptSteps()
    known = {name: answer for name, answer in answers.items() if not isinstance(answer, Missing)}
    if "alias" in known:
        found["alias"] = known["alias"]
    if "alias_users" in known:
        found["alias_users"] = known["alias_users"]
    if "template" in known:
        found["template"] = {"found": known["template"]}
    if "public" in known:
        found["ImageBlockPublicAccessState"] = known["public"]
    if "key_policy" in known:
        found["key_policy_lacks"] = lacking(known["key_policy"], _accounts(steps))
    return found


def lacking(policy: str, accounts: Sequence[str]) -> list[str]:
    """The accounts that no allowing statement of a key's policy names, or lets in with everybody."""
    try:
        statements = json.loads(policy).get("Statement", [])
    except (ValueError, AttributeError):
        return []
    named: set[str] = set()
    for statement in [statements] if isinstance(statements, dict) else statements:
        principal = statement.get("Principal", {}) if statement.get("Effect") == "Allow" else {}
        values = principal if isinstance(principal, str) else principal.get("AWS", [])
        named |= {values} if isinstance(values, str) else set(values)
    return [each for each in accounts if not any(value == "*" or each in value.split(":") for value in named)]


def _accounts(steps: Mapping[str, Members]) -> list[str]:
    codes = (table.LAUNCH, table.SNAPSHOTS)
    return sorted({each for code in codes for each in (steps.get(code) or {}).get("UserIds", ())})


def _alias_question(account: AwsAccount, region: str, name: str) -> Question[KeptAlias]:
    def ask() -> KeptAlias:
        there = ssm.get(account, region=region, name=name, quick=True)
        if there is None:
            return KeptAlias(Name=name, Value="", Type="", DataType="")
        # What isn't an alias may be a secret.
        value = there.Value if there.an_alias else ""
        return KeptAlias(Name=name, Value=value, Type=there.Type, DataType=there.DataType)

    return Question("alias", account, (region, name), ask, KEPT_SECONDS)


def _users_question(account: AwsAccount, region: str, name: str) -> Question[KeptUsers]:
    def ask() -> KeptUsers:
        found = templates.resolving(account, region=region, parameter=name, quick=True)
        return KeptUsers(count=len(found.names), templates=list(found.names[:USERS]), more=found.more)

    return Question("alias-users", account, (region, name), ask)


def _template_question(account: AwsAccount, region: str, which: Mapping[str, str]) -> Question[bool]:
    def ask() -> bool:
        try:
            templates.numbers(account, region=region, which=which, quick=True)
        except errors.Rejected as error:
            if error.code not in TEMPLATE_UNKNOWN:
                raise
            return False
        return True

    return Question("template", account, (region, *which.values()), ask, KEPT_SECONDS)


def _policy_question(account: AwsAccount, region: str, key_id: str) -> Question[str]:
    def ask() -> str:
        key = kms.describe_key(account, region=region, key_id=key_id)
        return kms.policy(account, region=region, key_id=key.Arn)

    return Question("key-policy", account, (region, key_id), ask)
