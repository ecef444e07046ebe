"""Finished copies that are another at AWS than was approved, found by a sweep whose calls are bounded."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import F
from django.utils import timezone

from amicopy.audit.models import AuditEvent
from amicopy.copies import tasks
from amicopy.copies.core.calls import existing_image
from amicopy.copies.core.drift import WORDS, Drift
from amicopy.copies.core.models import CopyCost, CopyRequest, DriftLook, ImageCopy
from amicopy.copies.core.steps.wanted import parse
from amicopy.copies.lookups import async_queries, snapshot
from amicopy.copies.requests import step_actions, verbs
from tests.conftest import Control
from tests.copies.conftest import acting, approve, make_call
from tests.copies.passing_time import let_pass
from tests.copies.test_steps_engine import OTHER, WANTED, boto, there, work

pytestmark = pytest.mark.django_db
__all__ = ("there",)

Start = Callable[..., CopyRequest]


def sweep() -> list[dict[str, Any]]:
    """One round of each place; what the oldest copy's record shows after it."""
    DriftLook.objects.update(looked_at=F("looked_at") - timedelta(hours=2))
    tasks.look_for_drift()
    return list(ImageCopy.objects.order_by("pk")[0].drift)


def codes() -> list[str]:
    return [each["code"] for each in sweep()]


@pytest.fixture
def done(there: Start) -> CopyRequest:
    """A finished copy with all steps, which AWS shows as approved."""
    row = there(WANTED, make_call(TagSpecifications=[{"ResourceType": "image", "Tags": [{"Key": "a", "Value": "b"}]}]))
    work(2)
    assert sweep() == []
    return row


CHANGES: dict[str, Callable[[Any, Any, str], object]] = {
    Drift.DEREGISTERED: lambda ec2, ssm, image: (
        ec2.disable_image_deregistration_protection(ImageId=image),
        ec2.deregister_image(ImageId=image),
    ),
    Drift.DISABLED: lambda ec2, ssm, image: ec2.disable_image(ImageId=image),
    Drift.TAGS: lambda ec2, ssm, image: ec2.create_tags(Resources=[image], Tags=[{"Key": "a", "Value": "c"}]),
    Drift.WATERMARK: lambda ec2, ssm, image: ec2.detach_image_watermark(
        ImageId=image, WatermarkKey="111122223333:approved"
    ),
    Drift.DEPRECATION: lambda ec2, ssm, image: ec2.disable_image_deprecation(ImageId=image),
    Drift.PROTECTION: lambda ec2, ssm, image: ec2.disable_image_deregistration_protection(ImageId=image),
    Drift.PERMISSIONS_LACKING: lambda ec2, ssm, image: ec2.modify_image_attribute(
        ImageId=image, LaunchPermission={"Remove": [{"UserId": OTHER}]}
    ),
    Drift.PERMISSIONS_ADDED: lambda ec2, ssm, image: ec2.modify_image_attribute(
        ImageId=image, LaunchPermission={"Add": [{"UserId": "444455556666"}]}
    ),
    Drift.ALIAS: lambda ec2, ssm, image: ssm.delete_parameter(Name="/golden/al2023"),
}


@pytest.mark.parametrize("code", sorted(CHANGES))
def test_what_somebody_changed_at_aws_stands_on_the_copys_record(
    done: CopyRequest, sandbox: Control, code: str
) -> None:
    image = done.copies.get().ImageId
    CHANGES[code](boto(sandbox, "ec2"), boto(sandbox, "ssm"), image)
    for _ in range(2 if code == Drift.DEREGISTERED else 0):
        # AWS's lists may leave out what is there.
        assert sweep() == []
        let_pass(minutes=11)
    assert code in codes()
    assert code in codes()
    event = AuditEvent.objects.get(action="copy.drifted")
    assert event.data["drift"][0]["code"] in ImageCopy.objects.get().drift[0]["code"]


def test_what_was_deregistered_elsewhere_costs_nothing_more(done: CopyRequest, sandbox: Control) -> None:
    copy = done.copies.get()
    CHANGES[Drift.DEREGISTERED](boto(sandbox, "ec2"), boto(sandbox, "ssm"), copy.ImageId)
    for _ in range(2):
        assert sweep() == []
        let_pass(minutes=11)
    assert CopyCost.objects.get(copy=copy).kept_until is None
    assert codes() == [Drift.DEREGISTERED]
    copy.refresh_from_db()
    assert CopyCost.objects.get(copy=copy).kept_until == copy.drift_at
    # That it isn't there is seen again and again, and the day that it ended stays.
    ended = CopyCost.objects.get(copy=copy).kept_until
    let_pass(minutes=61)
    sweep()
    assert CopyCost.objects.get(copy=copy).kept_until == ended


