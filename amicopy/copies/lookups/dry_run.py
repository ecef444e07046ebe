"""Whether AWS would allow a copy, asked with DryRun; and what has to be added to a policy where it wouldn't.

A worker asks, by the role that it would copy with, see `operations.permission_checks`; here is what it asks, and what
was answered lately. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/copy-ami-permissions.html
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from amicopy.aws import ec2, errors
from amicopy.aws.account import AwsAccount
from amicopy.aws.partitions import partition_of
from amicopy.copies.core import marks
from amicopy.copies.core.calls import Call, fingerprint
from amicopy.copies.core.explanations import named_action
from amicopy.copies.core.models import PermissionCheck

# So long an answer is worth keeping with a request. A check that somebody asks for is always made anew.
KEPT = timedelta(minutes=15)


@dataclass(frozen=True)
class Permission:
    """`code` and `message` are AWS's own. `action` is what a policy lacks, `statement` the JSON that would allow it;
    both empty where AWS refused the call for another reason than permissions. `asked_at` is in ISO 8601."""

    asked_at: str
    allowed: bool
    code: str
    message: str
    action: str = ""
    statement: str = ""


def ask(account: AwsAccount, call: Call) -> Permission:
    """A dry run of one call, with a mark such as it will carry; makes nothing. Raises AwsError where AWS doesn't
    answer."""
    now = timezone.now().isoformat()
    asked = marks.marked(call, marks.CHECK)
    try:
        answer = ec2.dry_run_copy_image(account, region=call.DestinationRegion, parameters=asked.parameters, quick=True)
    except (errors.Rejected, errors.NotFound) as error:
        return Permission(now, False, error.code, error.message)
    if answer.allowed:
        return Permission(now, True, answer.code, answer.message)
    action = _missing_action(answer.code, answer.message)
    allow = statement(action, call) if action else ""
    return Permission(now, False, answer.code, answer.message, action, allow)


def fingerprint_of(call: Call) -> str:
    """What tells a call from others in its account."""
    return fingerprint([call.DestinationRegion, dict(call.parameters)])


def known(account: int, calls: Sequence[Call]) -> list[Permission | None]:
    """What AWS answered lately to exactly these calls in an account, by its primary key."""
    wanted = [fingerprint_of(call) for call in calls]
    rows = PermissionCheck.objects.filter(
        account=account, fingerprint__in=wanted, answered_at__gte=timezone.now() - KEPT, answer__has_key="asked_at"
    )
    answers = rows.order_by("answered_at").values_list("fingerprint", "answer")
    found = {of: Permission(**answer) for of, answer in answers}
    return [found.get(each) for each in wanted]


def statement(action: str, call: Call) -> str:
    """The IAM statement that allows an action of a copy, with the destination Region as its condition."""
    partition = partition_of(call.DestinationRegion) or "aws"
    key = str(call.parameters.get("KmsKeyId") or "")
    resources = (
        [key if key.startswith("arn:") else f"arn:{partition}:kms:{call.DestinationRegion}:*:key/*"]
        if action.startswith("kms:")
        else [f"arn:{partition}:ec2:*::image/*", f"arn:{partition}:ec2:*::snapshot/*"]
    )
    condition = (
        {"StringEquals": {"ec2:CreateAction": "CopyImage"}}
        if action == "ec2:CreateTags"
        else {"StringEquals": {"ec2:Region": call.DestinationRegion}}
    )
    body = {"Effect": "Allow", "Action": action, "Resource": resources}
    return json.dumps(body if action.startswith("kms:") else {**body, "Condition": condition}, indent=2)


def _missing_action(code: str, message: str) -> str:
    """The action that AWS's words name; CopyImage itself where they name none. Wrong credentials lack no action."""
    return named_action(message) or ("ec2:CopyImage" if code == "UnauthorizedOperation" else "")
