"""A call of which AWS made nothing, or that it didn't answer: what its error means, and whether the copy waits or
fails. AWS's lists are played here by what looking at them finds."""

import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from amicopy.audit.actor import Actor, worker
from amicopy.aws import errors
from amicopy.copies.core import absence
from amicopy.copies.core.models import Attempt, CopyRequest, ImageCopy
from amicopy.copies.engine import adoption, backoff, call_outcomes, recovery, unmade_calls
from amicopy.copies.lifecycle import source_binding

LEASE, ACTOR = uuid.uuid4(), worker("start_due")
COPY = ImageCopy(pk=1, request=CopyRequest(pk=1), parameters={})
ATTEMPT = Attempt(pk=1, copy=COPY, number=1)
REFUSED = errors.Rejected("InvalidParameterValue", "No.", "request-1")
PENDING = errors.Rejected("InvalidAMIID.Unavailable", "It is pending.", "request-2")


@pytest.mark.parametrize(("pending", "becomes"), [(True, errors.NotReady), (False, errors.Rejected)])
def test_a_source_that_isnt_available_is_waited_for_while_it_is_being_made(
    monkeypatch: pytest.MonkeyPatch, pending: bool, becomes: type[errors.AwsError]
) -> None:
    asked: list[ImageCopy] = []

    def look(copy: ImageCopy) -> bool:
        asked.append(copy)
        return pending

    monkeypatch.setattr(source_binding, "source_pending", look)
    found = unmade_calls.passing(COPY, PENDING)
    assert (type(found), found.code, found.message, found.request_id) == (
        becomes,
        "InvalidAMIID.Unavailable",
        "It is pending.",
        "request-2",
    )
    assert asked == [COPY]
    assert unmade_calls.passing(COPY, REFUSED) is REFUSED
    assert asked == [COPY], "no other error speaks of the source"


def test_a_source_that_cant_be_looked_at_leaves_awss_first_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def look(copy: ImageCopy) -> bool:
        raise errors.Throttled("RequestLimitExceeded", "Slow down.")

    monkeypatch.setattr(source_binding, "source_pending", look)
    assert unmade_calls.passing(COPY, PENDING) is PENDING


def test_a_source_that_aws_doesnt_know_is_what_the_look_ups_say_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    gone, hidden = errors.NotFound("InvalidAMIID.NotFound", "No such image."), absence.NotShown("NotShown", "Not now.")
    asked: list[object] = []

    def not_found(*about: object) -> errors.AwsError:
        asked.append(about)
        return hidden

    monkeypatch.setattr(source_binding, "not_found", not_found)
    assert unmade_calls.passing(COPY, gone) is hidden
    assert asked == [(COPY, gone)]


class Outcome:
    """What became of the copy: how it ended or what it waits for, with what that was told of."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, look: Any) -> None:
        self.looks: list[object] = []
        self.stored: list[tuple[Any, ...]] = []
        self.look = look
        monkeypatch.setattr(adoption, "follow", self.follow)
        monkeypatch.setattr(call_outcomes, "fail", self.fail)
        monkeypatch.setattr(call_outcomes, "wait_for_another", self.wait)

    def follow(self, copy: ImageCopy, *, lease: uuid.UUID, actor: Actor) -> object:
        self.looks.append((copy, lease, actor))
        if isinstance(self.look, Exception):
            raise self.look
        return self.look

    def fail(self, copy: ImageCopy, error: errors.AwsError, **rest: Any) -> None:
        self.stored.append(("failed", copy, error, rest))

    def wait(self, copy: ImageCopy, attempt: Attempt, error: errors.AwsError, wait: backoff.Wait, **rest: Any) -> None:
        self.stored.append(("waits", copy, error, {**rest, "attempt": attempt, "wait": wait}))


def not_started(error: errors.AwsError, doubt_since: datetime | None) -> None:
    unmade_calls.not_started(COPY, ATTEMPT, error, doubt_since, lease=LEASE, actor=ACTOR)


def told(doubt_since: datetime | None, **more: object) -> dict[str, object]:
    return {"lease": LEASE, "actor": ACTOR, "attempt": ATTEMPT, "doubt_since": doubt_since, **more}


JUST_NOW, LONG_AGO = timedelta(0), timedelta(days=1)
THROTTLED = errors.Throttled("RequestLimitExceeded", "Slow down.")
UNCLEAR = recovery.Unclear("Unclear", "Two images.")


@pytest.mark.parametrize("ago", [None, LONG_AGO])
def test_what_passes_by_itself_is_waited_for_without_a_look(
    monkeypatch: pytest.MonkeyPatch, ago: timedelta | None
) -> None:
    doubt_since = timezone.now() - ago if ago else None
    outcome = Outcome(monkeypatch, look=[])
    not_started(THROTTLED, doubt_since)
    known = backoff.wait_for(THROTTLED)
    assert outcome.stored == [("waits", COPY, THROTTLED, told(doubt_since, wait=known))]
    assert outcome.looks == []


@pytest.mark.parametrize(("error", "ago"), [(REFUSED, None), (UNCLEAR, LONG_AGO)])
def test_a_refusal_fails_it_at_once_where_nothing_is_in_doubt_or_a_person_has_to_look(
    monkeypatch: pytest.MonkeyPatch, error: errors.AwsError, ago: timedelta | None
) -> None:
    doubt_since = timezone.now() - ago if ago else None
    outcome = Outcome(monkeypatch, look=[])
    not_started(error, doubt_since)
    assert outcome.stored == [("failed", COPY, error, told(doubt_since))]
    assert outcome.looks == []


def test_the_image_of_an_earlier_call_is_gone_on_with(monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = Outcome(monkeypatch, look=None)
    not_started(REFUSED, timezone.now() - LONG_AGO)
    assert outcome.looks == [(COPY, LEASE, ACTOR)]
    assert outcome.stored == []


@pytest.mark.parametrize(
    ("look", "ago", "stored"),
    [
        # Nothing was found, and AWS's lists had time to show it, or hadn't.
        ([], LONG_AGO, ("failed", REFUSED, None)),
        ([], JUST_NOW, ("waits", REFUSED, unmade_calls.LOOKING)),
        (UNCLEAR, LONG_AGO, ("failed", UNCLEAR, None)),
        # It couldn't be looked for.
        (THROTTLED, LONG_AGO, ("waits", THROTTLED, backoff.wait_for(THROTTLED))),
        (PENDING, LONG_AGO, ("waits", PENDING, unmade_calls.LOOKING)),
    ],
    ids=["nothing", "nothing yet", "unclear", "throttled", "refused"],
)
def test_a_refusal_after_a_call_in_doubt_is_what_a_look_makes_of_it(
    monkeypatch: pytest.MonkeyPatch, look: object, ago: timedelta, stored: tuple[str, object, object]
) -> None:
    doubt_since = timezone.now() - ago
    outcome = Outcome(monkeypatch, look=look)
    not_started(REFUSED, doubt_since)
    became, error, wait = stored
    assert outcome.stored == [(became, COPY, error, told(doubt_since, **({"wait": wait} if wait else {})))]
    assert outcome.looks == [(COPY, LEASE, ACTOR)]
