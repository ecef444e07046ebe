"""Waves of calls: what becomes of leased copies whose calls AWS takes or refuses, that were lost, that go alone, or for
which no time is left. AWS is played here by a list of what it answers."""

import time
import uuid
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from amicopy.audit.actor import Actor, worker
from amicopy.copies.core.models import Account, ImageCopy
from amicopy.copies.engine import copy_call, shutdown, slots, waves
from amicopy.copies.engine.copy_call import Started
from amicopy.copies.engine.places import Place
from amicopy.copies.lifecycle.transitions import InvalidTransition
from tests.copies.conftest import Submit, approve, make_call

pytestmark = pytest.mark.django_db

LEASE = uuid.uuid4()
ACTOR = worker("start_due")
Answer = Callable[[Sequence[ImageCopy]], Started]


class Aws:
    """Takes every call but where one of its answers says otherwise; `waves` are the names that were called for."""

    def __init__(self) -> None:
        self.answers: dict[int, Answer] = {}
        self.waves: list[list[str]] = []

    def start_all(self, copies: Sequence[ImageCopy], *, lease: uuid.UUID, actor: Actor) -> Started:
        assert (lease, actor) == (LEASE, ACTOR)
        self.waves.append([copy.Name for copy in copies])
        answer = self.answers.get(len(self.waves))
        return answer(copies) if answer else Started()


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Aws:
    played = Aws()
    monkeypatch.setattr(copy_call, "start_all", played.start_all)
    return played


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[set[Place]]:
    """The places that are looked at again after each wave."""
    asked: list[set[Place]] = []
    monkeypatch.setattr(slots, "bring_back", lambda places: asked.append(set(places)))
    return asked


@pytest.fixture
def leased(submit: Submit, approver: User) -> Callable[..., list[ImageCopy]]:
    """Copies of these names under the lease, in this Region."""

    def _leased(names: str, region: str = "eu-west-1") -> list[ImageCopy]:
        requests = [approve(approver, submit(make_call(region, Name=f"image-{name}"))) for name in names]
        rows = ImageCopy.objects.filter(request__in=requests).order_by("pk")
        rows.update(lease_id=LEASE, lease_until=timezone.now() + timedelta(minutes=5), next_step_at=timezone.now())
        return list(rows)

    return _leased


Leased = Callable[..., list[ImageCopy]]


def start(copies: Sequence[ImageCopy], *, seconds: float = 60) -> None:
    waves.start(copies, lease=LEASE, actor=ACTOR, deadline=time.monotonic() + seconds)


def free() -> set[str]:
    """The names of the copies whose lease has ended, which are due as they were."""
    rows = ImageCopy.objects.filter(lease_id=None, lease_until=None, next_step_at__lte=timezone.now())
    return set(rows.values_list("Name", flat=True))


def names(letters: str) -> list[str]:
    return [f"image-{letter}" for letter in letters]


def test_each_place_begins_with_one_call_and_takes_twice_as_many_each_time(
    aws: Aws, leased: Leased, looked_at: list[set[Place]], account: Account
) -> None:
    first, second = (account.pk, "eu-west-1"), (account.pk, "us-west-2")
    start([*leased("abcd"), *leased("xy", "us-west-2")])
    assert aws.waves == [names("ax"), names("bcy"), names("d")]
    assert looked_at == [{first, second}, {first, second}, {first}]
    assert free() == set(), "whoever called ends the leases"


def test_what_was_learnt_of_a_place_is_used_for_the_next_copies(aws: Aws, leased: Leased) -> None:
    start(leased("ab"))
    start([*leased("cdefg"), *leased("xy", "us-west-2")])
    assert aws.waves == [names("a"), names("b"), names("cdefx"), names("gy")]


def test_a_full_place_gets_no_call_more_and_the_others_do(
    aws: Aws, leased: Leased, looked_at: list[set[Place]], account: Account
) -> None:
    full, other = (account.pk, "eu-west-1"), (account.pk, "us-west-2")
    start(leased("o"))
    aws.answers[2] = lambda wave: Started(full={full}, aside=[wave[0]])
    start([*leased("abcd"), *leased("xyz", "us-west-2")])
    assert aws.waves == [names("o"), names("abx"), names("yz")]
    assert free() == set(names("acd")), "the one that was called keeps its lease, what was left has none"
    assert looked_at == [{full}, {other}, {other}]
    start(leased("pq"))
    assert aws.waves[3:] == [names("p"), names("q")], "it begins with one again"


def test_what_goes_alone_goes_last_one_by_one(aws: Aws, leased: Leased) -> None:
    start(leased("mn"))
    aws.answers[3] = lambda wave: Started(aside=list(wave[:2]))
    start(leased("abcde"))
    assert aws.waves[2:] == [names("abcd"), names("e"), names("a"), names("b")]
    assert free() == set()


def test_a_copy_that_was_lost_is_handed_back_and_the_others_go_on(aws: Aws, leased: Leased, account: Account) -> None:
    copies = leased("abc")
    ImageCopy.objects.update(next_step_at=timezone.now() + timedelta(hours=1))
    aws.answers[1] = lambda wave: Started(lost={wave[0].pk: InvalidTransition("moved")})
    start(copies)
    assert aws.waves == [names("a"), names("bc")]
    assert free() == set(names("a"))


def test_what_there_is_no_time_for_is_free_for_others(aws: Aws, leased: Leased) -> None:
    start(leased("ab"), seconds=-1)
    assert aws.waves == []
    assert free() == set(names("ab"))


def test_a_worker_that_is_to_stop_frees_what_it_didnt_call(
    aws: Aws, leased: Leased, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutdown, "told", lambda: len(aws.waves) == 1)
    aws.answers[1] = lambda wave: Started(aside=list(wave))
    start(leased("abcd"))
    assert aws.waves == [names("a")]
    assert free() == set(names("abcd"))
