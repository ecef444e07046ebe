"""The steps that `make chaos` asks for, drawn by the dice, and what has to be there at the sandbox for them."""

import random
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

import boto3

from amicopy.copies.core.steps import table
from amicopy.copies.core.steps.wanted import WantedSteps
from benchmarks.counting import APPROVED, DRY_RUN, ONE_CANCELLED, REJECTED, WITHDRAWN, Asked
from tests.journey.conftest import Running

HOME = "us-east-1"
OWN_ACCOUNT, GOLDEN = "111122223333", "ami-0a7f3c92d41be6058"
# AMIs of the sample account that nothing is copied from: each gets the steps of one request at most.
EXISTING = (
    ("us-east-1", "ami-0b81d5e6f0a297c34"),
    ("us-east-1", "ami-0c4a9e17b3d8250f6"),
    ("us-west-2", "ami-06b2e9f517a4d80c3"),
    ("us-east-1", "ami-016d7b4f8e2c093a5"),
)
# Of so many requests one is for an AMI that exists; this share of the others has steps after their copies.
EXISTING_EVERY, SHARE = 6, 0.5
# Whom nobody else is: accounts without a role at the sandbox.
OTHERS = ("222233334444", "333344445555", "555566667777")
ORGANIZATION = "arn:aws:organizations::222233334444:organization/o-z9y8x7w6v5"
UNIT = "arn:aws:organizations::222233334444:ou/o-z9y8x7w6v5/ou-a1b2-c3d4e5f6"
# Encrypts with AWS's own key, which nobody else may use: nothing is shared from there.
ENCRYPTED = "eu-central-1"
# The launch template that many requests make versions of. Each that sets the default has one of its own name.
FLEET = "chaos-fleet"


def add(asked: Sequence[Asked], dice: random.Random) -> None:
    """Gives a share of the requests steps, of which a few are for an AMI that exists and have no copies."""
    existing = iter(EXISTING)
    for place, one in enumerate(asked):
        found = next(existing, None) if place % EXISTING_EVERY == EXISTING_EVERY - 1 else None
        if found is not None:
            one.existing, one.account, one.regions, one.source = True, OWN_ACCOUNT, [found[0]], found[1]
            one.fate = APPROVED if one.fate in {DRY_RUN, ONE_CANCELLED} else one.fate
    copied = [one for one in asked if not one.existing and one.fate != DRY_RUN]
    chosen = dice.sample(copied, max(1, round(SHARE * len(copied)))) if copied else []
    for one in (*chosen, *(one for one in asked if one.existing)):
        one.steps = _steps(one, dice)


def _steps(one: Asked, dice: random.Random) -> WantedSteps:
    codes = [code for code in WISHES if dice.random() < 0.6] or [dice.choice(list(WISHES))]
    everywhere = {code: WISHES[code](one, dice) for code in codes}
    shared = [code for code in (table.LAUNCH, table.SNAPSHOTS) if code in everywhere]
    own = {place: dict.fromkeys(shared) for place, region in enumerate(one.regions) if shared and region == ENCRYPTED}
    return WantedSteps(everywhere, own)


def _some(dice: random.Random) -> list[str]:
    return sorted(dice.sample(OTHERS, dice.randint(1, len(OTHERS) - 1)))


def _launch(one: Asked, dice: random.Random) -> dict[str, Any]:
    whole = {"OrganizationArns": [ORGANIZATION]} if dice.random() < 0.3 else {}
    return {"UserIds": _some(dice), **whole, **({"OrganizationalUnitArns": [UNIT]} if dice.random() < 0.3 else {})}


def _deprecation(one: Asked, dice: random.Random) -> dict[str, Any]:
    days, dated = dice.randint(10, 1000), dice.random() < 0.5
    if not (one.existing or dated):
        return {"DaysAfterCopy": days}
    when = datetime.now(UTC).replace(second=0, microsecond=0, tzinfo=None) + timedelta(days=days)
    return {"DeprecateAt": f"{when.isoformat()}Z"}


