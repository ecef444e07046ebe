"""Rows of a posted form: `destinations-0-Name`, `destinations-3-Name`, ... as a list, whatever numbers were sent.

There is no management form to lose: the rows are those whose names arrived, in the order of their numbers.
"""

import re
from collections.abc import Mapping, Sequence

Row = dict[str, str]
MOST = 100


def rows_of(data: Mapping[str, str], prefix: str) -> list[Row]:
    """The rows of a prefix; at most MOST + 1, so that too many can be told from many."""
    pattern = re.compile(rf"{re.escape(prefix)}-([0-9]{{1,6}})-([A-Za-z]+(?:-[A-Za-z]+)?)")
    found: dict[int, Row] = {}
    for name, value in data.items():
        match = pattern.fullmatch(name)
        if match:
            found.setdefault(int(match[1]), {})[match[2]] = value
    return [found[number] for number in sorted(found)][: MOST + 1]


def written(data: Mapping[str, str], prefix: str, rows: Sequence[Row]) -> dict[str, str]:
    """The data with these rows of a prefix in the place of those it had."""
    kept = {name: value for name, value in data.items() if not name.startswith(f"{prefix}-")}
    for index, row in enumerate(rows):
        kept |= {f"{prefix}-{index}-{name}": value for name, value in row.items()}
    return kept
