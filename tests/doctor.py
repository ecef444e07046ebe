"""What doctor would say, check by check in the test's own transaction; side by side it is run in `test_examination`."""

from collections.abc import Iterator
from dataclasses import dataclass

from amicopy.copies.operations.health import places
from amicopy.copies.operations.health.checks import CHECKS
from amicopy.copies.operations.health.finding import Finding, State
from amicopy.copies.operations.health.words import words_of


@dataclass(frozen=True)
class Said:
    """A finding as doctor says it: a `warning` doesn't stop anything."""

    what: str
    words: str
    ok: bool
    warning: bool


def said(finding: Finding) -> Said:
    """The finding in words."""
    down, look = finding.state is State.DOWN, finding.state is State.LOOK
    return Said(finding.what, str(words_of(finding)), not down, look)


def findings() -> Iterator[Said]:
    """All that doctor says but whether a worker takes a message."""
    for check in CHECKS:
        yield from map(said, check.look())
    for ask in places.asked():
        yield from map(said, ask())
