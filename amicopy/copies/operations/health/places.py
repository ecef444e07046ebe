"""Checks of AWS: as workers saw it last, which costs nothing, and as it answers now, which only doctor asks."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from amicopy.aws import ec2, errors, permission_probe, sqs, sts
from amicopy.aws.account import AwsAccount
from amicopy.aws.sessions import home_region
from amicopy.copies.core.engine_models import AccountCheck, EventQueue, RegionCheck
from amicopy.copies.core.models import Account, ImageCopy
from amicopy.copies.core.states import CopyState
from amicopy.copies.engine import ami_events
from amicopy.copies.operations.health.finding import Finding, Part, down, look, well
from amicopy.copies.operations.health.machinery import CROWDED

# How far this machine's clock and AWS's may be apart.
CLOCK_APART = timedelta(minutes=1)
Ask = Callable[[], Iterator[Finding]]


def last_seen() -> Iterator[Finding]:
    """Each account as a worker saw it last: whether amicopy got in, and which Regions didn't answer."""
    dark: dict[int, list[str]] = {}
    for row in RegionCheck.objects.filter(account__enabled=True, enabled=True, reachable=False):
        dark.setdefault(row.account_id, []).append(row.Region)
    seen = {row.account_id: row for row in AccountCheck.objects.all()}
    for account in Account.objects.filter(enabled=True):
        check = seen.get(account.pk)
        if check is None or check.checked_at is None:
            yield look(Part.ACCOUNT, "account-not-seen", place=account.name)
        elif check.error:
            yield down(Part.ACCOUNT, "account-shut", place=account.name, since=check.checked_at, error=check.error)
        elif regions := dark.get(account.pk):
            yield look(Part.ACCOUNT, "regions-dark", place=account.name, since=check.checked_at, regions=regions)
        else:
            yield well(Part.ACCOUNT, "account-entered", place=account.name, since=check.checked_at, arn=check.arn)


def listeners() -> Iterator[Finding]:
    """Whether somebody listens to each queue of AWS's events."""
    polled = dict(EventQueue.objects.values_list("url", "polled_at"))
    for url in settings.EVENTS_QUEUES:
        at = polled.get(url)
        if at is None or at < timezone.now() - ami_events.SILENT:
            yield down(Part.EVENTS, "nobody-listens", since=at, url=url)


def tokens() -> Iterator[Finding]:
    """Whether tokens come from where they are valid in every Region."""
    if sts.uses_global_endpoint():
        yield look(Part.TOKENS, "tokens-of-global-endpoint")


def asked() -> list[Ask]:
    """What only doctor does: a look at each account and queue, to be run side by side. Raises DatabaseError."""
    accounts = [partial(account_now, account) for account in Account.objects.filter(enabled=True)]
    return [*accounts, *(partial(queue_now, url) for url in settings.EVENTS_QUEUES)]


def queue_now(url: str) -> Iterator[Finding]:
    """A queue of events: whether it answers, and whether what is in it is read."""
    try:
        queue = sqs.queue_at(url)
        waiting = sqs.waiting(ami_events.account_of(queue), queue)
    except ValueError as error:
        yield down(Part.EVENTS, "queue-unknown", error=str(error))
    except errors.AwsError as error:
        yield down(Part.EVENTS, "queue-shut", url=url, error=str(error))
    else:
        if waiting > CROWDED:
            yield look(Part.EVENTS, "queue-crowded", url=url, count=waiting)
        else:
            yield well(Part.EVENTS, "queue-answers", url=url)


