"""Trying a call from the reference page: what it is prefilled with, from the document, and the same for curl."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

Json = Mapping[str, Any]
# Headers that a call is made with anyway.
OWN_HEADERS = {"Idempotency-Key"}


@dataclass(frozen=True)
class Value:
    """A parameter with what it is prefilled with; `where` is path, query or header."""

    name: str
    where: str
    value: str
    needed: bool


@dataclass(frozen=True)
class Trial:
    """One call, ready to be made."""

    id: str
    method: str
    path: str
    scope: str
    values: list[Value]
    body: str
    curl: str


def operations(document: Json) -> list[tuple[str, str]]:
    """The ids of the calls, with method and path."""
    return [
        (call["operationId"], f"{method.upper()} {path}")
        for path, methods in document["paths"].items()
        for method, call in methods.items()
    ]


def trial(document: Json, chosen: str, *, address: str) -> Trial | None:
    """The call of that id with example values; None when there is none. `address` is where amicopy is."""
    for path, methods in document["paths"].items():
        for method, call in methods.items():
            if call["operationId"] == chosen:
                return _trial(document, path, method.upper(), call, address)
    return None


def example(document: Json, schema: Json) -> Any:
    """A value of a schema: its own example, or else its needed members alone."""
    if "$ref" in schema:
        return example(document, document["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    if schema.get("examples"):
        return schema["examples"][0]
    for name in ("example", "default"):
        if name in schema:
            return schema[name]
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return example(document, schema["anyOf"][0])
    members, needed = schema.get("properties", {}), schema.get("required", ())
    values: Mapping[str, Any] = {"integer": schema.get("minimum", 1), "number": 1, "boolean": False, "array": []}
    if schema.get("type") == "object":
        return {name: example(document, each) for name, each in members.items() if name in needed}
    return values.get(schema.get("type", ""), "")


def _trial(document: Json, path: str, method: str, call: Json, address: str) -> Trial:
    values = [
        Value(each["name"], each["in"], _text(document, each), needed=each["required"])
        for each in call["parameters"]
        if each["name"] not in OWN_HEADERS
    ]
    contents = list(call.get("requestBody", {}).get("content", {}).values())
    body = json.dumps(example(document, contents[0]["schema"]), indent=2) if contents else ""
    return Trial(
        id=call["operationId"],
        method=method,
        path=path,
        scope=call["x-scope"],
        values=values,
        body=body,
        curl=_curl(address, path, method, values, body),
    )


def _text(document: Json, parameter: Json) -> str:
    """What a parameter is prefilled with: nothing, where it can be left out."""
    value = example(document, parameter["schema"]) if parameter["required"] else ""
    return "" if value is None else str(value)


def _curl(address: str, path: str, method: str, values: list[Value], body: str) -> str:
    """The call as docs/api.md makes it, by its function `amicopy`, which has the token."""
    query = urlencode({each.name: each.value for each in values if each.where == "query" and each.value})
    for each in values:
        if each.where == "path":
            path = path.replace(f"{{{each.name}}}", quote(each.value, safe=""))
    url = f"{address}{path}{'?' if query else ''}{query}"
    words = [f"amicopy {shlex.quote(url)}"]
    words += [
        f"--header {shlex.quote(f'{each.name}: {each.value}')}"
        for each in values
        if each.where == "header" and each.value
    ]
    if body:
        words.append(f"--json {shlex.quote(body)}")
    elif method == "POST":
        words.append("--request POST")
    return " \\\n  ".join(words)
