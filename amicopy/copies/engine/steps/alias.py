"""The step that publishes: a parameter that shows the image. What AWS accepts it checks later, and drops without a word
if the image isn't there for it: only what is read back is done."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from amicopy.aws import ssm
from amicopy.aws.errors import Rejected
from amicopy.copies.engine.steps.actions import Action, Changed, Target

# Before the first look whether AWS has taken it.
CHECKED_AFTER = timedelta(seconds=5)


def _read(target: Target) -> ssm.Parameter | None:
    return ssm.get(**target.place, name=target.members["Name"])


def _shows(seen: ssm.Parameter | None, target: Target) -> bool:
    return seen is not None and seen.Value == target.image_id and seen.an_alias


def _before(target: Target) -> Mapping[str, Any]:
    """What it shows before it is written; nothing is asked where it has to be new."""
    if not target.members.get("Overwrite"):
        return {"there": False}
    seen = _read(target)
    if seen is None:
        return {"there": False}
    if not seen.an_alias:
        raise Rejected("AliasOfAnotherType", f"{seen.Name} is a {seen.Type} of {seen.DataType}, which AWS keeps.")
    return {"there": True, "Value": seen.Value, "Version": seen.Version}


def _publish(target: Target, _seen: Any) -> Changed:
    put = ssm.put_alias(
        **target.place,
        name=target.members["Name"],
        value=target.image_id,
        overwrite=bool(target.members.get("Overwrite")),
        description=target.members.get("Description", ""),
        for_request=target.request,
    )
    return Changed(put.request_id, {"Version": put.Version})


def _put_back(target: Target) -> str:
    """What it showed before, or its end. One that shows something else by now is another's."""
    seen = _read(target)
    if seen is None or seen.Value != target.image_id:
        return ""
    if not target.before.get("there"):
        return ssm.delete(**target.place, name=seen.Name, for_request=target.request)
    put = ssm.put_alias(
        **target.place,
        name=seen.Name,
        value=target.before["Value"],
        overwrite=True,
        description="",
        for_request=target.request,
    )
    return put.request_id


ALIAS = Action(_read, _shows, _publish, before=_before, undo=_put_back, settles=CHECKED_AFTER)
