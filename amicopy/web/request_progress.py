"""How far a request is, for its page and for the fragment that keeps it current: states, rows, what may be done."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils import timezone

from amicopy.copies.core import permissions
from amicopy.copies.core.copy_speed import size_of
from amicopy.copies.core.models import CopyRequest, ImageCopy
from amicopy.copies.core.progress import gib_done, overall
from amicopy.copies.core.states import COPY_UNFINISHED, CopyState, RequestState
from amicopy.copies.engine import pace, slots
from amicopy.copies.voting import demands, left_out, voters, votes
from amicopy.web import approval_queue, chips, conditional_polls, destination_rows, estimates, submitted_anyway
from amicopy.web.actor import signed_in
from amicopy.web.gantt import gantt_of
from amicopy.web.region_map import map_of
from amicopy.web.status import copy_status, counted, request_status
from amicopy.web.timeline import next_steps, steps_of

# So many of those whose approval doesn't count are named.
MOST_LEFT_OUT = 3


def context_of(request: HttpRequest, row: CopyRequest) -> dict[str, Any]:
    """What page and fragment both show. The copies are those of the current round, in their order."""
    user = signed_in(request)
    copies = list(row.copies_of_round().select_related("cost"))
    pace.watched(copies)
    for copy_id, standing in slots.standings(copies).items():
        # For the page only: who is before whom changes with every copy that starts.
        next(copy for copy in copies if copy.pk == copy_id).wait = standing.reason
    manage = permissions.may_manage_copies(user, row)
    asked = request.GET.get("open", "")
    rows = destination_rows.rows_of(user, row, copies, asked=asked, manage=manage)
    copying = [each for each in rows if each["copying"]]
    begun = [copy.called_at for copy in copies if copy.called_at]
    unfinished = row.state in {RequestState.PENDING, RequestState.CHANGES_REQUESTED} or any(
        copy.state in COPY_UNFINISHED for copy in copies
    )
    after = [each["steps"] for each in rows if each["steps"]]
    unfinished = unfinished or any(steps.open for steps in after)
    paused = request.GET.get("live") == "off"
    cancellable = [each for each in rows if destination_rows.may_cancel(each["copy"], each["steps"], row)]
    failed = sum(copy.state == CopyState.FAILED for copy in copies)
    may = {
        "may_edit": row.state == RequestState.CHANGES_REQUESTED and permissions.may_resubmit(user, row),
        "may_renew": row.state == RequestState.EXPIRED and permissions.may_resubmit(user, row),
        "may_withdraw": row.state in {RequestState.PENDING, RequestState.CHANGES_REQUESTED}
        and permissions.may_withdraw(user, row),
        "may_cancel": manage and bool(cancellable),
        "may_retry_all": manage and failed > 1,
        "may_retry_steps": manage and sum(each.may_retry for steps in after for each in steps.rows) > 1,
    }
    percent = overall(copies)
    status = request_status(row, copies)
    return {
        "row": row,
        "status": status,
        "known_parts": conditional_polls.known_parts(request),
        "copies": copies,
        "rows": rows,
        "open": asked,
        "all_unfolded": all(each["unfolded"] for each in rows),
        "percent": percent if row.state == RequestState.APPROVED else None,
        "gib": sum(each["gib"] for each in rows if each["copy"].state not in {CopyState.FAILED, CopyState.CANCELLED}),
        "gib_made": sum(size_of(each) for each in copies if each.state not in {CopyState.FAILED, CopyState.CANCELLED}),
        "gib_done": gib_done(copies),
        "any_left_out": any(copy.state in {CopyState.FAILED, CopyState.CANCELLED} for copy in copies),
        "left": estimates.words(estimates.last_of(each["span"] for each in copying)),
        "running": (timezone.now() - min(begun)).total_seconds() if begun and row.finished_at is None else None,
        "took": (row.finished_at - min(begun)).total_seconds() if begun and row.finished_at else None,
        "legend": _legend(copies),
        "live": unfinished and not paused,
        "unfinished": unfinished,
        "paused": paused,
        "own": row.requester_id == user.pk,
        **may,
        "may_anything": any(may.values()),
        "cancel_words": "Cancel the steps…" if row.existing else _cancel_words(len(copies), of_them=len(cancellable)),
        "failed": failed,
        "anyway": submitted_anyway.of_request(row),
        "arrived": _arrived(copies),
        "standing": _standing(row, own=row.requester_id == user.pk),
        **decision_context(user, row),
        # Called where they are shown: to who decides.
        "chips": lambda: chips.chips_of([(row, copies)])[row.pk],
        # Called where it is drawn: a timeline that is kept isn't looked up. A history only grows, so that its last
        # event tells it from any other.
        "timeline": partial(steps_of, row, copies, own_name=user.username),
        "timeline_part": conditional_polls.fingerprint(
            conditional_polls.stamped(request, "detail_event"),
            next_steps(row, copies, own_name=user.username),
            user.username,
        ),
        **_charts(request, row, copies, rows),
        "says": f"{status.words}. {counted(copies)}." if len(copies) > 1 else status.words,
        "now": timezone.now(),
    }


def _charts(
    request: HttpRequest, row: CopyRequest, copies: Sequence[ImageCopy], rows: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """When the copies ran and where they go. Drawn again with each change of a state or a call, and every few minutes:
    how far each copy is stands in its row."""
    if row.existing:
        # Its steps stand in the row of the AMI, and it goes nowhere.
        return {"gantt": None, "map": None, "charts_part": ""}
    attempts = {each["copy"].pk: each["attempts"] for each in rows}
    drawn_from: list[Any] = [
        (
            *(copy.pk, copy.state, copy.wait and copy.wait.code, len(attempts[copy.pk])),
            *(copy.queued_at, copy.called_at, copy.finished_at),
        )
        for copy in copies
    ]
    drawn_from.append(row.state == RequestState.CHANGES_REQUESTED)
    return {
        "gantt": partial(gantt_of, copies, attempts, timezone.now()),
        "map": partial(map_of, row, copies),
        "charts_part": conditional_polls.fingerprint(conditional_polls.stamped(request, "detail_age"), drawn_from),
    }


def _arrived(copies: Sequence[ImageCopy]) -> dict[str, Any] | None:
    """The new AMIs as a text to copy, a line each; None where there are less than two."""
    there = [copy for copy in copies if copy.state == CopyState.AVAILABLE]
    text = "\n".join(f"{copy.destination} {copy.ImageId}" for copy in there)
    return {"count": len(there), "text": text} if len(there) > 1 else None


def _cancel_words(count: int, *, of_them: int) -> str:
    """What the button says that cancels so many of the copies."""
    if of_them < count:
        return "Cancel the rest…"
    return "Cancel all copies…" if count > 1 else "Cancel the copy…"


def _standing(row: CopyRequest, *, own: bool) -> str:
    """Why nothing happens to the request, where its status doesn't say."""
    if row.state == RequestState.PENDING and own:
        return "You asked for this, so somebody else has to decide."
    return {
        RequestState.CHANGES_REQUESTED: "It was sent back to you. Change it and submit it again."
        if own
        else "The requester changes it and submits it again.",
        RequestState.EXPIRED: f"Nobody decided in time. Nothing was {'done' if row.existing else 'copied'}.",
    }.get(RequestState(row.state), "")


