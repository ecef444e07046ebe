"""The Celery tasks. Each takes what is due from the database until nothing is; a message only says when to look."""

import gc
import logging
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from celery import shared_task
from celery.signals import worker_init, worker_ready
from django.conf import settings
from django.db.models import Exists, QuerySet
from django.utils import timezone

from amicopy import outages
from amicopy.audit.actor import worker
from amicopy.aws import sessions
from amicopy.copies.core.engine_models import Pulse
from amicopy.copies.core.models import ImageCopy
from amicopy.copies.core.states import CopyState
from amicopy.copies.engine import (
    cancellation,
    claims,
    drift,
    drift_traces,
    existing_images,
    leases,
    leftover_jobs,
    outside_memory,
    shutdown,
    slots,
    tracking,
    waves,
)
from amicopy.copies.engine.steps import claims as step_claims
from amicopy.copies.engine.steps import work as step_work
from amicopy.copies.lifecycle.wakeup import send
from amicopy.copies.operations import (
    account_checks,
    copy_looks,
    head_upload,
    heartbeat,
    permission_checks,
    sign_on,
    startup_audit,
)
from amicopy.copies.requests import expire, look_again

logger = logging.getLogger(__name__)
Work = TypeVar("Work")

# A task takes no new work after this many seconds; its soft time limit comes later.
WORK_SECONDS = settings.LEASE_SECONDS / 4
# A process says at most so often that it did something.
NOTED_SECONDS = 5.0
_noted_at = -NOTED_SECONDS


def _until_none_is_due(claim: Callable[[], Work | None]) -> Iterator[Work]:
    """What `claim` takes, piece by piece, until nothing is due, the task's time is over, or the worker is to stop."""
    deadline = time.monotonic() + WORK_SECONDS
    while time.monotonic() < deadline and not shutdown.told() and outside_memory.in_step():
        work = claim()
        if work is None:
            return
        _note_work()
        yield work


def _note_work() -> None:
    """Leaves a sign that something is done: sweeps may wait while all hands are busy."""
    global _noted_at
    if time.monotonic() - _noted_at > NOTED_SECONDS:
        _noted_at = time.monotonic()
        Pulse.mark("work")


@worker_init.connect
def _load(**_: Any) -> None:
    sessions.load()
    # The pool's processes share all of this as long as nobody writes to it, which a collection of garbage does.
    gc.collect()
    gc.freeze()


@worker_ready.connect
def _live(**_: Any) -> None:
    heartbeat.start("worker")


def _work(now: datetime) -> list[tuple[str, QuerySet[Any]]]:
    """Each task, with the rows for which it is wanted."""
    copies = ImageCopy.objects.filter(leases.due(now))
    return [
        ("start_due", slots.to_look_at(now)),
        ("track_due", copies.filter(state=CopyState.COPYING)),
        ("cancel_due", copies.filter(state=CopyState.CANCELLING)),
        ("do_steps", existing_images.to_begin(now)),
        ("do_steps", step_claims.due_steps()),
        ("expire_due", expire.overdue()),
        ("expire_due", expire.to_remind()),
        ("look_again_at_requests", look_again.due()),
        ("check_accounts", account_checks.wanted(now)),
        ("check_permissions", permission_checks.wanted(now)),
        ("look_at_copies", copy_looks.wanted(now)),
        ("look_for_leftovers", leftover_jobs.to_look()),
        ("remove_leftovers", leftover_jobs.to_remove()),
    ]


def _wanted(work: list[tuple[str, QuerySet[Any]]]) -> dict[str, None]:
    """The tasks that have something to do, in their order: asked in one statement for each table."""
    there: dict[str, bool] = {}
    for model in dict.fromkeys(rows.model for _, rows in work):
        of_it = [(task, rows) for task, rows in work if rows.model is model]
        # Any row will do to ask it beside; the one of this sweep was just written.
        answers = Pulse.objects.filter(name="sweep").values_list(*(Exists(rows) for _, rows in of_it))[0]
        for (task, _), answer in zip(of_it, answers, strict=True):
            there[task] = there.get(task, False) or answer
    return dict.fromkeys(task for task, answer in there.items() if answer)


@shared_task
def sweep() -> None:
    """What beat sends: finds what is due and sends the tasks for it."""
    Pulse.mark("sweep")
    if outside_memory.in_step():
        for task in _wanted(_work(timezone.now())):
            send(task)


@shared_task
def ping(queue: str = "") -> None:
    """Answers the doctor: a worker takes the messages of this queue. Without one, one of the version before asks."""
    Pulse.mark(f"ping {queue}".rstrip())


