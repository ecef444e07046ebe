"""AWS's request limits for EC2 and CloudTrail's history: a token bucket for each action in each account and Region.

Source: https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html,
https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html
"""

from typing import Any

from amicopy.sandbox.errors import Refused
from amicopy.sandbox.world import world

SERVICES = ("ec2", "cloudtrail")
# Action -> tokens a bucket holds, tokens that come back every second.
LIMITS = {
    "CopyImage": (100, 1),
    "DeregisterImage": (100, 5),
    "DeleteSnapshot": (100, 5),
    "CreateTags": (100, 10),
    "LookupEvents": (2, 2),
}
LOOKING, LOOKING_AT_ALL, CHANGING = (100, 20), (50, 10), (50, 5)


def limits(call: dict[str, Any]) -> tuple[int, int]:
    """Size and refill of the bucket a call is counted in."""
    action = call["action"]
    if action.startswith(("Describe", "Get")):
        narrow = any(name.startswith(("Filter.", "MaxResults", "SnapshotId.")) for name in call["params"])
        return LOOKING_AT_ALL if action == "DescribeSnapshots" and not narrow else LOOKING
    return LIMITS.get(action, CHANGING)


def take(call: dict[str, Any]) -> None:
    """Takes a token for a call to EC2 or CloudTrail, unless buckets are off. Raises Refused if the bucket is empty."""
    scale = world.settings.buckets
    if not scale or call["service"] not in SERVICES:
        return
    size, refill = limits(call)
    key = (call["account"], call["region"], call["action"], str(size))
    with world.lock:
        now = world.now()
        tokens, last = world.tokens.get(key, (float(size), now))
        tokens = min(float(size), tokens + (now - last) * refill * scale)
        world.tokens[key] = max(0.0, tokens - 1) if tokens >= 1 else tokens, now
    if tokens < 1:
        raise Refused("RequestLimitExceeded", "Request limit exceeded.")
