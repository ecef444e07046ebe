"""Whether finished copies are still as they were approved: looked at again and again, with a bounded number of calls.

All images of an account and Region are listed together. Who may launch an image AWS says of one at a time, and aliases
of ten: of these some are looked at in each round, those first that were looked at longest ago.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from amicopy import outages
from amicopy.audit.actor import Actor
from amicopy.aws import ec2, errors, ssm
from amicopy.aws.shapes import Image
from amicopy.copies.core import absence
from amicopy.copies.core.drift import Drift
from amicopy.copies.core.engine_models import DriftLook
from amicopy.copies.core.models import CopyStep, ImageCopy
from amicopy.copies.core.states import CopyState, StepState
from amicopy.copies.core.steps import table
from amicopy.copies.engine import image_verification
from amicopy.copies.engine.recovery import GONE
from amicopy.copies.engine.steps import sharing
from amicopy.copies.engine.steps.catalogue import CATALOGUE
from amicopy.copies.engine.steps.undo import target_of
from amicopy.copies.lifecycle.transitions import note_drift
from amicopy.leases import LEASE

logger = logging.getLogger(__name__)

EVERY = timedelta(hours=1)
# In one round of an account and Region: two calls for images, and for others so many.
MOST = 400
PERMISSIONS = 3
# What is looked at in turn: what an earlier round found of it stays until it is looked at again.
IN_TURN = frozenset({Drift.PERMISSIONS_LACKING, Drift.PERMISSIONS_ADDED, Drift.ALIAS})
# Which step each of an image's own properties is about.
OF_IMAGE: Mapping[str, Drift] = {
    table.WATERMARK: Drift.WATERMARK,
    table.IMDS: Drift.IMDS,
    table.DEPRECATION: Drift.DEPRECATION,
    table.PROTECTION: Drift.PROTECTION,
}
OF_COPY: Mapping[str, Drift] = {"Tags of the image": Drift.TAGS, "Description": Drift.DESCRIPTION}
Row = dict[str, Any]


def finished() -> QuerySet[ImageCopy]:
    """The copies that are looked at: those that are there, as far as AWS hasn't said that they are gone."""
    return ImageCopy.objects.filter(state=CopyState.AVAILABLE)


def note_places() -> None:
    """A row for each account and Region in which something is to be looked at."""
    places = finished().filter(account__enabled=True).order_by().values_list("account_id", "DestinationRegion")
    rows = [DriftLook(account_id=account, DestinationRegion=region) for account, region in places.distinct()]
    DriftLook.objects.bulk_create(rows, ignore_conflicts=True)


def look(*, actor: Actor) -> bool:
    """Looks at the copies of one account and Region whose turn it is. False: it is nobody's."""
    now = timezone.now()
    free = Q(claimed_until__isnull=True) | Q(claimed_until__lt=now)
    old = Q(looked_at__isnull=True) | Q(looked_at__lt=now - EVERY)
    due = DriftLook.objects.filter(free, old, account__enabled=True)
    row = due.order_by(F("looked_at").asc(nulls_first=True)).select_related("account").first()
    if row is None:
        return False
    if due.filter(pk=row.pk).update(claimed_until=now + LEASE):
        ours = DriftLook.objects.filter(pk=row.pk, claimed_until=now + LEASE)
        with outages.handing_back(partial(ours.update, claimed_until=None)):
            error = _look_in(row, actor=actor)
            ours.update(looked_at=now, claimed_until=None, error=error)
    return True


