"""Tags that were pasted: a `key=value` a line, CSV, or JSON. A line that can't be read is named; others are good."""

import csv
import json
from dataclasses import dataclass, field
from typing import Any

from amicopy.web.forms.rows import MOST, Row

# A line that is no tag, as far as it is said again.
SHOWN = 60
HEADER = ("key", "value")


@dataclass
class Pasted:
    """What a text says: `tags` as pairs of key and value, `problems` in words, and the `left` lines, which they are
    about."""

    tags: list[tuple[str, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


def read(text: str) -> Pasted:
    """The tags of a text. JSON is an object of keys and values, or a list as AWS's own answers have it."""
    if text.lstrip().startswith(("{", "[")):
        return _read_json(text)
    found = Pasted()
    for number, line in enumerate(text.splitlines(), 1):
        pair = _of_line(line)
        if pair is None:
            found.problems.append(f"Line {number} must have a “=” or a comma after its key: “{line.strip()[:SHOWN]}”.")
            found.left.append(line)
        elif any(pair) and tuple(part.lower() for part in pair) != HEADER:
            found.tags.append(pair)
    return found


def added(rows: list[Row], tags: list[tuple[str, str]]) -> list[Row]:
    """The form's rows with these tags: a key that is there gets the new value, the first empty rows are filled."""
    new = dict(tags)
    kept = [{**row, "Value": new.pop(row["Key"])} if row.get("Key") in new else row for row in rows]
    kept = [row for row in kept if row.get("Key") or row.get("Value")]
    more = [{"Key": key, "Value": value, "image": "on", "snapshot": "on"} for key, value in new.items()]
    return [*kept, *more][: MOST + 1]


def _of_line(line: str) -> tuple[str, str] | None:
    """Key and value of a line; two empty ones of an empty line, None where there is no key."""
    if not line.strip():
        return "", ""
    equals, comma = line.find("="), line.find(",")
    if equals > 0 and (comma < 0 or equals < comma) and not line.lstrip().startswith('"'):
        key, _, value = line.partition("=")
    elif comma > 0 or line.lstrip().startswith('"'):
        try:
            cells = next(csv.reader([line.strip()], strict=True))
        except (csv.Error, StopIteration):
            return None
        if len(cells) < 2:
            return None
        key, value = cells[0], cells[1]
    else:
        return None
    return (key.strip(), value.strip()) if key.strip() else None


def _read_json(text: str) -> Pasted:
    found = Pasted()
    try:
        said = json.loads(text)
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", 1)
        return Pasted(problems=[f"Line {line} isn't JSON."], left=text.splitlines())
    if isinstance(said, dict) and isinstance(said.get("Tags"), list):
        said = said["Tags"]
    entries: list[Any] = (
        [{"Key": key, "Value": value} for key, value in said.items()] if isinstance(said, dict) else list(said)
    )
    bad: list[Any] = []
    for number, entry in enumerate(entries, 1):
        key, value = (entry.get("Key"), entry.get("Value", "")) if isinstance(entry, dict) else (None, None)
        if isinstance(key, str) and key and isinstance(value, str | int | float | bool):
            words = str(value).lower() if isinstance(value, bool) else str(value)
            found.tags.append((key, words))
        else:
            said_again = json.dumps(entry, ensure_ascii=False)[:SHOWN]
            found.problems.append(f"Tag {number} must have a Key and a Value that is a text: {said_again}.")
            bad.append(entry)
    found.left = json.dumps(bad, ensure_ascii=False, indent=1).splitlines() if bad else []
    return found
