"""The API: its operations, the words for what is refused, and the document that describes it."""

import json
import logging
from typing import Any, NoReturn

from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation
from ninja.parser import Parser

from amicopy.api import (
    callbacks,
    estimates,
    existing,
    fixes,
    history_export,
    request_actions,
    request_queries,
    request_status,
    sources,
    submissions,
)
from amicopy.api.idempotency import Answered
from amicopy.api.members import type_words
from amicopy.api.operations import router
from amicopy.api.problems import MEDIA_TYPE, Problem, Wrong, answer, not_found, unavailable
from amicopy.api.token_auth import TokenAuth, TokenRequest, no_token
from amicopy.copies.core.calls import InvalidRequest
from amicopy.copies.core.permissions import NotAllowed
from amicopy.copies.lifecycle.transitions import InvalidTransition

logger = logging.getLogger(__name__)

UNREADABLE = "The body must be one JSON object in UTF-8, with each member once, not too deep, and without NaN."


class StrictJson(Parser):
    """JSON that says one thing: no member twice, no number that isn't one."""

    def parse_body(self, request: HttpRequest) -> Any:
        return json.loads(request.body.decode(), object_pairs_hook=_once, parse_constant=_no_number)


class Api(NinjaAPI):
    """Django Ninja's, with problems as they are sent in its document, and calls by the names of their functions."""

    def get_openapi_operation_id(self, operation: Operation) -> str:
        return operation.view_func.__name__

    def get_openapi_schema(self, **options: Any) -> OpenAPISchema:
        schema = super().get_openapi_schema(**options)
        for methods in schema["paths"].values():
            for operation in methods.values():
                for status, response in operation["responses"].items():
                    if int(status) >= 400 and "content" in response:
                        response["content"] = {MEDIA_TYPE: response["content"]["application/json"]}
        return schema


api = Api(
    title="amicopy",
    version="1",
    description="Copy Amazon Machine Images under control: ask, follow, decide.",
    urls_namespace="api",
    # Served below, to tokens.
    openapi_url=None,
    docs_url=None,
    parser=StrictJson(),
)
# Each adds its own when it is imported.
OPERATIONS = (
    submissions,
    existing,
    estimates,
    sources,
    request_queries,
    request_status,
    request_actions,
    fixes,
    callbacks,
    history_export,
)
api.add_router("", router)


@api.get("/openapi.json", auth=TokenAuth(), include_in_schema=False)
def openapi(request: TokenRequest) -> HttpResponse:
    """The document of these operations, made from the running code."""
    return HttpResponse(json.dumps(api.get_openapi_schema(), indent=1), content_type="application/json")


@api.exception_handler(Problem)
def _problem(request: HttpRequest, problem: Problem) -> HttpResponse:
    return answer(problem)


@api.exception_handler(Answered)
def _again(request: HttpRequest, answered: Answered) -> HttpResponse:
    return answered.response


@api.exception_handler(OperationalError)
@api.exception_handler(InterfaceError)
def _no_database(request: HttpRequest, error: OperationalError | InterfaceError) -> HttpResponse:
    logger.error("The API has no database: %s", error)
    return answer(unavailable())


@api.exception_handler(AuthenticationError)
def _nobody(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    return answer(no_token())


@api.exception_handler(HttpError)
def _unreadable(request: HttpRequest, error: HttpError) -> HttpResponse:
    return answer(Problem(error.status_code, "unreadable", UNREADABLE))


@api.exception_handler(Http404)
def _not_found(request: HttpRequest, error: Http404) -> HttpResponse:
    return answer(not_found())


@api.exception_handler(NotAllowed)
def _not_allowed(request: HttpRequest, refused: NotAllowed) -> HttpResponse:
    return answer(Problem(403, "not-allowed", str(refused)))


@api.exception_handler(InvalidTransition)
def _overtaken(request: HttpRequest, overtaken: InvalidTransition) -> HttpResponse:
    return answer(Problem(409, "not-now", str(overtaken)))


@api.exception_handler(InvalidRequest)
def _invalid(request: HttpRequest, invalid: InvalidRequest) -> HttpResponse:
    wrong = [Wrong(f"#/{error.field}", error.message) for error in invalid.errors]
    return answer(Problem(422, "invalid-request", "The request was refused. Nothing was stored.", wrong))


@api.exception_handler(ValidationError)
def _wrong_shape(request: HttpRequest, error: ValidationError) -> HttpResponse:
    wrong = [_wrong(each) for each in error.errors]
    return answer(Problem(422, "invalid-request", "The request was refused. Nothing was stored.", wrong))


def _wrong(error: dict[str, Any]) -> Wrong:
    """One of pydantic's errors, with the form's words where it is about a member of CopyImage."""
    source, *path = error["loc"]
    if source == "body":
        path = path[1:]
    else:
        return Wrong("", f"{path[-1] if path else source}: {error['msg']}.")
    # A tag's own members are no members of CopyImage.
    name = str(path[-1]) if path else ""
    in_call = len(path) == 2 or (len(path) == 3 and path[0] == "destinations")
    kind = error["type"]
    if kind == "extra_forbidden":
        words = "There is no such member."
    elif kind == "missing":
        words = "This is needed."
    elif in_call and kind.endswith("_type") and type_words(name):
        words = type_words(name)
    else:
        words = f"{error['msg'].removeprefix('Value error, ').rstrip('.')}."
    return Wrong("#" + "".join(f"/{_escaped(str(part))}" for part in path), words)


def _escaped(part: str) -> str:
    """A member's name in a JSON pointer; never longer than a message should be."""
    return part[:100].replace("~", "~0").replace("/", "~1")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a member twice")
    return found


def _no_number(name: str) -> NoReturn:
    raise ValueError(name)
