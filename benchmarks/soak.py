"""20 minutes at 50 requests a minute: nothing grows.

People ask for copies and approve them at a steady rate: not the memory of web, workers and beat grows, nor how long a
page takes; and every copy is there at the end. `make soak` says so in words.

`python -m benchmarks.soak --minutes 20 --rate 50`. Ends with 1 when something grew or a copy isn't there.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.figures import Figure
from benchmarks.memory import memory
from tests.journey.conftest import Person, Running, everything

PROCESSES = ("web", "worker", "beat")
MINUTES, RATE = 20.0, 50.0
# How much more the last third may need than the second: the first one warms up.
MOST_GROWTH = 1.1
# How many ask at the same time, each with a browser of its own; and how long a copy may take after the last was asked.
PAIRS = 4
PATIENCE_SECONDS = 180.0
FIGURES = (
    *(Figure(f"soak_{name}_mb", "MB", f"{name} at last, shared pages divided") for name in PROCESSES),
    *(
        Figure(f"soak_{name}_growth", "", f"{name}: the last third, in multiples of the second", at_most=MOST_GROWTH)
        for name in PROCESSES
    ),
    Figure("soak_copies", "", "copies asked for, approved and made"),
    Figure("soak_failures", "", "of these, and of submissions, what went wrong", at_most=0),
    Figure("soak_wait_ms", "ms", "to submit and approve one, median"),
    Figure("soak_wait_growth", "", "the same of the last third, in multiples of the second"),
)
REGIONS = ("us-west-2", "eu-west-1", "eu-central-1", "ap-southeast-2", "sa-east-1")


@dataclass
class Course:
    """What was seen over time: megabytes of each process at each look, and the seconds each submission took."""

    megabytes: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in PROCESSES})
    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def growth(self, values: Sequence[float]) -> float:
        """The last third in multiples of the second."""
        third = len(values) // 3
        return median(values[-third:]) / median(values[third : 2 * third]) if third else 1.0


def ask(pair: tuple[Person, Person], number: int) -> float:
    """Has one copy asked for and approved; returns the seconds that took."""
    requester, approver = pair
    began = time.monotonic()
    asked = requester.submit(
        **{"Name": f"soak-{number}", "destinations-0-DestinationRegion": REGIONS[number % len(REGIONS)]}
    )
    approver.approve(asked)
    return time.monotonic() - began


def run(running: Running, *, minutes: float, rate: float) -> Course:
    """Asks at this rate a minute for so many minutes, looking at memory five times a minute."""
    course, pairs = (
        Course(),
        [(Person(running.url, "requester"), Person(running.url, "approver")) for _ in range(PAIRS)],
    )
    began, looked, number = time.monotonic(), -1, 0
    with ThreadPoolExecutor(PAIRS) as pool:
        waiting = []
        while (passed := time.monotonic() - began) < minutes * 60:
            if number <= passed * rate / 60:
                waiting.append(pool.submit(ask, pairs[number % PAIRS], number))
                number += 1
            if int(passed / 12) > looked:
                looked = int(passed / 12)
                for name in PROCESSES:
                    course.megabytes[name].append(memory(running, name))
            time.sleep(0.05)
        for each in waiting:
            try:
                course.seconds.append(each.result())
            except Exception as error:  # whatever it was, it is counted
                course.failures.append(f"{type(error).__name__}: {error}"[:200])
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (there := _images(running)) < len(course.seconds) and time.monotonic() < deadline:
        time.sleep(0.5)
    if there != len(course.seconds):
        course.failures.append(f"{there} images of {len(course.seconds)} copies")
    return course


def _images(running: Running) -> int:
    return sum(image["State"] == "available" for image in running.control("images"))


def soaked(*, minutes: float = MINUTES, rate: float = RATE) -> Course:
    """The course of it under an amicopy of its own."""
    with TemporaryDirectory() as folder, everything(Path(folder), "amicopy_soak", log=Path(folder) / "log") as running:
        return run(running, minutes=minutes, rate=rate)


def measure() -> dict[str, float]:
    course = soaked()
    for words in course.failures[:5]:
        print(words, file=sys.stderr)
    return {
        **{f"soak_{name}_mb": round(values[-1], 1) for name, values in course.megabytes.items()},
        **{f"soak_{name}_growth": round(course.growth(values), 2) for name, values in course.megabytes.items()},
        "soak_copies": len(course.seconds),
        "soak_failures": len(course.failures),
        "soak_wait_ms": round(median(course.seconds) * 1000, 1),
        "soak_wait_growth": round(course.growth(course.seconds), 2),
    }


def main() -> int:
    """Runs it and says what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--rate", type=float, default=RATE, help="requests a minute")
    options = parser.parse_args()
    course = soaked(minutes=options.minutes, rate=options.rate)
    bad = list(course.failures)
    for name, values in course.megabytes.items():
        grew = course.growth(values)
        print(
            f"{name}: {values[0]:.0f} MB at first, {values[-1]:.0f} MB at last, grew to {grew:.2f} of its second third"
        )
        if grew > MOST_GROWTH:
            bad.append(f"{name} grew")
    slower = course.growth(course.seconds)
    took = median(course.seconds)
    print(f"{len(course.seconds)} copies; to submit and approve took {took:.2f} s, at last {slower:.2f} of that")
    for words in bad:
        print(f"WRONG: {words}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
