"""What an account's policies refuse: whatever isn't looking, to a role that is read-only; and because of tags, fault
rules of the kinds `needs-tag` and `refuses-tag`.

The first of these imitates an IAM policy whose permission to remove depends on `aws:ResourceTag/...`, the second a tag
policy of the organization. All count for dry runs as well.
"""

import re
from collections.abc import Iterator
from typing import Any

from amicopy.sandbox import faults
from amicopy.sandbox.errors import Refused

LOOKS = ("Describe", "Get", "List", "Decode")
TAG_KEY = re.compile(r"(?:TagSpecification\.[0-9]+\.)?Tag\.[0-9]+\.Key")


def check_read_only(call: dict[str, Any]) -> None:
    """Raises Refused for a call that a read-only role may not make."""
    if not call["action"].startswith(LOOKS):
        raise Refused(
            "UnauthorizedOperation",
            f"You are not authorized to perform this operation. User: {call['caller']} is not authorized to perform: "
            f"{call['service']}:{call['action']} because no identity-based policy allows the "
            f"{call['service']}:{call['action']} action",
        )


def check_new_tags(call: dict[str, Any]) -> None:
    """Raises Refused if `call` sets a tag that a tag policy doesn't want."""
    for rule in faults.matching(call, "refuses-tag"):
        unwanted = any(key == rule.tag and value.startswith(rule.value) for key, value in new_tags(call["params"]))
        if unwanted and faults.acts(rule, call):
            raise Refused(
                "TagPolicyViolation",
                f"The tag policy does not allow the specified value for the following tag key: '{rule.tag}'.",
            )


def new_tags(params: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Keys and values of the tags a call sets, on anything."""
    for name, key in params.items():
        if TAG_KEY.fullmatch(name):
            yield key, params.get(f"{name.removesuffix('Key')}Value", "")
    # Services that speak JSON.
    for tag in params.get("Tags") or []:
        yield tag["Key"], tag["Value"]


def lacks_tag(call: dict[str, Any], resource: Any) -> bool:
    """Whether a policy keeps `call` from `resource`, an image or snapshot, because of the tags that it has."""
    return any(
        not (rule.tag in resource.tags and resource.tags[rule.tag].startswith(rule.value))
        and faults.acts(rule, call, resource_id=resource.id)
        for rule in faults.matching(call, "needs-tag")
    )


def check_resource(call: dict[str, Any], resource: Any) -> None:
    """Raises Refused if a policy keeps `call` from `resource`, an image or snapshot."""
    if lacks_tag(call, resource):
        kind = "image" if resource.kind == "source" else resource.kind
        action = f"{call['service']}:{call['action']}"
        raise Refused(
            "UnauthorizedOperation",
            f"You are not authorized to perform this operation. User: {call['caller']} is not authorized to perform: "
            f"{action} on resource: arn:aws:{call['service']}:{call['region']}::{kind}/{resource.id} because no "
            f"identity-based policy allows the {action} action",
        )
