"""`make mutants`: puts small faults into the code that carries the promises, one at a time, and counts how many of them
a test catches. docs/mutants.md says what came of it. The faults, and the processes that try them, are mutmut's.

    make mutants                                               all of them: days
    make mutants MUTANTS=amicopy/copies/voting/votes.py        those of a module
    make mutants MUTANTS="--every 20 --seed 3"                 every 20th, from the third on
    make mutants MUTANTS="--sample 15 --seed 3"                15 of each module, drawn by lot

What a run has found stays in `mutants/`, and the next one leaves out what was caught. `make clean` forgets it.
"""

import argparse
import fnmatch
import json
import logging
import os
import random
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout, suppress
from itertools import zip_longest
from pathlib import Path

from mutmut.__main__ import create_mutants
from mutmut.configuration import config
from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.file_mutation import mutate_file_contents
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.stats import status_by_exit_code
from mutmut.utils.file_utils import copy_also_copy_files, copy_src_dir, setup_source_paths
from mutmut.utils.format_utils import get_mutant_name
from mutmut.workers.isolation import MutantResult, get_mutant_runner

from tests.mutant_tests import CAUGHT_BY, REACHED, tests_of

CAUGHT = frozenset({"killed", "timeout"})
NEEDED = 90
# What waits for something that never comes is ended after so many times the seconds that tests may take.
PATIENCE = 20


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
    wanted = {path: [name for name in found if name not in known(path)] for path, found in chosen.items()}
    os.environ["MUTANT_SECONDS"] = str(asked.seconds)
    make(asked.processes)
    with suppress(KeyboardInterrupt):
        for path, name, result in tried(wanted, processes=asked.processes, seconds=asked.seconds):
            keep(path, result)
            print(f"{status_by_exit_code[result.exit_code]}: {name}", flush=True)  # noqa: T201
    return report(chosen) if sound(paths) else 1


def make(processes: int) -> None:
    """Has mutmut write the modules with their mutants, and everything beside them, into `mutants/`."""
    set_mutant_under_test("mutant_generation")
    Path("mutants").mkdir(exist_ok=True)
    reached = Path("mutants") / REACHED
    written = max(path.stat().st_mtime for folder in ("amicopy", "tests") for path in Path(folder).rglob("*.py"))
    if reached.exists() and reached.stat().st_mtime < written:
        reached.unlink()
    with open(os.devnull, "w") as nothing, redirect_stdout(nothing):
        copy_src_dir()
        copy_also_copy_files()
        setup_source_paths()
        create_mutants(processes)
    # From now on the tests of that copy are imported, and not those beside it.
    for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
        del sys.modules[name]
    # The process that tries them collects tests first, after which mutmut's own log can't be written.
    logging.raiseExceptions = False


def tried(wanted: dict[Path, list[str]], *, processes: int, seconds: int) -> Iterator[tuple[Path, str, MutantResult]]:
    """Tries the mutants, the first of each module, the second of each, and so on: how far it comes is fair to all."""
    columns = [[(path, name) for name in found] for path, found in wanted.items()]
    waiting = [one for row in zip_longest(*columns) for one in row if one is not None]
    config().pytest_add_cli_args_test_selection = sorted({test for path, _ in waiting for test in tests_of(path)})
    runner = get_mutant_runner(processes)
    runner.startup()
    under_way: dict[str, Path] = {}

    def next_result() -> tuple[Path, str, MutantResult]:
        result = runner.wait_for_result()
        return under_way.pop(result.mutant_name), result.mutant_name, result

    try:
        for path, name in waiting:
            while not runner.has_capacity():
                yield next_result()
            under_way[name] = path
            runner.submit(name, tests_of(path), 2 * PATIENCE * seconds, seconds)
        runner.signal_work_complete()
        while runner.pending_count():
            yield next_result()
    finally:
        runner.stop_all_workers()
        runner.shutdown()


def sound(paths: Sequence[Path]) -> bool:
    """Whether the tests that caught something in these modules pass without a fault; shows the first that doesn't."""
    noted = Path("mutants") / CAUGHT_BY
    asked = {".".join(path.with_suffix("").parts) for path in paths}
    lines = [line.split("\t") for line in noted.read_text().splitlines()] if noted.exists() else []
    caught_by = sorted({test for module, _, test in lines if module in asked})
    set_mutant_under_test("")
    os.environ["MUTANT_SECONDS"] = "inf"
    return not caught_by or get_mutant_runner(1).run_clean_tests(caught_by) == 0


def keep(path: Path, result: MutantResult) -> None:
    """Stores what became of a mutant, for the next time."""
    data = SourceFileMutationData(path=path)
    data.load()
    data.exit_code_by_key[result.mutant_name] = result.exit_code
    data.save()


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
