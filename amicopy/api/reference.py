"""The reference of the API as a page, from the same document that programs read. It needs no script; trying a call
from it does, and goes to the sandbox alone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from amicopy.api import try_it
from amicopy.api.api import api
from amicopy.copies.core.token_models import Scope

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Member:
    """A member of an object, or a parameter of a call; `link` is the object its type names."""

    name: str
    kind: str
    words: str = ""
    needed: bool = False
    link: str = ""
    where: str = ""


@dataclass(frozen=True)
class Call:
    """One method at one address."""

    id: str
    method: str
    path: str
    scope: str
    words: str
    parameters: list[Member]
    body: str
    answers: list[tuple[str, str, str]]


@dataclass(frozen=True)
class Shape:
    """An object that is sent or answered."""

    name: str
    words: str
    members: list[Member] = field(default_factory=list)


@require_GET
def reference(request: HttpRequest) -> HttpResponse:
    """Every call and every object, or that the API is switched off; in the sandbox, and there alone, a call to try."""
    document: Json = api.get_openapi_schema()
    context = {
        "enabled": settings.API_ENABLED,
        "calls": list(_calls(document)),
        "shapes": list(_shapes(document)),
        "address": settings.SITE_URL,
    }
    if settings.SANDBOX and settings.API_ENABLED:
        chosen = request.GET.get("try", "create_request")
        context["operations"] = try_it.operations(document)
        context["trial"] = try_it.trial(document, chosen, address=settings.SITE_URL)
    return render(request, "api/reference.html", context)


def _calls(document: Json) -> Iterator[Call]:
    for path, methods in document["paths"].items():
        for method, call in methods.items():
            content = call.get("requestBody", {}).get("content", {})
            bodies = [_kind(each["schema"])[1] for each in content.values()]
            yield Call(
                id=call["operationId"],
                method=method.upper(),
                path=path,
                scope=Scope(call["x-scope"]).value,
                words=call.get("description", ""),
                parameters=[
                    Member(
                        name=each["name"],
                        kind=_kind(each["schema"])[0],
                        words=each.get("description", ""),
                        needed=each["required"],
                        where=each["in"],
                    )
                    for each in call["parameters"]
                ],
                body=bodies[0] if bodies else "",
                answers=[
                    (str(status), answer["description"], _answered(answer))
                    for status, answer in call["responses"].items()
                    if int(status) < 400
                ],
            )


def _shapes(document: Json) -> Iterator[Shape]:
    for name, schema in sorted(document["components"]["schemas"].items()):
        if "properties" in schema:
            needed = schema.get("required", ())
            members = [_member(each, shown, each in needed) for each, shown in schema["properties"].items()]
            yield Shape(name, schema.get("description", ""), members)
        else:
            yield Shape(name, f"{schema.get('description', '')} One of {', '.join(map(str, schema.get('enum', ())))}.")


def _member(name: str, schema: Json, needed: bool) -> Member:
    kind, link = _kind(schema)
    return Member(name=name, kind=kind, words=schema.get("description", ""), needed=needed, link=link)


def _answered(answer: Json) -> str:
    schemas = [content["schema"] for content in answer.get("content", {}).values()]
    return _kind(schemas[0])[1] if schemas else ""


def _kind(schema: Json) -> tuple[str, str]:
    """A schema's type in words, and the object it names, or empty."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return name, name
    if "anyOf" in schema:
        kinds = [_kind(each) for each in schema["anyOf"]]
        limited = {**schema, "anyOf": None, "type": ""}
        return " or ".join(kind for kind, _ in kinds) + _limits(limited), next((link for _, link in kinds if link), "")
    if schema.get("type") == "array":
        kind, link = _kind(schema.get("items", {}))
        return f"list of {kind}", link
    if "enum" in schema:
        return " or ".join(map(str, schema["enum"])), ""
    kind = "time" if schema.get("format") == "date-time" else str(schema.get("type", "anything"))
    return kind + _limits(schema), ""


def _limits(schema: Json) -> str:
    low = schema.get("minimum", schema.get("minLength")) or None
    high = schema.get("maximum", schema.get("maxLength"))
    if high is None:
        return ""
    unit = " characters" if "maxLength" in schema else ""
    return f", {low} to {high}{unit}" if low is not None else f", up to {high}{unit}"
