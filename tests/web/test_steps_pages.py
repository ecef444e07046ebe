"""The steps after a copy on pages: spelled out for who decides, followed and retried by who may, and on the record."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from amicopy.copies.core.models import Account, CopyRequest, CopyStep, DriftLook, DriftTrace
from amicopy.copies.core.states import CopyState, RequestState, StepState
from amicopy.copies.core.steps.table import BY_CODE
from amicopy.copies.core.steps.wanted import parse
from amicopy.copies.requests import verbs
from tests.copies.conftest import acting, approve, make_call, make_person
from tests.copies.conftest import requester as requester
from tests.web.conftest import SignedIn
from tests.web.page import read

pytestmark = pytest.mark.django_db

KNOWN, OTHER = "222233334444", "333344445555"
UNIT = "arn:aws:organizations::222233334444:ou/o-a1b2c3d4e5/ou-a1b2-c3d4e5f6"
STEPS: dict[str, Any] = {
    "LaunchPermission": {"UserIds": [KNOWN, OTHER], "OrganizationalUnitArns": [UNIT]},
    "ImageDeprecation": {"DeprecateAt": "2029-03-01T00:00:00Z"},
    "Parameter": {"Name": "/golden/al2023", "Overwrite": True},
}
# What look-ups found where the copy goes.
ALIAS = {"Name": "/golden/al2023", "Type": "String", "DataType": "aws:ec2:image", "Value": "ami-0aaaaaaaaaaaaaaaa"}
USERS = {"count": 12, "templates": ["web"], "more": False}
FOUND = {
    "destinations": [
        {
            "destination": "eu-west-1",
            "DestinationRegion": "eu-west-1",
            "steps": {"alias": ALIAS, "alias_users": USERS},
        }
    ]
}
Ask = Callable[..., CopyRequest]


@pytest.fixture
def approver(db: None) -> User:
    return make_person("approver", "approver")


@pytest.fixture
def ask(requester: User, account: Account) -> Ask:
    Account.objects.create(name="production", account_id=KNOWN)

    def make(steps: Any = STEPS, own: Any = (), *regions: str) -> CopyRequest:
        wanted, errors = parse(steps, own, now=timezone.now())
        assert errors == []
        calls = [make_call(region) for region in regions or ("eu-west-1",)]
        return verbs.submit(
            acting(requester), account=account, reason="PLAT-1", calls=calls, steps=wanted, lookups=FOUND
        )

    return make


def finished(row: CopyRequest, approver: User, **states: StepState) -> CopyStep:
    """The request with its copy there and its steps in these states; returns the first that failed, or the last."""
    approve(approver, row)
    copy = row.copies.get()
    row.copies.update(state=CopyState.AVAILABLE, ImageId="ami-0bbbbbbbbbbbbbbbb")
    made = [
        CopyStep.objects.create(
            copy=copy,
            code=code,
            position=list(BY_CODE).index(code),
            state=state,
            attempts=1,
            aws_request_id="req-7",
            **({"error_code": "AccessDenied", "error_message": "You may not."} if state == StepState.FAILED else {}),
            **({"before": {"Value": ALIAS["Value"], "Version": 3}} if code == "Parameter" else {}),
        )
        for code, state in states.items()
    ]
    failed = [step for step in made if step.state == StepState.FAILED]
    CopyRequest.objects.filter(pk=row.pk).update(state=RequestState.PARTIAL if failed else RequestState.COMPLETED)
    return (failed or made)[-1]


def test_who_decides_reads_who_will_be_able_to_launch_it_until_when_and_what_the_alias_shows(
    signed_in: SignedIn, ask: Ask
) -> None:
    row, client = ask(), signed_in("approver")
    for page in (
        read(client.get(f"/requests/{row.pk}/")).by_id("after-copy"),
        read(client.get(f"/approvals/?request={row.pk}")).marked("data-panel", str(row.pk))[0],
    ):
        said = page.text
        assert f"production ({KNOWN})" in said
        assert f"{OTHER} an account that amicopy doesn’t know" in said
        assert UNIT in said
        assert "On 1 Mar 2029, 00:00 UTC" in said
        assert f"/golden/al2023 It shows {ALIAS['Value']} now, which is overwritten" in said
        assert "12 launch templates launch what it shows web and more" in said


def test_who_decides_reads_it_where_they_decide_and_everybody_else_with_what_was_found(
    signed_in: SignedIn, ask: Ask
) -> None:
    row = ask()
    decides = read(signed_in("approver").get(f"/requests/{row.pk}/"))
    assert "/golden/al2023" in decides.region("Your decision").by_id("after-copy").text
    assert "After the copy" not in decides.region("Found out at submission").text
    assert (
        "/golden/al2023"
        in read(signed_in("requester").get(f"/requests/{row.pk}/"))
        .region("Found out at submission")
        .by_id("after-copy")
        .text
    )
    poll = read(signed_in("approver").get(f"/requests/{row.pk}/", headers={"HX-Request": "true"}))
    assert "/golden/al2023" in poll.region("Your decision").by_id("after-copy").text


def test_what_is_sent_has_each_step_and_what_is_otherwise_in_a_destination(signed_in: SignedIn, ask: Ask) -> None:
    row = ask(STEPS, [{}, {"LaunchPermission": {"UserIds": [OTHER]}, "Parameter": None}], "eu-west-1", "eu-central-1")
    page = read(signed_in("approver").get(f"/requests/{row.pk}/"))
    sent = page.region("Exactly what is sent").text
    assert sent.count("Then Deprecate (ImageDeprecation)") == 1
    assert sent.count("Then Share the AMI (LaunchPermission)") == 2
    assert sent.count("Then Publish under an alias (Parameter)") == 1
    assert "eu-west-1" in page.by_id("after-copy").text


def test_a_row_says_how_many_steps_are_done_and_lists_them(signed_in: SignedIn, ask: Ask, approver: User) -> None:
    row = ask()
    failed = finished(row, approver, LaunchPermission=StepState.DONE, ImageDeprecation=StepState.FAILED)
    page = read(signed_in("requester").get(f"/requests/{row.pk}/?open=all"))
    assert "Partly done" in page.text
    assert "1 of 3 steps done" in page.text
    assert "You may not. (AccessDenied)" in page.text
    assert "AWS request req-7" in page.text
    assert page.by_id(f"retry-step-{failed.pk}").text == "Retry this step"
    record = read(signed_in("auditor").get(f"/requests/{row.pk}/copies/eu-west-1/"))
    assert "1 of 3 steps done" in record.text
    assert not record.buttons("Retry this step")


def test_a_step_is_retried_by_its_button_and_by_nobody_else(signed_in: SignedIn, ask: Ask, approver: User) -> None:
    row = ask()
    failed = finished(row, approver, LaunchPermission=StepState.DONE, ImageDeprecation=StepState.FAILED)
    address, copy = f"/requests/{row.pk}/retry-steps/", str(failed.copy_id)
    sent = {"copy": copy, "step": failed.code}
    signed_in("auditor").post(address, sent)
    failed.refresh_from_db()
    assert failed.state == StepState.FAILED
    answer = signed_in("requester").post(address, sent, follow=True)
    assert "1 step is tried again" in read(answer).told
    failed.refresh_from_db()
    assert failed.state == StepState.WAITING
    timeline = read(answer).by_id("timeline").text
    assert "Deprecate: tried again" in timeline


def test_an_alias_is_put_back_by_its_button(signed_in: SignedIn, ask: Ask, approver: User) -> None:
    row = ask()
    done = {"LaunchPermission": StepState.DONE, "ImageDeprecation": StepState.DONE, "Parameter": StepState.DONE}
    step = finished(row, approver, **done)
    client = signed_in("requester")
    page = read(client.get(f"/requests/{row.pk}/?open=all"))
    assert page.by_id(f"put-back-{step.pk}").text == f"Put it back to {ALIAS['Value']}"
    page = read(client.post(f"/requests/{row.pk}/put-back/", {"copy": str(step.copy_id)}, follow=True))
    assert "/golden/al2023 is being put back" in page.told
    step.refresh_from_db()
    assert step.state == StepState.UNDOING


def test_the_record_says_what_changed_since_and_what_to_do(signed_in: SignedIn, ask: Ask, approver: User) -> None:
    row = ask()
    step = finished(row, approver, LaunchPermission=StepState.DONE)
    found = [{"code": "permissions-added", "found": [OTHER]}]
    now = timezone.now()
    row.copies.update(drift=found, drift_at=now)
    address = f"/requests/{row.pk}/copies/{step.copy.destination}/"

    def said() -> str:
        return read(signed_in("auditor").get(address)).by_id("drift").text

    assert f"It is shared with others than were approved Found {OTHER}. Take these" in said()
    trace = step.copy.drift_traces.create(code="permissions-added", since=now, found_at=now)
    assert "Who changed it isn’t known: CloudTrail is asked in a while. Take these" in said()
    place = DriftLook(account=row.account, DestinationRegion="eu-west-1", trace_error="AccessDeniedException")
    place.save()
    assert "isn’t known: CloudTrail can’t be asked here (AccessDeniedException). Take these" in said()
    DriftTrace.objects.update(asked_at=now)
    assert "Who changed it isn’t known: CloudTrail doesn’t say." in said()
    call = {"EventId": "1", "EventName": "ModifyImageAttribute", "EventTime": now, "Arn": "arn:aws:iam::1:user/ops"}
    DriftTrace.objects.filter(pk=trace.pk).update(**call)
    assert "Changed by arn:aws:iam::1:user/ops with ModifyImageAttribute" in said()


def test_what_changed_of_the_steps_is_said_when_it_is_submitted_again(
    signed_in: SignedIn, ask: Ask, approver: User, requester: User
) -> None:
    row = ask()
    verbs.request_changes(acting(approver), row.pk, seen_hash=row.content_hash, reason="Not to both.")
    page = read(signed_in("requester").get(f"/requests/{row.pk}/edit/"))
    assert page.field("LaunchPermission-UserIds").value.split() == [KNOWN, OTHER]
    wanted, _ = parse({**STEPS, "LaunchPermission": {"UserIds": [KNOWN]}}, now=timezone.now())
    verbs.resubmit(
        acting(requester), row.pk, account=row.account, reason="PLAT-1", calls=row.calls_as_asked(), steps=wanted
    )
    said = read(signed_in("approver").get(f"/requests/{row.pk}/")).by_id("found").text
    assert "eu-west-1, LaunchPermission:" in said


def test_a_key_that_does_not_admit_those_it_is_shared_with_is_told_with_the_statement_to_add(
    signed_in: SignedIn, requester: User, account: Account
) -> None:
    wanted, _ = parse({"LaunchPermission": {"UserIds": [OTHER]}}, now=timezone.now())
    found = {**FOUND["destinations"][0], "steps": {"key_policy_lacks": [OTHER]}}
    row = verbs.submit(
        acting(requester),
        account=account,
        reason="PLAT-1",
        calls=[make_call(Encrypted=True, KmsKeyId="alias/golden-images")],
        steps=wanted,
        lookups={"destinations": [found]},
    )
    said = read(signed_in("approver").get(f"/requests/{row.pk}/")).text
    assert f"The key's policy doesn't admit {OTHER}" in said
    assert f"arn:aws:iam::{OTHER}:root" in said
    assert "kms:CreateGrant" in said
