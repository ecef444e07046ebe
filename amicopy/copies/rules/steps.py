"""The rules of steps after the copy that look at more than a step's own members: the call, the account, other steps,
and what look-ups found where the copy goes. As in `rules`, those whose names begin with `warn_` refuse nothing.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/sharingamis-explicit.html
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone

from amicopy.copies.core.calls import Call, FieldError
from amicopy.copies.core.steps import table
from amicopy.copies.core.steps.members import Members, Wrong, time_of
from amicopy.copies.core.steps.wanted import FIELD, path
from amicopy.copies.rules.case import Case


@dataclass(frozen=True)
class StepCase:
    """The steps after one call; `case` is what the rules of the call look at."""

    case: Case
    steps: Mapping[str, Members]
    now: datetime = field(default_factory=timezone.now)

    def of(self, code: str) -> Members | None:
        """A step's members; None where it isn't asked for."""
        return self.steps.get(code)

    @property
    def public(self) -> bool:
        return "all" in (self.of(table.LAUNCH) or {}).get("UserGroups", ())

    @property
    def accounts(self) -> list[str]:
        """The accounts that get the AMI or its snapshots, sorted."""
        return sorted({each for code in (table.LAUNCH, table.SNAPSHOTS) for each in self._ids(code)})

    def _ids(self, code: str) -> Sequence[str]:
        ids: Sequence[str] = (self.of(code) or {}).get("UserIds", ())
        return ids

    @property
    def shared(self) -> list[str]:
        """The steps that give anything to others."""
        return [code for code in (table.LAUNCH, table.SNAPSHOTS) if self.of(code) is not None]

    @property
    def found(self) -> Mapping[str, Any]:
        """What look-ups found about what the steps change; empty where nothing was looked up."""
        return self.case.found.get("steps") or {}

    @property
    def encrypted(self) -> bool | None:
        """Whether any of the copy is encrypted; None where nobody can tell."""
        if self.case.get("Encrypted") is True or self.case.get("DestinationOutpostArn"):
            return True
        answers = [each["Encrypted"] for each in self.case.found.get("encryption") or ()]
        return True if True in answers else None if None in answers or not answers else False


Rule = Callable[[StepCase], list[FieldError]]


def members_are_right(case: StepCase) -> list[FieldError]:
    """Each step's own members, as they are frozen, are what AWS takes."""
    errors = []
    for step in table.in_order(case.steps):
        for member in step.members:
            if member.name in case.steps[step.code]:
                # As frozen: a placeholder that couldn't be filled in is no letter of a name.
                _, faults = replace(member, placeholders=False).clean(case.steps[step.code][member.name])
                errors += [FieldError(path(step.code, each.member), each.words, None, each.code) for each in faults]
        if not errors:
            faults = step.check(case.steps[step.code], case.now)
            errors += [FieldError(path(step.code, each.member), each.words, None, each.code) for each in faults]
    return errors


def days_are_counted_from_a_copy(case: StepCase) -> list[FieldError]:
    """Without a copy there is no day from which days could be counted."""
    if not case.case.call.existing or "DaysAfterCopy" not in (case.of(table.DEPRECATION) or {}):
        return []
    words = "Enter a date: nothing is copied whose days could be counted."
    return [_error(table.DEPRECATION, "DaysAfterCopy", words, Wrong.ONE_OF)]


def dry_runs_have_no_steps(case: StepCase) -> list[FieldError]:
    """A dry run makes no AMI that a step could follow."""
    if not case.case.call.dry_run:
        return []
    return [FieldError(FIELD, "Leave the steps out: a dry run makes no AMI.", None, Wrong.DRY_RUN)]


def arns_are_of_the_partition(case: StepCase) -> list[FieldError]:
    """An organization's ARN is of the account's partition: AWS shares across none."""
    errors = []
    for name in ("OrganizationArns", "OrganizationalUnitArns"):
        for arn in (case.of(table.LAUNCH) or {}).get(name, ()):
            partition = arn.split(":")[1]
            if case.case.partition and partition != case.case.partition:
                words = f"Enter an ARN of the partition {case.case.partition}. {arn} is of {partition}."
                errors.append(_error(table.LAUNCH, name, words, Wrong.OTHER_PARTITION))
    return errors


def own_account_needs_no_sharing(case: StepCase) -> list[FieldError]:
    """The account that owns an AMI can launch it."""
    own = case.case.account_id
    return [
        _error(code, "UserIds", f"Leave out {own}: it is the account's own.", Wrong.OWN_ACCOUNT)
        for code in case.shared
        if own in (case.of(code) or {}).get("UserIds", ())
    ]


def default_key_is_not_shared(case: StepCase) -> list[FieldError]:
    """AWS shares nothing that is encrypted with the AWS managed key aws/ebs.

    https://docs.aws.amazon.com/ebs/latest/userguide/ebs-modifying-snapshot-permissions.html
    """
    if not case.shared or not _aws_managed_key(case.case):
        return []
    todo = "Copy it under a KMS key" if case.case.call.existing else "Choose a KMS key"
    words = f"{todo} of the account's own: what the key aws/ebs encrypts can't be shared."
    return [_error(code, "", words, Wrong.DEFAULT_KEY) for code in case.shared]


