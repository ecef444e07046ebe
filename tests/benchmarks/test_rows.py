"""The requests that benchmarks make are approved ones to the gate as well, and their waiting ends."""

import pytest
from django.contrib.auth.models import User

from amicopy.aws import errors
from amicopy.copies.core.models import ImageCopy
from amicopy.copies.core.states import CopyState
from amicopy.copies.engine import gate
from amicopy.local import samples
from amicopy.notify.models import Message
from benchmarks import limits, rows

REGIONS = ("eu-west-1", "us-west-2")


@pytest.fixture(autouse=True)
def _people(db: None) -> None:
    samples.make("sample-password")


def test_the_gate_lets_each_of_the_copies_through() -> None:
    copies = rows.queued(5, regions=REGIONS)
    assert [copy.DestinationRegion for copy in copies] == [*REGIONS, *REGIONS, REGIONS[0]]
    assert len({copy.request_id for copy in copies}) == 3
    for copy in copies:
        assert (copy.state, copy.next_step_at is not None) == (CopyState.QUEUED, True)
        gate.check(copy, copy.attempts.get())


def test_the_gate_is_asked_for_real() -> None:
    (copy,) = rows.queued(1)
    ImageCopy.objects.update(parameters={**copy.parameters, "Name": "another"})
    with pytest.raises(errors.Rejected, match="It isn't what was approved"):
        gate.check(ImageCopy.objects.get(), copy.attempts.get())


def test_copies_under_way_have_their_images_and_passed_the_gate_before() -> None:
    rows.copying(2, image_id=lambda index: f"ami-{index:017}")
    copies = list(ImageCopy.objects.order_by("pk"))
    assert {copy.state for copy in copies} == {CopyState.COPYING}
    for index, copy in enumerate(copies):
        assert copy.ImageId == copy.attempts.get().ImageId == f"ami-{index:017}"
        gate.check(copy, copy.attempts.get())


def test_nobody_is_written_to() -> None:
    rows.queued(1)
    assert not Message.objects.exists()
    assert not User.objects.exclude(email="").exists()


def test_waiting_ends_with_what_was_awaited() -> None:
    assert limits.until(lambda: 7, awaited="seven") == 7
    with pytest.raises(TimeoutError, match=r"^Waited 0 s in vain: the first call\.$"):
        limits.until(lambda: 0, awaited="the first call", seconds=0, pause=0)