def _look_in(place: DriftLook, *, actor: Actor) -> str:
    """Looks at a place; returns why AWS didn't show it, or an empty text."""
    rows = finished().filter(account=place.account, DestinationRegion=place.DestinationRegion)
    oldest = rows.order_by(F("drift_at").asc(nulls_first=True), "pk")
    copies = list(
        oldest.select_related("account", "request__account", "request__requester").prefetch_related("steps")[:MOST]
    )
    gone = [copy for copy in copies if Drift.DEREGISTERED in {each["code"] for each in copy.drift}]
    # What is gone stays so, and takes nobody's turn.
    ImageCopy.objects.filter(pk__in=[copy.pk for copy in gone]).update(drift_at=timezone.now())
    copies = [copy for copy in copies if copy not in gone]
    account = place.account.aws()
    try:
        images = ec2.describe_images(
            account,
            region=place.DestinationRegion,
            image_ids=list(dict.fromkeys(copy.ImageId for copy in copies)),
            disabled=True,
        )
    except errors.AwsError as error:
        logger.info("Finished copies in %s can't be looked at: %s", place.DestinationRegion, error)
        return str(error)
    others = Others.in_place(place, images)
    found: dict[int, list[Row]] = {copy.pk: _of_image(copy, images.get(copy.ImageId), others) for copy in copies}
    there = [copy for copy in copies if copy.ImageId in images]
    looked: set[tuple[int, Drift]] = set()
    said = _permissions(there, found, looked, others) or _aliases(there, place, found, looked)
    for copy in copies:
        kept = [each for each in copy.drift if each["code"] in IN_TURN and (copy.pk, each["code"]) not in looked]
        note_drift(copy, found[copy.pk] + kept, at=timezone.now(), actor=actor)
    return said


@dataclass
class Others:
    """What the steps of all requests did to the images of a place: one that a copy made may have been shared or
    deprecated by a later request, which was approved as well. `latest` is the step that did a thing last, by image and
    code; `given` who may launch an image by any of them."""

    latest: dict[tuple[str, str], int] = field(default_factory=dict)
    given: dict[str, frozenset[sharing.Permission]] = field(default_factory=dict)

    @classmethod
    def in_place(cls, place: DriftLook, images: Collection[str]) -> "Others":
        """Those of these images; one statement."""
        found = cls()
        copies = {"copy__account": place.account, "copy__DestinationRegion": place.DestinationRegion}
        steps = CopyStep.objects.filter(**copies, copy__ImageId__in=list(images), attempts__gt=0)
        for step in steps.exclude(state=StepState.UNDONE).select_related("copy").order_by("called_at", "pk"):
            image = step.copy.ImageId
            if step.state == StepState.DONE:
                found.latest[image, step.code] = step.pk
            if step.code == table.LAUNCH:
                found.given[image] = found.given.get(image, frozenset()) | sharing.wanted(step.members)
        return found

    def overtook(self, step: CopyStep) -> bool:
        """Whether a later step of another request did the same thing anew."""
        return self.latest.get((step.copy.ImageId, step.code), step.pk) != step.pk


def _of_image(copy: ImageCopy, image: Image | None, others: Others) -> list[Row]:
    """What DescribeImages shows to be another."""
    if image is None or image.State in GONE:
        return _gone(copy, image)
    if copy.missing_since is not None:
        ImageCopy.objects.filter(pk=copy.pk).update(**absence.SHOWN)
    rows = [_row(Drift.DISABLED)] if image.State == "disabled" else []
    # Of an AMI that existed before only the steps were approved.
    compared = (
        []
        if copy.existing
        else image_verification.compare(copy.parameters, image, None, source=copy.request.source_seen)
    )
    rows += [
        _row(OF_COPY[each["property"]], each["expected"], each["found"])
        for each in compared
        if not each["ok"] and each["property"] in OF_COPY
    ]
    given = others.given.get(copy.ImageId, frozenset()) | sharing.wanted(copy.approved_steps.get(table.LAUNCH, {}))
    if image.Public and not copy.existing and ("Group", "all") not in given:
        rows.append(_row(Drift.PUBLIC))
    for step in _done(copy):
        if (
            step.code in OF_IMAGE
            and not others.overtook(step)
            and not CATALOGUE[step.code].fits(image, target_of(step))
        ):
            rows.append(_row(OF_IMAGE[step.code], dict(step.members)))
    return rows


