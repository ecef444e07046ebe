"""Steps after a copy: AWS's calls for a finished copy, and for a look at a thousand of them

Everything is done by the tasks as workers run them, and counted at the sandbox.
"""

from collections import Counter
from collections.abc import Callable, Collection
from functools import partial
from typing import Any

import boto3
from django.conf import settings
from django.utils import timezone

from amicopy.copies import tasks
from amicopy.copies.core.engine_models import DriftLook
from amicopy.copies.core.models import CopyStep, ImageCopy
from amicopy.copies.core.states import STEP_OPEN, CopyState, StepState
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
    """The calls of a look at everything that is finished."""
    before = calls()
    tasks.look_for_drift()
    return (calls() - before).total()


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
        finished(FINISHED - len(rows.REGIONS), LOOKED_AT)
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
