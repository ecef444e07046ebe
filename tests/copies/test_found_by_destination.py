"""Every event that concerns a destination is found by it: by each Region of a request, and by the image that was
made."""

import importlib
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User

from amicopy.audit.event_queries import Filter, count_newer, slice_of
from amicopy.audit.models import AuditEvent, EventRegion
from amicopy.copies import tasks
from amicopy.copies.requests import verbs
from tests.conftest import Control
from tests.copies.conftest import Submit, acting, approve, make_call

pytestmark = pytest.mark.django_db
EVENTS = AuditEvent.objects.all()
REGIONS = ("eu-west-1", "eu-central-1")


def found(**asked: Any) -> list[tuple[str, str]]:
    """Action and Region of what a filter finds, oldest first; the same by pages of three, up and down, and at once."""
    asking = Filter(**asked)
    whole = sorted((event for part in asking.apply(EVENTS) for event in part), key=lambda event: event.pk)
    down: list[AuditEvent] = []
    before = None
    while (page := slice_of(EVENTS, asking, before=before, size=3)) and page.events:
        down += page.events
        if page.older is None:
            break
        before = page.older
    assert down[::-1] == whole
    if whole:
        assert slice_of(EVENTS, asking, after=whole[0].pk - 1, size=3).events == whole[:3][::-1]
        assert count_newer(EVENTS, asking, than=whole[0].pk, most=1000) == len(whole) - 1
    return [(event.action, event.region) for event in whole]


def test_an_approval_is_found_by_each_of_its_regions_and_by_each_new_image(
    sandbox: Control, submit: Submit, approver: User
) -> None:
    request = submit(*map(make_call, REGIONS))
    other = submit(make_call("ap-southeast-2"))
    approve(approver, request)
    verbs.reject(acting(approver), other.pk, reason="No.")
    tasks.start_due()
    whole = ["request.submitted", "request.approved"]
    for copy in request.copies.all():
        region = copy.DestinationRegion
        assert copy.ImageId
        wanted = [(name, "") for name in whole] + [
            ("copy.queued", region),
            ("copy.starting", region),
            ("copy.copying", region),
        ]
        for asked in ({"region": region}, {"text": region}, {"image_id": copy.ImageId}, {"text": copy.ImageId}):
            assert found(**asked) == wanted, asked
    assert found(region="ap-southeast-2", action="request.rejected") == [("request.rejected", "")]
    assert found(region="us-west-2") == []


def test_a_round_with_other_regions_is_found_by_those(submit: Submit, approver: User, requester: User) -> None:
    request = submit(make_call(REGIONS[0]))
    verbs.request_changes(acting(approver), request.pk, reason="There, please.")
    verbs.resubmit(acting(requester), request.pk, reason="There now.", calls=[make_call(REGIONS[1])])
    approve(approver, request.__class__.objects.get(pk=request.pk))
    first = [("request.submitted", ""), ("request.changes_requested", "")]
    assert [each for each in found(region=REGIONS[0]) if not each[0].startswith("copy.")] == first
    second = [("request.resubmitted", ""), ("request.approved", ""), ("copy.queued", REGIONS[1])]
    assert found(region=REGIONS[1]) == second


def test_events_of_before_get_their_regions(submit: Submit, approver: User) -> None:
    approve(approver, submit(*map(make_call, REGIONS)))
    before = sorted(EventRegion.objects.values_list("event", "region"))
    EventRegion.objects.all().delete()
    migration = importlib.import_module("amicopy.audit.migrations.0004_head_stores_and_regions")
    migration.fill(apps, None)
    assert sorted(EventRegion.objects.values_list("event", "region")) == before
    assert len(before) == 4
