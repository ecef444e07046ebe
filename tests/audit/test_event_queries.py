"""What finding events costs: the same however far one has come, also where a filter has bounds of its own."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from amicopy.audit import event_queries, lines
from amicopy.audit.event_queries import Filter, count_newer, slice_of
from amicopy.audit.models import AuditEvent
from tests.audit.writing import write

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "sqlite", reason="counts the instructions of SQLite's machine"),
]
DAY = timedelta(days=1)
EVENTS = AuditEvent.objects.all()


def steps(act: Callable[..., object], *given: Any, **named: Any) -> int:
    """How many instructions SQLite's machine runs during a call."""
    count = 0

    def step() -> int:
        nonlocal count
        count += 1
        return 0

    connection.ensure_connection()
    connection.connection.set_progress_handler(step, 1)
    try:
        act(*given, **named)
    finally:
        connection.connection.set_progress_handler(None, 0)
    return count


def these_days() -> Filter:
    """A filter that every event of a test fits, and that bounds their ids on both sides."""
    now = timezone.now()
    return Filter(since=now - DAY, until=now + DAY)


@pytest.mark.parametrize("oldest_first", [False, True])
def test_the_last_batch_of_a_walk_costs_what_the_first_does(
    oldest_first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "BATCH", 5)
    ids = [write().pk for _ in range(100)]
    [events] = these_days().apply(EVENTS)
    events = events.filter(id__gte=ids[0], id__lte=ids[-1])
    walk = lines.rows_of(events, oldest_first=oldest_first)
    costs = [steps(list, islice(walk, 5)) for _ in range(20)]
    assert next(walk, None) is None
    assert max(costs) < 1.5 * min(costs)


def test_a_page_far_from_where_a_filter_begins_costs_what_a_near_one_does() -> None:
    ids = [write().pk for _ in range(100)]
    found = these_days()
    down = [steps(slice_of, EVENTS, found, before=before, size=5) for before in (ids[-1], ids[9])]
    up = [steps(slice_of, EVENTS, found, after=after, size=5) for after in (ids[0], ids[-9])]
    assert down[1] < 1.5 * down[0]
    assert up[1] < 1.5 * up[0]


def test_learning_of_newer_events_costs_the_same_in_a_longer_history() -> None:
    found, costs = these_days(), []
    for _ in range(2):
        ids = [write().pk for _ in range(50)]
        costs.append(steps(count_newer, EVENTS, found, than=ids[-9], most=100))
    assert costs[1] < 1.5 * costs[0]


def test_looking_for_words_costs_the_same_in_a_longer_history(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_queries, "WINDOW", 5)
    found, down, up = replace(these_days(), text="needle in it"), [], []
    oldest = write().pk
    for _ in range(2):
        newest = [write().pk for _ in range(50)][-1]
        down.append(steps(slice_of, EVENTS, found, before=newest, size=5))
        up.append(steps(slice_of, EVENTS, found, after=oldest, size=5))
    assert down[1] < 1.5 * down[0]
    assert up[1] < 1.5 * up[0]
