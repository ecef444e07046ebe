"""How soon a copy under way is looked at again."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from amicopy.copies.core.models import CopyRequest, ImageCopy
from amicopy.copies.core.reasons import Code, Reason
from amicopy.copies.engine import pace

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


@pytest.mark.parametrize(
    ("age", "progress", "seconds"),
    [
        (0 * SECOND, 0, 20),
        (9 * MINUTE, 30, 20),
        (25 * MINUTE, 30, 80),
        (10 * HOUR, 30, 300),
        (10 * HOUR, 0, 300),
        (HOUR, 95, 40),
        (HOUR, 99, 20),
    ],
)
def test_what_is_young_or_nearly_done_is_looked_at_more_often(
    settings: Settings, age: timedelta, progress: int, seconds: float
) -> None:
    settings.TRACK_SECONDS = 20
    now = timezone.now()
    copy = ImageCopy(called_at=now - age, progress=progress)
    assert pace.pause_of(copy, now, pushed=False) == timedelta(seconds=seconds)


def test_where_aws_tells_of_the_end_looks_are_rarer(settings: Settings) -> None:
    settings.TRACK_SECONDS = 20
    now = timezone.now()
    assert pace.pause_of(ImageCopy(called_at=now), now, pushed=True) == timedelta(seconds=80)
    late = ImageCopy(called_at=now - HOUR, progress=99)
    assert pace.pause_of(late, now, pushed=True) == timedelta(seconds=80)


@pytest.mark.django_db
def test_what_somebody_watches_is_looked_at_soon_and_what_waits_for_aws_waits_on(
    copying: list[CopyRequest], settings: Settings
) -> None:
    settings.TRACK_SECONDS = 20
    now = timezone.now()
    later = now + 5 * MINUTE
    watched, throttled = (request.copies.get() for request in copying)
    ImageCopy.objects.update(next_step_at=later)
    ImageCopy.objects.filter(pk=throttled.pk).update(**Reason(Code.THROTTLED).fields)
    pace.watched(list(ImageCopy.objects.all()))
    soon = ImageCopy.objects.get(pk=watched.pk).next_step_at
    assert soon is not None
    assert soon <= timezone.now() + pace.shortest()
    assert ImageCopy.objects.get(pk=throttled.pk).next_step_at == later
    with CaptureQueriesContext(connection) as statements:
        pace.watched(list(ImageCopy.objects.filter(pk=watched.pk)))
    assert len(statements) == 1, "the one that reads them: nothing is written for whoever goes on watching"


@pytest.mark.django_db
def test_what_began_to_wait_after_it_was_read_waits_on(copying: list[CopyRequest]) -> None:
    later = timezone.now() + 5 * MINUTE
    ImageCopy.objects.update(next_step_at=later)
    read = list(ImageCopy.objects.all())
    ImageCopy.objects.update(**Reason(Code.THROTTLED).fields)
    pace.watched(read)
    assert set(ImageCopy.objects.values_list("next_step_at", flat=True)) == {later}


@pytest.mark.django_db
def test_an_open_page_is_watching(copying: list[CopyRequest], client: Client) -> None:
    ImageCopy.objects.update(next_step_at=timezone.now() + 5 * MINUTE)
    client.force_login(copying[0].requester)
    client.get(f"/requests/{copying[0].pk}/")
    soon, later = (request.copies.get().next_step_at for request in copying)
    assert soon is not None
    assert later is not None
    assert soon < timezone.now() + MINUTE < later