def _aws_managed_key(case: Case) -> bool:
    if case.text("KmsKeyId") or case.call.existing:
        key = case.text("KmsKeyId")
        return "alias/aws/" in key or (case.found.get("key") or {}).get("KeyManager") == "AWS"
    predicted = [each for each in case.found.get("encryption") or () if each.get("Encrypted")]
    keys = [str(each.get("KmsKeyId") or "") for each in predicted]
    if any("alias/aws/" in key for key in keys):
        return True
    if any(keys):
        return False
    # Nothing was foretold: the Region's default key, where that is known.
    asked = case.get("Encrypted") is True or bool(case.get("DestinationOutpostArn"))
    return asked and "alias/aws/" in str(case.found.get("default_key") or "")


def encrypted_is_never_public(case: StepCase) -> list[FieldError]:
    """An AMI with an encrypted snapshot can't be made public.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/sharingamis-intro.html
    """
    if not case.public or case.encrypted is not True:
        return []
    words = "Leave out “all”: an AMI with an encrypted snapshot can't be public."
    return [_error(table.LAUNCH, "UserGroups", words, Wrong.PUBLIC_ENCRYPTED)]


def marked_is_never_public(case: StepCase) -> list[FieldError]:
    """An AMI with a watermark can't be made public, whether the copy gets it or the source has it."""
    if not case.public or not (case.of(table.WATERMARK) or case.case.source.get("ImageWatermarks")):
        return []
    words = "Leave out “all”, or the watermark: an AMI with one can't be public."
    return [_error(table.LAUNCH, "UserGroups", words, Wrong.PUBLIC_WATERMARK)]


def public_is_not_blocked(case: StepCase) -> list[FieldError]:
    """The Region doesn't block public sharing of AMIs in this account.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/block-public-access-to-amis.html
    """
    if not case.public or case.found.get("ImageBlockPublicAccessState", "unblocked") == "unblocked":
        return []
    words = f"Leave out “all”: the account blocks public AMIs in {case.case.call.DestinationRegion}."
    return [_error(table.LAUNCH, "UserGroups", words, Wrong.PUBLIC_BLOCKED)]


def public_is_deprecated_within_two_years(case: StepCase) -> list[FieldError]:
    """A public AMI's deprecation date is at most two years away.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_EnableImageDeprecation.html
    """
    members = case.of(table.DEPRECATION)
    if not case.public or members is None:
        return []
    limit, words = table.PUBLIC_MOST_DAYS, "Enter a date in the next two years: the AMI is to be public."
    if members.get("DaysAfterCopy", 0) > limit:
        return [_error(table.DEPRECATION, "DaysAfterCopy", words, Wrong.TOO_LATE)]
    when = members.get("DeprecateAt")
    late = when is not None and time_of(when) > case.now.astimezone(UTC) + timedelta(days=limit)
    return [_error(table.DEPRECATION, "DeprecateAt", words, Wrong.TOO_LATE)] if late else []


def outposts_keep_their_snapshots(case: StepCase) -> list[FieldError]:
    """Snapshots on an Outpost can't be shared.

    https://docs.aws.amazon.com/ebs/latest/userguide/snapshots-outposts.html
    """
    if not case.case.get("DestinationOutpostArn"):
        return []
    words = "Leave it out for this destination: what is on an Outpost can't be shared."
    return [_error(code, "", words, Wrong.NOT_HERE) for code in case.shared]


def alias_can_be_written(case: StepCase) -> list[FieldError]:
    """The parameter isn't there, or is one for AMIs and may be overwritten: AWS never changes a parameter's data type.

    https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-ec2-aliases.html
    """
    members, there = case.of(table.ALIAS), case.found.get("alias")
    if members is None or not there or there.get("Name") != members["Name"] or not there.get("Type"):
        return []
    if (there.get("Type"), there.get("DataType")) != ("String", "aws:ec2:image"):
        kind = f"{there.get('Type')} of {there.get('DataType')}"
        words = f"Choose another name: {members['Name']} is there as a {kind}, which AWS doesn't change."
        return [_error(table.ALIAS, "Name", words, Wrong.ALIAS_TYPE)]
    if not members.get("Overwrite"):
        words = f"Choose another name, or let it be overwritten: {members['Name']} shows {there.get('Value')} now."
        return [_error(table.ALIAS, "Name", words, Wrong.ALIAS_EXISTS)]
    return []


def template_is_there(case: StepCase) -> list[FieldError]:
    """The launch template is in the destination's Region."""
    members, there = case.of(table.TEMPLATE), case.found.get("template")
    if members is None or there is None or there.get("found", True):
        return []
    name = next(each for each in ("LaunchTemplateId", "LaunchTemplateName") if each in members)
    words = f"Choose another: {case.case.call.DestinationRegion} has no launch template {members[name]}."
    return [_error(table.TEMPLATE, name, words, Wrong.TEMPLATE_UNKNOWN)]