def decision_context(user: User, row: CopyRequest) -> dict[str, Any]:
    """What a page has to say about deciding on this request: whether the person may, and what it waits for."""
    if row.state != RequestState.PENDING:
        return {
            "pending": False,
            "may_decide": False,
            "may_approve": False,
            "may_break_glass": False,
            "not_counted": "",
            "left_out": [],
            "needed": "",
            "voted": False,
        }
    decisions = row.decisions.all()
    has_voted = approval_queue.voted(user, decisions, row)
    may_decide = permissions.may_decide(user, row) and not has_voted
    given = voters.counted([row])[row.pk]
    vote = voters.votes_of(user, [row]).get(row.pk) if may_decide else None
    bound = left_out.not_counted(user, [row]).get(row.pk, "")
    beside = left_out.not_counted_beside(user, [row], {row.pk: given}).get(row.pk, "") if may_decide else ""
    without = left_out.left_out(row.requester) + left_out.left_out_beside(row, given)
    return {
        "pending": True,
        "may_decide": may_decide,
        "may_approve": vote is not None,
        "asked_by": ", ".join(vote.asked_by(row.rules)) if vote else "",
        "wants": demands.of(row.rules).words if vote else "",
        "for_whom": vote.owner.get_username() if vote and vote.owner.pk != user.pk else "",
        "may_break_glass": permissions.may_break_glass(user, row) and not bound,
        "not_counted": bound or beside,
        "left_out": [each for each in without if each[0] != user][:MOST_LEFT_OUT],
        "needed": votes.words(votes.missing(row.plan, given.groups)),
        "voted": has_voted,
    }


def _legend(copies: Sequence[ImageCopy]) -> list[dict[str, Any]]:
    """How many copies are in each state, for a request with several of which any has begun."""
    if len(copies) < 2 or all(copy.state == CopyState.HELD for copy in copies):
        return []
    by_state: dict[str, list[ImageCopy]] = {}
    for copy in copies:
        by_state.setdefault(copy.state, []).append(copy)
    return [
        {
            "status": copy_status(found[0]),
            "words": CopyState(state).label.lower(),
            "count": len(found),
            "first": found[0],
        }
        for state, found in by_state.items()
    ]
