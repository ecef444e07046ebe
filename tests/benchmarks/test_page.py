"""The page of figures is made from code and results, and says plainly what is missed."""

import subprocess
import sys
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.page import render

ROOT = Path(__file__).resolve().parents[2]
FIGURES = (
    Figure("waits_ratio", "", "how long", at_most=2.0, mend="A faster disk."),
    Figure("rate", "/s", "how often", at_least=3.0, mend="More workers."),
)


def page(**results: float) -> str:
    return render({"waits": ("Waits", FIGURES)}, results, {"waits": {"cores": "2"}})


def test_a_missed_figure_says_why_and_a_met_one_does_not() -> None:
    text = page(waits_ratio=2.5, rate=1234.5)
    assert "| `waits_ratio` | 2.5 | at most 2 | **missed** | how long |" in text
    assert "`waits_ratio` misses: A faster disk." in text
    assert "| `rate` | 1,234 /s | at least 3 | met | how often |" in text
    assert "More workers" not in text


def test_a_figure_nobody_measured_is_neither_met_nor_missed() -> None:
    assert "| `rate` | – | at least 3 |  | how often |" in page(waits_ratio=1.0)


def test_the_page_in_the_repository_is_the_one_made_from_its_results() -> None:
    code = "from benchmarks.__main__ import PAGE, page; raise SystemExit(PAGE.read_text() != page())"
    made = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False)
    assert made.returncode == 0, "run `python -m benchmarks --page`"