def warn_that_a_protected_copy_stays(case: StepCase) -> list[FieldError]:
    """A protected AMI has to lose its protection before anybody can remove it, and with a cooldown 24 hours before."""
    members = case.of(table.PROTECTION)
    if members is None or case.case.call.existing:
        return []
    after = " for 24 hours after the protection ends" if members.get("WithCooldown") else " while it is protected"
    words = f"A copy with protection can't be cancelled or removed{after}."
    return [_error(table.PROTECTION, "", words, Wrong.PROTECTED)]


def warn_of_a_key_policy_that_doesnt_admit(case: StepCase) -> list[FieldError]:
    """Accounts that launch an encrypted AMI need its key: the key's policy has to admit them.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/allow-org-ou-to-use-key.html
    """
    left_out = case.found.get("key_policy_lacks") or ()
    lacking = [each for each in left_out if each in case.accounts]
    if not lacking:
        return []
    words = f"The key's policy doesn't admit {', '.join(lacking)}: they can't launch the AMI until it does."
    return [_error(case.shared[0], "UserIds", words, Wrong.KEY_POLICY)]


RULES: tuple[Rule, ...] = (
    members_are_right,
    days_are_counted_from_a_copy,
    dry_runs_have_no_steps,
    arns_are_of_the_partition,
    own_account_needs_no_sharing,
    default_key_is_not_shared,
    encrypted_is_never_public,
    marked_is_never_public,
    public_is_not_blocked,
    public_is_deprecated_within_two_years,
    outposts_keep_their_snapshots,
    alias_can_be_written,
    template_is_there,
)
WARNINGS: tuple[Rule, ...] = (
    warn_that_a_protected_copy_stays,
    warn_of_a_key_policy_that_doesnt_admit,
)


def check_steps(
    calls: Sequence[Call],
    steps: Sequence[Mapping[str, Members]],
    *,
    account_id: str,
    partition: str,
    lookups: Mapping[str, Any] | None = None,
) -> list[FieldError]:
    """What the rules say against the steps of each call, `steps` as they are frozen; each error names its
    destination."""
    cases = list(_cases(calls, steps, account_id, partition, lookups or {}))
    return _said(RULES, cases) + _twice(calls, steps)


def warnings(
    calls: Sequence[Call],
    steps: Sequence[Mapping[str, Members]],
    *,
    account_id: str = "",
    partition: str = "",
    lookups: Mapping[str, Any] | None = None,
) -> list[FieldError]:
    """What may surprise, without being refused."""
    return _said(WARNINGS, list(_cases(calls, steps, account_id, partition, lookups or {})))


def key_statement(accounts: Sequence[str], partition: str) -> dict[str, Any]:
    """The statement that a key's policy lacks, for these accounts to launch what the key encrypts.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/AMIEncryption.html
    """
    return {
        "Sid": "UseOfSharedImages",
        "Effect": "Allow",
        "Principal": {"AWS": [f"arn:{partition}:iam::{account}:root" for account in accounts]},
        "Action": ["kms:Decrypt", "kms:DescribeKey", "kms:ReEncrypt*", "kms:CreateGrant"],
        "Resource": "*",
    }


def _cases(
    calls: Sequence[Call],
    steps: Sequence[Mapping[str, Members]],
    account_id: str,
    partition: str,
    lookups: Mapping[str, Any],
) -> Iterator[StepCase | None]:
    now = timezone.now()
    for call, own in zip(calls, steps, strict=True):
        yield StepCase(Case(call, account_id, partition, lookups), own, now) if own else None


def _said(rules: Sequence[Rule], cases: Sequence[StepCase | None]) -> list[FieldError]:
    return [
        replace(error, destination=place)
        for place, case in enumerate(cases)
        if case is not None
        for rule in rules
        for error in rule(case)
    ]


def _twice(calls: Sequence[Call], steps: Sequence[Mapping[str, Members]]) -> list[FieldError]:
    """A parameter of a Region shows one AMI: two copies to one Region can't have the same."""
    errors: list[FieldError] = []
    seen: set[tuple[str, str]] = set()
    for place, (call, own) in enumerate(zip(calls, steps, strict=True)):
        name = str((own.get(table.ALIAS) or {}).get("Name") or "")
        if name and (call.DestinationRegion, name) in seen:
            words = f"Enter another name here: another copy to {call.DestinationRegion} is published under this one."
            errors.append(FieldError(path(table.ALIAS, "Name"), words, place, Wrong.ALIAS_TWICE))
        seen.add((call.DestinationRegion, name))
    return errors


def _error(code: str, member: str, words: str, wrong: Wrong) -> FieldError:
    return FieldError(path(code, member), words, None, wrong)
