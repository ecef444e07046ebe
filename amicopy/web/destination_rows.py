"""The table of a request's destinations: a row each, in the order that was asked, and one of them unfolded."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Model

from amicopy.copies.core import explanations, source_volumes
from amicopy.copies.core.copy_speed import size_of
from amicopy.copies.core.cost import Estimate
from amicopy.copies.core.models import Attempt, CopyRequest, ImageCopy
from amicopy.copies.core.progress import gib_done
from amicopy.copies.core.states import CopyState, RequestState
from amicopy.copies.operations import step_records
from amicopy.copies.operations.copy_records import slug
from amicopy.copies.requests import cancel_retry
from amicopy.copies.voting.fact_evidence import source_in
from amicopy.web import conditional_polls, costs, estimates, row_steps
from amicopy.web.row_steps import RowSteps

# So many rows that need a look are unfolded unasked.
MOST_UNFOLDED = 3
# What `open` in an address says for all rows and for none; anything else is the slug of one.
ALL, NONE = "all", "none"
# The columns of a copy that only the engine reads. They change often, and no row shows them.
_ENGINES = frozenset({"next_step_at", "lease_id", "lease_until", "lease_holder", "failures", "seen_at"})


def rows_of(
    user: User, request: CopyRequest, copies: Sequence[ImageCopy], *, asked: str, manage: bool
) -> list[dict[str, Any]]:
    """The rows of these copies. `asked` is which one is to be unfolded; empty: what needs a look, or the only one."""
    attempts = _attempts(request)
    usual = _usual(request)
    estimate = Estimate.of(request.estimate)
    # What a copy will have, by the source as it was at submission.
    gib = source_volumes.gib(source_in(request.lookups).get("volumes") or ())
    records = step_records.of_copies(copies)
    steps = {pk: row_steps.of_records(each, manage=manage) for pk, each in records.items()}
    look = [copy for copy in copies if copy.state == CopyState.FAILED or _differences(copy) or _stuck(steps, copy)]
    unasked = {copy.pk for copy in copies} if len(copies) == 1 else {copy.pk for copy in look[:MOST_UNFOLDED]}
    return [
        _row(
            user,
            copy,
            request,
            unfolded=asked in {ALL, slug(copy.destination)} if asked else copy.pk in unasked,
            several=len(copies) > 1,
            manage=manage,
            attempts=attempts.get(copy.pk, []),
            expected=usual.get(copy.destination),
            gib=size_of(copy) or (0 if copy.dry_run else gib),
            cost=costs.of_copy(copy, estimate),
            steps=steps.get(copy.pk),
        )
        for copy in copies
    ]


def _attempts(row: CopyRequest) -> dict[int, list[Attempt]]:
    """Every try at the request's copies, by copy, the first one first."""
    found: dict[int, list[Attempt]] = {}
    for attempt in Attempt.objects.filter(copy__request=row).order_by("copy_id", "number"):
        found.setdefault(attempt.copy_id, []).append(attempt)
    return found


def _usual(request: CopyRequest) -> dict[str, float]:
    """How many seconds copies to each destination took before, as it was known at submission."""
    known = (request.lookups or {}).get("destinations") or []
    return {each["destination"]: each["usual_seconds"] for each in known if each.get("usual_seconds")}


def _row(
    user: User,
    copy: ImageCopy,
    request: CopyRequest,
    *,
    unfolded: bool,
    several: bool,
    manage: bool,
    attempts: list[Attempt],
    expected: float | None,
    gib: int,
    cost: tuple[costs.CopyLine | None, costs.CopyLine | None],
    steps: RowSteps | None,
) -> dict[str, Any]:
    """One copy with all that its row says of it, and the fingerprint of that."""
    failed, copying = copy.state == CopyState.FAILED, copy.state == CopyState.COPYING
    explanation = explanations.explain(copy, request.lookups) if failed else None
    usual = estimates.usual(copy) if copying else None
    left = estimates.left(copy, usual=usual)
    own_name = copy.parameters.get("Name", "")
    row: dict[str, Any] = {
        "copy": copy,
        "slug": slug(copy.destination),
        "unfolded": unfolded,
        "several": several,
        # The first token is there from the submission on; it says nothing before it is used.
        "attempts": [attempt for attempt in attempts if attempt.first_called_at or attempt.number > 1],
        "name": own_name if own_name != request.Name else "",
        "key": copy.parameters.get("KmsKeyId", ""),
        "keyless": _without_key(copy),
        "cost": cost[0],
        "did_cost": cost[1],
        "gib": gib,
        "gib_done": gib_done([copy]),
        "left": estimates.words(left),
        "expected": expected if copy.called_at is None and copy.finished_at is None else None,
        "took": (copy.finished_at - copy.called_at).total_seconds() if copy.finished_at and copy.called_at else None,
        "ended": "Took" if copy.state == CopyState.AVAILABLE else "Stopped after",
        "overdue": estimates.overdue(copy, usual=usual),
        "explanation": explanation,
        "differs": _differences(copy),
        "meter": ""
        if copy.existing
        else {CopyState.COPYING: "run", CopyState.AVAILABLE: "ok"}.get(CopyState(copy.state), ""),
        "copying": copying,
        "sent_back": request.state == RequestState.CHANGES_REQUESTED,
        "may_decode": failed and bool(explanations.encoded(copy)) and user.has_perm("copies.manage_accounts"),
        "may_retry": failed and manage,
        "may_mend": failed and not copy.existing and user.has_perm("copies.submit_request"),
        "may_cancel": may_cancel(copy, steps, request) and manage and several,
        "steps": steps,
    }
    drawn_from = row | {
        "copy": _values(copy, without=_ENGINES),
        "attempts": [_values(attempt) for attempt in row["attempts"]],
        "steps": [(each.state_words, each.why, each.facts, each.may_retry, each.may_put_back) for each in steps.rows]
        if steps
        else None,
    }
    # Not among what the row is drawn from: the seconds themselves are never the same twice, and nobody sees them.
    return row | {"span": left, "part": conditional_polls.fingerprint(drawn_from)}


def may_cancel(copy: ImageCopy, steps: RowSteps | None, request: CopyRequest) -> bool:
    """Whether a copy can be cancelled: also one that is there, while its steps aren't all done."""
    unfinished = steps is not None and steps.begun and steps.done < len(steps.rows)
    there = copy.state == CopyState.AVAILABLE and unfinished and request.state == RequestState.APPROVED
    return copy.state in cancel_retry.CANCELLABLE or there


def _stuck(steps: Mapping[int, RowSteps | None], copy: ImageCopy) -> bool:
    """Whether a step after a copy failed."""
    found = steps.get(copy.pk)
    return found is not None and found.failed


def _differences(copy: ImageCopy) -> list[Mapping[str, Any]]:
    """What of the new AMI isn't as it was approved."""
    return [check for check in copy.verification if not check["ok"]]


def _without_key(copy: ImageCopy) -> str:
    """How a copy is encrypted for which no key was named; an AMI that exists stays as it is."""
    if copy.existing:
        return ""
    said = copy.parameters.get("Encrypted")
    if said or copy.parameters.get("DestinationOutpostArn"):
        return "Default EBS key"
    return "As the source" if said is None else "Not encrypted"


def _values(row: Model, *, without: Collection[str] = ()) -> dict[str, Any]:
    """What a row of the database holds, column by column."""
    return {name: value for name, value in vars(row).items() if not name.startswith("_") and name not in without}
