"""`python -m benchmarks [topic …]`: measures the topics, all without arguments, and writes numbers and page."""

import argparse
import importlib
import json
import os
import pkgutil
import platform
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import django
from django.core.management import call_command

import benchmarks
from benchmarks.page import render

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results.json"
RUNS = ROOT / "benchmarks" / "runs.json"
PAGE = ROOT / "docs" / "benchmarks.md"


def topics() -> dict[str, ModuleType]:
    """Every module here that measures something, by name."""
    names = [found.name for found in pkgutil.iter_modules(benchmarks.__path__) if found.name != "__main__"]
    modules = {name: importlib.import_module(f"benchmarks.{name}") for name in names}
    return {name: module for name, module in modules.items() if hasattr(module, "measure")}


def measure_apart(topic: str) -> dict[str, float]:
    """A topic's numbers, measured by a process of its own that starts with an empty folder and the default settings."""
    with tempfile.TemporaryDirectory() as var:
        answer = Path(var) / "answer.json"
        environ = {**os.environ, "AMICOPY_VAR_DIR": var}
        for name in ("DATABASE_URL", "CELERY_BROKER_URL"):
            environ.pop(name, None)
        command = [sys.executable, "-m", "benchmarks", "--into", str(answer), topic]
        subprocess.run(command, cwd=ROOT, env=environ, check=True)
        return dict(json.loads(answer.read_text()))


def measure_here(topic: str, into: Path) -> None:
    """The other half of `measure_apart`."""
    call_command("migrate", verbosity=0)
    call_command("samples", verbosity=0)
    module = topics()[topic]
    found = module.measure()
    differing = set(found) ^ {figure.name for figure in module.FIGURES}
    if differing:
        sys.exit(f"{topic}: {', '.join(sorted(differing))} must be both in FIGURES and in what measure() returns.")
    into.write_text(json.dumps(found))


def facts() -> dict[str, str]:
    """What a topic ran on and when; `busy` is how many processes wanted a core in the minute before."""
    servers = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    databases = [f"SQLite {sqlite3.sqlite_version}"]
    if servers:
        said = subprocess.run([servers[-1], "--version"], capture_output=True, text=True, check=True).stdout
        databases.append("PostgreSQL " + said.split()[2])
    return {
        "measured": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "cores": str(os.cpu_count()),
        "busy": f"{os.getloadavg()[0]:.1f}",
        "Python": platform.python_version(),
        "databases": " and ".join(databases),
    }


def stored(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text())) if path.exists() else {}


def store(path: Path, values: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(dict(sorted(values.items())), indent=2) + "\n")


def title(module: ModuleType) -> str:
    return (module.__doc__ or module.__name__).splitlines()[0].rstrip(".")


def page() -> str:
    """`docs/benchmarks.md` as it must be."""
    described = {name: (title(module), module.FIGURES) for name, module in topics().items()}
    return render(described, stored(RESULTS), stored(RUNS))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("topics", nargs="*", metavar="topic")
    options.add_argument("--page", action="store_true", help="only make the page anew")
    options.add_argument("--into", type=Path, help=argparse.SUPPRESS)
    given = options.parse_args()
    known = topics()
    unknown = set(given.topics) - set(known)
    if unknown:
        options.error(f"no such topic: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    if given.into:
        measure_here(given.topics[0], given.into)
        return
    results, runs = stored(RESULTS), stored(RUNS)
    failed = []
    for topic in [] if given.page else given.topics or known:
        print(f"{topic} …", flush=True)
        circumstances = facts()
        try:
            found = measure_apart(topic)
        except subprocess.CalledProcessError:
            # Its last words are on standard error; the other topics are still worth having.
            failed.append(topic)
            continue
        runs[topic] = circumstances
        results |= found
        for figure in known[topic].FIGURES:
            print(f"  {figure.name} {found[figure.name]} {figure.unit} {figure.target()}", flush=True)
    figures = {figure.name: figure for module in known.values() for figure in module.FIGURES}
    results = {name: value for name, value in results.items() if name in figures}
    store(RESULTS, results)
    store(RUNS, {topic: run for topic, run in runs.items() if topic in known})
    PAGE.write_text(page())
    missed = [name for name, value in results.items() if figures[name].met(value) is False]
    print(f"{len(results)} figures, missed: {', '.join(missed) or 'none'}")
    if failed:
        sys.exit(f"not measured: {', '.join(failed)}")


os.environ.setdefault("AMICOPY_AWS", "sandbox")
# What is measured is how soon work is done that may begin.
os.environ.setdefault("APPROVAL_UNDO_SECONDS", "0")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "amicopy.settings")
django.setup()
if __name__ == "__main__":
    main()