def account_now(account: Account) -> Iterator[Finding]:
    """Credentials, this machine's clock against AWS's, then the permissions in every Region copies went to."""
    aws, name = account.aws(), account.name
    try:
        identity = sts.identity(aws)
    except errors.AwsError as error:
        yield down(Part.ACCOUNT, "credentials-fail", place=name, error=str(error))
        return
    if identity.Account != account.account_id:
        wanted = account.account_id
        yield down(Part.ACCOUNT, "credentials-of-another", place=name, found=identity.Account, wanted=wanted)
        return
    yield well(Part.ACCOUNT, "credentials-work", place=name, arn=identity.Arn)
    yield from clock(name, identity.answered_at)
    try:
        enabled = {region.name for region in ec2.regions(aws) if region.opt_in_status != "not-opted-in"}
    except errors.AwsError as error:
        yield down(Part.ACCOUNT, "regions-unlisted", place=name, error=str(error))
        return
    # An AMI that exists is nobody's to try a copy or a removal with.
    copies = ImageCopy.objects.filter(account=account, existing=False)
    used = copies.order_by().values_list("DestinationRegion", flat=True).distinct()
    for region in sorted(used) or [home_region(aws)]:
        place = f"{name}, {region}"
        if region not in enabled:
            yield down(Part.ACCOUNT, "region-off", place=place)
        else:
            yield from _permissions(place, aws, region, copies.filter(DestinationRegion=region))
    if account.read_only_role_arn:
        yield from _read_only(f"{name}, read-only role", account)


def _read_only(place: str, account: Account) -> Iterator[Finding]:
    """Whether the read-only role lets in whoever runs this, and whether it really only looks."""
    aws = account.read_only()
    try:
        identity = sts.identity(aws)
    except errors.AwsError as error:
        # Its trust may name the web server alone.
        yield look(Part.ACCOUNT, "read-only-shut", place=place, error=str(error))
        return
    latest = ImageCopy.objects.filter(account=account, existing=False).order_by("-pk").first()
    region, call = (latest.DestinationRegion, latest.parameters) if latest else (home_region(aws), None)
    try:
        tried = list(permission_probe.probes(aws, region=region, call=call, image_id="", snapshot_id=""))
    except errors.AwsError as error:
        yield down(Part.ACCOUNT, "place-silent", place=place, error=f"{region}: {error}")
        return
    missing = [probe for probe in tried if probe.looks and probe.allowed is False]
    for probe in missing:
        yield down(Part.ACCOUNT, "action-missing", place=place, action=probe.action, said=probe.said)
    if more := [probe.action for probe in tried if probe.allowed and not probe.looks]:
        yield look(Part.ACCOUNT, "read-only-may-more", place=place, actions=more)
    if not missing:
        yield well(Part.ACCOUNT, "read-only-looks", place=place, arn=identity.Arn)


def clock(name: str, answered_at: datetime | None) -> Iterator[Finding]:
    """Whether this machine's clock and AWS's agree; `name` is where AWS was asked."""
    if answered_at is None:
        return
    apart = abs(timezone.now() - answered_at)
    if apart > CLOCK_APART:
        yield down(Part.CLOCKS, "clock-of-aws-apart", seconds=apart.total_seconds(), asked=name)


def _permissions(place: str, aws: AwsAccount, region: str, copies: QuerySet[ImageCopy]) -> Iterator[Finding]:
    """Each action amicopy needs in a Region, tried without changing anything."""
    latest = copies.order_by("-pk").first()
    made = copies.filter(state=CopyState.AVAILABLE).order_by("-pk").first()
    tried = permission_probe.probes(
        aws,
        region=region,
        call=latest.parameters if latest else None,
        image_id=made.ImageId if made else "",
        snapshot_id=made.snapshots[0]["SnapshotId"] if made and made.snapshots else "",
    )
    allowed, unknown, missing = 0, [], 0
    try:
        for probe in tried:
            if probe.allowed is False:
                missing += 1
                yield down(Part.ACCOUNT, "action-missing", place=place, action=probe.action, said=probe.said)
            elif probe.allowed is None:
                unknown.append(probe.action)
            else:
                allowed += 1
    except errors.AwsError as error:
        yield down(Part.ACCOUNT, "place-silent", place=place, error=str(error))
        return
    if unknown:
        yield well(Part.ACCOUNT, "actions-partly-known", place=place, count=allowed, unknown=unknown)
    elif not missing or allowed:
        yield well(Part.ACCOUNT, "actions-allowed", place=place, count=allowed)
