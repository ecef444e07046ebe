"""Prints the events that carry a request id of AWS, as lines of JSON: `python -m benchmarks.history`."""

import json
import sys

import django

django.setup()

from amicopy.audit.models import AuditEvent  # noqa: E402, models need Django to be set up

COLUMNS = ("id", "action", "account", "region", "image_id", "aws_request_id", "error_code", "data")


def main() -> None:
    for row in AuditEvent.objects.exclude(aws_request_id="").order_by("id").values(*COLUMNS):
        sys.stdout.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
