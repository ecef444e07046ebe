"""The steps after a copy against the sandbox, over HTTP: each done once and as approved, whatever happens meanwhile."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid5

import boto3
import pytest
from botocore.config import Config
from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone

from amicopy.audit.models import AuditEvent
from amicopy.aws import sessions
from amicopy.aws.errors import NotFound
from amicopy.copies import tasks
from amicopy.copies.core.engine_models import SeenLeftover
from amicopy.copies.core.models import Account, CopyRequest, CopyStep, ImageCopy
from amicopy.copies.core.permissions import NotAllowed
from amicopy.copies.core.policy_models import FreezeWindow
from amicopy.copies.core.reasons import Code
from amicopy.copies.core.steps.table import STEPS
from amicopy.copies.core.steps.wanted import parse
from amicopy.copies.engine import leftover_jobs
from amicopy.copies.engine.steps import alias, claims, images, sharing, template, undo
from amicopy.copies.engine.steps.actions import Target, image_of
from amicopy.copies.engine.steps.catalogue import CATALOGUE
from amicopy.copies.lifecycle.transitions import InvalidTransition
from amicopy.copies.requests import cancel_retry, step_actions, verbs
from amicopy.notify.models import Message
from tests.conftest import Control
from tests.copies.conftest import acting, approve, make_call, make_person
from tests.copies.passing_time import let_pass, look_again

pytestmark = pytest.mark.django_db

OTHER, THIRD = "222233334444", "333344445555"
UNIT = "arn:aws:organizations::222233334444:ou/o-a1b2c3d4e5/ou-a1b2-c3d4e5f6"
# One of each but the launch template, which has to be there before.
WANTED: dict[str, Any] = {
    "ImageWatermark": {"WatermarkName": "approved"},
    "CreateVolumePermission": {"UserIds": [OTHER]},
    "LaunchPermission": {"UserIds": [OTHER, THIRD], "OrganizationalUnitArns": [UNIT]},
    "ImdsSupport": {"Value": "v2.0"},
    "ImageDeprecation": {"DaysAfterCopy": 90},
    "ImageDeregistrationProtection": {},
    "Parameter": {"Name": "/golden/al2023", "Overwrite": True},
}
# What each changes at the sandbox.
MEMBER = {
    "ImageWatermark": "ImageWatermarks",
    "CreateVolumePermission": "CreateVolumePermissions",
    "LaunchPermission": "LaunchPermissions",
    "ImdsSupport": "ImdsSupport",
    "ImageDeprecation": "DeprecationTime",
    "ImageDeregistrationProtection": "DeregistrationProtection",
    "Parameter": "Parameter",
}
CALLS = {
    "ImageWatermark": "AttachImageWatermark",
    "CreateVolumePermission": "ModifySnapshotAttribute",
    "LaunchPermission": "ModifyImageAttribute",
    "ImdsSupport": "ModifyImageAttribute",
    "ImageDeprecation": "EnableImageDeprecation",
    "ImageDeregistrationProtection": "EnableImageDeregistrationProtection",
    "Parameter": "PutParameter",
}
Start = Callable[..., CopyRequest]


def boto(sandbox: Control, service: str, region: str = "eu-west-1") -> Any:
    """A plain client, which is nobody of amicopy's."""
    return boto3.Session("AKIASANDBOX000000000", "not-checked").client(  # type: ignore[call-overload]
        service, region, endpoint_url=settings.AWS_ENDPOINT, config=Config(retries={"total_max_attempts": 1})
    )


@pytest.fixture
def there(requester: User, approver: User, account: Account, sandbox: Control) -> Start:
    """A request with these steps, approved, whose copy is available; nothing of the steps is done."""
    sandbox("settings", alias_seconds=0, copy_seconds=0)

    def _there(steps: Any, *calls: Any) -> CopyRequest:
        wanted, errors = parse(steps, now=timezone.now())
        assert errors == []
        row = verbs.submit(
            acting(requester), account=account, reason="PLAT-1", calls=calls or (make_call(),), steps=wanted
        )
        approve(approver, row)
        look_again("start_due")
        look_again("track_due")
        assert {copy.state for copy in row.copies.all()} == {"AVAILABLE"}
        row.refresh_from_db()
        return row

    return _there


