"""The tables of states and moves, and what a request's copies make of it."""

import pytest

from amicopy.copies.core.states import COPY_FINAL, COPY_MOVES, REQUEST_MOVES, CopyState, RequestState, outcome


def test_every_state_has_a_row_and_every_target_is_a_state() -> None:
    assert set(REQUEST_MOVES) == set(RequestState.values)
    assert set(COPY_MOVES) == set(CopyState.values)
    assert set().union(*REQUEST_MOVES.values()) <= set(RequestState.values)
    assert set().union(*COPY_MOVES.values()) <= set(CopyState.values)


def test_every_state_can_be_reached_from_the_first() -> None:
    for moves, first in ((REQUEST_MOVES, "PENDING"), (COPY_MOVES, "HELD")):
        seen, todo = {first}, [first]
        while todo:
            new = moves[todo.pop()] - seen
            seen |= new
            todo += new
        assert seen == set(moves)


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (["AVAILABLE", "AVAILABLE"], "COMPLETED"),
        (["CHECKED"], "COMPLETED"),
        (["AVAILABLE", "FAILED"], "PARTIAL"),
        (["AVAILABLE", "CANCELLED"], "PARTIAL"),
        (["FAILED", "CANCELLED"], "FAILED"),
        (["CANCELLED", "CANCELLED"], "CANCELLED"),
        (["AVAILABLE", "COPYING"], None),
        (["FAILED", "QUEUED"], None),
        ([], None),
    ],
)
def test_outcome_of_a_request(states: list[str], expected: str | None) -> None:
    assert outcome(states) == expected


@pytest.mark.parametrize("state", [state for state in CopyState.values if state not in COPY_FINAL])
def test_an_unfinished_copy_keeps_its_request_open(state: str) -> None:
    assert outcome(["AVAILABLE", state]) is None
