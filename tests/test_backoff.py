"""Pauses double up to their cap, and those of many who failed together differ."""

import pytest

from amicopy.backoff import pause


@pytest.mark.parametrize(("failures", "ceiling"), [(1, 2), (2, 4), (3, 8), (5, 32), (6, 60), (40, 60)])
def test_a_pause_stays_under_a_ceiling_that_doubles(failures: int, ceiling: float) -> None:
    pauses = [pause(base=2, cap=60, failures=failures) for _ in range(300)]
    assert max(pauses) <= ceiling
    assert min(pauses) >= 1
    assert max(pauses) > ceiling * 0.8


def test_many_that_failed_together_come_back_apart() -> None:
    """Mutant M18: without jitter they would all come at once."""
    assert len({round(pause(base=15, cap=300, failures=4), 3) for _ in range(100)}) > 90
