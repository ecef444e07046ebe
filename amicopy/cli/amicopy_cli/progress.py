"""Looking at a request until it is final, with a bar for each destination where somebody looks on."""

import math
import re
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn

from amicopy_cli import output
from amicopy_cli.client import Client, readable
from amicopy_cli.exits import OF_OUTCOME, Exit

F = TypeVar("F", bound=Callable[..., Any])
DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([smhd]?)")
UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}


class Duration(click.ParamType[float]):
    """A time such as 90, 90s, 30m, 2h or 7d, in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        found = DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
        if found is None:
            self.fail(f"{value!r} is no time such as 90s, 30m, 2h or 7d.", param, ctx)
        return float(found[1]) * UNITS[found[2]]


def options(command: F) -> F:
    """How long to look, and how often."""
    limit = click.option("--timeout", type=Duration(), help="Stop looking after this time, with exit code 3.")
    often = click.option(
        "--interval",
        type=Duration(),
        default="5s",
        show_default=True,
        help="How often to look where the server doesn't tell at once.",
    )
    return limit(often(command))


def follow(client: Client, number: int, *, timeout: float | None, interval: float, bars: bool) -> tuple[Any, Exit]:
    """The last status of a request, and how that ends the run: once it is final, or when the time is over. `bars` shows
    how far each destination is, on standard error. Raises what `Client` raises, and click.exceptions.Exit at Ctrl-C."""
    until = None if timeout is None else time.monotonic() + timeout
    tag = ""
    try:
        with _Watch(bars) as watch:
            row, tag = client.changed(f"requests/{number}/status", tag)
            watch.show(row)
            while not row["final"]:
                if _left(until) <= 0:
                    return row, Exit.WAITING
                newer, tag, held = client.after_change(f"requests/{number}/status", tag, seconds=_left(until))
                row = newer or row
                watch.show(row)
                if not held and not row["final"]:
                    time.sleep(max(0.0, min(interval, _left(until))))
    except KeyboardInterrupt:
        words = f"No longer looking. The request goes on; look again with: amicopy status {number} --follow"
        click.echo(words, err=True)
        raise click.exceptions.Exit(Exit.INTERRUPTED) from None
    return row, OF_OUTCOME[row["outcome"]]


def _left(until: float | None) -> float:
    """Seconds until then; without a limit as many as there are."""
    return math.inf if until is None else until - time.monotonic()


@dataclass
class _Watch:
    """Shows a status each time it is another: bars in a terminal, lines elsewhere."""

    shown: bool
    before: Mapping[Any, Any] = field(default_factory=dict)
    bars: Progress | None = None
    tasks: dict[tuple[int, int], TaskID] = field(default_factory=dict)

    def __enter__(self) -> "_Watch":
        if self.shown and sys.stderr.isatty():
            self.bars = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                TaskProgressColumn(),
                TextColumn("{task.fields[state]}", markup=False),
                console=Console(stderr=True, markup=False, highlight=False),
            )
            self.bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.bars is not None:
            self.bars.stop()

    def show(self, row: Mapping[str, Any]) -> None:
        now = {
            (row["number"], place): (copy["destination"], copy["state"], copy["progress"])
            for place, copy in enumerate(row["copies"])
        }
        for key, (destination, state, progress) in now.items():
            if not self.shown or self.before.get(key) == (destination, state, progress):
                continue
            words = readable(f"#{row['number']} {destination}")
            if self.bars is None:
                click.echo(f"{words}: {state}, {progress} %", err=True)
                continue
            if key not in self.tasks:
                self.tasks[key] = self.bars.add_task(words, total=100, state=state)
            self.bars.update(self.tasks[key], completed=progress, state=state)
        self.before = now


def ended(client: Client, numbers: list[int], *, form: str, bars: bool, **how: Any) -> Exit:
    """Follows requests one after the other, says how each ended, and returns the worst of it."""
    worst = Exit.DONE
    for number in numbers:
        row, end = follow(client, number, bars=bars, **how)
        output.status(row, form)
        if end == Exit.WAITING:
            words = f"The time is over and request #{number} isn't final. It goes on: amicopy wait {number}"
            click.echo(words, err=True)
        elif end != Exit.DONE:
            click.echo(f"Why: amicopy show {number}", err=True)
        worst = max(worst, end)
    return worst
