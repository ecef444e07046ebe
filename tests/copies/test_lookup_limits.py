"""What looking up may cost: a call a question, a share of the threads, few pages that wait, and limits for people."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from amicopy.aws.account import AwsAccount
from amicopy.copies.lookups import async_queries, places, source
from amicopy.copies.lookups.async_queries import LATE, TOO_MANY, UNASKED, Looks, Question
from tests.conftest import Control

pytestmark = pytest.mark.django_db
# No row is theirs: what other tests have under way for people of theirs doesn't count for these.
ME, THEM = 10**6 + 1, 10**6 + 2
AWS, OTHER = AwsAccount("111122223333"), AwsAccount("444455556666")
UNKNOWN = "ami-0123456789abcdef0"


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What questions of `hanging` wait for; let go at the end, so that no thread is left waiting."""
    gate = threading.Event()
    yield gate
    gate.set()


def hanging(gate: threading.Event, account: AwsAccount, name: str) -> Question[bool]:
    return Question("hanging", account, (name,), lambda: gate.wait(60))


def test_an_unknown_image_costs_one_call_a_region_and_is_remembered(sandbox: Control, patient: None) -> None:
    until = async_queries.deadline()
    for _ in range(3):
        question = source.question(AWS, region="eu-west-1", image_id=UNKNOWN)
        assert isinstance(async_queries.start(question).wait(until), source.NotThere)
        assert source.elsewhere(AWS, image_id=UNKNOWN, besides="eu-west-1", until=until) == []
    regions = async_queries.known(places.regions_question(AWS))
    usable = {region.name for region in regions or () if region.usable}
    asked = {
        region: calls["DescribeImages"]
        for region, calls in sandbox()["calls"]["ec2"].items()
        if "DescribeImages" in calls
    }
    assert asked == dict.fromkeys(usable, 1)


def test_an_account_that_hangs_leaves_the_others_their_threads(gate: threading.Event) -> None:
    for number in range(3 * async_queries.THREADS):
        async_queries.start(hanging(gate, AWS, str(number)))
    question = Question("quick", OTHER, (), lambda: "answer")
    assert async_queries.start(question).wait(async_queries.deadline(30)) == "answer"
    late = async_queries.start(hanging(gate, AWS, "last"))
    assert late.wait(time.monotonic()) == LATE
    gate.set()
    assert late.wait(async_queries.deadline(30)) is True, "those that had to wait are asked in their turn"


def test_a_person_has_so_many_questions_under_way_and_others_theirs(
    gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(async_queries, "OF_PERSON", 3)
    mine, theirs = Looks(ME), Looks(THEM)
    answers = [mine.begin(hanging(gate, AWS, str(number)))(0.0) for number in range(4)]
    assert answers == [UNASKED, UNASKED, UNASKED, TOO_MANY]
    assert theirs.begin(hanging(gate, AWS, "theirs"))(0.0) == UNASKED
    assert mine.begin(hanging(gate, AWS, "theirs"))(0.0) == UNASKED, "what is asked already costs nothing"
    gate.set()
    until = async_queries.deadline(30)
    assert async_queries.start(hanging(gate, AWS, "2")).wait(until) is True
    assert async_queries.start(hanging(gate, AWS, "theirs")).wait(until) is True
    assert mine.begin(hanging(gate, AWS, "another"))(until) is True


@pytest.mark.parametrize("limit", ["OF_PERSON_A_MINUTE", "OF_ACCOUNT_A_MINUTE"])
def test_new_questions_are_counted_by_the_minute(monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    monkeypatch.setattr(async_queries, limit, 2)
    monkeypatch.setattr(time, "time", lambda: 6e8)
    until, answers = async_queries.deadline(30), []
    for number in range(4):
        question = Question("quick", AWS, (str(number),), lambda: "answer")
        answers.append(Looks(ME, last=True).begin(question)(until))
        assert Looks(ME, last=True).begin(question)(until) == answers[-1], "what is known costs nothing"
    assert answers == ["answer", "answer", TOO_MANY, TOO_MANY]
    worker = Question("quick", AWS, ("worker",), lambda: "answer")
    assert async_queries.start(worker).wait(until) == "answer", "workers ask for nobody"


def test_few_pages_wait_at_the_same_time_and_the_others_not_at_all() -> None:
    with ExitStack() as opened:
        for _ in range(async_queries.WAITING):
            assert opened.enter_context(async_queries.waiting(30)) > time.monotonic() + 20
        with async_queries.waiting(30) as until:
            assert until <= time.monotonic()
    with async_queries.waiting(30) as until:
        assert until > time.monotonic() + 20
