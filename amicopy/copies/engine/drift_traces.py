"""Who made finished copies another than approved: asked of CloudTrail, where it may be asked, once for each difference.

CloudTrail tells a call minutes after it, and answers two questions a second for an account and Region, whoever asks.
So it is asked a while after the difference was found, one question at a time in a place with pauses, and the
differences of one image together. Where the account doesn't allow it, that stands at the copy, and it is tried
again a day later.
"""

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.audit.log import record_all
from amicopy.aws import cloudtrail, errors
from amicopy.aws.cloudtrail import Event
from amicopy.copies.core.drift import Drift
from amicopy.copies.core.models import CopyStep, DriftLook, DriftTrace, ImageCopy
from amicopy.copies.core.steps import table
from amicopy.copies.lifecycle.transitions import entry_of

logger = logging.getLogger(__name__)

# CloudTrail has an event about five minutes after its call, as a rule:
# https://docs.aws.amazon.com/awscloudtrail/latest/userguide/how-cloudtrail-works.html
LATE = timedelta(minutes=15)
# Lists of EC2 lag, and what is gone is believed after several looks: so the call may be older than the last good look.
BEFORE = timedelta(hours=3)
PAUSE = timedelta(seconds=30)
AFTER_AN_ERROR, AFTER_A_REFUSAL = timedelta(minutes=10), timedelta(days=1)


@dataclass(frozen=True)
class Made:
    """The calls that make a difference; `member`: of those of attributes only what names this one."""

    names: frozenset[str]
    member: str = ""

    def by(self, event: Event) -> bool:
        """Whether an event may be the one."""
        if event.EventName not in self.names or event.error:
            return False
        # Calls of attributes have theirs as a member, or as the value of one.
        of_attribute = event.EventName in {"ModifyImageAttribute", "ResetImageAttribute"}
        return not of_attribute or self.member in json.dumps(event.requestParameters, default=str)


_SHARING = Made(
    frozenset({"ModifyImageAttribute", "ResetImageAttribute", "CancelImageLaunchPermission"}), "launchPermission"
)
MADE: Mapping[Drift, Made] = {
    Drift.DEREGISTERED: Made(frozenset({"DeregisterImage"})),
    Drift.DISABLED: Made(frozenset({"DisableImage"})),
    Drift.TAGS: Made(frozenset({"CreateTags", "DeleteTags"})),
    Drift.DESCRIPTION: Made(frozenset({"ModifyImageAttribute"}), "description"),
    Drift.PUBLIC: _SHARING,
    Drift.WATERMARK: Made(frozenset({"AttachImageWatermark", "DetachImageWatermark"})),
    Drift.IMDS: Made(frozenset({"ModifyImageAttribute"}), "imdsSupport"),
    Drift.DEPRECATION: Made(frozenset({"EnableImageDeprecation", "DisableImageDeprecation"})),
    Drift.PROTECTION: Made(frozenset({"EnableImageDeregistrationProtection", "DisableImageDeregistrationProtection"})),
    Drift.PERMISSIONS_LACKING: _SHARING,
    Drift.PERMISSIONS_ADDED: _SHARING,
}


def wanted() -> QuerySet[DriftTrace]:
    """The differences whose turn it is, in places where CloudTrail may be asked now."""
    now = timezone.now()
    places = DriftLook.objects.filter(
        Q(trace_after__isnull=True) | Q(trace_after__lte=now),
        account=OuterRef("copy__account"),
        DestinationRegion=OuterRef("copy__DestinationRegion"),
        account__enabled=True,
    )
    return DriftTrace.objects.filter(Exists(places), asked_at__isnull=True, found_at__lte=now - LATE)


def ask(*, actor: Actor) -> bool:
    """Asks who changed one image, or its alias. False: there is nothing to ask."""
    first = wanted().order_by("found_at", "pk").select_related("copy__account", "copy__request").first()
    if first is None:
        return False
    place = DriftLook.objects.filter(account=first.copy.account_id, DestinationRegion=first.copy.DestinationRegion)
    now = timezone.now()
    free = place.filter(Q(trace_after__isnull=True) | Q(trace_after__lte=now))
    if free.update(trace_after=now + PAUSE):
        of_alias = Q(code=Drift.ALIAS)
        of_copy = wanted_of(first.copy).filter(of_alias if first.code == Drift.ALIAS else ~of_alias)
        try:
            _note(first.copy, list(of_copy), _events(first.copy, list(of_copy)), actor=actor)
        except errors.AwsError as error:
            logger.info("CloudTrail doesn't say who changed %s: %s", first.copy.ImageId, error)
            pause = AFTER_A_REFUSAL if isinstance(error, errors.Rejected) else AFTER_AN_ERROR
            place.update(trace_after=now + pause, trace_error=error.code[:128])
        else:
            place.update(trace_error="")
    return True


def wanted_of(copy: ImageCopy) -> QuerySet[DriftTrace]:
    """The differences of a copy that nobody has asked about."""
    return DriftTrace.objects.filter(copy=copy, asked_at__isnull=True)


def _events(copy: ImageCopy, traces: Sequence[DriftTrace]) -> list[Event]:
    """The calls that may have made these differences. Raises AwsError."""
    oldest = timezone.now() - timedelta(days=cloudtrail.DAYS) + timedelta(hours=1)
    since = max(oldest, min(trace.since for trace in traces) - BEFORE)
    account, region = copy.account.aws(), copy.DestinationRegion
    if traces[0].code != Drift.ALIAS:
        return cloudtrail.events(account, region=region, by="ResourceName", value=copy.ImageId, since=since)
    # That CloudTrail takes a parameter's name for a resource isn't documented; the call's own name always finds it.
    name = _alias_call(copy)
    return cloudtrail.events(account, region=region, by="EventName", value=name, since=since)


def _alias_call(copy: ImageCopy) -> str:
    """What made the alias show something else, or nothing."""
    shown = next((each.get("found") for each in copy.drift if each["code"] == Drift.ALIAS), "")
    return "PutParameter" if shown else "DeleteParameter"


def _note(copy: ImageCopy, traces: Sequence[DriftTrace], events: Iterable[Event], *, actor: Actor) -> None:
    """Stores what CloudTrail said of these, with an event where it said who."""
    ours = set(CopyStep.objects.filter(copy__ImageId=copy.ImageId).values_list("aws_request_id", flat=True))
    others = [event for event in events if event.requestID not in ours]
    found = {trace.code: _made_by(copy, trace, others) for trace in traces}
    with transaction.atomic():
        for trace in traces:
            event = found[trace.code]
            said = {} if event is None else {name: getattr(event, name) for name in _KEPT}
            DriftTrace.objects.filter(pk=trace.pk, asked_at__isnull=True).update(asked_at=timezone.now(), **said)
        known = [
            {"code": code, **{name: str(getattr(event, name)) for name in _KEPT}}
            for code, event in found.items()
            if event is not None
        ]
        if known:
            about = {"image_id": copy.ImageId, "old": copy.state, "new": copy.state, "data": {"changes": known}}
            record_all([entry_of("copy.traced", copy, actor=actor, **about)])


_KEPT = ("EventId", "EventName", "EventTime", "Arn")


def _made_by(copy: ImageCopy, trace: DriftTrace, events: Sequence[Event]) -> Event | None:
    """The newest of the calls that make such a difference, or None."""
    if trace.code == Drift.ALIAS:
        name = copy.approved_steps.get(table.ALIAS, {}).get("Name", "")
        names = (event for event in events if not event.error and event.requestParameters.get("name") == name)
        return next(names, None)
    return next((event for event in events if MADE[Drift(trace.code)].by(event)), None)
