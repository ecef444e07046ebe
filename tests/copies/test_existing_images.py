"""Steps for an AMI that exists: asked for, approved and done like those after a copy, and nothing is ever copied or
removed for it."""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from amicopy.audit.models import AuditEvent
from amicopy.aws import sessions
from amicopy.copies import tasks
from amicopy.copies.core.calls import Call, InvalidRequest, existing_image
from amicopy.copies.core.models import Account, Attempt, CopyCost, CopyRequest, CopyStep, ImageCopy
from amicopy.copies.core.permissions import NotAllowed
from amicopy.copies.core.reasons import Code
from amicopy.copies.core.steps.wanted import parse
from amicopy.copies.engine import existing_images, leftover_scan
from amicopy.copies.engine.steps.catalogue import CATALOGUE
from amicopy.copies.lookups import async_queries, snapshot
from amicopy.copies.lookups.snapshot_members import Kept
from amicopy.copies.operations import restored_backup
from amicopy.copies.requests import cancel_retry, step_actions, verbs, vote_withdrawal
from amicopy.copies.voting import estimates, facts, rulebook
from tests.conftest import Control
from tests.copies.conftest import SOURCE, acting, actions, approve, make_person, make_rule
from tests.copies.passing_time import let_pass, look_again, make_due
from tests.copies.test_steps_engine import MEMBER, OTHER, THIRD, UNIT, Killed, boto, effects, states

pytestmark = pytest.mark.django_db

REGION = "eu-west-1"
WANTED: dict[str, Any] = {
    "ImageWatermark": {"WatermarkName": "approved"},
    "CreateVolumePermission": {"UserIds": [OTHER]},
    "LaunchPermission": {"UserIds": [OTHER, THIRD], "OrganizationalUnitArns": [UNIT]},
    "ImageDeprecation": {"DeprecateAt": "2029-01-31T00:00Z"},
    "ImageDeregistrationProtection": {},
    "Parameter": {"Name": "/golden/al2023", "Overwrite": True},
}
# What is never sent to AWS for it.
NEVER = ("CopyImage", "DeregisterImage", "DeleteSnapshot", "CreateTags", "DeleteTags")
Ask = Callable[..., CopyRequest]


@pytest.fixture
def image(sandbox: Control) -> str:
    """An AMI of the account's own that amicopy knows nothing of."""
    sandbox("settings", alias_seconds=0, copy_seconds=0)
    ec2 = boto(sandbox, "ec2", REGION)
    made = ec2.copy_image(Name="by-hand", SourceImageId=SOURCE, SourceRegion="us-east-1")["ImageId"]
    assert ec2.describe_images(ImageIds=[made])["Images"][0]["State"] == "available"
    return str(made)


def found(account: Account, call: Call, steps: Any = ()) -> Kept:
    return snapshot.gather(account, [call], until=async_queries.deadline(5), steps=steps)


@pytest.fixture
def ask(requester: User, account: Account, image: str) -> Ask:
    """Asks for steps for an AMI, that one unless told otherwise."""

    def _ask(steps: Any = WANTED, image_id: str = image, region: str = REGION, **more: Any) -> CopyRequest:
        wanted, errors = parse(steps, now=timezone.now())
        assert errors == []
        call = existing_image(region, image_id)
        return verbs.submit(
            acting(requester),
            account=account,
            reason="PLAT-1",
            calls=[call],
            lookups=found(account, call, [wanted.of(0)]),
            steps=wanted,
            **more,
        )

    return _ask


@pytest.fixture
def approved(ask: Ask, approver: User) -> Ask:
    def _approved(*arguments: Any, **more: Any) -> CopyRequest:
        return approve(approver, ask(*arguments, **more))

    return _approved


def work(times: int = 2) -> None:
    look_again("start_due", "do_steps", "track_due", "cancel_due", times=times)


def sent(control: Control) -> list[str]:
    """What was asked of AWS for requests: what the fixture's plain client sent comes first."""
    return [call["action"] for call in control("calls")][2:]


def never_touched(control: Control, image: str) -> None:
    """Nothing was copied, tagged or removed, and the AMI is there with its snapshots."""
    assert not set(NEVER) & set(sent(control))
    [shown] = boto(control, "ec2", REGION).describe_images(ImageIds=[image])["Images"]
    assert shown["State"] == "available"
    assert not Attempt.objects.exists()