@shared_task
@leases.handed_back_after_an_outage()
def start_due(wake: bool = True) -> None:
    """Calls AWS for the copies that are due, a few at a time; with `wake`, has other workers help when they are
    many."""
    if wake:
        # Counted no further than there are workers to help.
        for _ in range(slots.to_look_at(timezone.now()).order_by()[: settings.START_WORKERS].count() - 1):
            send("start_due", wake=False)
    deadline = time.monotonic() + WORK_SECONDS
    for lease, copies in _until_none_is_due(claims.claim_next):
        waves.start(copies, lease=lease, actor=worker("start_due"), deadline=deadline)


@shared_task
def look_at_full_places() -> None:
    """Looks once more at the places whose copies wait for a slot."""
    slots.bring_back_all()


@shared_task
@leases.handed_back_after_an_outage()
def track_due() -> None:
    """One round of tracking for every account and Region that is due."""
    for lease, copies in _until_none_is_due(tracking.claim_round):
        tracking.track(copies, lease=lease, actor=worker("track_due"))


@shared_task
@leases.handed_back_after_an_outage()
def cancel_due() -> None:
    """Removes the images of cancelled copies, one after the other."""
    for lease, copy in _until_none_is_due(cancellation.claim_next):
        cancellation.cancel(copy, lease=lease, actor=worker("cancel_due"))


@shared_task
@leases.handed_back_after_an_outage()
def do_steps() -> None:
    """Does what follows the copies that are there, one copy after the other; what is for AMIs that exist begins
    first."""
    for lease, image in _until_none_is_due(existing_images.claim_next):
        with leases.moved_meanwhile(lease):
            existing_images.begin(image, lease=lease, actor=worker("do_steps"))
    for lease, due in _until_none_is_due(step_claims.claim_next):
        step_work.do(due, lease=lease, actor=worker("do_steps"))


@shared_task
def expire_due() -> None:
    """Expires requests nobody decided on in time, and reminds of those that soon will."""
    expire.expire_due(actor=worker("expire_due"))
    expire.remind_due(actor=worker("expire_due"))


@shared_task
def check_accounts() -> None:
    """Looks at the accounts for which somebody asked, one after the other."""
    for asked in _until_none_is_due(account_checks.claim_next):
        with outages.handing_back(partial(account_checks.hand_back, asked)):
            account_checks.check(asked)


@shared_task
def check_permissions() -> None:
    """Makes the dry runs that somebody asked for before submitting."""
    for claimed in _until_none_is_due(permission_checks.claim_next):
        with outages.handing_back(partial(permission_checks.hand_back, claimed)):
            permission_checks.check(claimed)


@shared_task
def look_at_copies() -> None:
    """Looks at the images of finished copies for which somebody asked, one after the other."""
    for asked in _until_none_is_due(copy_looks.claim_next):
        with outages.handing_back(partial(copy_looks.hand_back, asked)):
            copy_looks.look(asked)


@shared_task
def look_again_at_requests() -> None:
    """Looks again at what wasn't found out of requests when they were submitted, before somebody decides on them."""
    for number in _until_none_is_due(look_again.claim_next):
        look_again.look(number, actor=worker("look_again_at_requests"), as_worker=True)


@shared_task
def look_for_drift() -> None:
    """Compares finished copies with what was approved, one account and Region after the other."""
    drift.note_places()
    for _ in _until_none_is_due(lambda: drift.look(actor=worker("look_for_drift")) or None):
        pass


@shared_task
def trace_drift() -> None:
    """Asks CloudTrail who changed finished copies, one after the other."""
    for _ in _until_none_is_due(lambda: drift_traces.ask(actor=worker("trace_drift")) or None):
        pass


@shared_task
def look_for_leftovers() -> None:
    """Looks at AWS for leftovers in the accounts that are due, once a day or when somebody asked."""
    for _ in _until_none_is_due(lambda: leftover_jobs.look() or None):
        pass


@shared_task
def remove_leftovers() -> None:
    """Removes the leftovers that somebody chose, one after the other."""
    for _ in _until_none_is_due(lambda: leftover_jobs.remove(actor=worker("remove_leftovers")) or None):
        pass


@shared_task
def notice_changes() -> None:
    """Records changes of settings and of people that were made past amicopy."""
    startup_audit.notice("worker")


@shared_task
def take_back_groups() -> None:
    """Takes what a provider's groups gave from whoever hasn't signed on for SIGN_ON_ROLE_DAYS. Sent twice, it does so
    once."""
    for provider in settings.OIDC_PROVIDERS.values() if settings.SIGN_ON_ROLE_DAYS else ():
        sign_on.take_back(provider, days=settings.SIGN_ON_ROLE_DAYS, actor=worker("take_back_groups"))


@shared_task
def deposit_head() -> None:
    """Puts the signed head of the history into AUDIT_HEAD_BUCKET, if there is one, when it is time."""
    if settings.AUDIT_HEAD_BUCKET:
        head_upload.deposit_due(worker("deposit_head"))
