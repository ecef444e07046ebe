"""Prints the events that carry a request id of AWS, or should, as lines of JSON: `python -m benchmarks.history`."""

import json
import sys

import django

django.setup()

from django.db.models import Q  # noqa: E402, after Django is set up

from amicopy.audit.models import AuditEvent  # noqa: E402, models need Django to be set up
from benchmarks.counting import SPEAK  # noqa: E402

COLUMNS = ("id", "action", "account", "region", "image_id", "aws_request_id", "error_code", "data")


def main() -> None:
    speaking = AuditEvent.objects.filter(~Q(aws_request_id="") | Q(action__in=SPEAK))
    for row in speaking.order_by("id").values(*COLUMNS):
        sys.stdout.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
