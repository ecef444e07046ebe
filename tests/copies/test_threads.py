"""Calls that wait for AWS at the same time: all at once, their answers in order, and what one raises is raised."""

import threading

import pytest

from amicopy.copies.engine.threads import in_threads


# A pool that isn't told how many are wanted has 32 threads at most.
@pytest.mark.parametrize("many", [2, 40])
def test_all_are_made_at_the_same_time_and_answered_in_order(many: int) -> None:
    together = threading.Barrier(many, timeout=10)

    def call(number: int) -> int:
        together.wait()
        return 10 * number

    assert in_threads(call, range(many, 0, -1)) == [10 * number for number in range(many, 0, -1)]


@pytest.mark.parametrize("given", [[], [7]])
def test_a_single_one_needs_no_thread(given: list[int]) -> None:
    assert in_threads(lambda each: (each, threading.current_thread()), given) == [
        (each, threading.current_thread()) for each in given
    ]


def test_what_a_call_raises_is_raised() -> None:
    for given in ([0], [1, 0, 2]):
        with pytest.raises(ZeroDivisionError):
            in_threads(lambda each: 1 / each, given)
