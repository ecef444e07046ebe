"""`EC2 AMI State Change` events, sent to the default event bus of the image's account and Region.

Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitor-ami-events.html
"""

import heapq
import itertools
import logging
import threading
import time
import uuid
from typing import Any

from moto.events.models import events_backends

from amicopy.sandbox.world import world

log = logging.getLogger(__name__)
order = itertools.count()
changed = threading.Condition()
# When it is due on the sandbox's clock, order, account, Region, detail.
due: list[tuple[float, int, str, str, dict[str, Any]]] = []


def schedule(at: float, backend: Any, image_id: str, state: str, message: str = "") -> None:
    """Sends an event at `at` on the sandbox's clock."""
    detail = {"RequestId": str(uuid.uuid4()), "ImageId": image_id, "State": state, "ErrorMessage": message}
    with changed:
        heapq.heappush(due, (at, next(order), backend.account_id, backend.region_name, detail))
        changed.notify()


def unschedule(image_id: str | None) -> None:
    """Forgets the events of an image; None means of all."""
    with changed:
        due[:] = [row for row in due if image_id is not None and row[4]["ImageId"] != image_id]
        heapq.heapify(due)


def wake() -> None:
    """The clock was moved: look again."""
    with changed:
        changed.notify()


def run(closing: threading.Event) -> None:
    """Sends what is due until `closing`: one thread for all copies."""
    while not closing.is_set():
        with changed:
            wait = due[0][0] - world.now() if due else 60.0
            if wait > 0:
                changed.wait(wait)
                continue
            _at, _order, account, region, detail = heapq.heappop(due)
        try:
            send(account, region, detail)
        except Exception:
            log.exception("An event could not be sent")


def send(account: str, region: str, detail: dict[str, Any]) -> None:
    """Gives an event to every rule of the bus. Not through PutEvents, which leaves out the account."""
    event = {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "EC2 AMI State Change",
        "source": "aws.ec2",
        "account": account,
        # moto writes it as text when it puts the event into a queue; real time, as queues know no other.
        "time": time.time(),
        "region": region,
        "resources": [f"arn:aws:ec2:{region}::image/{detail['ImageId']}"],
        "detail": detail,
    }
    for rule in list(events_backends[account][region].event_buses["default"].rules.values()):
        if rule.state == "ENABLED":
            rule.send_to_targets(event, transform_input=False)
