"""Steps after a copy: AWS's calls for a finished copy, and for a look at a thousand of them

What is counted, at the sandbox, is done by the tasks as workers run them. The thousand finished copies that are looked
at are only prepared: asked for and approved as people do, their images made and changed by amicopy's own calls, side by
side, and their rows written as the engine would have.
"""

import uuid
from collections import Counter
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import boto3
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from amicopy.aws import ec2
from amicopy.copies import tasks
from amicopy.copies.core.engine_models import DriftLook
from amicopy.copies.core.models import CopyStep, ImageCopy
from amicopy.copies.core.states import STEP_OPEN, CopyState, StepState
from amicopy.copies.core.steps.table import in_order
from amicopy.copies.engine.steps.catalogue import CATALOGUE
from amicopy.copies.engine.steps.undo import target_of
from amicopy.sandbox.server import start
from amicopy.sandbox.world import world
from benchmarks import rows
from benchmarks.figures import Figure
from benchmarks.limits import until

OTHER, THIRD = "222233334444", "333344445555"
TEMPLATE = "web"
# What is encrypted with AWS's own key can't be shared.
KEY = "alias/golden-images"
# One of each but the alias; the new version of the template isn't made the default one, which takes two calls more.
EVERY: dict[str, Any] = {
    "ImageWatermark": {"WatermarkName": "approved"},
    "CreateVolumePermission": {"UserIds": [OTHER]},
    "LaunchPermission": {"UserIds": [OTHER, THIRD]},
    "ImdsSupport": {"Value": "v2.0"},
    "ImageDeprecation": {"DaysAfterCopy": 90},
    "ImageDeregistrationProtection": {},
    "LaunchTemplateVersion": {"LaunchTemplateName": TEMPLATE},
}
CODES = (*EVERY, "Parameter")
# What drift costs the most calls for.
LOOKED_AT = ("LaunchPermission", "ImageDeprecation", "Parameter")
FINISHED = 1000
THREADS = 8

FIGURES = (
    Figure("step_calls_a_copy", "", "AWS calls once a copy of two snapshots is there, for one step of each kind"),
    Figure("step_calls_ratio", "", "those calls, in multiples of the number of steps", at_most=2),
    Figure("drift_calls", "", "AWS calls of a look at 1,000 finished copies over 10 Regions", at_most=60),
    Figure("drift_calls_next", "", "AWS calls of the look after it, which goes on where that one ended", at_most=60),
)


def wanted(codes: Collection[str], index: int) -> dict[str, Any]:
    """These steps, with an alias that no other request publishes."""
    each = EVERY | {"Parameter": {"Name": f"/golden/{len(codes)}/{index}"}}
    return {code: each[code] for code in codes}


def finished(count: int, codes: Collection[str]) -> int:
    """Makes so many copies and does these steps after each; returns AWS's calls once the copies were there."""
    copies = [copy.pk for copy in rows.queued(count, steps=partial(wanted, codes), KmsKeyId=KEY, Encrypted=True)]
    there = ImageCopy.objects.filter(pk__in=copies, state=CopyState.AVAILABLE)
    until(lambda: _run(_copy) and there.count() == count, awaited=f"{count} copies", seconds=1800, pause=0)
    before = calls()
    open_ = CopyStep.objects.filter(copy__in=copies, state__in=STEP_OPEN)
    until(lambda: _run(tasks.do_steps) and not open_.exists(), awaited="the steps", seconds=1800, pause=0)
    failed = CopyStep.objects.filter(copy__in=copies, state=StepState.FAILED).first()
    assert failed is None, f"{failed}: {failed and failed.error_message}"
    made = calls() - before
    print(f"  {count} copies: {sum(made.values())} calls, {dict(made)}", flush=True)
    return sum(made.values())


def prepared(count: int, codes: Collection[str]) -> None:
    """Has so many copies be finished, with these steps done."""
    waiting = [copy.pk for copy in rows.queued(count, steps=partial(wanted, codes), KmsKeyId=KEY, Encrypted=True)]
    copies = list(ImageCopy.objects.filter(pk__in=waiting).select_related("account", "request"))
    now = timezone.now()
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(_made, copies))
    for copy in copies:
        copy.state, copy.next_step_at, copy.called_at, copy.finished_at = CopyState.AVAILABLE, None, now, now
    found = [
        CopyStep(copy=copy, code=step.code, position=position, state=StepState.DONE, attempts=1, finished_at=now)
        for copy in copies
        for position, step in enumerate(in_order(copy.approved_steps))
    ]
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(_changed, found))
    with transaction.atomic():
        ImageCopy.objects.bulk_update(copies, ["state", "ImageId", "next_step_at", "called_at", "finished_at"])
        CopyStep.objects.bulk_create(found)
    print(f"  {count} copies prepared", flush=True)


def _made(copy: ImageCopy) -> None:
    copy.ImageId = ec2.copy_image(
        copy.account.aws(),
        region=copy.DestinationRegion,
        parameters=copy.parameters,
        client_token=str(uuid.uuid4()),
        for_request=copy.request_id,
    ).image_id


def _changed(step: CopyStep) -> None:
    CATALOGUE[step.code].change(target_of(step), None)


def _copy() -> None:
    tasks.start_due(wake=False)
    tasks.track_due()


def _run(task: Callable[[], object]) -> bool:
    """Runs a task with everything due that waits, so that nothing is measured by its pauses."""
    for model in (ImageCopy, CopyStep):
        model._default_manager.filter(next_step_at__isnull=False).update(next_step_at=timezone.now())
    task()
    return True


def calls() -> Counter[str]:
    """AWS's calls since the start of the sandbox, by their names."""
    found: Counter[str] = Counter()
    for (_, _, action), number in world.counters.items():
        found[action] += number
    return found


def drift() -> int:
    """The calls of a look at everything that is finished: a task ends when its time is over, and the next goes on."""
    before, begun = calls(), timezone.now()
    left = DriftLook.objects.filter(Q(looked_at__isnull=True) | Q(looked_at__lt=begun))

    def looked() -> bool:
        tasks.look_for_drift()
        return not left.exists()

    until(looked, awaited="a look at everything", seconds=600, pause=0)
    made = calls() - before
    print(f"  a look: {dict(made)}", flush=True)
    return made.total()


def measure() -> dict[str, float]:
    server = start(copy_seconds=0, alias_seconds=0, limit=FINISHED)
    try:
        settings.AWS_ENDPOINT, settings.TRACK_SECONDS = server.url, 0.0
        settings.COPY_CALLS_PER_SECOND = 1000.0
        session = boto3.Session("AKIASANDBOX000000000", "sandbox")
        for region in rows.REGIONS:
            session.client("ec2", region, endpoint_url=server.url).create_launch_template(
                LaunchTemplateName=TEMPLATE, LaunchTemplateData={"ImageId": rows.SOURCE, "InstanceType": "t3.micro"}
            )
        every = finished(len(rows.REGIONS), CODES) / len(rows.REGIONS)
        prepared(FINISHED - len(rows.REGIONS), LOOKED_AT)
        first = drift()
        # The next look is due.
        DriftLook.objects.update(looked_at=None)
        return {
            "step_calls_a_copy": round(every, 1),
            "step_calls_ratio": round(every / len(CODES), 2),
            "drift_calls": first,
            "drift_calls_next": drift(),
        }
    finally:
        server.stop()