def shown(control: Control, image: str) -> dict[str, Any]:
    """What the steps are about, as AWS shows it."""
    ec2 = boto(control, "ec2", REGION)
    [found] = ec2.describe_images(ImageIds=[image])["Images"]
    shared = ec2.describe_image_attribute(ImageId=image, Attribute="launchPermission")["LaunchPermissions"]
    snapshots = [each["Ebs"]["SnapshotId"] for each in found["BlockDeviceMappings"] if "Ebs" in each]
    given = [
        ec2.describe_snapshot_attribute(SnapshotId=each, Attribute="createVolumePermission")["CreateVolumePermissions"]
        for each in snapshots
    ]
    return {
        "marks": sorted(mark["WatermarkKey"] for mark in found.get("ImageWatermarks", ())),
        "shared": sorted(value for each in shared for value in each.values()),
        "volumes": [sorted(each["UserId"] for each in one) for one in given],
        "deprecated": found.get("DeprecationTime", ""),
        "protected": found["DeregistrationProtection"],
    }


def test_exactly_the_approved_steps_are_done_and_nothing_is_copied(
    approved: Ask, sandbox: Control, image: str, requester: User
) -> None:
    row = approved()
    assert (row.state, row.existing, row.Name) == ("APPROVED", True, "by-hand")
    work()
    row.refresh_from_db()
    copy = row.copies.get()
    assert (row.state, copy.state, copy.ImageId, copy.mark) == ("COMPLETED", "AVAILABLE", image, "")
    assert set(states(row).values()) == {"DONE"}
    assert set(effects(sandbox)) == {MEMBER[code] for code in WANTED}
    now = shown(sandbox, image)
    assert now["marks"] == ["111122223333:approved"]
    assert now["shared"] == sorted([OTHER, THIRD, UNIT])
    assert now["volumes"] == [[OTHER]] * len(now["volumes"])
    assert now["deprecated"].startswith("2029-01-31T00:00")
    assert now["protected"] == "enabled-without-cooldown"
    assert boto(sandbox, "ssm", REGION).get_parameter(Name="/golden/al2023")["Parameter"]["Value"] == image
    never_touched(sandbox, image)
    assert not CopyCost.objects.exists()
    said = actions(row)
    assert said[:5] == ["request.submitted", "request.approved", "image.queued", "image.starting", "image.found"]
    assert said[-1] == "request.completed"
    assert not [action for action in said if action.startswith("copy.")]


def test_the_same_ami_can_be_asked_for_again_and_again(approved: Ask, sandbox: Control, image: str) -> None:
    for account in (OTHER, THIRD):
        row = approved({"LaunchPermission": {"UserIds": [account]}})
        work()
        row.refresh_from_db()
        assert row.state == "COMPLETED"
    assert shown(sandbox, image)["shared"] == [OTHER, THIRD]


def test_what_begins_shows_the_image_as_aws_does_and_waits_for_nothing(
    approved: Ask, sandbox: Control, image: str
) -> None:
    row = approved({"LaunchPermission": {"UserIds": [OTHER]}})
    sandbox("faults", kind="hide", action="DescribeImages", since="rule", count=None)
    look_again("do_steps")
    sandbox("faults", method="DELETE")
    copy = row.copies.get()
    assert (copy.state, copy.wait_code, copy.failures, copy.missing_looks) == ("QUEUED", Code.SOURCE_UNSEEN, 1, 1)
    assert copy.missing_since is not None
    assert copy.next_step_at is not None
    assert copy.next_step_at > timezone.now()
    make_due()
    claimed = existing_images.claim_next()
    assert claimed is not None
    begun = timezone.now()
    existing_images.begin(claimed[1], lease=claimed[0], actor=acting(row.requester))
    copy.refresh_from_db()
    assert (copy.state, copy.ImageId, copy.progress, copy.failures) == ("AVAILABLE", image, 100, 0)
    assert [copy.wait, copy.missing_since, copy.next_step_at, copy.lease_id, copy.lease_until] == [None] * 5
    assert copy.missing_looks == 0
    assert copy.finished_at is not None
    assert begun <= copy.finished_at <= timezone.now()
    [shown_now] = boto(sandbox, "ec2", REGION).describe_images(ImageIds=[image])["Images"]
    assert copy.snapshots == [
        {
            "SnapshotId": each["Ebs"]["SnapshotId"],
            "DeviceName": each["DeviceName"],
            "VolumeSize": each["Ebs"]["VolumeSize"],
            "Progress": 100,
            "State": "completed",
        }
        for each in shown_now["BlockDeviceMappings"]
        if "Ebs" in each
    ]
    found_event = AuditEvent.objects.get(request=row.pk, action="image.found")
    assert found_event.data["steps"] == {"LaunchPermission": {"UserIds": [OTHER]}}


