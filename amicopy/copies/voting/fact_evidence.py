"""What the facts of a request are told from: its calls, what was found out when it was submitted, and the history.

Nothing here asks AWS. What the database is asked is asked once for all requests that share a `History`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from django.db.models import Exists, OuterRef
from django.utils import timezone

from amicopy.copies.core.calls import Call
from amicopy.copies.core.models import Account, CopyRequest, ImageCopy
from amicopy.copies.core.states import CopyState


class History:
    """What was done before, looked at only when a fact wants it: two statements for any number of requests."""

    def __init__(self, wanted: Iterable[tuple[int, str]] = ()) -> None:
        """`wanted` are the accounts, by primary key, and the Regions that facts may ask for."""
        self._wanted = frozenset(wanted)

    @cached_property
    def own_accounts(self) -> frozenset[str]:
        """The account ids that amicopy works in."""
        return frozenset(Account.objects.values_list("account_id", flat=True))

    @cached_property
    def used(self) -> frozenset[tuple[int, str]]:
        """The wanted accounts and Regions that an AMI was copied to before."""
        regions = sorted({region for _, region in self._wanted})
        if not regions:
            return frozenset()
        # One look along an index for each Region: telling apart all that was ever copied would read all of it.
        made = ImageCopy.objects.filter(account=OuterRef("pk"), state=CopyState.AVAILABLE, existing=False)
        columns = {f"used_{place}": Exists(made.filter(DestinationRegion=name)) for place, name in enumerate(regions)}
        rows = Account.objects.filter(pk__in={account for account, _ in self._wanted}).annotate(**columns)
        return frozenset(
            (row["pk"], regions[place])
            for row in rows.values("pk", *columns)
            for place, column in enumerate(columns)
            if row[column]
        )


@dataclass(frozen=True)
class Evidence:
    """Of one request: `lookups` as `lookups.snapshot` keeps them, `at` when it was submitted."""

    account: Account
    lookups: Mapping[str, Any]
    history: History = field(default_factory=History)
    start_not_before: datetime | None = None
    at: datetime = field(default_factory=timezone.now)
    # What it would cost, as `CopyRequest.estimate` keeps it.
    estimate: Mapping[str, Any] = field(default_factory=dict)
    # What it is submitted in spite of, as `CopyRequest.anyway` keeps it; empty where nothing is known in its way.
    anyway: Mapping[str, Any] = field(default_factory=dict)
    # What follows each copy, as it is approved: {destination: {step: members}}.
    steps: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @cached_property
    def source(self) -> Mapping[str, Any]:
        """The source image as it was seen at submission."""
        return source_in(self.lookups)

    @cached_property
    def looked_at(self) -> datetime:
        """When the source was looked at more closely: at submission, or since."""
        again = (self.lookups.get("inspection") or {}).get("looked_again_at")
        return datetime.fromisoformat(again) if again else self.at

    def known_of(self, call: Call) -> Mapping[str, Any]:
        """What was found out about a call's destination, a `KeptDestination`; empty where nothing was."""
        return self._destinations.get(call.destination, {})

    def step_of(self, call: Call, code: str) -> Mapping[str, Any] | None:
        """The members of a step after a call; None where it isn't asked for."""
        return self.steps.get(call.destination, {}).get(code)

    @cached_property
    def _destinations(self) -> Mapping[str, Mapping[str, Any]]:
        return {row["destination"]: row for row in self.lookups.get("destinations") or () if "destination" in row}


def source_in(lookups: Mapping[str, Any]) -> Mapping[str, Any]:
    """The source image in the look-ups, members as in `amicopy.aws.shapes.Image`; empty when it wasn't seen."""
    source = lookups.get("source")
    return source if isinstance(source, Mapping) and source.get("ImageId") else {}


def steps_by_destination(calls: Sequence[Call], steps: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """The steps after each of these calls, where there are any."""
    return {call.destination: own for call, own in zip(calls, steps, strict=bool(steps)) if own}


def evidence_of(rows: Sequence[tuple[CopyRequest, Sequence[ImageCopy]]]) -> list[Evidence]:
    """That of many requests with their copies, in their order."""
    history = History((row.account_id, copy.DestinationRegion) for row, copies in rows for copy in copies)
    return [
        Evidence(
            account=row.account,
            lookups=row.lookups or {},
            history=history,
            start_not_before=row.start_not_before,
            at=row.submitted_at,
            estimate=row.estimate or {},
            anyway=row.anyway,
            steps={copy.destination: copy.approved_steps for copy in copies if copy.approved_steps},
        )
        for row, copies in rows
    ]
