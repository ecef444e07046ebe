"""Calls that wait for AWS at the same time, each in a thread of its own. None of them may ask the database: a thread
would open a connection that nobody closes."""

from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Given = TypeVar("Given")
Found = TypeVar("Found")


def in_threads(call: Callable[[Given], Found], given: Collection[Given]) -> list[Found]:
    """What the call returns for each, in their order. A single one needs no thread. Raises what a call raises."""
    if len(given) <= 1:
        return [call(each) for each in given]
    with ThreadPoolExecutor(len(given)) as pool:
        return list(pool.map(call, given))