def _protection(one: Asked, dice: random.Random) -> dict[str, Any]:
    # What is cancelled would be protected for a day more.
    return {"WithCooldown": True} if one.fate in {APPROVED, REJECTED, WITHDRAWN} and dice.random() < 0.5 else {}


def _template(one: Asked, dice: random.Random) -> dict[str, Any]:
    own = {"LaunchTemplateName": one.name, "SetDefaultVersion": True}
    return own if dice.random() < 0.5 else {"LaunchTemplateName": FLEET}


def _alias(one: Asked, dice: random.Random) -> dict[str, Any]:
    overwritten = {"Overwrite": True} if dice.random() < 0.5 else {}
    return {"Name": f"/chaos/{one.name}", "Description": f"Of {one.name}", **overwritten}


WISHES: Mapping[str, Callable[[Asked, random.Random], dict[str, Any]]] = {
    table.WATERMARK: lambda one, dice: {"WatermarkName": one.name},
    table.SNAPSHOTS: lambda one, dice: {"UserIds": _some(dice)},
    table.LAUNCH: _launch,
    table.IMDS: lambda one, dice: {"Value": "v2.0"},
    table.DEPRECATION: _deprecation,
    table.PROTECTION: _protection,
    table.TEMPLATE: _template,
    table.ALIAS: _alias,
}


def typed(one: Asked) -> dict[str, str]:
    """The steps as somebody fills them into the form."""
    fields = dict(chain.from_iterable(_fields(code, members) for code, members in one.steps.everywhere.items()))
    left_out = {
        f"destinations-{place}-{code}": "none"
        for place, own in one.steps.own.items()
        for code, members in own.items()
        if members is None
    }
    return fields | left_out


def _fields(code: str, members: Mapping[str, Any]) -> list[tuple[str, str]]:
    asked = [(code, "on")] if code == table.PROTECTION else []
    return asked + [(f"{code}-{name}", _text(value)) for name, value in members.items()]


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(value)
    return "on" if value is True else str(value)


def prepare(running: Running, asked: Sequence[Asked]) -> None:
    """Makes the launch templates, and the parameters that are to be overwritten; notes snapshots of what exists."""
    running.control("settings", alias_seconds=0)
    sessions = {one.account: session_of(running, one.account) for one in asked if one.steps}
    made: set[tuple[str, str, str]] = set()
    for one in asked:
        for region in one.regions if one.steps else ():
            client = _clients(sessions[one.account], region, running)
            name = one.steps.everywhere.get(table.TEMPLATE, {}).get("LaunchTemplateName", "")
            if name and (one.account, region, name) not in made:
                made.add((one.account, region, name))
                data = {"ImageId": one.source, "InstanceType": "t3.micro"}
                client("ec2").create_launch_template(LaunchTemplateName=name, LaunchTemplateData=data)
            alias = one.steps.everywhere.get(table.ALIAS, {})
            # Only there an image is at hand that it can show before.
            if alias.get("Overwrite") and region == HOME:
                shown = GOLDEN if one.existing else one.source
                client("ssm").put_parameter(Name=alias["Name"], Value=shown, Type="String", DataType="aws:ec2:image")
            if one.existing:
                [image] = client("ec2").describe_images(ImageIds=[one.source])["Images"]
                one.snapshots = [row["Ebs"]["SnapshotId"] for row in image["BlockDeviceMappings"] if "Ebs" in row]


def session_of(running: Running, account: str) -> boto3.Session:
    """Plain credentials of an account of the catalogue, which are nobody's of amicopy's."""
    first = boto3.Session("AKIASANDBOX000000000", "sandbox")
    if account == OWN_ACCOUNT:
        return first
    given = first.client("sts", HOME, endpoint_url=running.sandbox).assume_role(
        RoleArn=f"arn:aws:iam::{account}:role/amicopy", ExternalId="amicopy-sandbox", RoleSessionName="chaos"
    )
    keys = given["Credentials"]
    return boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])


def _clients(session: boto3.Session, region: str, running: Running) -> Callable[[str], Any]:
    def client(service: str) -> Any:
        return session.client(service, region, endpoint_url=running.sandbox)  # type: ignore[call-overload]

    return client
