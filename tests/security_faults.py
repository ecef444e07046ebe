"""`make security-faults`: puts small faults into a copy of amicopy, one at a time, and sees that the tests which
SECURITY.md names find them. tests/security_fault_table.py has the faults.

    make security-faults                                    all of them
    make security-faults FAULTS="--rows 10-20"              those of some rows, in the page's order
    make security-faults FAULTS="--only sign_in_limits"     those whose file or tests have this in their names

Starting takes longer than most of the tests, so the faults in functions share one run: tests/security_fault_runs.py.
Those in anything else, and those that other processes have to see, have a run each, in a copy that has the fault. Those
that need PostgreSQL are tried where DATABASE_URL names one.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from tests.security_fault_runs import found, is_red
from tests.security_fault_table import FAULTS, Fault
from tests.test_security import ROOT, named_by_rows

OPTIONS = ("-q", "--tb=no", "-p", "no:cacheprovider", "-p", "no:schemathesis", "-p", "tests.security_fault_runs")


def copy_tree(to: Path) -> None:
    """Copies what git knows, and what it would: neither the environment nor what runs have left."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0"):
        if name and (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name, follow_symlinks=False)
    (to / ".venv").symlink_to(ROOT / ".venv")


def tried(faults: Sequence[Fault], tree: Path) -> dict[Fault, dict[str, list[str]]]:
    """Runs the tests of these faults in the copy: of one that has a run of its own, or of several of the others.
    Returns, for each fault, what became of each of its tests."""
    alone = next((fault for fault in faults if fault.alone), None)
    report = tree / "security-faults.json"
    report.write_text("{}")
    environ = os.environ | {"AMICOPY_AWS": "sandbox", "FAULT_REPORT": str(report)}
    if not faults[0].postgresql:
        environ = {name: value for name, value in environ.items() if name not in {"DATABASE_URL", "CELERY_BROKER_URL"}}
    if alone:
        before = (tree / alone.file).read_text()
        (tree / alone.file).write_text(before.replace(alone.old, alone.new))
    else:
        environ["FAULT_NUMBERS"] = json.dumps([FAULTS.index(fault) for fault in faults])
    tests = dict.fromkeys(test for fault in faults for test in fault.tests)
    command = [sys.executable, "-m", "pytest", *OPTIONS, *tests]
    run = subprocess.run(command, cwd=tree, env=environ, capture_output=True, text=True)
    if alone:
        (tree / alone.file).write_text(before)
    said = json.loads(report.read_text())
    nothing = [run.stdout[-500:] or run.stderr[-500:]]
    return {
        fault: {
            test: said.get("" if alone else str(FAULTS.index(fault)), {}).get(test, nothing) for test in fault.tests
        }
        for fault in faults
    }


def rows_of(text: str) -> range:
    """Such as "10-20" or "7", from 1 on."""
    first, _, last = text.partition("-")
    return range(int(first) - 1, int(last or first))


def main(arguments: Sequence[str], out: TextIO) -> int:
    """Runs, says what was found, and returns 1 where a test stayed green."""
    parser = argparse.ArgumentParser(prog="make security-faults", description="Faults that SECURITY.md's tests find.")
    parser.add_argument("--rows", type=rows_of, metavar="FROM-TO", help="only of these rows of SECURITY.md")
    parser.add_argument("--only", default="", metavar="TEXT", help="only with this in a name of a file or a test")
    asked = parser.parse_args(arguments)
    wanted = {test for row in asked.rows for test in named_by_rows()[row]} if asked.rows else None
    chosen = [
        fault
        for fault in FAULTS
        if (wanted is None or wanted.intersection(fault.test_names))
        and any(asked.only in name for name in (fault.file, *fault.tests))
    ]
    left_out = [fault for fault in chosen if fault.postgresql and "DATABASE_URL" not in os.environ]
    chosen = [fault for fault in chosen if fault not in left_out]
    runs = [[fault] for fault in chosen if fault.alone]
    runs += [
        together
        for postgresql in (False, True)
        if (together := [fault for fault in chosen if not fault.alone and fault.postgresql == postgresql])
    ]
    missed = 0
    with tempfile.TemporaryDirectory(prefix="security-faults-") as folder:
        copy_tree(Path(folder))
        for faults in runs:
            for fault, became in tried(faults, Path(folder)).items():
                print(f"{fault.file}: {fault.new!r}", file=out)
                for test, said in became.items():
                    missed += not found(said)
                    words = next(filter(is_red, said), "; ".join(said))
                    print(f"    {'found' if found(said) else 'GREEN'}  {test}: {words}", file=out, flush=True)
    print(f"{len(chosen)} faults; {missed} tests didn't find theirs.", file=out)
    if left_out:
        print(f"{len(left_out)} for PostgreSQL were left out: set DATABASE_URL.", file=out)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], sys.stdout))
