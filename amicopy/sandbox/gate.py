"""The WSGI application in front of moto: who calls, what is answered here, and the log of every call.

Answered here: control addresses, STS, Outposts, and whatever is refused before the action matters. The rest
goes to moto with the caller's account in a header.
"""

import io
import json
import logging
import re
import secrets
import socket
import threading
import uuid
from collections.abc import Callable, Iterable
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from botocore.model import OperationNotFoundError
from moto.ec2.exceptions import FilterNotImplementedError
from werkzeug.wrappers import Response

from amicopy.sandbox import (
    answers,
    buckets,
    catalogue,
    control,
    faults,
    foreign,
    identity,
    parameter_calls,
    parameters,
    policies,
    pricing,
    trail,
)
from amicopy.sandbox.errors import Refused, render
from amicopy.sandbox.world import world

log = logging.getLogger(__name__)
CREDENTIAL = re.compile(r"Credential=(?P<key>\w+)/(?P<date>\d{8})/(?P<region>[\w-]+)/(?P<service>[\w-]+)/aws4_request")
LOGGED_HEADERS = (
    "HOST",
    "USER_AGENT",
    "X_AMZ_DATE",
    "X_AMZ_SECURITY_TOKEN",
    "X_AMZ_TARGET",
    "AMZ_SDK_INVOCATION_ID",
    "AMZ_SDK_REQUEST",
)
# A call that hangs gives up after this many seconds, unless its rule or the client's own limit is shorter.
HANG_SECONDS = 120.0
Environ = dict[str, Any]


class Dropped(Exception):
    """The connection is to be cut without an answer."""


class Gate:
    """`application` is moto's. Once `closing` is set, nothing is answered any more."""

    def __init__(self, application: Any, *, closing: threading.Event) -> None:
        self.application = application
        self.closing = closing

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        if self.closing.is_set():
            cut(environ)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        path = environ["PATH_INFO"]
        if "HTTP_ORIGIN" in environ or path.startswith(("/moto-api", "/latest")):
            # Nothing here is for browsers, nor are moto's own control pages, which need no credentials.
            return Response("Not found", status=404)(environ, start_response)
        if path.startswith("/_sandbox/"):
            return control.answer(environ, body)(environ, start_response)
        call = read_call(environ, body)
        world.calls.append(call)
        environ["amicopy.call"] = call
        try:
            response = self.answered(environ, call)
        except Dropped:
            call["answer"] = "none"
            answers.note(call)
            trail.note(call)
            cut(environ)
        call["status"] = response.status_code
        if call["answer"] not in foreign.BODIES:
            response.headers["x-amzn-RequestId"] = call["request_id"]
        answers.note(call)
        trail.note(call)
        return response(environ, start_response)

    def answered(self, environ: Environ, call: dict[str, Any]) -> Response:
        """The answer to an AWS call, good or bad."""
        try:
            return self.carried_out(environ, call)
        except Refused as refused:
            response = render(call["service"], refused, request_id=call["request_id"])
            answers.outcome(call, response)
            return response

    def carried_out(self, environ: Environ, call: dict[str, Any]) -> Response:
        """Identifies the caller, applies limits and faults, and has the call answered. Raises Refused."""
        if not call["access_key"]:
            raise Refused("MissingAuthenticationToken", "Request is missing Authentication Token")
        caller = identity.identify(call["access_key"], environ.get("HTTP_X_AMZ_SECURITY_TOKEN", ""))
        call["account"], call["caller"] = caller.account, caller.arn
        if not catalogue.enabled(call["region"]):
            raise Refused("AuthFailure", "AWS was not able to validate the provided access credentials")
        buckets.take(call)
        if instead := self.strike(call):
            return instead
        if caller.read_only:
            policies.check_read_only(call)
        policies.check_new_tags(call)
        response = self.performed(environ, call, caller)
        answers.outcome(call, response)
        for rule in faults.striking(call, "late", "drop-after", "answer-after"):
            if rule.kind == "drop-after":
                raise Dropped
            if rule.kind == "answer-after":
                return foreign.answer(rule, call, response)
            self.closing.wait(rule.seconds)
        return response

    def strike(self, call: dict[str, Any]) -> Response | None:
        """Lets fault rules loose on a call before anything is done, and returns what one answers in AWS's place.

        Raises Refused or Dropped.
        """
        for rule in faults.striking(call, "latency", "throttle", "error", "expired", "drop", "hang", "answer"):
            if rule.kind == "latency":
                self.closing.wait(rule.seconds)
            elif rule.kind == "throttle":
                raise Refused("RequestLimitExceeded", "Request limit exceeded.")
            elif rule.kind == "expired":
                raise Refused("RequestExpired", "Request has expired.")
            elif rule.kind == "error":
                raise Refused(rule.code, rule.message, status=rule.status)
            elif rule.kind == "answer":
                return foreign.answer(rule, call)
            else:
                if rule.kind == "hang":
                    self.closing.wait(rule.seconds or HANG_SECONDS)
                raise Dropped
        return None

    def performed(self, environ: Environ, call: dict[str, Any], caller: identity.Identity) -> Response:
        """Hands a call to whoever answers it. Raises Refused."""
        parameters.settle()
        if call["service"] == "sts":
            return identity.answer(caller, call["action"], call["params"], request_id=call["request_id"])
        if call["service"] == "outposts":
            return list_outposts(call)
        if call["service"] == "ssm":
            return parameter_calls.answer(call)
        if call["service"] == "pricing":
            return pricing.answer(call)
        if call["service"] == "cloudtrail":
            return trail.answer(call)
        environ["HTTP_X_MOTO_ACCOUNT_ID"] = caller.account
        try:
            return Response.from_app(self.application, environ, buffered=True)
        except Refused:
            raise
        except FilterNotImplementedError as error:
            raise Refused("InvalidParameterValue", str(error).split(" has not been")[0]) from None
        except (NotImplementedError, OperationNotFoundError):
            message = f"The action {call['action']} is not valid for this web service."
            raise Refused("InvalidAction", message) from None
        except Exception:
            # A defect here or in moto. AWS answers in the service's own format even then, not with a page.
            log.exception("%s failed", call["action"])
            raise Refused("InternalError", "An internal error has occurred") from None