def test_every_code_has_words() -> None:
    assert list(WORDS) == list(Drift)


def test_a_public_copy_that_nobody_approved_as_such_is_seen_in_every_round(there: Start, sandbox: Control) -> None:
    row = there({})
    ec2 = boto(sandbox, "ec2")
    ec2.disable_image_block_public_access()
    ec2.modify_image_attribute(ImageId=row.copies.get().ImageId, LaunchPermission={"Add": [{"Group": "all"}]})
    assert set(codes()) == {Drift.PUBLIC, Drift.PERMISSIONS_ADDED}


def test_what_is_put_right_is_over(done: CopyRequest, sandbox: Control) -> None:
    ec2, image = boto(sandbox, "ec2"), done.copies.get().ImageId
    ec2.disable_image_deregistration_protection(ImageId=image)
    assert codes() == [Drift.PROTECTION]
    ec2.enable_image_deregistration_protection(ImageId=image)
    assert codes() == []
    assert AuditEvent.objects.filter(action="copy.drifted").order_by("-id")[0].data["over"] == [Drift.PROTECTION]


def test_an_alias_that_was_put_back_or_went_to_a_later_copy_is_no_drift(
    there: Start, sandbox: Control, requester: User
) -> None:
    alias = {"Parameter": {"Name": "/golden/al2023", "Overwrite": True}}
    there(alias)
    work(2)
    later = there(alias, make_call(Name="later"))
    work(2)
    assert codes() == []
    step_actions.put_back(acting(requester), later.pk, copy_id=later.copies.get().pk)
    work()
    assert codes() == []
    assert ImageCopy.objects.order_by("pk")[1].drift == []


def test_what_a_later_request_was_approved_for_is_no_drift_of_the_copy(
    done: CopyRequest, sandbox: Control, requester: User, approver: User
) -> None:
    image = done.copies.get().ImageId
    changes = {
        "LaunchPermission": {"UserIds": ["444455556666"]},
        "ImageDeprecation": {"DeprecateAt": "2029-01-31T00:00Z"},
        "ImageDeregistrationProtection": {"WithCooldown": True},
    }
    wanted, _ = parse(changes, now=timezone.now())
    call = existing_image("eu-west-1", image)
    kept = snapshot.gather(done.account, [call], until=async_queries.deadline(5), steps=[wanted.of(0)])
    asked: dict[str, Any] = {"account": done.account, "reason": "x", "calls": [call], "lookups": kept, "steps": wanted}
    later = approve(approver, verbs.submit(acting(requester), **asked))
    work(3)
    assert set(later.copies.get().steps.values_list("state", flat=True)) == {"DONE"}
    for _ in range(2):
        assert codes() == []
    assert [copy.drift for copy in ImageCopy.objects.all()] == [[], []]
    ec2 = boto(sandbox, "ec2")
    ec2.modify_image_attribute(ImageId=image, LaunchPermission={"Remove": [{"UserId": "444455556666"}]})
    ec2.disable_image_deprecation(ImageId=image)
    assert codes() == []
    drifted = ImageCopy.objects.get(existing=True).drift
    assert {each["code"] for each in drifted} == {Drift.PERMISSIONS_LACKING, Drift.DEPRECATION}


def test_the_calls_of_a_round_are_bounded_however_many_copies_there_are(there: Start, sandbox: Control) -> None:
    steps = {"LaunchPermission": {"UserIds": [OTHER]}, "Parameter": {"Name": "/golden/{region}"}}
    for number in range(2):
        calls = [make_call(region, Name=f"{number} {region}") for region in ("eu-west-1", "us-west-2")]
        there({**steps, "Parameter": {"Name": f"/golden/{number}/{{region}}"}}, *calls)
    there({}, *[make_call("eu-west-1", Name=f"more {number}") for number in (1,)])
    there({}, *[make_call("eu-west-1", Name=f"more {number}") for number in (2,)])
    work(2)
    ImageCopy.objects.update(drift_at=None)
    before = len(sandbox("calls"))
    tasks.look_for_drift()
    calls_made = sandbox("calls")[before:]
    # 4 copies in one Region, 2 in the other: an account and Region takes six at most.
    assert [sum(call["region"] == region for call in calls_made) for region in ("eu-west-1", "us-west-2")] == [5, 4]
    asked = [call["params"]["ImageId"] for call in calls_made if call["action"] == "DescribeImageAttribute"]
    DriftLook.objects.update(looked_at=F("looked_at") - timedelta(hours=2))
    tasks.look_for_drift()
    more = [call["params"]["ImageId"] for call in sandbox("calls") if call["action"] == "DescribeImageAttribute"]
    assert len(set(more)) == 6, "those that had no turn before have theirs now"
    assert len(set(asked)) == 5
