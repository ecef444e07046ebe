"""What is counted by the minute is counted once for all processes; a process is told by what it has taken already."""

import time
from collections import Counter

import pytest
from django.core.cache import cache
from django.db import connection

from amicopy.copies.core import minute_counts
from amicopy.copies.core.minute_counts import MinuteCount
from tests.copies.test_approval_races import at_once, side_by_side

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _one_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 6e8)


class Processes:
    """Some processes with a memory of their own each, in one."""

    def __init__(self, count: int) -> None:
        self.memories: list[dict[str, object]] = [{} for _ in range(count)]

    def number(self, process: int, key: str, *, most: int) -> int:
        cache.clear()
        cache.set_many(self.memories[process])
        found = minute_counts.number(key, most=most)
        held = f"minute:{key}:{int(time.time()) // 60}"
        self.memories[process] = {held: cache.get(held)}
        return found


@pytest.mark.parametrize("most", [5, 600])
def test_two_processes_give_out_no_more_than_there_is(most: int) -> None:
    both = Processes(2)
    given = [both.number(index % 2, "person:1", most=most) for index in range(most + 40)]
    allowed = [number for number in given if number <= most]
    assert len(set(allowed)) == len(allowed) <= most
    # Of what one process has taken and doesn't use, as much as it takes at once is lost.
    assert len(allowed) >= most - max(1, most // minute_counts.SHARE)


def test_one_process_gives_out_all_and_each_key_has_its_own() -> None:
    assert [minute_counts.number("person:1", most=3) for _ in range(5)] == [1, 2, 3, 4, 4]
    assert minute_counts.number("person:2", most=3) == 1
    assert MinuteCount.objects.count() == 2


def test_most_calls_cost_no_statement(django_assert_num_queries: pytest.FixtureRequest) -> None:
    with django_assert_num_queries(60):  # type: ignore[operator]
        assert [minute_counts.number("token:1", most=600) for _ in range(600)] == list(range(1, 601))
    assert minute_counts.number("token:1", most=600) == 601
    with django_assert_num_queries(0):  # type: ignore[operator]
        assert minute_counts.number("token:1", most=600) > 600, "what is refused isn't stored"


def test_the_next_minute_begins_anew_whatever_another_clock_says(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [minute_counts.number("person:1", most=2) for _ in range(3)] == [1, 2, 3]
    monkeypatch.setattr(time, "time", lambda: 6e8 + 60)
    assert minute_counts.number("person:1", most=2) == 1
    monkeypatch.setattr(time, "time", lambda: 6e8 - 60)
    assert minute_counts.number("person:1", most=2) == 2, "a clock that is behind counts to the minute of the other"
    assert MinuteCount.objects.get().count == 2


@side_by_side
@pytest.mark.django_db(transaction=True)
def test_at_the_same_instant_each_number_is_given_once() -> None:
    def take() -> list[int]:
        return [minute_counts._take("person:1", 10, 1) for _ in range(50)]

    taken = Counter(number for numbers in at_once(take, take) for number in numbers)
    assert taken == Counter(range(1, 101))
    assert connection.vendor == "postgresql"
