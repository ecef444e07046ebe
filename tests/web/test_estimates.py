"""How much longer copies take: from their own progress and from history, as ranges, or nothing."""

import pytest

from amicopy.copies.core.copy_speed import Pace, pace
from amicopy.web.estimates import Span, last_of, still, words

MINUTE, HOUR = 60.0, 3600.0
QUICK = Span(30, 42)


@pytest.mark.parametrize(
    ("taken", "percent", "usual", "said"),
    [
        # Nothing is known.
        (5, 0, None, ""),
        (600, 0, None, ""),
        (600, 2, None, ""),
        (2, 40, None, ""),
        # History only.
        (0, 0, Span(300, 420), "4 to 9 min"),
        (60, 1, Span(300, 420), "3 to 8 min"),
        (9, 0, QUICK, "Less than a minute"),
        # Its own progress only, the more exactly the more is done.
        (300, 10, None, "27 to 66 min"),
        (300, 50, None, "3 to 7 min"),
        (300, 90, None, "Less than a minute"),
        (3 * HOUR, 5, None, "31 h to 4 d"),
        # Both: all that one of them says.
        (120, 40, Span(250, 350), "1 to 6 min"),
        # Slower than history: that says nothing any more.
        (180, 2, QUICK, ""),
        (180, 4, QUICK, "38 to 107 min"),
        (600, 3, Span(300, 420), "2 to 9 h"),
        # All but done, AWS finishes at no rate.
        (2 * HOUR, 99, None, ""),
        (2 * HOUR, 99, QUICK, ""),
    ],
)
def test_how_much_longer_a_copy_takes(taken: float, percent: int, usual: Span | None, said: str) -> None:
    assert words(still(taken, percent, usual=usual)) == said


def test_f15_a_copy_of_two_hours_is_never_said_to_take_seconds() -> None:
    whole = 2 * HOUR
    for taken in range(60, int(whole), 30):
        found = still(taken, min(99, int(100 * taken / whole)), usual=QUICK)
        if found is not None:
            assert found.low <= whole - taken <= found.high, f"after {taken} s: {found}"
    assert still(3 * MINUTE, 2, usual=QUICK) is None
    assert still(HOUR, 50, usual=QUICK) is not None


def test_the_last_of_several_is_not_known_while_one_of_them_is_not() -> None:
    assert last_of([Span(10, 20), Span(5, 90)]) == Span(10, 90)
    assert last_of([Span(10, 20), None]) is None
    assert last_of([]) is None


@pytest.mark.parametrize(
    ("span", "said"),
    [
        (None, ""),
        (Span(0, 59), "Less than a minute"),
        (Span(30, 61), "Up to 2 min"),
        (Span(300, 300), "About 5 min"),
        (Span(299, 301), "4 to 6 min"),
        (Span(50 * MINUTE, 3 * HOUR), "50 min to 3 h"),
        (Span(2.5 * HOUR, 4.5 * HOUR), "2 to 5 h"),
        (Span(0, 3 * HOUR), "Up to 3 h"),
        (Span(60 * HOUR, 80 * HOUR), "2 to 4 d"),
    ],
)
def test_a_range_is_said_rounded_outwards(span: Span | None, said: str) -> None:
    assert words(span) == said


@pytest.mark.parametrize(
    ("copies", "found"),
    [
        ([], None),
        ([5.0], Pace(5, 5, 5)),
        ([2.0, 4.0, 9.0], Pace(2, 4, 9)),
        ([1.0, 2.0, 3.0, 4.0, 100.0], Pace(2, 3, 4)),
    ],
)
def test_history_is_what_most_copies_have_in_common(copies: list[float], found: Pace | None) -> None:
    assert pace(copies) == found
