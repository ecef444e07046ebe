"""Sums over all that there is: of few rows they are made for every page, of many they are kept for a minute, so that a
page takes no longer the older a house gets."""

from collections.abc import Callable
from typing import TypeVar

from django.core.cache import cache

T = TypeVar("T")
FEW = 1000
KEPT_SECONDS = 60


def kept(name: str, rows: int, find: Callable[[], T]) -> T:
    """What `find` finds in so many rows. `name` tells it from all other sums, whoever they are for."""
    if rows <= FEW:
        return find()
    known: dict[str, T] | None = cache.get(f"sum:{name}")
    if known is None:
        known = {"sum": find()}
        cache.set(f"sum:{name}", known, KEPT_SECONDS)
    return known["sum"]
