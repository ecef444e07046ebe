"""What the request form begins with: a clone, a request that is edited, more destinations for one, a copy to mend."""

from collections.abc import Sequence

from django.utils import timezone

from amicopy.copies.core.calls import Call
from amicopy.copies.core.marks import unmarked
from amicopy.copies.core.models import Account, CopyRequest, ImageCopy
from amicopy.copies.core.parameters import BY_NAME, DESTINATION_REGION
from amicopy.copies.core.steps.wanted import NOTHING, WantedSteps
from amicopy.web.forms import step_inputs
from amicopy.web.forms.rows import Row


def initial_again(request: CopyRequest) -> dict[str, str]:
    """The form's data for a request that was sent back: all of it, its unused token and its start included."""
    calls = request.calls_as_asked()
    start = request.start_not_before
    return initial_of(calls, account=request.account, reason=request.reason) | {
        "again": str(request.pk),
        "ClientToken": calls[0].ClientToken if calls else "",
        "start_not_before": f"{timezone.localtime(start):%Y-%m-%dT%H:%M}" if start else "",
        **step_inputs.typed(request.steps_as_asked()),
    }


def clone_of(request: CopyRequest) -> dict[str, str]:
    """The form's data for a clone: names that were typed with placeholders have them again, so `{date}` is the day it
    is submitted."""
    data = initial_of(request.calls_as_asked(), account=request.account, reason=request.reason)
    if request.typed:
        data = {name: value for name, value in data.items() if name != "Name" and not name.endswith("-Name")}
    return {**data, **request.typed, **step_inputs.typed(request.steps_as_asked())}


def initial_of(request_calls: Sequence[Call], *, account: Account, reason: str) -> dict[str, str]:
    """The form's data for a clone of these calls; the token stays behind, it works once."""
    data: dict[str, str] = {"account": account.name, "reason": reason}
    tags: dict[tuple[str, str], Row] = {}
    for index, call in enumerate(request_calls):
        data[f"destinations-{index}-{DESTINATION_REGION.name}"] = call.DestinationRegion
        for name, value in call.parameters.items():
            parameter = BY_NAME[name]
            if parameter.kind == "tags":
                for specification in value if index == 0 else ():
                    for tag in specification["Tags"]:
                        row = tags.setdefault((tag["Key"], tag["Value"]), {"Key": tag["Key"], "Value": tag["Value"]})
                        row[specification["ResourceType"]] = "on"
                continue
            text = str(value).lower() if isinstance(value, bool) else str(value)
            once = parameter.required and len({each.parameters.get(name) for each in request_calls}) == 1
            data[name if parameter.scope == "request" or once else f"destinations-{index}-{name}"] = text
    for index, row in enumerate(tags.values()):
        data |= {f"tags-{index}-{name}": value for name, value in row.items()}
    return data


def mended_of(copy: ImageCopy) -> dict[str, str]:
    """The form's data for a failed copy that is asked for again: its destination only, and a link to it."""
    data = initial_of([unmarked(copy.call(), copy.mark)], account=copy.request.account, reason=copy.request.reason)
    own: WantedSteps = WantedSteps(copy.request.steps, {0: copy.own_steps} if copy.own_steps else {})
    return {**data, **step_inputs.typed(own), "mends": str(copy.pk)}


def more_of(
    request_calls: Sequence[Call], *, account: Account, number: int, steps: WantedSteps = NOTHING
) -> dict[str, str]:
    """The form's data for more destinations of a request with these calls: all that isn't a destination's, the name,
    and what follows each copy."""
    data = initial_of(request_calls[:1], account=account, reason="")
    return {
        **{name: value for name, value in data.items() if not name.startswith("destinations-")},
        **step_inputs.typed(WantedSteps(steps.everywhere)),
        "continues": str(number),
    }
