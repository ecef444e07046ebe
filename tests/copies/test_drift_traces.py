"""Who made a finished copy another than approved: asked of CloudTrail, once, where it may be asked."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from amicopy.audit.models import AuditEvent
from amicopy.copies import tasks
from amicopy.copies.core.drift import Drift
from amicopy.copies.core.models import CopyRequest, DriftLook, DriftTrace, ImageCopy
from amicopy.copies.engine import drift_traces
from tests.conftest import Control
from tests.copies.conftest import make_call
from tests.copies.passing_time import let_pass
from tests.copies.test_drift import CHANGES, codes, done, sweep
from tests.copies.test_steps_engine import boto, there

pytestmark = pytest.mark.django_db
__all__ = ("done", "there")

ME = "arn:aws:iam::111122223333:user/amicopy"
Start = Callable[..., CopyRequest]
# The call that each of the changes ends with.
CALLS = {
    Drift.DEREGISTERED: "DeregisterImage",
    Drift.DISABLED: "DisableImage",
    Drift.TAGS: "CreateTags",
    Drift.WATERMARK: "DetachImageWatermark",
    Drift.DEPRECATION: "DisableImageDeprecation",
    Drift.PROTECTION: "DisableImageDeregistrationProtection",
    Drift.PERMISSIONS_LACKING: "ModifyImageAttribute",
    Drift.PERMISSIONS_ADDED: "ModifyImageAttribute",
    Drift.ALIAS: "DeleteParameter",
}


def asked(sandbox: Control) -> list[Any]:
    return [call["params"]["LookupAttributes"][0] for call in sandbox("calls?service=cloudtrail")]


@pytest.fixture
def told(sandbox: Control) -> None:
    """CloudTrail tells at once."""
    sandbox("settings", trail_seconds=0)


def test_each_change_has_a_call() -> None:
    assert set(CALLS) == set(CHANGES)
    assert set(drift_traces.MADE) == set(Drift) - {Drift.ALIAS}


@pytest.mark.parametrize("code", sorted(CHANGES))
def test_who_changed_it_is_asked_once_a_while_after_it_was_found(
    done: CopyRequest, sandbox: Control, told: None, code: str
) -> None:
    copy = done.copies.get()
    CHANGES[code](boto(sandbox, "ec2"), boto(sandbox, "ssm"), copy.ImageId)
    for _ in range(2 if code == Drift.DEREGISTERED else 0):
        sweep()
        let_pass(minutes=11)
    assert code in codes()
    tasks.trace_drift()
    assert asked(sandbox) == []
    assert DriftTrace.objects.get(code=code).asked_at is None
    let_pass(minutes=16)
    tasks.trace_drift()
    trace = DriftTrace.objects.get(code=code)
    assert (trace.EventName, trace.Arn) == (CALLS[Drift(code)], ME)
    assert abs(trace.EventTime - timezone.now()) < timedelta(minutes=5)  # type: ignore[operator]
    event = AuditEvent.objects.get(action="copy.traced")
    assert {"code": code, "EventName": trace.EventName, "Arn": ME}.items() <= event.data["changes"][0].items()
    assert len(asked(sandbox)) == 1
    for _ in range(2):
        let_pass(minutes=20)
        sweep()
        tasks.trace_drift()
    assert len(asked(sandbox)) == 1


def test_an_alias_that_shows_something_else_is_asked_for_by_the_call(
    done: CopyRequest, sandbox: Control, told: None
) -> None:
    copy = done.copies.get()
    other = boto(sandbox, "ec2").copy_image(
        Name="other", SourceImageId=copy.parameters["SourceImageId"], SourceRegion="us-east-1"
    )["ImageId"]
    ssm = boto(sandbox, "ssm")
    ssm.put_parameter(Name="/golden/al2023", Value=other, Overwrite=True)
    ssm.put_parameter(Name="/another", Value="x", Type="String")
    assert codes() == [Drift.ALIAS]
    let_pass(minutes=16)
    tasks.trace_drift()
    assert asked(sandbox) == [{"AttributeKey": "EventName", "AttributeValue": "PutParameter"}]
    trace = DriftTrace.objects.get()
    assert (trace.EventName, trace.Arn) == ("PutParameter", ME)


def test_the_differences_of_one_image_are_asked_about_together(done: CopyRequest, sandbox: Control, told: None) -> None:
    copy = done.copies.get()
    for code in (Drift.DEPRECATION, Drift.PROTECTION, Drift.TAGS):
        CHANGES[code](boto(sandbox, "ec2"), boto(sandbox, "ssm"), copy.ImageId)
    assert set(codes()) == {Drift.DEPRECATION, Drift.PROTECTION, Drift.TAGS}
    let_pass(minutes=16)
    tasks.trace_drift()
    assert asked(sandbox) == [{"AttributeKey": "ResourceName", "AttributeValue": copy.ImageId}]
    assert {trace.code: trace.EventName for trace in DriftTrace.objects.all()} == {
        code: CALLS[Drift(code)] for code in (Drift.DEPRECATION, Drift.PROTECTION, Drift.TAGS)
    }


def test_one_place_is_asked_again_after_a_pause_and_the_sweep_itself_never_asks(
    there: Start, sandbox: Control, told: None
) -> None:
    there({}, make_call(Name="one"), make_call("us-west-2", Name="two"))
    there({}, make_call(Name="three"))
    for copy in ImageCopy.objects.all():
        boto(sandbox, "ec2", copy.DestinationRegion).disable_image(ImageId=copy.ImageId)
    sweep()
    let_pass(minutes=16)
    sweep()
    assert asked(sandbox) == []
    tasks.trace_drift()
    tasks.trace_drift()
    assert len(asked(sandbox)) == 2, "one of each Region"
    let_pass(minutes=1)
    tasks.trace_drift()
    assert len(asked(sandbox)) == 3
    assert set(DriftTrace.objects.values_list("EventName", flat=True)) == {"DisableImage"}


def test_an_account_that_does_not_let_it_be_asked_is_left_alone_for_a_day(
    there: Start, sandbox: Control, told: None
) -> None:
    copy = there({}).copies.get()
    boto(sandbox, "ec2").disable_image(ImageId=copy.ImageId)
    assert codes() == [Drift.DISABLED]
    let_pass(minutes=16)
    rule = {"kind": "error", "service": "cloudtrail", "code": "UnauthorizedOperation", "status": 400, "count": None}
    sandbox("faults", **rule, message="User is not authorized to perform: cloudtrail:LookupEvents")
    for _ in range(3):
        tasks.trace_drift()
        let_pass(minutes=60)
    assert len(asked(sandbox)) == 1
    assert DriftLook.objects.get().trace_error == "AccessDeniedException"
    assert DriftTrace.objects.get().asked_at is None
    sandbox("faults", method="DELETE")
    let_pass(minutes=24 * 60)
    tasks.trace_drift()
    assert DriftLook.objects.get().trace_error == ""
    assert DriftTrace.objects.get().Arn == ME


def test_no_answer_is_asked_for_again_in_minutes(there: Start, sandbox: Control, told: None) -> None:
    copy = there({}).copies.get()
    boto(sandbox, "ec2").disable_image(ImageId=copy.ImageId)
    assert codes() == [Drift.DISABLED]
    let_pass(minutes=16)
    sandbox("faults", kind="error", service="cloudtrail", code="InternalFailure", status=400, count=1)
    tasks.trace_drift()
    assert DriftTrace.objects.get().asked_at is None
    let_pass(minutes=11)
    tasks.trace_drift()
    assert DriftTrace.objects.get().Arn == ME


def test_amicopys_own_call_and_one_that_was_refused_are_nobodys_change(
    done: CopyRequest, sandbox: Control, told: None
) -> None:
    """CloudTrail lags: what it has by then may be the approved step alone."""
    copy = done.copies.get()
    with pytest.raises(Exception, match="OperationNotPermitted"):
        boto(sandbox, "ec2").deregister_image(ImageId=copy.ImageId)
    for code in (Drift.DISABLED, Drift.DEREGISTERED, Drift.WATERMARK):
        DriftTrace.objects.create(copy=copy, code=code, since=timezone.now(), found_at=timezone.now())
    let_pass(minutes=16)
    tasks.trace_drift()
    assert set(DriftTrace.objects.values_list("EventName", flat=True)) == {""}
    assert not DriftTrace.objects.filter(asked_at__isnull=True).exists()
    assert not AuditEvent.objects.filter(action="copy.traced").exists()


def test_what_is_over_is_forgotten(done: CopyRequest, sandbox: Control) -> None:
    ec2, image = boto(sandbox, "ec2"), done.copies.get().ImageId
    ec2.disable_image(ImageId=image)
    assert codes() == [Drift.DISABLED]
    assert DriftTrace.objects.count() == 1
    ec2.enable_image(ImageId=image)
    assert codes() == []
    assert DriftTrace.objects.count() == 0
