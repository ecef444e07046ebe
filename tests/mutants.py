"""`make mutants`: puts small faults into the code that carries the promises, one at a time, and counts how many of them
a test catches. docs/mutants.md says what came of it. The faults, and which test runs which function, are mutmut's.

    make mutants                                               all of them: hours
    make mutants MUTANTS=amicopy/copies/voting/votes.py        those of a module
    make mutants MUTANTS="--every 20 --seed 3"                 every 20th, from the third on
    make mutants MUTANTS="--sample 15 --seed 3"                15 of each module, drawn by lot

What a run has found stays in `mutants/`, and the next one leaves out what was caught. `make clean` forgets it.
"""

import argparse
import fnmatch
import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mutmut.configuration import config
from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.file_mutation import mutate_file_contents
from mutmut.stats import status_by_exit_code
from mutmut.utils.format_utils import get_mutant_name

CAUGHT = frozenset({"killed", "timeout"})
NEEDED = 90


def modules(parts: Sequence[str]) -> list[Path]:
    """The modules to put faults into, of those in pyproject.toml that are or are under one of `parts`, if there are
    any. Raises SystemExit where there are none."""
    wanted = [path for path in sorted(Path("amicopy").rglob("*.py")) if config().should_mutate(path)]
    found = [path for path in wanted if not parts or any(path.is_relative_to(part) for part in parts)]
    if not found:
        raise SystemExit(f"None of the modules in pyproject.toml is {' or '.join(parts)}.")
    return found


def names(path: Path) -> list[str]:
    """The names of all mutants of a module, in its order; making them takes seconds, so those of before are kept."""
    noted = Path("mutants") / f"{path}.meta"
    if noted.exists() and noted.stat().st_mtime > path.stat().st_mtime:
        return list(json.loads(noted.read_text())["exit_code_by_key"])
    return [get_mutant_name(path, name) for name in mutate_file_contents(str(path), path.read_text()).mutant_names]


def drawn(found: Sequence[str], most: int, seed: str) -> list[str]:
    """At most so many of them: the same ones for the same seed, and with a smaller number some of those."""
    shuffled = random.Random(seed).sample(found, len(found))
    return shuffled[:most]


def statuses(path: Path) -> dict[str, str]:
    """What became of those of a module's mutants that were tried, by their names."""
    data = SourceFileMutationData(path=path)
    data.load()
    return {name: status_by_exit_code[code] for name, code in data.exit_code_by_key.items() if code is not None}


def known(path: Path) -> set[str]:
    """The mutants of a module that were caught since it was last changed."""
    noted = Path("mutants") / f"{path}.meta"
    if not noted.exists() or noted.stat().st_mtime < path.stat().st_mtime:
        return set()
    return {name for name, status in statuses(path).items() if status in CAUGHT}


def main(arguments: Sequence[str]) -> int:
    """Runs, prints a table, and returns 1 where too few were caught."""
    parser = argparse.ArgumentParser(prog="make mutants", description="Faults that a test has to catch.")
    parser.add_argument("parts", nargs="*", metavar="PATH", help="a module or a folder; without any, all")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every Nth mutant of each module")
    parser.add_argument("--sample", type=int, default=sys.maxsize, metavar="N", help="only so many of each module")
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="the first one for --every; the lot for --sample"
    )
    parser.add_argument("--only", default="*", metavar="PATTERN", help="only names like this: '*x_start__*'")
    parser.add_argument("--processes", type=int, default=2, metavar="N", help="how many are tried at the same time")
    parser.add_argument("--seconds", type=int, default=60, metavar="N", help="of tests, the likeliest first")
    asked = parser.parse_args(arguments)
    paths = modules(asked.parts)
    chosen = {path: names(path)[asked.seed % asked.every :: asked.every] for path in paths}
    chosen = {path: [name for name in found if fnmatch.fnmatch(name, asked.only)] for path, found in chosen.items()}
    chosen = {path: drawn(found, asked.sample, f"{asked.seed} {path}") for path, found in chosen.items()}
    wanted = [name for path, found in chosen.items() for name in found if name not in known(path)]
    if wanted:
        mutmut = Path(sys.executable).with_name("mutmut")
        command = [str(mutmut), "run", f"--max-children={asked.processes}", *wanted]
        subprocess.run(command, check=True, env={**os.environ, "MUTANT_SECONDS": str(asked.seconds)})
    return report(chosen)


def report(chosen: dict[Path, list[str]]) -> int:
    """Prints what became of the chosen ones."""
    total: Counter[str] = Counter()
    survivors: list[str] = []
    for path, found in chosen.items():
        said = statuses(path)
        count = Counter(said.get(name, "not tried") for name in found)
        caught = sum(count[status] for status in CAUGHT)
        survivors += [f"{said[name]}: {name}" for name in found if name in said and said[name] not in CAUGHT]
        print(f"{path}: {caught} of {len(found)} caught; {dict(count)}")  # noqa: T201
        total += Counter({"tried": len(found) - count["not tried"], "caught": caught})
    share = 100 * total["caught"] / max(total["tried"], 1)
    print(*survivors, "", sep="\n")  # noqa: T201
    print(f"{total['caught']} of {total['tried']} caught: {share:.1f} %. `.venv/bin/mutmut show NAME` shows one.")  # noqa: T201
    return 0 if share >= NEEDED else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
