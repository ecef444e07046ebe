"""Lists and structures as the AWS CLI takes them on a command line: JSON, or its shorthand.

https://docs.aws.amazon.com/cli/latest/userguide/cli-usage-shorthand.html
"""

import json
import re
from typing import Any

import click

BARE = re.compile(r"[^\s,=\[\]{}'\"][^,=\[\]{}]*")
QUOTED = re.compile(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"")
SPACES = re.compile(r"\s*")
VALUE = re.compile(r"[^,\]}]*")
DEEPEST = 8


def parse(text: str) -> Any:
    """`Key=a,Value=b`, `Tags=[{Key=a,Value=b}]`, or JSON. All values are text, or what JSON says. Raises
    click.BadParameter for anything else."""
    if text.lstrip().startswith(("{", "[")):
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise click.BadParameter(f"It isn't JSON: {error}.") from None
    reader = _Reader(text)
    found = reader.pairs()
    if reader.at < len(text):
        raise reader.wrong("the end")
    return found


class _Reader:
    """Reads from the left; `at` is how far it came."""

    def __init__(self, text: str) -> None:
        self.text, self.at, self.depth = text, 0, 0

    def pairs(self) -> dict[str, Any]:
        """`name=value,name=value`, as far as it goes. A value after the comma without a name belongs to the
        list that the name before began."""
        found: dict[str, Any] = {}
        name = ""
        while True:
            self._match(SPACES)
            start = self.at
            key = self._match(BARE)
            if key is not None and self._take("="):
                name = key.strip()
                if name in found:
                    raise self.wrong(f"one {name} only")
                found[name] = self._value()
            elif name and not isinstance(found[name], dict):
                self.at = start
                before = found[name]
                found[name] = [*(before if isinstance(before, list) else [before]), self._value()]
            else:
                self.at = start
                raise self.wrong("name=value")
            if not self._take(","):
                return found

    def _value(self) -> Any:
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.wrong("less depth")
        found: Any
        if self._take("["):
            found = self._list()
        elif self._take("{"):
            found = self.pairs()
            self._need("}")
        else:
            found = self._text()
        self.depth -= 1
        return found

    def _list(self) -> list[Any]:
        found: list[Any] = []
        while not self._take("]"):
            self._match(SPACES)
            found.append(self._value())
            if not self._take(","):
                self._need("]")
                break
        return found

    def _text(self) -> str:
        quoted = QUOTED.match(self.text, self.at)
        if quoted:
            self.at = quoted.end()
            return re.sub(r"\\(.)", r"\1", quoted[1] if quoted[1] is not None else quoted[2])
        return self._match(VALUE) or ""

    def _match(self, pattern: re.Pattern[str]) -> str | None:
        found = pattern.match(self.text, self.at)
        if found is None:
            return None
        self.at = found.end()
        return found[0]

    def _take(self, sign: str) -> bool:
        taken = self.text.startswith(sign, self.at)
        self.at += len(sign) if taken else 0
        return taken

    def _need(self, sign: str) -> None:
        if not self._take(sign):
            raise self.wrong(sign)

    def wrong(self, expected: str) -> click.BadParameter:
        return click.BadParameter(f"At character {self.at + 1} of {self.text[:60]!r} {expected} is expected.")
