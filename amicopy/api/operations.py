"""How an operation is registered: its method and address, the scope its tokens need, and what it answers."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from ninja import Router

from amicopy.api.idempotency import HEADER
from amicopy.api.problems import ProblemOut
from amicopy.api.token_auth import TokenAuth
from amicopy.copies.core.token_models import Scope

# One for all: addresses that share a path belong together.
router = Router()
# The header that every verb takes, as the document says it; see `idempotency`.
KEY = {
    "in": "header",
    "name": HEADER,
    "required": False,
    "description": "Yours for this call: made again under the same key, it does nothing twice.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[ -~]*$"},
}
F = TypeVar("F", bound=Callable[..., Any])
# What any operation may answer, besides what it says itself.
ALWAYS = (400, 401, 403, 405, 429)


def operation(
    method: str,
    path: str,
    scope: Scope,
    out: Any,
    *,
    status: int = 200,
    refuses: tuple[int, ...] = (),
    empty: tuple[int, ...] = (),
    files: Iterable[str] = (),
) -> Callable[[F], F]:
    """Registers a function under its own name. `out` is what it answers with `status`, or a model for each status;
    `refuses` are the statuses of its problems, besides ALWAYS, `empty` those without a body, `files` the content types
    of an answer that isn't JSON."""
    answers = out if isinstance(out, dict) else {status: out}
    extra: dict[str, Any] = {"x-scope": scope.value, **({"parameters": [KEY]} if method == "POST" else {})}
    if files:
        extra["responses"] = {status: {"content": {each: {"schema": {"type": "string"}} for each in files}}}
    register: Callable[[F], F] = router.api_operation(
        [method],
        path,
        auth=TokenAuth(scope),
        response={**answers, **dict.fromkeys(empty), **dict.fromkeys((*ALWAYS, *refuses), ProblemOut)},
        openapi_extra=extra,
    )
    return register