def cut(environ: Environ) -> NoReturn:
    """Ends the connection without an answer. An exception alone would leave the client waiting."""
    environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    raise ConnectionResetError


def read_call(environ: Environ, body: bytes) -> dict[str, Any]:
    """What a call says about itself, for the log and for fault rules. Counts it, too."""
    authorization = environ.get("HTTP_AUTHORIZATION", "")
    scope = CREDENTIAL.search(authorization)
    params: dict[str, Any] = {}
    if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        params = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    elif "json" in environ.get("CONTENT_TYPE", "") and body:
        params = json.loads(body)
    call = {
        "time": world.now(),
        "request_id": str(uuid.UUID(bytes=secrets.token_bytes(16), version=4)),
        "method": environ["REQUEST_METHOD"],
        "path": environ["PATH_INFO"],
        "service": scope["service"] if scope else "ec2",
        "region": scope["region"] if scope else "",
        "access_key": scope["key"] if scope else "",
        "account": "",
        "caller": "",
        "action": action_of(environ, params),
        # Whose words the caller gets: `aws`, a body of `foreign.py`, or `none`.
        "answer": "aws",
        "params": params,
        "content_type": environ.get("CONTENT_TYPE", ""),
        # Everything but the signature itself.
        "authorization": authorization.split(", Signature=")[0],
        "headers": {
            name.replace("_", "-").title(): environ[f"HTTP_{name}"]
            for name in LOGGED_HEADERS
            if f"HTTP_{name}" in environ
        },
    }
    with world.lock:
        world.counters[call["service"], call["region"], call["action"]] += 1
    return call


def action_of(environ: Environ, params: dict[str, Any]) -> str:
    """The action's name in AWS's spelling; for REST services that aren't imitated, method and path."""
    if environ["PATH_INFO"] == "/outposts":
        return "ListOutposts"
    target = environ.get("HTTP_X_AMZ_TARGET", "").rsplit(".", 1)[-1]
    return str(params.get("Action") or target or f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}")


def list_outposts(call: dict[str, Any]) -> Response:
    """Answers ListOutposts, all on one page. Raises Refused for other actions of AWS Outposts."""
    if call["action"] != "ListOutposts":
        raise Refused("ValidationException", f"The sandbox doesn't know {call['action']} of AWS Outposts.")
    body = {"Outposts": catalogue.outposts(call["account"], call["region"])}
    return Response(json.dumps(body), content_type="application/json")