def work(times: int = 1) -> None:
    look_again("do_steps", times=times)


def states(row: CopyRequest) -> dict[str, str]:
    return dict(CopyStep.objects.filter(copy__request=row).values_list("code", "state"))


def changes(control: Control) -> list[tuple[str, Any]]:
    return [(each["member"], each["after"]) for each in control("changes")]


def effects(control: Control) -> list[str]:
    """What was changed, in order; that nothing was changed twice is seen on the way. An image has two snapshots."""
    found = [(each["resource"], each["member"]) for each in control("changes")]
    assert len(found) == len(set(found))
    return list(dict.fromkeys(member for _, member in found))


def fits(row: CopyRequest, sandbox: Control) -> None:
    """Each step that was approved is as approved at AWS, and nothing else of it."""
    copy = row.copies.get()
    where = boto(sandbox, "ec2", region=copy.DestinationRegion)
    image = where.describe_images(ImageIds=[copy.ImageId])["Images"][0]
    shared = where.describe_image_attribute(ImageId=copy.ImageId, Attribute="launchPermission")["LaunchPermissions"]
    wanted = copy.approved_steps
    assert {next(iter(each.items())) for each in shared} == sharing.wanted(wanted.get("LaunchPermission", {}))
    for snapshot in copy.snapshots:
        given = where.describe_snapshot_attribute(
            SnapshotId=snapshot["SnapshotId"], Attribute="createVolumePermission"
        )["CreateVolumePermissions"]
        assert sorted(each["UserId"] for each in given) == wanted.get("CreateVolumePermission", {}).get("UserIds", [])
    # The source has it already.
    assert image["ImdsSupport"] == "v2.0"
    assert ("DeprecationTime" in image) == ("ImageDeprecation" in wanted)
    assert (image["DeregistrationProtection"] != "disabled") == ("ImageDeregistrationProtection" in wanted)
    names = [mark["WatermarkKey"].partition(":")[2] for mark in image.get("ImageWatermarks", ())]
    assert names == [each["WatermarkName"] for each in (wanted.get("ImageWatermark"),) if each]
    if "Parameter" in wanted:
        ssm = boto(sandbox, "ssm", region=copy.DestinationRegion)
        assert ssm.get_parameter(Name=wanted["Parameter"]["Name"])["Parameter"]["Value"] == copy.ImageId


def test_a_freeze_holds_the_steps_of_a_copy_that_is_there_until_it_ends(there: Start, sandbox: Control) -> None:
    row = there(WANTED)
    now = timezone.now()
    window = FreezeWindow.objects.create(name="Release", starts_at=now - timedelta(1), ends_at=now + timedelta(1))
    work(2)
    assert changes(sandbox) == []
    first = CopyStep.objects.filter(copy__request=row).earliest("position")
    assert first.wait is not None
    assert (first.wait.code, first.wait.data["window"]) == (Code.FROZEN, "Release")
    window.delete()
    work(3)
    assert set(states(row).values()) == {"DONE"}
    fits(row, sandbox)


def test_every_row_of_the_table_has_an_action() -> None:
    assert list(CATALOGUE) == [step.code for step in STEPS]
    assert {images.WATERMARK.read, images.PROTECTION.read} == {images.IMDS.read}


