"""The step that makes a new version of a launch template, and the default one of it where that is wanted."""

from collections.abc import Mapping, Sequence
from typing import Any

from amicopy.aws import templates
from amicopy.aws.templates import Version
from amicopy.copies.core.steps.members import Members
from amicopy.copies.engine.steps.actions import Action, Changed, Target


def which(members: Members) -> dict[str, str]:
    """The template, as AWS's calls take it."""
    return {name: members[name] for name in ("LaunchTemplateId", "LaunchTemplateName") if name in members}


def _read(target: Target) -> list[Version]:
    """The versions with the image that were made since the step began: a copy's image is in no earlier one, but an
    image that existed may be, and that one isn't what was approved."""
    versions = templates.versions_with(**target.place, which=which(target.members), image_id=target.image_id)
    return [version for version in versions if version.VersionNumber > target.before.get("LatestVersion", 0)]


def _fits(seen: Sequence[Version], target: Target) -> bool:
    return any(version.DefaultVersion or not target.members.get("SetDefaultVersion") for version in seen)


def _before(target: Target) -> Mapping[str, Any]:
    if not target.members.get("SetDefaultVersion"):
        return {"there": False}
    found = templates.numbers(**target.place, which=which(target.members))
    return {"there": True, "DefaultVersion": found.DefaultVersionNumber}


def _before_existing(target: Target) -> Mapping[str, Any]:
    """The same, with the last of the versions that may have the image already."""
    found = templates.numbers(**target.place, which=which(target.members))
    default = {"DefaultVersion": found.DefaultVersionNumber} if target.members.get("SetDefaultVersion") else {}
    return {"there": bool(default), **default, "LatestVersion": found.LatestVersionNumber}


def _change(target: Target, seen: Sequence[Version] | None) -> Changed:
    members, request_id = target.members, ""
    number = max((version.VersionNumber for version in seen or ()), default=0)
    if not number:
        made = templates.create_version(
            **target.place,
            which=which(members),
            source=members.get("SourceVersion", "$Latest"),
            image_id=target.image_id,
            description=f"amicopy request {target.request}",
            client_token=target.token,
            for_request=target.request,
        )
        number, request_id = made.VersionNumber, made.request_id
    if members.get("SetDefaultVersion"):
        request_id = templates.set_default(
            **target.place, which=which(members), version=number, for_request=target.request
        )
    return Changed(request_id, {"VersionNumber": number})


def _undo(target: Target) -> str:
    """Makes the version of before the default one again, if it is ours now. The version itself stays: what is made from
    it by number would fail without a word."""
    if not target.before.get("there") or not any(version.DefaultVersion for version in _read(target)):
        return ""
    return templates.set_default(
        **target.place,
        which=which(target.members),
        version=target.before["DefaultVersion"],
        for_request=target.request,
    )


TEMPLATE = Action(_read, _fits, _change, before=_before, undo=_undo, before_existing=_before_existing)
