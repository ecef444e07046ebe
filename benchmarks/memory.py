"""How much memory processes take."""

from collections.abc import Iterable
from pathlib import Path

from tests.journey.conftest import Running


def memory(running: Running, name: str) -> float:
    """MB of a process and its children; what several share is divided among them."""
    found = 0
    for pid in family(running.started[name].pid):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        found += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return round(found / 1024, 1)


def family(pid: int) -> Iterable[int]:
    """A process and all it started."""
    yield pid
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        yield from family(int(child))
