"""What a move writes: its event says all that it is about, and an object that shows the past moves nothing."""

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from amicopy.audit.actor import worker
from amicopy.audit.models import AuditEvent
from amicopy.copies.core.models import Account, CopyRequest, ImageCopy
from amicopy.copies.core.reasons import Code, Reason
from amicopy.copies.engine import claims
from amicopy.copies.lifecycle.transitions import InvalidTransition, move_copy, move_request, note_copy
from tests.copies.conftest import SOURCE, Submit, acting, approve
from tests.copies.passing_time import make_due

pytestmark = pytest.mark.django_db
ACTOR = worker("start_due")


def about(event: AuditEvent) -> dict[str, object]:
    names = ("actor", "request", "copy", "requester", "account", "region", "image_id", "aws_request_id", "error_code")
    return {name: getattr(event, name) for name in (*names, "old", "new", "data")}


def test_the_event_of_a_copys_move_says_all_that_it_is_about(submit: Submit, approver: User) -> None:
    request = approve(approver, submit())
    copy = request.copies.get()
    everywhere = {
        "actor": ACTOR.name,
        "request": request.pk,
        "copy": copy.pk,
        "requester": request.requester_id,
        "account": "111122223333",
        "region": "eu-west-1",
    }
    move_copy(copy, "STARTING", actor=ACTOR, action="copy.starting")
    assert about(AuditEvent.objects.latest("id")) == {
        **everywhere,
        "image_id": SOURCE,
        "aws_request_id": "",
        "error_code": "",
        "old": "QUEUED",
        "new": "STARTING",
        "data": {},
    }
    move_copy(
        copy,
        "COPYING",
        actor=ACTOR,
        action="copy.copying",
        aws_request_id="r-1",
        data={"attempt": 1},
        ImageId="ami-0123456789abcdef0",
        called_at=timezone.now(),
    )
    assert about(AuditEvent.objects.latest("id")) == {
        **everywhere,
        "image_id": "ami-0123456789abcdef0",
        "aws_request_id": "r-1",
        "error_code": "",
        "old": "STARTING",
        "new": "COPYING",
        "data": {"attempt": 1},
    }
    assert (copy.state, copy.ImageId) == ("COPYING", "ami-0123456789abcdef0")
    move_copy(copy, "FAILED", actor=ACTOR, action="copy.failed", error_code="InternalError")
    failed = AuditEvent.objects.get(action="copy.failed")
    assert (failed.error_code, failed.image_id) == ("InternalError", "ami-0123456789abcdef0")
    ended = AuditEvent.objects.get(action="request.failed")
    assert (ended.old, ended.new, ended.data) == ("APPROVED", "FAILED", {"copies": {"FAILED": 1}})


def test_the_event_of_a_note_says_all_that_it_is_about(submit: Submit, approver: User) -> None:
    request = approve(approver, submit())
    version = CopyRequest.objects.get().version
    make_due()
    claimed = claims.claim_next()
    assert claimed is not None
    lease, (copy,) = claimed
    assert note_copy(
        copy,
        Reason(Code.THROTTLED, {"AwsCode": "SlowDown"}),
        actor=ACTOR,
        action="copy.waiting",
        lease=lease,
        fields={"failures": 2},
        data={"tries": 2},
        aws_request_id="r-2",
        error_code="SlowDown",
    )
    assert about(AuditEvent.objects.latest("id")) == {
        "actor": ACTOR.name,
        "request": request.pk,
        "copy": copy.pk,
        "requester": request.requester_id,
        "account": "111122223333",
        "region": "eu-west-1",
        "image_id": "",
        "aws_request_id": "r-2",
        "error_code": "SlowDown",
        "old": "QUEUED",
        "new": "QUEUED",
        "data": {"waits": "throttled", "because": {"AwsCode": "SlowDown"}, "tries": 2},
    }
    copy.refresh_from_db()
    request.refresh_from_db()
    assert (copy.wait_code, copy.failures, request.version) == ("throttled", 2, version + 1)


def test_the_event_of_a_requests_move_names_the_source_that_came_with_it(submit: Submit, account: Account) -> None:
    request = submit()
    move_request(
        request,
        "CHANGES_REQUESTED",
        actor=ACTOR,
        action="request.changes_requested",
        SourceImageId="ami-0fedcba9876543210",
    )
    event = AuditEvent.objects.latest("id")
    assert about(event) == {
        "actor": ACTOR.name,
        "request": request.pk,
        "copy": None,
        "requester": request.requester_id,
        "account": account.account_id,
        "region": "",
        "image_id": "ami-0fedcba9876543210",
        "aws_request_id": "",
        "error_code": "",
        "old": "PENDING",
        "new": "CHANGES_REQUESTED",
        "data": {},
    }
    assert (request.state, request.SourceImageId) == ("CHANGES_REQUESTED", "ami-0fedcba9876543210")


def test_an_object_of_the_past_moves_nothing_and_is_told_what_is_so_now(submit: Submit, approver: User) -> None:
    request = submit()
    copy = request.copies.get()
    CopyRequest.objects.update(state="WITHDRAWN")
    ImageCopy.objects.update(state="CANCELLED")
    before = AuditEvent.objects.count()
    with pytest.raises(InvalidTransition, match=rf"^Request #{request.pk} is withdrawn already.$"):
        move_request(request, "REJECTED", actor=acting(approver), action="request.rejected")
    with pytest.raises(InvalidTransition, match=r"^The copy to eu-west-1 is cancelled already.$"):
        move_copy(copy, "QUEUED", actor=acting(approver), action="copy.queued")
    with pytest.raises(InvalidTransition, match=rf"^Request #{request.pk} is waiting for approval already.$"):
        move_request(request, "COMPLETED", actor=acting(approver), action="request.completed")
    with pytest.raises(InvalidTransition, match=r"^The copy to eu-west-1 is .* already.$"):
        move_copy(copy, "AVAILABLE", actor=acting(approver), action="copy.available")
    assert AuditEvent.objects.count() == before
