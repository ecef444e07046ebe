"""Submitting a set: 10 AMIs to 20 Regions, 200 copies, from the click to the page that follows them

Everything runs as `make run` starts it: SQLite, the embedded broker, the sandbox. The first is sent by a form that
looked nothing up before, so that every question is asked while somebody waits, who clicks again where the sources'
names didn't come in time; for the others the answers are known.
"""

import statistics
import tempfile
import time
import uuid
from pathlib import Path

from amicopy.sandbox.catalogue import CATALOGUE
from benchmarks.figures import Figure
from tests.journey.conftest import Person, everything, typed
from tests.twenty_regions import TWENTY
from tests.web.page import read

ROUNDS, SOURCES, CLICKS = 3, 10, 3
FIGURES = (
    Figure("set_submit_s", "s", "10 AMIs × 20 Regions submitted, what the form looked up known", at_most=3.0),
    Figure("set_submit_cold_s", "s", "the same with every look-up still to be made"),
)


def measure() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as var, everything(Path(var), "amicopy_sets") as running:
        requester = Person(running.url, "requester")
        cold = _submit(requester, "cold")
        warm = statistics.median(_submit(requester, f"warm-{number}") for number in range(ROUNDS))
    return {"set_submit_s": round(warm, 2), "set_submit_cold_s": round(cold, 2)}


def _submit(requester: Person, name: str) -> float:
    """The seconds from the click to the page of the set."""
    page = requester.get("/requests/new/")
    images = [row["id"] for row in CATALOGUE["images"] if row["region"] == "us-east-1"][:SOURCES]
    rows = {f"destinations-{number}-DestinationRegion": region for number, region in enumerate(TWENTY)}
    named = {"Name": f"{{source}}-{name}-{{region}}", "submission": str(uuid.uuid4())}
    began = time.perf_counter()
    for _ in range(CLICKS):
        path, answer = requester.post(
            "/requests/new/", page=page, **typed(SourceImageId=" ".join(images), **named, **rows)
        )
        if path.startswith("/sets/"):
            return time.perf_counter() - began
    raise RuntimeError(f"The set wasn't taken: {read(answer).text[-2000:]}")
