"""How the database finds what workers ask for: never by reading a table that grows from one end to the other.

Every statement of the sweep and of the tasks it sends is explained as it is executed, in a database with a past.
"""

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings

from amicopy.copies import tasks
from amicopy.copies.core.models import ImageCopy
from amicopy.copies.engine import slots
from amicopy.copies.requests import cancel_retry
from amicopy.notify.tasks import send_due
from tests.conftest import Control
from tests.copies.conftest import Submit, acting, approve, make_call
from tests.copies.past import make_past
from tests.explain import explained

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


@pytest.fixture
def history(submit: Submit, approver: User, sandbox: Control) -> None:
    make_past(submit, approver, sandbox)


def test_nothing_that_workers_ask_for_is_found_by_reading_a_table_that_grows(
    history: None, submit: Submit, approver: User, sandbox: Control, settings: Settings
) -> None:
    settings.COPIES_AT_ONCE = 2
    waiting = [approve(approver, submit(make_call(Name=f"waiting-{number}"))) for number in range(4)]
    submit(make_call(Name="pending"))
    with explained() as scans:
        tasks.start_due()
        assert slots.standings(list(waiting[-1].copies.all()))
        cancel_retry.cancel(acting(waiting[0].requester), waiting[0].pk)
        tasks.cancel_due()
        sandbox("advance", seconds=600)
        ImageCopy.objects.filter(state="COPYING").update(next_step_at=timezone.now())
        tasks.track_due()
        tasks.sweep()
        tasks.expire_due()
        tasks.look_again_at_requests()
        send_due()
    assert not scans, "\n".join(scans)


def test_a_scan_is_seen(history: None) -> None:
    with explained() as scans:
        ImageCopy.objects.filter(destination="nowhere").exists()
        ImageCopy.objects.filter(progress=7).order_by("state", "next_step_at").first()
        list(ImageCopy.objects.filter(pk=7))
    assert len(scans) == 2
