"""Names with placeholders: filled in before submission, so that what is frozen and approved is the finished name.

No character of a placeholder is allowed in an AMI's name, so one that can't be filled in never slips through.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from itertools import takewhile

PLACEHOLDERS = ("{date}", "{source}", "{region}")
# What all names of a request begin with says something from so many characters on.
SHORTEST = 3
_BRACED = re.compile(r"\{[^{}]*\}")


def expand(name: str, *, now: datetime, source: str, region: str) -> str:
    """The name for one destination. `now` is in UTC, so that the date is everybody's; an unknown `source` stays as it
    is."""
    values = {"{date}": f"{now:%Y.%m.%d}", "{source}": source, "{region}": region}
    return _BRACED.sub(lambda match: values.get(match[0]) or match[0], name)


def of_all(names: Sequence[tuple[str, str]]) -> str:
    """What several copies are called together, each given as Region and name: the name they share, with {region} where
    each has its own Region's code, or what all begin with."""
    first = names[0][1]
    if all(name == first for _, name in names):
        return first
    patterns = {name.replace(region, "{region}") for region, name in names if region}
    if len(patterns) == 1:
        return patterns.pop()
    columns = zip(*(name for _, name in names), strict=False)
    begins = "".join(column[0] for column in takewhile(lambda each: len(set(each)) == 1, columns)).rstrip(" -_./")
    return f"{begins}…" if len(begins) >= SHORTEST else f"{first} and others"


def problem(name: str, *, source: str) -> str:
    """What keeps a name's placeholders from being filled in, or empty."""
    unknown = [braced for braced in _BRACED.findall(name) if braced not in PLACEHOLDERS]
    if unknown:
        return f"Use {', '.join(PLACEHOLDERS[:-1])} or {PLACEHOLDERS[-1]}. {unknown[0][:40]} isn't a placeholder."
    if "{source}" in name and not source:
        return "Enter the name without {source}: AWS doesn't show the source's name right now."
    return ""