def test_what_has_been_due_for_longest_begins_first(approved: Ask) -> None:
    rows = [approved({"LaunchPermission": {"UserIds": [each]}}) for each in (OTHER, THIRD)]
    now = timezone.now()
    for row, hours in zip(rows, (1, 2), strict=True):
        row.copies.update(next_step_at=now - timedelta(hours=hours))
    claims = [existing_images.claim_next(), existing_images.claim_next()]
    assert [claim[1].request_id for claim in claims if claim is not None] == [rows[1].pk, rows[0].pk]
    assert existing_images.claim_next() is None


def test_expired_credentials_are_dropped_before_it_is_looked_at_again(
    approved: Ask, sandbox: Control, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    dropped: list[object] = []
    monkeypatch.setattr(sessions, "forget", dropped.append)
    row = approved({"LaunchPermission": {"UserIds": [OTHER]}})
    sandbox("faults", kind="expired", action="DescribeImages", count=1)
    look_again("do_steps")
    copy = row.copies.get()
    assert (copy.state, copy.wait_data["Action"], dropped) == ("QUEUED", "DescribeImages", [account.aws()])


# --- what is refused ---


def refused(ask: Ask, *arguments: Any, **more: Any) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as invalid:
        ask(*arguments, **more)
    assert not CopyRequest.objects.exists()
    return {error.field: error.message for error in invalid.value.errors}


def test_an_image_that_the_account_doesnt_own_is_refused(ask: Ask, sandbox: Control) -> None:
    others = next(
        each["ImageId"]
        for each in boto(sandbox, "ec2", "us-east-1").describe_images(ExecutableUsers=["all"])["Images"]
        if each["OwnerId"] != "111122223333"
    )
    said = refused(ask, WANTED, others, "us-east-1")
    assert "Choose an AMI of the account's own" in said["SourceImageId"]


def test_an_image_that_isnt_there_is_refused_with_where_it_is(ask: Ask, image: str) -> None:
    said = refused(ask, WANTED, image, "us-west-2")
    assert "AWS shows the account no" in said["SourceImageId"]


def test_an_image_that_isnt_available_is_refused(ask: Ask, sandbox: Control, image: str) -> None:
    boto(sandbox, "ec2", REGION).disable_image(ImageId=image)
    assert "This one is disabled" in refused(ask)["SourceImageId"]


def test_what_aws_hasnt_shown_is_refused_and_cant_be_submitted_anyway(
    requester: User, account: Account, image: str
) -> None:
    wanted, _ = parse(WANTED, now=timezone.now())
    with pytest.raises(InvalidRequest) as invalid:
        verbs.submit(
            acting(requester),
            account=account,
            reason="PLAT-1",
            calls=[existing_image(REGION, image)],
            steps=wanted,
            anyway=verbs.Anyway("I know"),
        )
    assert "AWS hasn't said yet" in str(invalid.value)


def test_without_a_step_with_days_or_with_a_call_there_is_nothing_to_ask_for(ask: Ask) -> None:
    assert "what is to be done" in refused(ask, {})["steps"]
    assert (
        "Enter a date"
        in refused(ask, {"ImageDeprecation": {"DaysAfterCopy": 3}})["steps.ImageDeprecation.DaysAfterCopy"]
    )


@pytest.mark.parametrize(
    ("call", "field"),
    [
        (Call(REGION, {"SourceRegion": REGION, "SourceImageId": SOURCE, "Name": "abc"}, existing=True), "Name"),
        (Call(REGION, {"SourceRegion": REGION, "SourceImageId": SOURCE}, "token", existing=True), "ClientToken"),
        (Call("us-west-2", {"SourceRegion": REGION, "SourceImageId": SOURCE}, existing=True), "SourceRegion"),
        (Call(REGION, {"SourceImageId": SOURCE}, existing=True), "SourceRegion"),
        (Call(REGION, {"SourceRegion": REGION}, existing=True), "SourceImageId"),
        (Call(REGION, {"SourceRegion": REGION, "SourceImageId": "ami-x"}, existing=True), "SourceImageId"),
    ],
)
def test_only_the_image_is_named(requester: User, account: Account, call: Call, field: str) -> None:
    errors = verbs.check_submission(account=account, reason="x", calls=[call], steps=[WANTED])
    assert field in {error.field for error in errors}


def test_a_request_has_one_of_them_and_no_copy_beside_it(account: Account, image: str) -> None:
    call = existing_image(REGION, image)
    for calls in ([call, existing_image("us-west-2", image)], [call, replace(call, existing=False)]):
        errors = verbs.check_submission(account=account, reason="x", calls=calls, steps=[WANTED, WANTED])
        assert "Name one AMI: each has a request of its own." in {error.message for error in errors}


def test_it_follows_from_no_other_request(approved: Ask, requester: User, account: Account, image: str) -> None:
    row = approved({"LaunchPermission": {"UserIds": [OTHER]}})
    work()
    with pytest.raises(InvalidRequest):
        verbs.submit(
            acting(requester), account=account, reason="x", calls=[existing_image(REGION, image)], continues=row.pk
        )
    assert CopyRequest.objects.count() == 1


# --- approval ---


def test_four_eyes_as_always_and_no_rule_lets_it_run_by_itself(
    ask: Ask, sandbox: Control, requester: User, approver: User
) -> None:
    make_rule("Nobody", requirements=[])
    row = ask()
    assert (row.state, row.plan) == ("PENDING", rulebook.DEFAULT_PLAN)
    requester.groups.add(*approver.groups.all())
    with pytest.raises(NotAllowed):
        approve(requester, row)
    work()
    assert states(row) == {}
    assert effects(sandbox) == []
    assert approve(approver, row).state == "APPROVED"


def test_rules_can_ask_for_more_of_it(ask: Ask) -> None:
    make_rule("Two", facts=["no-copy"], requirements=[{"group": "approver", "count": 2}])
    make_person("second", "approver")
    assert ask().plan == [{"group": "approver", "count": 2}]


def test_its_facts_and_costs_speak_of_no_copy(ask: Ask) -> None:
    row = ask()
    known = facts.facts_of(row)
    [call] = row.calls()
    held = {
        code for code in ("no-copy", "new-region", "key-changes", "default-key", "costs") if known.holds(code, call)
    }
    assert held == {"no-copy"}
    assert known.holds("shared-with-foreign", call)
    assert known.month == known.once == Decimal(0)
    assert {each["extent"] for each in row.estimate["copies"]} == {"nothing"}
    assert estimates.estimate_for(row.account, row.requester, [call], row.lookups)["budgets"] == []


def test_the_hash_says_that_nothing_is_copied(ask: Ask) -> None:
    row = ask()
    [copy] = row.copies_of_round()
    assert row.hash_of_content([copy]) == row.content_hash
    copy.existing = False
    assert row.hash_of_content([copy]) != row.content_hash


def edited(**fields: Any) -> Callable[[CopyRequest], object]:
    return lambda row: row.copies.update(**fields)


@pytest.mark.parametrize(
    "change",
    [
        edited(approved_steps={"LaunchPermission": {"UserIds": [THIRD]}}),
        edited(parameters={"SourceRegion": REGION, "SourceImageId": SOURCE}),
        edited(DestinationRegion="us-west-2"),
        edited(existing=False),
        lambda row: row.decisions.all().delete(),
        lambda row: CopyRequest.objects.filter(pk=row.pk).update(reason="another"),
    ],
    ids=["steps", "image", "region", "a-copy-after-all", "vote", "reason"],
)
@pytest.mark.parametrize("begun", [False, True])
def test_what_was_changed_behind_amicopy_is_not_done(
    approved: Ask, sandbox: Control, image: str, change: Callable[[CopyRequest], object], begun: bool
) -> None:
    row = approved({"LaunchPermission": {"UserIds": [OTHER]}})
    if begun:
        claimed = existing_images.claim_next()
        assert claimed is not None
        existing_images.begin(claimed[1], lease=claimed[0], actor=acting(row.requester))
        assert row.copies.get().state == "AVAILABLE"
    change(row)
    work()
    assert effects(sandbox) == []
    never_touched(sandbox, image)
    codes = {row.copies.get().error_code, *CopyStep.objects.values_list("error_code", flat=True)} - {""}
    assert len(codes) == 1
    assert codes <= {"NotApproved", "RefusedByRules", "SourceGone", "SourceChanged"}


@pytest.mark.parametrize("member", ["ImageId", "snapshots"])
def test_an_image_that_was_put_in_its_place_gets_nothing(
    approved: Ask, sandbox: Control, image: str, member: str
) -> None:
    row = approved({"LaunchPermission": {"UserIds": [OTHER]}, "CreateVolumePermission": {"UserIds": [OTHER]}})
    claimed = existing_images.claim_next()
    assert claimed is not None
    existing_images.begin(claimed[1], lease=claimed[0], actor=acting(row.requester))
    other = boto(sandbox, "ec2", REGION).copy_image(Name="other", SourceImageId=SOURCE, SourceRegion="us-east-1")[
        "ImageId"
    ]
    theirs = boto(sandbox, "ec2", REGION).describe_images(ImageIds=[other])["Images"][0]["BlockDeviceMappings"]
    snapshots = [{"SnapshotId": each["Ebs"]["SnapshotId"], "VolumeSize": 8} for each in theirs if "Ebs" in each]
    row.copies.update(**{"ImageId": {"ImageId": other}, "snapshots": {"snapshots": snapshots}}[member])
    work()
    resources = {each["resource"] for each in sandbox("changes")}
    assert not resources & {other, *(each["SnapshotId"] for each in snapshots)}


def test_an_image_that_changed_since_or_is_gone_is_left_alone(
    approved: Ask, sandbox: Control, image: str, requester: User
) -> None:
    row = approved({"LaunchPermission": {"UserIds": [OTHER]}})
    boto(sandbox, "ec2", REGION).disable_image(ImageId=image)
    work()
    row.refresh_from_db()
    copy = row.copies.get()
    assert (row.state, copy.state, copy.error_code) == ("FAILED", "FAILED", "SourceUnavailable")
    boto(sandbox, "ec2", REGION).enable_image(ImageId=image)
    cancel_retry.retry(acting(requester), row.pk)
    work()
    row.refresh_from_db()
    assert (row.state, states(row)) == ("COMPLETED", {"LaunchPermission": "DONE"})
    assert not Attempt.objects.exists()
    gone = approved({"LaunchPermission": {"UserIds": [THIRD]}})
    boto(sandbox, "ec2", REGION).deregister_image(ImageId=image)
    look_again("do_steps")
    assert gone.copies.get().wait_code in {"", Code.SOURCE_UNSEEN}
    look_again("do_steps", times=3, minutes=11)
    assert gone.copies.get().error_code == "SourceGone"


# --- waiting, taking back, slots ---


def test_it_waits_for_its_time_and_takes_no_slot(
    approved: Ask, sandbox: Control, approver: User, settings: Any
) -> None:
    settings.COPIES_AT_ONCE = 0
    row = approved({"LaunchPermission": {"UserIds": [OTHER]}}, start_not_before=timezone.now() + timedelta(days=1))
    look_again("do_steps")
    copy = row.copies.get()
    assert (copy.state, copy.wait_code) == ("QUEUED", Code.START_TIME)
    CopyRequest.objects.update(start_not_before=None)
    second = approved({"LaunchPermission": {"UserIds": [OTHER]}})
    work()
    assert states(second) == {"LaunchPermission": "DONE"}


def test_an_approval_can_be_taken_back_in_time(approved: Ask, sandbox: Control, approver: User, settings: Any) -> None:
    settings.APPROVAL_UNDO_SECONDS = 60
    row = approved()
    tasks.do_steps()
    assert vote_withdrawal.withdraw_vote(acting(approver), row.pk).state == "PENDING"
    work()
    assert (row.copies.get().state, effects(sandbox)) == ("HELD", [])


def test_an_account_that_doesnt_answer_is_waited_for(approved: Ask, sandbox: Control) -> None:
    row = approved({"LaunchPermission": {"UserIds": [OTHER]}})
    sandbox("faults", kind="throttle", action="DescribeImages", count=None)
    look_again("do_steps")
    copy = row.copies.get()
    assert (copy.state, copy.wait_code) == ("QUEUED", Code.THROTTLED)
    sandbox("faults", method="DELETE")
    work()
    assert states(row) == {"LaunchPermission": "DONE"}


# --- undoing ---


def test_cancelling_puts_back_the_steps_and_leaves_the_image(
    approved: Ask, sandbox: Control, image: str, requester: User
) -> None:
    ec2 = boto(sandbox, "ec2", REGION)
    ec2.modify_image_attribute(ImageId=image, LaunchPermission={"Add": [{"UserId": OTHER}]})
    ec2.enable_image_deprecation(ImageId=image, DeprecateAt="2028-05-05T00:00:00Z")
    ec2.enable_image_deregistration_protection(ImageId=image, WithCooldown=True)
    before = shown(sandbox, image)
    row = approved({**WANTED, "ImdsSupport": {"Value": "v2.0"}})
    sandbox("faults", kind="error", action="PutParameter", code="AccessDeniedException", count=1)
    work()
    row.refresh_from_db()
    assert (row.state, states(row)["Parameter"]) == ("PARTIAL", "FAILED")
    assert shown(sandbox, image) != before
    step_actions.retry_steps(acting(requester), row.pk)
    cancel_retry.cancel(acting(requester), row.pk)
    work()
    row.refresh_from_db()
    assert (row.state, row.copies.get().state) == ("CANCELLED", "CANCELLED")
    assert shown(sandbox, image) == before
    assert states(row)["ImdsSupport"] == "DONE", "AWS doesn't take it back"
    over = AuditEvent.objects.get(request=row.pk, action="image.cancelled")
    assert over.data == {"steps_that_stay": ["ImdsSupport"]}
    never_touched(sandbox, image)


def test_what_somebody_else_changed_meanwhile_is_theirs(
    approved: Ask, sandbox: Control, image: str, requester: User
) -> None:
    row = approved({**WANTED, "Parameter": {"Name": "/golden/al2023"}})
    sandbox("settings", alias_seconds=600)
    look_again("do_steps", times=2)
    ec2 = boto(sandbox, "ec2", REGION)
    ec2.modify_image_attribute(ImageId=image, LaunchPermission={"Add": [{"UserId": "444455556666"}]})
    ec2.enable_image_deprecation(ImageId=image, DeprecateAt="2028-05-05T00:00:00Z")
    ec2.enable_image_deregistration_protection(ImageId=image, WithCooldown=True)
    cancel_retry.cancel(acting(requester), row.pk)
    sandbox("advance", seconds=601)
    work()
    now = shown(sandbox, image)
    assert (now["shared"], now["marks"]) == (["444455556666"], [])
    assert (now["deprecated"][:10], now["protected"]) == ("2028-05-05", "enabled-with-cooldown")


def test_a_finished_alias_is_put_back_alone(approved: Ask, sandbox: Control, image: str, requester: User) -> None:
    row = approved({"Parameter": {"Name": "/golden/al2023"}, "LaunchPermission": {"UserIds": [OTHER]}})
    work()
    step_actions.put_back(acting(requester), row.pk, copy_id=row.copies.get().pk)
    work()
    assert states(row) == {"Parameter": "UNDONE", "LaunchPermission": "DONE"}
    assert shown(sandbox, image)["shared"] == [OTHER]
    never_touched(sandbox, image)


def test_before_it_began_cancelling_is_free(approved: Ask, sandbox: Control, requester: User) -> None:
    row = approved()
    count = len(sandbox("calls"))
    cancel_retry.cancel(acting(requester), row.pk)
    work()
    row.refresh_from_db()
    assert (row.state, len(sandbox("calls"))) == ("CANCELLED", count)


# --- workers that die, lost answers, leftovers, backups ---


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_breaks_the_image_stays_and_the_steps_are_as_approved(
    approved: Ask, sandbox: Control, image: str, requester: User, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    dice = random.Random(seed)
    row = approved()
    sandbox("settings", alias_seconds=30)
    for action in ("ModifyImageAttribute", "ModifySnapshotAttribute", "PutParameter", "DescribeImages", "GetParameter"):
        for kind in ("drop", "drop-after", "throttle"):
            sandbox("faults", kind=kind, action=action, chance=0.1, count=None, seed=dice.randrange(1000))
    with monkeypatch.context() as patched:
        for code, known in list(CATALOGUE.items()):

            def change(*arguments: Any, real: Callable[..., Any] = known.change) -> Any:
                answer = real(*arguments)
                if dice.random() < 0.2:
                    raise Killed
                return answer

            patched.setitem(CATALOGUE, code, replace(known, change=change))
        for _ in range(60):
            try:
                look_again("start_due", "do_steps")
            except Killed:
                continue
            finally:
                sandbox("advance", seconds=10)
            row.refresh_from_db()
            if row.state == "COMPLETED":
                break
            if row.state == "PARTIAL":
                step_actions.retry_steps(acting(requester), row.pk)
            if row.state == "FAILED":
                cancel_retry.retry(acting(requester), row.pk)
    sandbox("faults", method="DELETE")
    row.refresh_from_db()
    assert (row.state, set(states(row).values())) == ("COMPLETED", {"DONE"})
    for change_ in sandbox("changes"):
        if change_["member"] in {"LaunchPermissions", "CreateVolumePermissions"}:
            assert {value for each in change_["after"] for value in each.values()} <= {OTHER, THIRD, UNIT}
    assert shown(sandbox, image)["shared"] == sorted([OTHER, THIRD, UNIT])
    never_touched(sandbox, image)


@pytest.mark.parametrize("default", [True, False])
@pytest.mark.parametrize("kind", ["drop", "drop-after"])
def test_a_version_that_had_the_ami_before_is_not_the_one_that_was_asked_for(
    approved: Ask, sandbox: Control, image: str, requester: User, kind: str, default: bool
) -> None:
    ec2 = boto(sandbox, "ec2", REGION)
    old = {"ImageId": image, "InstanceType": "t3.micro"}
    ec2.create_launch_template(LaunchTemplateName="web", LaunchTemplateData=old)
    ec2.create_launch_template_version(LaunchTemplateName="web", LaunchTemplateData={**old, "InstanceType": "m5.large"})

    def versions() -> list[tuple[int, str]]:
        found = ec2.describe_launch_template_versions(LaunchTemplateName="web")["LaunchTemplateVersions"]
        return sorted((each["VersionNumber"], each["LaunchTemplateData"]["InstanceType"]) for each in found)

    def default_version() -> int:
        [found] = ec2.describe_launch_templates(LaunchTemplateNames=["web"])["LaunchTemplates"]
        return int(found["DefaultVersionNumber"])

    asked = {"LaunchTemplateName": "web", "SourceVersion": "2", "SetDefaultVersion": default}
    row = approved({"LaunchTemplateVersion": asked, "Parameter": {"Name": "/golden/web"}})
    sandbox("faults", kind=kind, action="CreateLaunchTemplateVersion")
    sandbox("settings", alias_seconds=600)
    work(3)
    assert states(row) == {"LaunchTemplateVersion": "DONE", "Parameter": "CALLED"}
    assert versions() == [(1, "t3.micro"), (2, "m5.large"), (3, "m5.large")]
    assert default_version() == (3 if default else 1)
    sandbox("advance", seconds=601)
    cancel_retry.cancel(acting(requester), row.pk)
    work(3)
    row.refresh_from_db()
    assert (row.state, default_version()) == ("CANCELLED", 1)


@pytest.mark.parametrize("code", sorted(WANTED))
def test_a_worker_killed_after_a_call_is_undone_by_another(
    approved: Ask, sandbox: Control, image: str, requester: User, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    before = shown(sandbox, image)
    row, action = approved({code: WANTED[code]}), CATALOGUE[code]

    def change(*arguments: Any) -> Any:
        action.change(*arguments)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setitem(CATALOGUE, code, replace(action, change=change))
        with pytest.raises(Killed):
            look_again("do_steps", times=2)
    assert states(row) == {code: "CALLED"}
    cancel_retry.cancel(acting(requester), row.pk)
    work()
    let_pass(minutes=11)
    work()
    row.refresh_from_db()
    assert row.state == "CANCELLED"
    assert shown(sandbox, image) == before
    never_touched(sandbox, image)


def test_it_is_no_leftover_and_a_restored_backup_makes_nothing_of_it(
    approved: Ask, sandbox: Control, image: str, account: Account, approver: User, requester: User
) -> None:
    row = approved()
    work()
    other = approved({"LaunchPermission": {"UserIds": ["444455556666"]}})
    for state in ("AVAILABLE", "FAILED", "CANCELLED"):
        ImageCopy.objects.filter(request=row).update(state=state)
        assert leftover_scan.find([account]) == ([], [])
    ImageCopy.objects.filter(request=row).update(state="AVAILABLE")
    restored_backup.go_on(acting(approver), skip=1000)
    assert list(restored_backup.made_since(acting(approver))) == []
    work()
    other.refresh_from_db()
    assert other.state == "COMPLETED"
    never_touched(sandbox, image)
