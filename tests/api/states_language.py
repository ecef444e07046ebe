"""A workflow engine for one state machine: does what Step Functions does with the states that the recipe has.

https://states-language.net and https://docs.aws.amazon.com/step-functions/latest/dg/call-https-apis.html
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

MOST_STATES = 60
# Headers that an HTTP task doesn't send, as its page lists them, of those that the API knows.
DROPPED = {"if-match", "if-none-match", "authorization", "host", "cookie"}
FORMAT = re.compile(r"States\.Format\('([^']*)', ([^)]*)\)")


class Failed(Exception):
    """The machine failed; its words are error and cause."""


class Machine:
    """One execution. `connections` are headers by the ARN of an EventBridge connection; `wait` is called instead of a
    Wait state's time, and before a task is tried again."""

    def __init__(
        self,
        definition: Mapping[str, Any],
        given: Mapping[str, Any],
        connections: Mapping[str, Mapping[str, str]],
        *,
        wait: Callable[[str], None],
        lose: Callable[[str], bool] = lambda _name: False,
    ) -> None:
        """`lose` says of a state whether the answer to its call gets lost."""
        self.definition, self.data, self.connections = definition, dict(given), connections
        self.wait, self.lose = wait, lose
        self.context = {"Execution": {"Name": "execution-5c1e"}}
        self.calls: list[tuple[str, int]] = []

    def run(self) -> Any:
        """The output. Raises Failed."""
        name = self.definition["StartAt"]
        for _ in range(MOST_STATES):
            state = self.definition["States"][name]
            if state["Type"] == "Succeed":
                return self._value(state.get("OutputPath", "$"))
            if state["Type"] == "Fail":
                raise Failed(f"{state['Error']}: {self._value(state['CausePath'])}")
            name = self._next(name, state)
        raise Failed("States.Timeout")

    def _next(self, name: str, state: Mapping[str, Any]) -> str:
        if state["Type"] == "Choice":
            fits = (choice["Next"] for choice in state["Choices"] if self._holds(choice))
            return next(fits, str(state["Default"]))
        if state["Type"] == "Wait":
            assert isinstance(state["Seconds"], int)
            self.wait(name)
        else:
            assert (state["Type"], state["Resource"]) == ("Task", "arn:aws:states:::http:invoke")
            self._put(state["ResultPath"], self._tried(name, state))
        return str(state["Next"])

    def _holds(self, choice: Mapping[str, Any]) -> bool:
        value = self._value(choice["Variable"])
        if "BooleanEquals" in choice:
            return isinstance(value, bool) and value is choice["BooleanEquals"]
        return isinstance(value, str) and value == choice["StringEquals"]

    def _tried(self, name: str, state: Mapping[str, Any]) -> dict[str, Any]:
        """What the task says, by as many tries as its Retry allows. Raises Failed."""
        tries = [0] * len(state["Retry"])
        while True:
            error, answer = self._invoke(name, self._filled(state["Parameters"]), state["TimeoutSeconds"])
            if not error:
                return answer
            at = next(
                (at for at, each in enumerate(state["Retry"]) if {error, "States.ALL"} & {*each["ErrorEquals"]}), -1
            )
            if at < 0 or tries[at] == state["Retry"][at]["MaxAttempts"]:
                raise Failed(error)
            tries[at] += 1
            self.wait(name)

    def _invoke(self, name: str, given: Mapping[str, Any], seconds: int) -> tuple[str, dict[str, Any]]:
        """The error's name, empty for none, and the result of an HTTP task."""
        assert 0 < seconds <= 60, "an HTTP task lasts no longer than a minute"
        headers = {key: value for key, value in given.get("Headers", {}).items() if key.lower() not in DROPPED}
        headers |= self.connections[given["Authentication"]["ConnectionArn"]]
        body = json.dumps(given["RequestBody"]).encode() if "RequestBody" in given else None
        request = Request(given["ApiEndpoint"], data=body, headers=headers, method=given["Method"])
        try:
            with urlopen(request, timeout=seconds) as answer:
                self.calls.append((name, answer.status))
                read = {"StatusCode": answer.status, "ResponseBody": json.load(answer)}
        except HTTPError as error:
            self.calls.append((name, error.code))
            return f"States.Http.StatusCode.{error.code}", {}
        except (URLError, TimeoutError):
            return "States.Http.Socket", {}
        return ("States.Timeout", {}) if self.lose(name) else ("", read)

    def _filled(self, value: Any) -> Any:
        """A template: members whose names end in `.$` get what their path or States.Format says."""
        if isinstance(value, list):
            return [self._filled(each) for each in value]
        if not isinstance(value, dict):
            return value
        return {
            key.removesuffix(".$"): self._value(each) if key.endswith(".$") else self._filled(each)
            for key, each in value.items()
        }

    def _value(self, path: str) -> Any:
        if found := FORMAT.fullmatch(path):
            return found[1].format(*(self._value(each) for each in found[2].split(", ")))
        value: Any = self.context if path.startswith("$$") else self.data
        for part in path.lstrip("$").split(".")[1:]:
            value = value[part]
        return value

    def _put(self, path: str, result: Any) -> None:
        self.data[path.removeprefix("$.")] = result
