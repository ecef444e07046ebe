"""A process that writes events into the database of DATABASE_URL: `python -m tests.audit.writer NAME COUNT`."""

import os
import sys

import django
from django.db import transaction

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "amicopy.settings")
django.setup()

from amicopy.audit.actor import Actor  # noqa: E402, the models need Django
from amicopy.audit.log import record  # noqa: E402, the same

if __name__ == "__main__":
    name, count = sys.argv[1], int(sys.argv[2])
    for number in range(count):
        with transaction.atomic():
            record("request.submitted", actor=Actor(name=name, source="page"), request=number)
        with transaction.atomic():
            record("request.withdrawn", actor=Actor(name=name, source="page"))
            transaction.set_rollback(True)
