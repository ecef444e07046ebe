"""Small charts, as numbers that a template draws as SVG attributes."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

LEFT, RIGHT, TOP, BOTTOM = 42.0, 378.0, 22.0, 148.0
# How far a chart goes that needs no room for the words beside a median.
EDGE = 454.0
WIDEST = 28.0


@dataclass(frozen=True)
class Bar:
    """`value` is in the chart's unit; `words` say it to whoever can't see the bar; `bad` colours it as a failure."""

    value: float
    words: str
    bad: bool = False
    address: str = ""


@dataclass(frozen=True)
class Drawn:
    """A bar as a rectangle."""

    bar: Bar
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Chart:
    """`ticks` are (value, y, baseline of its label); `middle` is (value, y, baseline) of the median."""

    drawn: list[Drawn]
    ticks: list[tuple[str, float, float]]
    middle: tuple[str, float, float] | None
    left: float = LEFT
    right: float = RIGHT


def bars(values: Sequence[Bar], *, with_median: bool = False) -> Chart:
    """The bars side by side over a scale that begins at nought and ends at a round number."""
    top = _round_up(max((bar.value for bar in values), default=0))
    right = RIGHT if with_median else EDGE
    room = (right - LEFT) / max(1, len(values))
    width = min(room * 0.66, WIDEST)
    drawn = []
    for index, bar in enumerate(values):
        # A bar of nearly nothing is still seen.
        height = max((BOTTOM - TOP) * bar.value / top, 1.5 if bar.value else 0)
        drawn.append(
            Drawn(
                bar=bar,
                x=round(LEFT + index * room + (room - width) / 2, 1),
                y=round(BOTTOM - height, 1),
                width=round(width, 1),
                height=round(height, 1),
            )
        )
    ticks = [_mark(top * step / 2, top) for step in range(3)]
    middle = _mark(median(bar.value for bar in values), top) if with_median and values else None
    return Chart(drawn=drawn, ticks=ticks, middle=middle, right=right)


def _mark(value: float, top: float) -> tuple[str, float, float]:
    y = round(BOTTOM - (BOTTOM - TOP) * value / top, 1)
    return (f"{round(value, 1):g}" if value < 10 else f"{value:,.0f}", y, y + 4)


def _round_up(value: float) -> float:
    """The next of 2, 4, 6, 10, 20, 40, 60, 100 and so on; halves of these are round too."""
    size = 1.0
    while True:
        for step in (2, 4, 6, 10):
            if value <= step * size:
                return step * size
        size *= 10
