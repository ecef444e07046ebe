"""Freeze windows and delegations on their pages."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from amicopy.audit.models import AuditEvent
from amicopy.copies.core.models import CopyRequest
from amicopy.copies.core.policy_models import Delegation, FreezeWindow
from amicopy.copies.requests import delegation_actions
from tests.copies.conftest import acting, make_person
from tests.web.conftest import SignedIn, typed
from tests.web.page import read

pytestmark = pytest.mark.django_db


def local(moment: datetime) -> str:
    """As a datetime-local input sends it."""
    return f"{moment:%Y-%m-%dT%H:%M}"


def freeze_typed(**changes: str) -> dict[str, str]:
    now = timezone.now()
    times = {"starts_at": local(now - timedelta(hours=1)), "ends_at": local(now + timedelta(hours=2))}
    return {"name": "Year end", "DestinationRegion": "eu-*", **times, **changes}


def delegation_typed(to: int, **changes: str) -> dict[str, str]:
    return {"receiver": str(to), "until": local(timezone.now() + timedelta(days=3)), "reason": "Away", **changes}


@pytest.fixture
def admin(signed_in: SignedIn) -> Client:
    return signed_in("administrator")


def test_a_freeze_is_added_in_the_persons_time_zone_and_holds_what_is_approved(
    admin: Client, signed_in: SignedIn
) -> None:
    admin.cookies["time-zone"] = "Asia/Tokyo"
    tokyo = timezone.now() + timedelta(hours=9)
    times = {"starts_at": local(tokyo - timedelta(hours=1)), "ends_at": local(tokyo + timedelta(hours=2))}
    assert "is added" in read(admin.post("/freezes/new/", freeze_typed(**times), follow=True)).told
    window = FreezeWindow.objects.get()
    assert abs(window.ends_at - timezone.now() - timedelta(hours=2)) < timedelta(minutes=2)
    assert window.ends_at.utcoffset() == timedelta(0)
    assert read(admin.get(f"/freezes/{window.pk}/")).field("ends_at").value == times["ends_at"]
    signed_in("requester").post("/requests/new/", typed())
    row = CopyRequest.objects.get()
    approver = signed_in("approver")
    approver.post(f"/requests/{row.pk}/approve/", {"content_hash": row.content_hash})
    assert row.copies.get().wait_data["window"] == "Year end"


def test_a_running_freeze_is_ended_and_one_to_come_is_changed_or_deleted(admin: Client) -> None:
    admin.post("/freezes/new/", freeze_typed())
    running = FreezeWindow.objects.get()
    assert "is over" in read(admin.post(f"/freezes/{running.pk}/end/", follow=True)).told
    running.refresh_from_db()
    assert running.ends_at <= timezone.now()
    assert "is over already" in read(admin.post(f"/freezes/{running.pk}/end/", follow=True)).told
    later = {
        "starts_at": local(timezone.now() + timedelta(days=2)),
        "ends_at": local(timezone.now() + timedelta(days=3)),
    }
    admin.post("/freezes/new/", freeze_typed(name="Next", **later))
    coming = FreezeWindow.objects.get(name="Next")
    assert "hasn't begun" in read(admin.post(f"/freezes/{coming.pk}/end/", follow=True)).told
    admin.post(f"/freezes/{coming.pk}/", freeze_typed(name="Next year", **later))
    assert "can’t be undone" in read(admin.get(f"/freezes/{coming.pk}/delete/")).text
    admin.post(f"/freezes/{coming.pk}/delete/")
    assert list(FreezeWindow.objects.all()) == [running]
    actions = list(AuditEvent.objects.order_by("pk").values_list("action", flat=True))
    assert actions == ["freeze.made", "freeze.changed", "freeze.made", "freeze.changed", "freeze.deleted"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": ""}, "Enter a name"),
        ({"starts_at": ""}, "Enter a date and a time"),
        ({"starts_at": "soon"}, "Enter a date and a time"),
        ({"ends_at": "2001-01-01T00:00"}, "comes after the start"),
        ({"ends_at": "9999-12-31T23:59"}, "Enter an end in the next 366 days"),
        ({"starts_at": "0001-01-01T00:00"}, "Enter a start no more than 366 days ago"),
        ({"DestinationRegion": "eu west"}, "Enter Regions with commas"),
        ({"account": "999"}, "Select a valid choice"),
    ],
)
def test_a_freeze_that_makes_no_sense_is_refused_at_the_field(
    admin: Client, changes: dict[str, str], words: str
) -> None:
    answer = admin.post("/freezes/new/", freeze_typed(**changes))
    assert words in read(answer).field(next(iter(changes))).said
    assert answer.status_code == 422
    assert not FreezeWindow.objects.exists()


def test_a_vote_is_handed_over_used_and_taken_back_on_the_page(signed_in: SignedIn) -> None:
    giver, receiver = signed_in("approver", name="giver"), make_person("receiver", "approver")
    answer = giver.post("/delegations/", delegation_typed(receiver.pk), follow=True)
    assert "receiver can give your vote now" in read(answer).told
    delegation = Delegation.objects.get()
    assert (delegation.giver.username, delegation.receiver, delegation.reason) == ("giver", receiver, "Away")
    held = signed_in("approver", name="receiver")
    assert read(held.get("/delegations/")).marks("data-delegation") == [str(delegation.pk)]
    assert "any more" in read(held.post(f"/delegations/{delegation.pk}/end/", follow=True)).told
    delegation.refresh_from_db()
    assert delegation.until <= timezone.now()
    actions = list(AuditEvent.objects.order_by("pk").values_list("action", flat=True))
    assert actions == ["delegation.made", "delegation.ended"]


def test_others_delegations_are_for_administrators_alone(admin: Client, signed_in: SignedIn) -> None:
    giver, receiver = make_person("giver", "approver"), make_person("receiver", "approver")
    delegation = delegation_actions.delegate(
        acting(giver), receiver=receiver, until=timezone.now() + timedelta(days=1), reason="Away"
    )
    other = signed_in("approver")
    assert "Away" not in read(other.get("/delegations/")).source
    assert other.post(f"/delegations/{delegation.pk}/end/").status_code == 404
    assert read(admin.get("/delegations/")).region("Running now").headings("giver to receiver")
    admin.post(f"/delegations/{delegation.pk}/end/")
    delegation.refresh_from_db()
    assert delegation.until <= timezone.now()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"receiver": ""}, "Choose somebody who may decide"),
        ({"receiver": "0"}, "Choose somebody who may decide"),
        ({"until": "2001-01-01T00:00"}, "Enter an end in the next 60 days"),
        ({"until": "9999-12-31T23:59"}, "Enter an end in the next 60 days"),
        ({"until": "x"}, "Enter a date and a time"),
        ({"reason": "x" * 1001}, "at most 1000 characters"),
    ],
)
def test_a_delegation_that_makes_no_sense_is_refused_at_the_field(
    signed_in: SignedIn, changes: dict[str, str], words: str
) -> None:
    receiver = make_person("receiver", "approver")
    answer = signed_in("approver", name="giver").post("/delegations/", delegation_typed(receiver.pk, **changes))
    assert answer.status_code == 422
    assert words in read(answer).field(next(iter(changes))).said
    assert not Delegation.objects.exists()


def test_one_can_hand_over_to_deciders_alone(signed_in: SignedIn) -> None:
    auditor = make_person("auditor", "auditor")
    answer = signed_in("approver", name="giver").post("/delegations/", delegation_typed(auditor.pk))
    assert answer.status_code == 422
    assert not Delegation.objects.exists()


def test_times_are_stored_in_utc(admin: Client) -> None:
    admin.cookies["time-zone"] = "America/New_York"
    admin.post("/freezes/new/", freeze_typed(starts_at="2026-01-05T08:00"))
    assert FreezeWindow.objects.get().starts_at == datetime(2026, 1, 5, 13, 0, tzinfo=UTC)