def _gone(copy: ImageCopy, image: Image | None) -> list[Row]:
    """AWS's word that an image is gone counts at once; that it isn't listed, once that has been so for a while."""
    now = timezone.now()
    if image is not None or absence.is_fact(copy, now):
        return [_row(Drift.DEREGISTERED)]
    ImageCopy.objects.filter(pk=copy.pk).update(**absence.missed(copy, now))
    return [each for each in copy.drift if each["code"] not in IN_TURN]


def _permissions(
    copies: Sequence[ImageCopy], found: dict[int, list[Row]], looked: set[tuple[int, Drift]], others: Others
) -> str:
    """Compares launch permissions of those copies whose turn it is. Returns why AWS didn't show them."""
    shared = [copy for copy in copies if not copy.existing or table.LAUNCH in {step.code for step in _done(copy)}]
    turn = sorted(shared, key=lambda copy: (copy.permissions_at is not None, copy.permissions_at, copy.pk))
    for copy in turn[:PERMISSIONS]:
        steps = {step.code: step for step in _done(copy)}
        launch = steps.get(table.LAUNCH)
        wanted = sharing.wanted(launch.members) if launch else frozenset()
        try:
            shown = sharing.launch_permissions_of(
                copy.account.aws(), region=copy.DestinationRegion, image_id=copy.ImageId
            )
        except errors.AwsError as error:
            return str(error)
        looked |= {(copy.pk, Drift.PERMISSIONS_LACKING), (copy.pk, Drift.PERMISSIONS_ADDED)}
        if lacking := sorted(value for _, value in wanted - shown):
            found[copy.pk].append(_row(Drift.PERMISSIONS_LACKING, found=lacking))
        under_way = table.LAUNCH in copy.approved_steps and launch is None
        # Whom an AMI that existed before was shared with besides isn't a request's affair.
        more = frozenset() if copy.existing else shown - wanted - others.given.get(copy.ImageId, frozenset())
        if added := sorted(value for _, value in more if not under_way):
            found[copy.pk].append(_row(Drift.PERMISSIONS_ADDED, found=added))
        ImageCopy.objects.filter(pk=copy.pk).update(permissions_at=timezone.now())
    return ""


def _aliases(
    copies: Sequence[ImageCopy], place: DriftLook, found: dict[int, list[Row]], looked: set[tuple[int, Drift]]
) -> str:
    """Compares the aliases of up to ten copies, those first that were looked at longest ago."""
    published = [(copy, step) for copy in copies for step in _done(copy) if step.code == table.ALIAS]
    published.sort(key=lambda each: (each[0].alias_at is not None, each[0].alias_at, each[0].pk))
    some = published[: ssm.AT_ONCE]
    if not some:
        return ""
    names = sorted({step.members["Name"] for _, step in some})
    try:
        shown = ssm.get_many(place.account.aws(), region=place.DestinationRegion, names=names)
    except errors.AwsError as error:
        return str(error)
    for copy, step in some:
        looked.add((copy.pk, Drift.ALIAS))
        there = shown.get(step.members["Name"])
        value = there.Value if there else ""
        if value != copy.ImageId and not _published_by_another(step, value):
            found[copy.pk].append(_row(Drift.ALIAS, step.members["Name"], value))
    ImageCopy.objects.filter(pk__in=[copy.pk for copy, _ in some]).update(alias_at=timezone.now())
    return ""


def _published_by_another(step: CopyStep, value: str) -> bool:
    """Whether a later copy was published under the same alias, which was approved as well."""
    others = CopyStep.objects.filter(code=table.ALIAS, state=StepState.DONE, copy__ImageId=value)
    return others.filter(copy__account=step.copy.account_id, finished_at__gt=step.finished_at).exists()


def _done(copy: ImageCopy) -> list[CopyStep]:
    steps = [step for step in copy.steps.all() if step.state == StepState.DONE]
    for step in steps:
        step.copy = copy
    return steps


def _row(code: Drift, expected: Any = None, found: Any = None) -> Row:
    said = {"expected": expected, "found": found}
    return {"code": code.value, **{name: value for name, value in said.items() if value is not None}}