def test_all_steps_are_done_in_their_order_with_two_calls_each(there: Start, sandbox: Control) -> None:
    row = there(WANTED)
    assert (row.state, set(states(row).values())) == ("APPROVED", {"WAITING"})
    before = len(sandbox("calls"))
    work(2)
    row.refresh_from_db()
    assert (row.state, set(states(row).values())) == ("COMPLETED", {"DONE"})
    calls = sandbox("calls")[before:]
    fits(row, sandbox)
    assert effects(sandbox) == [MEMBER[step.code] for step in STEPS if step.code in WANTED]
    assert len(calls) <= 2 * len(WANTED), Counter(call["action"] for call in calls)
    events = AuditEvent.objects.filter(request=row.pk).order_by("id")
    called = [event.data["step"] for event in events if event.action == "step.called"]
    assert called == [step.code for step in STEPS if step.code in WANTED]
    done = [event for event in events if event.action == "step.done"]
    # The watermark is read together with what else an image shows of itself, and before anything is published.
    assert sorted(event.data["step"] for event in done) == sorted(WANTED)
    assert done[-1].data["step"] == "Parameter"
    assert all(event.aws_request_id for event in done)
    assert AuditEvent.objects.filter(request=row.pk, action="request.completed").count() == 1


@pytest.mark.parametrize("code", sorted(WANTED))
@pytest.mark.parametrize("kind", ["drop-after", "drop", "throttle"])
def test_a_lost_answer_or_a_call_that_never_arrived_leaves_one_effect(
    there: Start, sandbox: Control, code: str, kind: str
) -> None:
    row = there({code: WANTED[code]})
    sandbox("faults", kind=kind, action=CALLS[code])
    work()
    assert states(row) == {code: "CALLED"}
    work(3)
    row.refresh_from_db()
    assert (row.state, states(row)) == ("COMPLETED", {code: "DONE"})
    # The copy has IMDSv2 from its source, as is seen when AWS is asked before a repetition.
    assert effects(sandbox) == ([] if code == "ImdsSupport" and kind != "drop-after" else [MEMBER[code]])
    fits(row, sandbox)


class Killed(BaseException):
    """The worker is gone; nothing of it runs any more."""


