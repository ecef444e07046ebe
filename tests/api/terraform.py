"""As much of Terraform as the recipes have: JSON configuration, its expressions, and two kinds of data source.

https://developer.hashicorp.com/terraform/language/syntax/json
"""

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

PART = re.compile(r"\$\{([^}]*)\}")
CHOICE = re.compile(r"(.+?) \? (.+?) : (.+)")


class Failed(Exception):
    """A data source failed, or a condition of its doesn't hold."""


class Values(dict[str, Any]):
    """An object whose members are read with a dot, as in an expression."""

    def __getattribute__(self, name: str) -> Any:
        return self[name] if name in self else super().__getattribute__(name)


class Plan:
    """One plan, which reads all data sources. `read` names those that were, in their order."""

    def __init__(self, path: Path, variables: Mapping[str, str], environ: Mapping[str, str]) -> None:
        self.configuration, self.folder, self.environ = json.loads(path.read_text()), path.parent, environ
        assert set(variables) == set(self.configuration["variable"])
        self.known = Values(var=Values(variables), path=Values(module=str(self.folder)), local=Values())
        self.known["data"] = Values(http=Values(), external=Values())
        self.locals = dict(self.configuration.get("locals", {}))
        self.read: list[str] = []

    def outputs(self) -> dict[str, Any]:
        """What the configuration puts out. Raises Failed."""
        for kind, sources in self.configuration["data"].items():
            for name, source in sources.items():
                self._locals()
                count = self._value(source.get("count", 1))
                found = [self._source(kind, name, source) for _ in range(int(count))]
                self.known["data"][kind][name] = found if "count" in source else found[0]
        self._locals()
        return {name: self._value(each["value"]) for name, each in self.configuration["output"].items()}

    def _locals(self) -> None:
        """Those whose data sources were read."""
        for name, value in self.locals.items():
            try:
                self.known["local"][name] = self._value(value)
            except (KeyError, AttributeError):
                continue

    def _source(self, kind: str, name: str, source: Mapping[str, Any]) -> Values:
        self.read.append(name)
        return self._http(source) if kind == "http" else self._external(source)

    def _http(self, source: Mapping[str, Any]) -> Values:
        body = self._value(source["request_body"]).encode() if "request_body" in source else None
        headers = self._value(source["request_headers"])
        request = Request(self._value(source["url"]), data=body, headers=headers, method=source.get("method", "GET"))
        try:
            with urlopen(request, timeout=source.get("request_timeout_ms", 30_000) / 1000) as answer:
                found = Values(status_code=answer.status, response_body=answer.read().decode())
        except HTTPError as error:
            # The provider takes any status for an answer; the next expression fails on it.
            found = Values(status_code=error.code, response_body=error.read().decode())
        for condition in source.get("lifecycle", {}).values():
            if not self._value(condition["condition"], found):
                raise Failed(self._value(condition["error_message"], found))
        return found

    def _external(self, source: Mapping[str, Any]) -> Values:
        """The program gets texts as JSON, and says texts as JSON or fails with words."""
        query = self._value(source["query"])
        assert all(isinstance(value, str) for value in query.values())
        done = subprocess.run(
            self._value(source["program"]),
            input=json.dumps(query),
            env=dict(self.environ),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode:
            raise Failed(done.stderr)
        result = json.loads(done.stdout)
        assert all(isinstance(value, str) for value in result.values())
        return Values(result=result)

    def _value(self, value: Any, own: Values | None = None) -> Any:
        """A value with its expressions in place; one that is an expression alone keeps its type."""
        if isinstance(value, dict):
            return {name: self._value(each, own) for name, each in value.items()}
        if isinstance(value, list):
            return [self._value(each, own) for each in value]
        if not isinstance(value, str):
            return value
        alone = PART.fullmatch(value)
        if alone:
            return self._expression(alone[1], own)
        return PART.sub(lambda found: str(self._expression(found[1], own)), value)

    def _expression(self, text: str, own: Values | None) -> Any:
        choice = CHOICE.fullmatch(text)
        python = f"({choice[2]}) if ({choice[1]}) else ({choice[3]})" if choice else text
        functions = {"jsondecode": _decoded, "length": len, "urlencode": lambda each: quote(each, safe="")}
        names = {**functions, **self.known, "self": own}
        return eval(python, {"__builtins__": {}}, names)


def _decoded(text: str) -> Any:
    return json.loads(text, object_hook=Values)
