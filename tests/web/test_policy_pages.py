"""Freeze windows and delegations on their pages."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Group
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


def delegation_typed(to: int | str, **changes: str) -> dict[str, str]:
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


def test_a_vote_is_handed_to_a_team_and_its_page_says_who_can_give_it(signed_in: SignedIn, admin: Client) -> None:
    team = Group.objects.create(name="stand-ins")
    member, giver = signed_in("approver", "stand-ins", name="member"), signed_in("approver", name="giver")
    sent = delegation_typed(f"group-{team.pk}")
    assert read(giver.get("/delegations/")).field("receiver").option(f"group-{team.pk}").text == "stand-ins"
    answer = giver.post("/delegations/", sent, follow=True)
    assert "Whoever is in stand-ins can give your vote now" in read(answer).told
    running = read(giver.get("/delegations/")).region("Running now")
    assert running.headings("You to the team stand-ins")
    assert "Can give it now: member." in running.text
    delegation = Delegation.objects.get()
    page = read(member.get("/delegations/"))
    assert page.region("Running now").headings("giver to the team stand-ins")
    assert not page.buttons("End now: giver to stand-ins")
    assert member.post(f"/delegations/{delegation.pk}/end/").status_code == 403
    assert "the vote of giver" in read(admin.get(f"/people/teams/{team.pk}/")).region("Used by").text
    team.user_set.clear()
    assert "Nobody else in it may decide now" in read(giver.get("/delegations/")).region("Running now").text
    assert "Nobody is in it" in read(admin.get("/people/teams/")).text
    team.delete()
    assert "The team isn’t there any more" in read(giver.get("/delegations/")).region("Running now").text
    assert "stand-ins can't give" in read(giver.post(f"/delegations/{delegation.pk}/end/", follow=True)).told
    assert read(giver.get("/delegations/")).region("Over").headings("giver to stand-ins")


@pytest.mark.parametrize("receiver", ["group-0", "group-", "group-x", "group-٣", "x", "1,2"])
def test_no_group_that_is_not_there_or_may_decide_nothing_is_handed_a_vote(signed_in: SignedIn, receiver: str) -> None:
    empty = f"group-{Group.objects.create(name='nobody-in-it').pk}"
    giver = signed_in("approver", name="giver")
    assert empty not in read(giver.get("/delegations/")).field("receiver").options
    answer = giver.post("/delegations/", delegation_typed(receiver))
    assert answer.status_code == 422
    assert "Choose somebody who may decide" in read(answer).field("receiver").said
    assert giver.post("/delegations/", delegation_typed(empty)).status_code == 422
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
