"""Outages of a minute: how long until things go on, once what was gone, or hung, is back."""

import os
import re
import subprocess
import sys
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.servers import postgres, rabbitmq

ROOT = Path(__file__).resolve().parents[1]
TESTS = ("tests/journey/test_outages.py", "tests/journey/test_database_outage.py")
AWAY_SECONDS = 60
HOW = {"refuse": "refused connections", "hang": "hung"}
# What the tests print, and what it is called here.
SAID = {
    "pages": "pages_s",
    "the copy in flight": "copy_s",
    "the copy was there": "copy_s",
    "people were told": "mail_s",
    "it was delivered": "webhook_s",
}
LINE = re.compile(r"^\.*(database|AWS|broker|mail|webhook), (refuse|hang)\b.*$", re.M)
TOOK = re.compile(rf"({'|'.join(SAID)}) after ([0-9.]+) s")


def _figures() -> tuple[Figure, ...]:
    found = []
    for how, words in HOW.items():
        after = f"after a minute in which it {words}"
        found += [
            Figure(f"outage_database_{how}_pages_s", "s", f"database: until pages answer, {after}", at_most=10),
            Figure(f"outage_database_{how}_copy_s", "s", "database: until a copy in flight has gone on", at_most=10),
            Figure(f"outage_aws_{how}_copy_s", "s", f"AWS: until a copy approved meanwhile is there, {after}"),
            Figure(f"outage_broker_{how}_copy_s", "s", f"broker: until a copy approved meanwhile is there, {after}"),
            Figure(f"outage_mail_{how}_copy_s", "s", f"mail: a copy, from approval to image, while it {words}"),
            Figure(f"outage_mail_{how}_mail_s", "s", f"mail: until people are told, {after}", at_most=60),
            Figure(f"outage_webhook_{how}_webhook_s", "s", f"a webhook's receiver: until it is told, {after}"),
        ]
    return tuple(found)


FIGURES = _figures()


def read(printed: str) -> dict[str, float]:
    """The figures in what the tests printed."""
    return {
        f"outage_{line[1].lower()}_{line[2]}_{SAID[what]}": float(seconds)
        for line in LINE.finditer(printed)
        for what, seconds in TOOK.findall(line[0])
    }


def measure() -> dict[str, float]:
    with postgres() as database, rabbitmq() as broker:
        environ = {
            **os.environ,
            "DATABASE_URL": database.url,
            "CELERY_BROKER_URL": broker.url,
            "OUTAGE_SECONDS": str(AWAY_SECONDS),
        }
        command = [sys.executable, "-m", "pytest", "-q", "-s", *TESTS]
        ran = subprocess.run(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True, check=False)
    if ran.returncode:
        sys.exit(ran.stdout[-3000:])
    return read(ran.stdout)
