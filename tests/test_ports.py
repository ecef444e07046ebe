"""Ports are given out once, whichever process asks."""

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[1]
ASK = "from tests.ports import free_port; print(free_port(), flush=True); input()"


def test_no_port_is_given_out_twice_also_to_other_processes() -> None:
    with ExitStack() as opened:
        others = [
            opened.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", ASK], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
                )
            )
            for _ in range(3)
        ]
        given = [int(other.stdout.readline()) for other in others if other.stdout]
        given += [free_port(), free_port()]
        for other in others:
            other.communicate("\n")
    assert len(set(given)) == 5
