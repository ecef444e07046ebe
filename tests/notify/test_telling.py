"""Who is told what: approvers when they are asked, reminded and no longer needed; the requester of decisions and the
end."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.utils import timezone
from pytest_django import Settings

from amicopy.audit.actor import worker
from amicopy.copies import tasks
from amicopy.copies.core.models import Account, CopyRequest, ImageCopy
from amicopy.copies.lifecycle.transitions import InvalidTransition
from amicopy.copies.requests import cancel_retry, delegation_actions, expire, verbs
from amicopy.notify.models import Endpoint, Kind, Message, Mute, State
from tests.conftest import Control
from tests.copies.conftest import SOURCE, Submit, acting, approve, make_call, make_person, make_rule
from tests.notify.conftest import send_all, somebody
from tests.notify.servers import MailServer

pytestmark = pytest.mark.django_db


def told(request: CopyRequest, *, round: int = 1) -> list[tuple[str, str]]:
    """Who was told, or would be, and what: people by name, endpoints by theirs."""
    rows = Message.objects.filter(request=request.pk, round=round).exclude(state=State.DROPPED).order_by("pk")
    return [(row.person.username if row.person else str(row.endpoint), row.kind) for row in rows]


def test_those_who_could_approve_are_asked_and_nobody_else(submit: Submit, settings: Settings) -> None:
    somebody("security-1", "approver", "security")
    somebody("auditor", "auditor")
    make_person("without-address", "approver")
    off = somebody("off", "approver")
    User.objects.filter(pk=off.pk).update(is_active=False)
    assert told(submit()) == [("approver", "asked"), ("security-1", "asked")]


def test_only_the_groups_that_the_plan_still_waits_for_are_asked(submit: Submit) -> None:
    security = Group.objects.create(name="security")
    somebody("second", "approver").groups.add(security)
    make_rule("two groups", requirements=[{"group": "security", "count": 1}])
    assert told(submit()) == [("second", "asked")]


def test_whoever_holds_anothers_vote_is_asked_too(submit: Submit, approver: User) -> None:
    group = Group.objects.create(name="security")
    approver.groups.add(group)
    deputy = somebody("deputy", "approver")
    make_rule("security", requirements=[{"group": "security", "count": 1}])
    delegation_actions.delegate(acting(approver), receiver=deputy, until=timezone.now() + timedelta(days=1))
    assert told(submit()) == [("approver", "asked"), ("deputy", "asked")]


def test_a_request_that_needs_nobody_asks_nobody(submit: Submit, endpoint: Endpoint) -> None:
    assert told(submit(make_call(DryRun=True))) == []


def test_the_requester_is_told_of_each_decision_and_the_others_that_it_is_decided(
    submit: Submit, approver: User, mail: MailServer
) -> None:
    somebody("second", "approver")
    third = somebody("third", "approver")
    make_rule("two", requirements=[{"group": "approver", "count": 2}])
    request = submit()
    send_all()
    approve(approver, request)
    approve(third, request)
    assert told(request)[3:] == [("requester", "decision"), ("requester", "decision"), ("second", "decided")]
    send_all()
    first, last = mail.to("requester@people.example")
    assert first["Subject"].endswith("Approved by approver, more needed: golden-al2023-2026.11.24")
    assert "still waits for 1 approval from approver" in first.get_content()  # type: ignore[attr-defined]
    assert last["Subject"] == f"[amicopy #{request.pk}] Approved by third: golden-al2023-2026.11.24"


def test_whoever_was_not_told_of_a_request_yet_is_not_told_that_it_is_over(
    submit: Submit, approver: User, mail: MailServer
) -> None:
    somebody("second", "approver")
    request = submit()
    approve(approver, request)
    assert told(request) == [("requester", "decision")]
    send_all()
    assert mail.to("second@people.example") == []
    dropped = Message.objects.get(person__username="second")
    assert (dropped.state, dropped.last_error) == ("dropped", "Approved before this was sent.")


@pytest.mark.parametrize("verb", ["reject", "request_changes"])
def test_a_rejection_is_told_with_its_reason(submit: Submit, approver: User, mail: MailServer, verb: str) -> None:
    request = submit()
    getattr(verbs, verb)(acting(approver), request.pk, reason="The tag owner is missing.")
    send_all()
    (email,) = mail.to("requester@people.example")
    assert "Reason: The tag owner is missing." in email.get_content()  # type: ignore[attr-defined]


def test_a_new_round_asks_anew_and_approvals_that_hold_need_no_asking(
    submit: Submit, approver: User, requester: User
) -> None:
    somebody("second", "approver")
    make_rule("two", requirements=[{"group": "approver", "count": 2}])
    request = submit()
    approve(approver, request)
    second = User.objects.get(username="second")
    verbs.request_changes(acting(second), request.pk, reason="Why?")
    verbs.resubmit(acting(requester), request.pk, reason=request.reason, calls=request.calls_as_asked())
    assert told(request, round=2) == [("second", "asked")]


def test_a_withdrawal_is_told_to_whoever_was_asked(submit: Submit, requester: User) -> None:
    request = submit()
    Message.objects.update(state=State.SENT, sent_at=timezone.now())
    verbs.withdraw(acting(requester), request.pk)
    assert told(request) == [("approver", "asked"), ("approver", "decided")]


def test_the_reminder_and_the_end_by_expiry(submit: Submit) -> None:
    request = submit()
    CopyRequest.objects.update(expires_at=timezone.now() + timedelta(hours=1))
    for _ in range(2):
        expire.remind_due(actor=worker("expire_due"))
    CopyRequest.objects.update(expires_at=timezone.now())
    expire.expire_due(actor=worker("expire_due"))
    assert told(request) == [("approver", "asked"), ("approver", "reminder"), ("requester", "ended")]


def finish(sandbox: Control) -> None:
    tasks.start_due(wake=False)
    sandbox("advance", seconds=900)
    ImageCopy.objects.filter(next_step_at__isnull=False).update(next_step_at=timezone.now())
    tasks.track_due()


def test_the_end_is_told_with_what_became_of_each_copy(
    submit: Submit, approver: User, sandbox: Control, mail: MailServer
) -> None:
    request = submit(make_call("eu-west-1", Encrypted=True, KmsKeyId="alias/retired"), make_call("us-west-2"))
    approve(approver, request)
    finish(sandbox)
    send_all()
    last = mail.to("requester@people.example")[-1]
    words = last.get_content()  # type: ignore[attr-defined]
    assert "Partly done" in last["Subject"]
    assert "eu-west-1: failed" in words
    assert f"us-west-2: available {request.copies.get(DestinationRegion='us-west-2').ImageId}" in words
    assert f"https://amicopy.example/requests/{request.pk}/" in words


def test_cancelled_copies_end_the_request_and_that_is_told_once(submit: Submit, approver: User) -> None:
    request = approve(approver, submit())
    cancel_retry.cancel(acting(approver), request.pk)
    assert told(request)[-1:] == [("requester", "ended")]
    assert Message.objects.filter(kind=Kind.ENDED).count() == 1


def test_a_muted_kind_is_not_told(submit: Submit, approver: User, requester: User) -> None:
    Mute.objects.create(person=requester, kind=Kind.DECISION)
    request = approve(approver, submit())
    cancel_retry.cancel(acting(approver), request.pk)
    assert ("requester", "decision") not in told(request)
    assert ("requester", "ended") in told(request)


def test_a_message_muted_while_it_waits_is_not_sent(submit: Submit, approver: User, mail: MailServer) -> None:
    submit()
    Mute.objects.create(person=approver, kind=Kind.ASKED)
    send_all()
    assert mail.emails == []
    assert Message.objects.get().state == State.DROPPED


def test_without_a_mail_server_nobody_is_written_to(submit: Submit, settings: Settings, endpoint: Endpoint) -> None:
    settings.EMAIL_ON = False
    assert told(submit()) == [("tickets", "asked")]


def test_a_verb_that_fails_tells_nobody(submit: Submit, approver: User, account: Account) -> None:
    request = submit()
    Account.objects.update(enabled=False)
    with pytest.raises(InvalidTransition):
        approve(approver, request)
    assert told(request) == [("approver", "asked")]


def test_who_is_asked_reads_source_size_what_sets_it_apart_and_why(
    account: Account, requester: User, endpoint: Endpoint
) -> None:
    somebody("approver", "approver")
    plain = {"Encrypted": False, "KmsKeyId": ""}
    volume = {"DeviceName": "/dev/xvda", "SnapshotId": "snap-1", "VolumeSize": 40, **plain}
    seen = {"source": {"ImageId": SOURCE, "OwnerId": "444455556666", "Public": True, "volumes": [volume]}}
    calls = [make_call(), make_call("eu-central-1")]
    request = verbs.submit(acting(requester), account=account, reason="PLAT-1: week 47", calls=calls, lookups=seen)
    mail = Message.objects.get(request=request.pk, kind=Kind.ASKED, person__username="approver")
    for line in (
        f"Name: {request.Name}",
        f"Source: {SOURCE} in us-east-1",
        "Size: 80 GiB for all copies",
        "Look at: Public AMI, Owner 444455556666, New Region",
        "Why: PLAT-1: week 47",
    ):
        assert line in mail.text.splitlines()
    assert mail.path == f"/requests/{request.pk}/"
    assert "approve/" not in mail.text
    about = Message.objects.get(request=request.pk, kind=Kind.ASKED, endpoint=endpoint).payload["about"]
    assert (about["reason"], about["size"]) == ("PLAT-1: week 47", 80)
    assert {"code": "public-source", "level": "high", "value": True, "destinations": ["eu-west-1", "eu-central-1"]} in (
        about["facts"]
    )


def test_an_approval_alone_in_an_emergency_is_told_to_every_administrator(submit: Submit, mail: MailServer) -> None:
    somebody("boss", "administrator")
    somebody("second", "administrator", "auditor")
    off = somebody("off", "administrator")
    User.objects.filter(pk=off.pk).update(is_active=False)
    somebody("auditor", "auditor")
    glass = somebody("glass", "administrator", "break-glass")
    request = submit()
    verbs.break_glass(acting(glass), request.pk, reason="Outage", seen_hash=request.content_hash)
    told_so = Message.objects.filter(request=request.pk, kind=Kind.EMERGENCY, person__isnull=False)
    # Whoever did it, too: it may not have been them.
    assert sorted(told_so.values_list("person__username", flat=True)) == ["boss", "glass", "second"]
    send_all()
    for name in ("boss", "glass", "second"):
        found = [email for email in mail.to(f"{name}@people.example") if "Approved alone by glass" in email["Subject"]]
        assert len(found) == 1, name
        assert "Reason: Outage" in found[0].get_content()  # type: ignore[attr-defined]
