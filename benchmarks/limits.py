"""Waiting with a limit, and an end in words when it is reached."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(look: Callable[[], T], *, awaited: str, seconds: float = 60.0, pause: float = 0.05) -> T:
    """What `look` returns as soon as it is true. Raises TimeoutError, with what was `awaited`, after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"Waited {seconds:.0f} s in vain: {awaited}.")
        time.sleep(pause)
    return found
