"""What one rule says about one call: the words of the tests of rules."""

from typing import Any

from amicopy.copies.core.calls import Call
from amicopy.copies.rules import Rule
from amicopy.copies.rules.case import Case
from tests.copies.conftest import SOURCE, make_call

ACCOUNT, OTHER_ACCOUNT = "111122223333", "444455556666"
OUTPOST = f"arn:aws:outposts:us-east-1:{ACCOUNT}:outpost/op-0a1b2c3d4e5f67890"
LOCAL_ZONE, LOCAL_ZONE_ID = "us-east-1-bos-1a", "use1-bos1-az1"
KEY = "12345678-1234-1234-1234-123456789012"
MULTI_REGION_KEY = "mrk-" + "0123456789abcdef" * 2


def key_arn(
    region: str = "eu-west-1", *, key: str = f"key/{KEY}", account: str = ACCOUNT, partition: str = "aws"
) -> str:
    return f"arn:{partition}:kms:{region}:{account}:{key}"


def seen(**members: Any) -> dict[str, Any]:
    """Look-ups that found the source, an AMI of the account's own."""
    return {"source": {"ImageId": SOURCE, "OwnerId": ACCOUNT, "State": "available", **members}}


def said(
    rule: Rule,
    call: Call | None = None,
    /,
    *,
    partition: Any = "aws",
    lookups: Any = None,
    mark: Any = None,
    **members: Any,
) -> str:
    """What a rule says about a call, by default one with these members: `field: message`, a line each."""
    case = Case(call or make_call(**members), ACCOUNT, partition, lookups or {}, mark)
    return "\n".join(f"{error.field}: {error.message}" for error in rule(case))


def tagged(*tags: tuple[str, str], kind: str = "image") -> dict[str, Any]:
    """A specification of tags for the image or the snapshots."""
    return {"ResourceType": kind, "Tags": [{"Key": key, "Value": value} for key, value in tags]}
