"""The steps after a copy in words, for pages: what one does, spelled out."""

from collections.abc import Mapping
from datetime import datetime

from amicopy.copies.core.steps.members import Members, time_of
from amicopy.copies.core.steps.table import (
    ALIAS,
    DEPRECATION,
    IMDS,
    LAUNCH,
    PROTECTION,
    SNAPSHOTS,
    TEMPLATE,
    WATERMARK,
)


def told(code: str, members: Members, names: Mapping[str, str] | None = None) -> str:
    """What a step does with these members, in a phrase that ends no sentence; `names` are those of known accounts."""
    known = names or {}
    if code in {LAUNCH, SNAPSHOTS}:
        return ", ".join(shared_with(members, known))
    if code == DEPRECATION:
        days = members.get("DaysAfterCopy")
        return f"{days} day{'' if days == 1 else 's'} after the copy" if days else f"on {_day(members['DeprecateAt'])}"
    if code == PROTECTION:
        return "with a cooldown of 24 hours" if members.get("WithCooldown") else "without a cooldown"
    if code == ALIAS:
        return f"{members['Name']}{', overwritten where it is there' if members.get('Overwrite') else ''}"
    if code == TEMPLATE:
        which = members.get("LaunchTemplateId") or members.get("LaunchTemplateName", "")
        made = f", made from version {members['SourceVersion']}" if members.get("SourceVersion") else ""
        return f"{which}{made}{', as its default' if members.get('SetDefaultVersion') else ''}"
    if code == WATERMARK:
        return str(members.get("WatermarkName", ""))
    return str(members.get("Value", "")) if code == IMDS else ""


def shared_with(members: Members, names: Mapping[str, str]) -> list[str]:
    """Each account, organization and unit that an AMI is shared with, accounts by the names they have here."""
    everybody = ["everybody, at any account"] if "all" in members.get("UserGroups", ()) else []
    accounts = [f"{names[each]} ({each})" if each in names else each for each in members.get("UserIds", ())]
    organizations = [f"organization {_last(each)}" for each in members.get("OrganizationArns", ())]
    units = [f"unit {_last(each)}" for each in members.get("OrganizationalUnitArns", ())]
    return everybody + accounts + organizations + units


def _last(arn: str) -> str:
    return arn.rpartition("/")[2]


def _day(text: str) -> str:
    when: datetime = time_of(text)
    return f"{when:%-d %b %Y, %H:%M} UTC"
