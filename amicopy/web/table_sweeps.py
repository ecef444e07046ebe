"""Rows that nobody needs any more, and how they go: a few at a time, so that nobody waits for the sweep.

What bounds each of the other tables stands in docs/operating.md.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from importlib import import_module
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db.models import Model, QuerySet
from django.utils import timezone

from amicopy.notify.models import State
from amicopy.web import unsent_posts

# Rows in one statement.
BATCH = 500


@dataclass(frozen=True)
class Sweep:
    """Rows of a model, by its label, whose `column` is older than `kept`, and that are as `only` says.
    Without `kept`, the model says how long, as `KEPT`."""

    model: str
    column: str
    kept: timedelta | None = None
    only: Mapping[str, Any] = field(default_factory=dict)

    def over(self) -> QuerySet[Model]:
        """The rows that can go."""
        model: Any = _sessions() if self.model == "sessions" else apps.get_model(self.model)
        rows: QuerySet[Model] = model._default_manager.filter(
            **{f"{self.column}__lt": timezone.now() - (model.KEPT if self.kept is None else self.kept)}, **self.only
        )
        return rows


SWEEPS = (
    Sweep("sessions", "expire_date", timedelta(0)),
    Sweep("web.UnsentPost", "at", unsent_posts.KEPT),
    Sweep("web.SeenLogout", "at"),
    Sweep("api.KeptAnswer", "started_at"),
    Sweep("api.SeenSignature", "at"),
    Sweep("copies.Pulse", "at"),
    Sweep("copies.PermissionCheck", "requested_at"),
    Sweep("copies.MinuteCount", "minute", timedelta(hours=1)),
    # Messages of rounds that are long over: whether somebody was told in a round is read from them.
    Sweep(
        "notify.Message", "created_at", timedelta(days=400), {"state__in": (State.SENT, State.DROPPED, State.FAILED)}
    ),
    Sweep("audit.AuditCheck", "at", timedelta(days=400)),
)


def sweep(*, seconds: float) -> dict[str, int]:
    """Deletes what can go, for about so many seconds at most; returns how many rows of each model went."""
    end = time.monotonic() + seconds
    return {each.model: sum(_batches(each, end)) for each in SWEEPS}


def _batches(each: Sweep, end: float) -> Iterator[int]:
    while time.monotonic() < end:
        # By key: no database of ours deletes the first few of a question.
        keys = list(each.over().order_by("pk").values_list("pk", flat=True)[:BATCH])
        if not keys:
            return
        yield each.over().filter(pk__in=keys).delete()[0]


def _sessions() -> Any:
    """The model that sessions are stored in."""
    return import_module(settings.SESSION_ENGINE).SessionStore.get_model_class()
