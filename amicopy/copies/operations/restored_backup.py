"""After a backup was restored: numbers that were given away aren't given again, and whatever may have been made since
the backup is looked for at AWS before anything is called."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from django.apps import apps
from django.db import connection, transaction
from django.db.models import AutoField, BigAutoField, F, Max, Model
from django.utils import timezone

from amicopy.audit import restores
from amicopy.audit.actor import Actor
from amicopy.audit.log import lock_chain, record
from amicopy.audit.models import AuditEvent
from amicopy.aws import errors
from amicopy.aws import marks as aws_marks
from amicopy.aws.shapes import Image
from amicopy.copies.core.engine_models import LeftoverLook
from amicopy.copies.core.installation import Installation
from amicopy.copies.core.marks import Mark
from amicopy.copies.core.models import Account, Attempt, CopyRequest, ImageCopy
from amicopy.copies.core.states import COPY_DONE, REQUEST_MOVES, CopyState
from amicopy.copies.engine import outside_memory
from amicopy.copies.engine.recovery import GONE

# Requests that can still lead to a call: by an approval, a renewal, a retry, or by themselves.
MAY_GO_ON = tuple(state for state, moves in REQUEST_MOVES.items() if moves)


@dataclass(frozen=True)
class Made:
    """An image that was made for a copy since the backup."""

    copy: ImageCopy
    image: Image


@dataclass(frozen=True)
class Unseen:
    """A place that couldn't be looked at, and why. What was made there is looked for before each call all the same."""

    account: Account
    region: str
    error: str


class TooFew(Exception):
    """More numbers were given away than are to be skipped; the words are fit to be shown."""


def go_on(actor: Actor, *, skip: int) -> AuditEvent:
    """Has all numbers jump by `skip`, marks what may go on as coming from a backup, and lets workers work again.

    Returns the event, whose number is beyond all that were given away before. Raises TooFew.
    """
    with transaction.atomic():
        lock_chain()
        newest = AuditEvent.objects.order_by("-id").values_list("id", "hash").first() or (0, "")
        seen = outside_memory.newest_seen()
        if seen > newest[0] + skip:
            raise TooFew(f"Event {seen} has been seen, and the backup ends with {newest[0]}: skip more than {seen}.")
        for model in apps.get_models(include_auto_created=True):
            _skip(model, skip)
        now = timezone.now()
        requests = CopyRequest.objects.filter(state__in=MAY_GO_ON)
        marked = requests.update(restored_at=now, version=F("version") + 1)
        for account in Account.objects.filter(enabled=True):
            LeftoverLook.objects.update_or_create(account=account, defaults={"asked_at": now})
        Installation.objects.update(behind_since=None)
        data = {"newest_event": newest[0], "newest_hash": newest[1], "skipped": skip, "requests": marked}
        return record(restores.ACTION, actor=actor, data=data)


def _skip(model: type[Model], skip: int) -> None:
    """Has the numbers of a model's next rows begin further on."""
    key = model._meta.pk
    if not isinstance(key, AutoField | BigAutoField) or not model._meta.managed or model._meta.proxy:
        return
    table, column = model._meta.db_table, key.column
    newest = model._base_manager.aggregate(newest=Max(key.attname))["newest"] or 0
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT pg_get_serial_sequence(%s, %s)", [f'"{table}"', column])
            sequence = cursor.fetchone()[0]
            cursor.execute("SELECT setval(%s, greatest(nextval(%s), %s) + %s)", [sequence, sequence, newest, skip])
            return
        cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = %s", [table])
        known = cursor.fetchone()
        if known is None:
            cursor.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (%s, %s)", [table, newest + skip])
        else:
            last = max(known[0], newest)
            cursor.execute("UPDATE sqlite_sequence SET seq = %s WHERE name = %s", [last + skip, table])


def made_since(actor: Actor) -> Iterator[Made | Unseen]:
    """What AWS shows by the mark of copies that this database hasn't called for yet, each with an event at its request;
    a place that doesn't answer is said. Changes nothing at AWS."""
    places: dict[tuple[int, str, str], list[tuple[ImageCopy, Mark]]] = defaultdict(list)
    rows = ImageCopy.objects.filter(request__restored_at__isnull=False, round=F("request__round"))
    for copy in rows.exclude(state__in=COPY_DONE).select_related("account", "request"):
        mark = copy.frozen_mark
        if mark is not None and "image" in mark.on:
            places[copy.account_id, copy.DestinationRegion, mark.key].append((copy, mark))
    for (_, region, key), copies in sorted(places.items()):
        account = copies[0][0].account
        try:
            values = [mark.value for _, mark in copies]
            images = aws_marks.images_marked(account.aws(), region=region, key=key, value=values)
        except errors.AwsError as error:
            yield Unseen(account, region, str(error))
            continue
        by_mark = {mark.value: copy for copy, mark in copies}
        yield from _unknown(images, by_mark, key, actor=actor)


def _unknown(images: list[Image], by_mark: dict[str, ImageCopy], key: str, *, actor: Actor) -> Iterator[Made]:
    """Those of the images whose call no row knows."""
    known = set(
        Attempt.objects.filter(ImageId__in=[image.ImageId for image in images]).values_list("ImageId", flat=True)
    )
    for image in images:
        copy = by_mark[image.tags[key]]
        foreign = image.SourceImageId not in {"", copy.parameters["SourceImageId"]}
        if image.ImageId in known or image.State in GONE or foreign:
            continue
        with transaction.atomic():
            record(
                "copy.made_before_restore",
                actor=actor,
                request=copy.request_id,
                copy=copy.pk,
                requester=copy.request.requester_id,
                account=copy.account.account_id,
                region=copy.DestinationRegion,
                image_id=image.ImageId,
                old=copy.state,
                new=copy.state,
                data={"State": image.State, "waits_for_approval": copy.state == CopyState.HELD},
            )
        yield Made(copy, image)
