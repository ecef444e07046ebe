"""Looking at an account when somebody asks: whether amicopy gets in, which Regions are enabled, and what they encrypt
with. A worker looks and stores what it found; pages only read."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from amicopy import leases
from amicopy.aws import ec2, errors, sts
from amicopy.aws.account import AwsAccount
from amicopy.copies.core.models import Account, AccountCheck, RegionCheck
from amicopy.copies.lifecycle.wakeup import nudge

# Looks at AWS at the same time; each is given up after a few seconds, so that all Regions take less than a lease.
AT_ONCE = 8
# No image can have this name: AWS wants three characters.
NO_IMAGE = "-"


@dataclass(frozen=True)
class WayIn:
    """Who amicopy is in an account, who it is by itself, and why it doesn't get in (empty when it does)."""

    arn: str
    own_arn: str
    error: str = ""
    said: str = ""


@dataclass(frozen=True)
class Found:
    """What is known of a Region now. None: it wasn't found out."""

    Region: str
    enabled: bool
    reachable: bool | None = None
    encryption_by_default: bool | None = None
    KmsKeyId: str = ""
    error: str = ""


def want(account: Account) -> None:
    """Asks for a look at an account. Runs in the caller's transaction; asked twice, it is one look."""
    AccountCheck.objects.update_or_create(account=account, defaults={"requested_at": timezone.now()})
    nudge("check_accounts")


def wanted(now: datetime) -> QuerySet[AccountCheck]:
    """The looks that somebody asked for and nobody takes."""
    return AccountCheck.objects.filter(leases.free(now), requested_at__isnull=False)


def claim_next() -> AccountCheck | None:
    """Leases the look that was asked for first; None when there is none."""
    now, lease = timezone.now(), uuid.uuid4()
    leases.take(lease, wanted(now).order_by("requested_at"), now=now)
    return AccountCheck.objects.select_related("account").filter(lease_id=lease).first()


def hand_back(asked: AccountCheck) -> None:
    """Ends the lease of a look that came to nothing; it is wanted as before."""
    AccountCheck.objects.filter(lease_id=asked.lease_id).update(lease_id=None, lease_until=None)


def check(asked: AccountCheck) -> None:
    """Looks at a leased account and stores what it found. What AWS refuses is a finding, not an error."""
    account = asked.account
    aws = account.aws()
    way_in = _way_in(account)
    regions: list[Found] | None = None
    if not way_in.error:
        try:
            listed = [
                Found(region.name, region.opt_in_status != "not-opted-in") for region in ec2.regions(aws, quick=True)
            ]
        except errors.AwsError as error:
            way_in = replace(way_in, error="Its Regions can't be listed.", said=_said(error))
        else:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                regions = list(pool.map(lambda found: _look(aws, found), listed))
    _store(asked, way_in, regions)


def _way_in(account: Account) -> WayIn:
    aws = account.aws()
    own_arn = ""
    try:
        own_arn = sts.identity(replace(aws, role_arn="", external_id="")).Arn
        identity = sts.identity(aws)
    except errors.AwsError as error:
        words = "The role can't be assumed." if account.role_arn and own_arn else "The credentials don't work."
        return WayIn("", own_arn, words, _said(error))
    if identity.Account != account.account_id:
        return WayIn(identity.Arn, own_arn, f"The credentials are of account {identity.Account}, not of this one.")
    return WayIn(identity.Arn, own_arn)


def _look(aws: AwsAccount, found: Found) -> Found:
    """One Region, with as many calls as answer."""
    if not found.enabled:
        return found
    try:
        ec2.images_named(aws, region=found.Region, names=[NO_IMAGE])
    except errors.AwsError as error:
        return replace(found, reachable=False, error=f"AWS said {_said(error)}")
    try:
        encryption = ec2.ebs_encryption(aws, region=found.Region)
    except errors.AwsError as error:
        return replace(found, reachable=True, error=f"Encryption by default isn't known. AWS said {_said(error)}")
    return replace(found, reachable=True, encryption_by_default=encryption.by_default, KmsKeyId=encryption.KmsKeyId)


def _store(asked: AccountCheck, way_in: WayIn, regions: list[Found] | None) -> None:
    """Under the lease only. A look that was asked for meanwhile stays asked for; without Regions the last ones stay."""
    now = timezone.now()
    with transaction.atomic():
        mine = AccountCheck.objects.select_for_update().filter(pk=asked.pk, lease_id=asked.lease_id).first()
        if mine is None:
            return
        mine.arn, mine.own_arn, mine.checked_at = way_in.arn, way_in.own_arn or mine.own_arn, now
        mine.error, mine.said = way_in.error, way_in.said
        mine.lease_id = mine.lease_until = None
        if mine.requested_at == asked.requested_at:
            mine.requested_at = None
        mine.save()
        if regions is None:
            return
        RegionCheck.objects.filter(account=asked.account_id).exclude(
            Region__in=[found.Region for found in regions]
        ).delete()
        for found in regions:
            values = {name: value for name, value in vars(found).items() if name != "Region"}
            RegionCheck.objects.update_or_create(
                account_id=asked.account_id, Region=found.Region, defaults={**values, "checked_at": now}
            )


def _said(error: errors.AwsError) -> str:
    return f"{error.code}: {error.message[:300]}"