@pytest.mark.parametrize("code", sorted(WANTED))
def test_a_worker_killed_between_call_and_answer_is_followed_by_another(
    there: Start, sandbox: Control, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = there({code: WANTED[code]})
    real, action = CATALOGUE[code].change, CATALOGUE[code]

    def change(*arguments: Any) -> Any:
        real(*arguments)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setitem(CATALOGUE, code, replace(action, change=change))
        with pytest.raises(Killed):
            work()
    assert states(row) == {code: "CALLED"}
    work(3)
    assert states(row) == {code: "DONE"}
    assert effects(sandbox) == [MEMBER[code]]
    fits(row, sandbox)


def test_an_image_that_aws_doesnt_show_yet_is_waited_for(there: Start, sandbox: Control) -> None:
    row = there({"LaunchPermission": WANTED["LaunchPermission"], "ImdsSupport": WANTED["ImdsSupport"]})
    sandbox("faults", kind="error", action="ModifyImageAttribute", code="InvalidAMIID.NotFound", count=2)
    sandbox("faults", kind="error", action="DescribeImageAttribute", code="InvalidAMIID.NotFound", count=1)
    work()
    step = CopyStep.objects.get(code="LaunchPermission")
    assert (step.state, step.wait_code) == ("CALLED", Code.STEP_UNSEEN)
    work(4)
    assert set(states(row).values()) == {"DONE"}
    fits(row, sandbox)


def test_an_image_that_aws_doesnt_list_is_named(sandbox: Control, account: Account) -> None:
    """In the words that a step waits with."""
    target = Target(account.aws(), "us-east-1", "ami-0fedcba9876543210", (), 1, 1, timezone.now(), {})
    with pytest.raises(NotFound, match=f"AWS doesn't list {target.image_id}"):
        image_of(target)


def test_a_step_that_aws_refuses_leaves_the_copy_there_and_is_retried_alone(
    there: Start, sandbox: Control, requester: User
) -> None:
    User.objects.filter(pk=requester.pk).update(email="requester@example.com")
    row = there(WANTED)
    sandbox("faults", kind="error", action="EnableImageDeprecation", code="UnauthorizedOperation", count=1)
    work()
    row.refresh_from_db()
    copy = row.copies.get()
    assert (row.state, copy.state) == ("PARTIAL", "AVAILABLE")
    assert Counter(states(row).values()) == {"DONE": 4, "FAILED": 1, "WAITING": 2}
    failed = copy.steps.get(state="FAILED")
    assert (failed.code, failed.error_code) == ("ImageDeprecation", "UnauthorizedOperation")
    assert not [member for member, _ in changes(sandbox) if member == "Parameter"], "nothing is published"
    told = Message.objects.get(kind="ended")
    assert "Not all steps after them worked" in told.text
    assert "4 of 7 steps done" in told.text
    work()
    with pytest.raises(NotAllowed):
        step_actions.retry_steps(acting(make_person("stranger", "requester")), row.pk)
    step_actions.retry_steps(acting(requester), row.pk, copy_id=copy.pk, code="ImageDeprecation")
    work(2)
    row.refresh_from_db()
    assert (row.state, set(states(row).values())) == ("COMPLETED", {"DONE"})
    fits(row, sandbox)
    assert len(effects(sandbox)) == len(WANTED)
    with pytest.raises(InvalidTransition):
        step_actions.retry_steps(acting(requester), row.pk)


def test_an_alias_is_done_once_aws_has_checked_it(there: Start, sandbox: Control) -> None:
    row = there({"Parameter": {"Name": "/golden/al2023"}})
    sandbox("settings", alias_seconds=60)
    work(2)
    step = CopyStep.objects.get()
    assert (step.state, step.wait_code, step.attempts) == ("CALLED", Code.ALIAS_CHECKED, 1)
    sandbox("advance", seconds=61)
    work()
    assert states(row) == {"Parameter": "DONE"}
    assert len(changes(sandbox)) == 1


def test_an_alias_that_aws_drops_after_it_was_accepted_has_failed_and_is_tried_again(
    there: Start, sandbox: Control, requester: User
) -> None:
    row = there({"Parameter": {"Name": "/golden/al2023"}})
    sandbox("settings", alias_seconds=60)
    work()
    boto(sandbox, "ec2").disable_image(ImageId=row.copies.get().ImageId)
    sandbox("advance", seconds=61)
    work()
    assert states(row) == {"Parameter": "CALLED"}
    let_pass(minutes=11)
    work()
    step, row = CopyStep.objects.get(), CopyRequest.objects.get()
    assert (row.state, step.state, step.error_code) == ("PARTIAL", "FAILED", "AliasNotTaken")
    # AWS took the value once and dropped it: tried again, it is asked for again.
    boto(sandbox, "ec2").enable_image(ImageId=row.copies.get().ImageId)
    step_actions.retry_steps(acting(requester), row.pk)
    work()
    sandbox("advance", seconds=61)
    work()
    row.refresh_from_db()
    assert (row.state, states(row), CopyStep.objects.get().attempts) == ("COMPLETED", {"Parameter": "DONE"}, 2)


def earlier_alias(sandbox: Control, value: str, **fields: Any) -> Any:
    sandbox("settings", alias_seconds=0)
    ssm = boto(sandbox, "ssm")
    ssm.put_parameter(Name="/golden/al2023", Value=value, Type="String", DataType="aws:ec2:image", **fields)
    return ssm


def test_an_alias_that_is_there_is_overwritten_only_where_that_was_approved(
    there: Start, sandbox: Control, requester: User
) -> None:
    first = there({"Parameter": {"Name": "/golden/al2023"}})
    work(2)
    second = there({"Parameter": {"Name": "/golden/al2023"}}, make_call(Name="second"))
    work(2)
    assert states(second) == {"Parameter": "FAILED"}
    third = there({"Parameter": {"Name": "/golden/al2023", "Overwrite": True}}, make_call(Name="third"))
    work(2)
    fits(third, sandbox)
    step = CopyStep.objects.get(copy__request=third)
    assert step.before == {"there": True, "Value": first.copies.get().ImageId, "Version": 1}
    with pytest.raises(NotAllowed):
        step_actions.put_back(acting(make_person("stranger", "requester")), third.pk, copy_id=step.copy_id)
    step_actions.put_back(acting(requester), third.pk, copy_id=step.copy_id)
    work()
    assert states(third) == {"Parameter": "UNDONE"}
    fits(first, sandbox)
    third.refresh_from_db()
    assert third.state == "COMPLETED"
    assert AuditEvent.objects.filter(request=third.pk, action="step.undone").get().aws_request_id


def test_putting_back_ends_an_alias_that_was_new_and_leaves_one_that_shows_something_else(
    there: Start, sandbox: Control, requester: User
) -> None:
    row = there({"Parameter": {"Name": "/golden/al2023"}})
    work(2)
    copy = row.copies.get()
    step_actions.put_back(acting(requester), row.pk, copy_id=copy.pk)
    work()
    assert changes(sandbox)[-1] == ("Parameter", None)
    with pytest.raises(InvalidTransition):
        step_actions.put_back(acting(requester), row.pk, copy_id=copy.pk)
    other = there({"Parameter": {"Name": "/golden/al2023"}}, make_call(Name="other"))
    work(2)
    boto(sandbox, "ssm").put_parameter(Name="/golden/al2023", Value=copy.ImageId, Overwrite=True)
    step_actions.put_back(acting(requester), other.pk, copy_id=other.copies.get().pk)
    count = len(changes(sandbox))
    work()
    assert states(other) == {"Parameter": "UNDONE"}
    assert len(changes(sandbox)) == count


def test_the_history_of_a_step_says_what_was_asked_answered_and_put_back(
    there: Start, sandbox: Control, requester: User
) -> None:
    row = there({"Parameter": {"Name": "/golden/al2023"}})
    copy = row.copies.get()
    sandbox("faults", kind="error", action="PutParameter", code="AccessDeniedException", message="Not you.", count=1)
    work()
    step = copy.steps.get()
    assert (step.state, step.error_code, step.error_message) == ("FAILED", "AccessDeniedException", "Not you.")
    assert (step.attempts, step.lease_id, step.next_step_at) == (1, None, None)
    assert step.called_at is not None
    assert step.finished_at is not None
    assert step.called_at <= step.finished_at <= timezone.now()
    step_actions.retry_steps(acting(requester), row.pk)
    work(2)
    step.refresh_from_db()
    assert (step.state, step.error_code, step.error_message, step.failures) == ("DONE", "", "", 0)
    assert (step.attempts, step.answer) == (2, {"Version": 1})
    put = step.aws_request_id
    step_actions.put_back(acting(requester), row.pk, copy_id=copy.pk)
    work()
    members, before = {"step": "Parameter", "members": {"Name": "/golden/al2023"}}, {"before": {"there": False}}
    events = AuditEvent.objects.filter(request=row.pk, action__startswith="step.").order_by("pk")
    assert [(event.action, event.data) for event in events] == [
        ("step.called", {**members, **before}),
        ("step.failed", {"step": "Parameter", "message": "Not you."}),
        ("step.retried", {"step": "Parameter", "failed_with": "AccessDeniedException"}),
        ("step.called", {**members, **before}),
        ("step.done", {**members, "answer": {"Version": 1}}),
        ("step.undoing", {**members, **before}),
        ("step.undone", {"step": "Parameter", **before}),
    ]
    assert {event.image_id for event in events} == {copy.ImageId}
    assert events[4].aws_request_id == put
    assert events[1].aws_request_id
    assert events[1].error_code == "AccessDeniedException"


def test_expired_credentials_are_dropped_before_a_step_is_tried_or_put_back_again(
    there: Start, sandbox: Control, account: Account, requester: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = there({"Parameter": {"Name": "/golden/al2023"}})
    dropped: list[object] = []
    monkeypatch.setattr(sessions, "forget", dropped.append)
    for action, state, after in (("PutParameter", "CALLED", "DONE"), ("DeleteParameter", "UNDOING", "UNDONE")):
        sandbox("faults", kind="expired", action=action, count=1)
        work()
        step = CopyStep.objects.get(copy__request=row)
        assert (step.state, step.wait_code, step.failures) == (state, Code.CREDENTIALS_RENEWED, 1)
        assert step.next_step_at is not None
        assert step.next_step_at > timezone.now()
        assert dropped == [account.aws()]
        dropped.clear()
        work(2)
        assert states(row) == {"Parameter": after}
        if after == "DONE":
            step_actions.put_back(acting(requester), row.pk, copy_id=step.copy_id)


def test_what_a_step_is_done_to_is_what_its_rows_say(there: Start, sandbox: Control, account: Account) -> None:
    row = there({"Parameter": {"Name": "/golden/al2023"}})
    copy, step = row.copies.get(), CopyStep.objects.get(copy__request=row)
    assert copy.finished_at is not None
    expected = Target(
        account=account.aws(),
        region="eu-west-1",
        image_id=copy.ImageId,
        snapshots=tuple(snapshot["SnapshotId"] for snapshot in copy.snapshots),
        request=row.pk,
        copy=copy.pk,
        available_at=copy.finished_at,
        members={"Name": "/golden/al2023"},
        token=str(uuid5(row.submission, f"{copy.pk} Parameter")),
    )
    assert undo.target_of(step) == expected
    assert len(expected.snapshots) == 2
    work(2)
    step.refresh_from_db()
    assert undo.target_of(step) == replace(expected, before={"there": False}, answer={"Version": 1}, repeated=True)


def test_a_parameter_of_another_type_is_left_alone(there: Start, sandbox: Control) -> None:
    boto(sandbox, "ssm").put_parameter(Name="/golden/al2023", Value="x", Type="String")
    row = there({"Parameter": {"Name": "/golden/al2023", "Overwrite": True}})
    work(2)
    assert CopyStep.objects.get(copy__request=row).error_code == "AliasOfAnotherType"
    assert len(changes(sandbox)) == 1


def test_cancelling_undoes_what_was_done_the_alias_first(there: Start, sandbox: Control, requester: User) -> None:
    row = there(WANTED)
    work()
    assert states(row)["Parameter"] == "CALLED"
    cancel_retry.cancel(acting(requester), row.pk)
    before = len(sandbox("calls"))
    look_again("cancel_due", times=2)
    row.refresh_from_db()
    assert (row.state, row.copies.get().state) == ("CANCELLED", "CANCELLED")
    changing = [
        call["action"] for call in sandbox("calls")[before:] if not call["action"].startswith(("Describe", "Get"))
    ]
    assert changing[:3] == ["DeleteParameter", "DisableImageDeregistrationProtection", "DeregisterImage"]
    assert states(row)["Parameter"] == states(row)["ImageDeregistrationProtection"] == "UNDONE"


def test_a_copy_whose_steps_are_done_is_over(there: Start, sandbox: Control, requester: User) -> None:
    row = there({"ImdsSupport": {"Value": "v2.0"}})
    work()
    with pytest.raises(InvalidTransition):
        cancel_retry.cancel(acting(requester), row.pk)


def test_an_alias_that_may_still_appear_is_waited_for_before_the_image_goes(
    there: Start, sandbox: Control, requester: User
) -> None:
    row = there({"Parameter": {"Name": "/golden/al2023"}})
    sandbox("settings", alias_seconds=60)
    work()
    cancel_retry.cancel(acting(requester), row.pk)
    look_again("cancel_due")
    copy = row.copies.get()
    assert (copy.state, copy.wait_code) == ("CANCELLING", Code.STEP_WORKING)
    sandbox("advance", seconds=61)
    look_again("cancel_due", times=2)
    assert row.copies.get().state == "CANCELLED"
    assert [each for _, each in changes(sandbox)][-1] is None


def test_an_image_that_cools_down_is_removed_a_day_later(there: Start, sandbox: Control, requester: User) -> None:
    row = there({"ImageDeregistrationProtection": {"WithCooldown": True}, "Parameter": {"Name": "/golden/al2023"}})
    work()
    cancel_retry.cancel(acting(requester), row.pk)
    look_again("cancel_due", times=2)
    copy = row.copies.get()
    assert (copy.state, copy.wait_code) == ("CANCELLING", Code.PROTECTED)
    sandbox("advance", seconds=25 * 3600)
    look_again("cancel_due", times=2)
    assert row.copies.get().state == "CANCELLED"


def test_what_was_changed_behind_amicopy_is_not_done(there: Start, sandbox: Control) -> None:
    row = there({"LaunchPermission": {"UserIds": [OTHER]}})
    copy = row.copies.get()
    ImageCopy.objects.filter(pk=copy.pk).update(approved_steps={"LaunchPermission": {"UserIds": [THIRD]}})
    work()
    step = CopyStep.objects.get()
    assert (step.state, step.error_code, changes(sandbox)) == ("FAILED", "NotApproved", [])


def test_one_worker_at_a_time_works_on_a_copy(there: Start, sandbox: Control) -> None:
    row = there({"ImdsSupport": {"Value": "v2.0"}, "ImageDeprecation": {"DaysAfterCopy": 3}})
    claimed = claims.claim_next()
    assert claimed is not None
    assert [step.code for step in claimed[1]] == ["ImdsSupport", "ImageDeprecation"]
    assert claims.claim_next() is None
    work()
    assert set(states(row).values()) == {"DONE"}, "the lease of a worker that is gone ends"


@pytest.mark.parametrize("default", [True, False])
def test_a_launch_template_gets_a_version_once_and_its_default_back(
    there: Start, sandbox: Control, requester: User, default: bool
) -> None:
    ec2 = boto(sandbox, "ec2")
    made = ec2.create_launch_template(
        LaunchTemplateName="web", LaunchTemplateData={"ImageId": "ami-0a7f3c92d41be6058", "InstanceType": "t3.micro"}
    )["LaunchTemplate"]
    wanted = {"LaunchTemplateName": "web", "SetDefaultVersion": default}
    row = there({"LaunchTemplateVersion": wanted, "Parameter": {"Name": "/golden/al2023"}})
    sandbox("faults", kind="drop-after", action="CreateLaunchTemplateVersion")
    work(2)
    assert states(row)["LaunchTemplateVersion"] == "DONE"
    versions = ec2.describe_launch_template_versions(LaunchTemplateId=made["LaunchTemplateId"])[
        "LaunchTemplateVersions"
    ]
    newest = max(versions, key=lambda version: version["VersionNumber"])
    assert len(versions) == 2
    assert newest["LaunchTemplateData"]["ImageId"] == row.copies.get().ImageId
    assert newest["LaunchTemplateData"]["InstanceType"] == "t3.micro"
    assert newest["DefaultVersion"] is default
    cancel_retry.cancel(acting(requester), row.pk)
    look_again("cancel_due", times=2)
    [template_now] = ec2.describe_launch_templates(LaunchTemplateNames=["web"])["LaunchTemplates"]
    assert template_now["DefaultVersionNumber"] == 1
    assert alias.ALIAS is not template.TEMPLATE


def test_a_protected_leftover_that_was_chosen_loses_its_protection_first(there: Start, sandbox: Control) -> None:
    row = there({"ImageDeregistrationProtection": {}})
    work()
    copy = row.copies.get()
    # As after a backup was restored.
    ImageCopy.objects.filter(pk=copy.pk).update(state="FAILED")
    tasks.look_for_leftovers()
    leftover_jobs.choose(acting(make_person("cleaner", "administrator")), [SeenLeftover.objects.get().pk])
    look_again("remove_leftovers", times=2)
    assert not SeenLeftover.objects.exists()
    assert [image["State"] for image in sandbox("images")] == ["deregistered"]
    assert AuditEvent.objects.filter(action="aws.image_unprotected", copy=copy.pk).get().aws_request_id
