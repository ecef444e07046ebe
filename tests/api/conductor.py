"""A workflow engine for one workflow: does what Conductor's own tasks do, as far as the recipe has them.

https://conductor-oss.github.io/conductor/documentation/configuration/workflowdef/systemtasks/http-task.html
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

REFERENCE = re.compile(r"\$\{([^}]+)\}")
MOST_ROUNDS = 20
RETRIES = 3


class Failed(Exception):
    """A task failed for good; the words are its reason."""


class Terminated(Exception):
    """The workflow ended itself; the words are its reason."""


class Workflow:
    """One run. `wait` is called instead of a WAIT task's time; `lose` says of a call whether its answer gets lost."""

    def __init__(
        self,
        definition: Mapping[str, Any],
        inputs: Mapping[str, str],
        secrets: Mapping[str, str],
        *,
        wait: Callable[[], None],
        lose: Callable[[str], bool] = lambda _task: False,
        messages: Callable[[], list[dict[str, Any]]] = list,
    ) -> None:
        """`messages` are the bodies that came to the engine's webhook so far."""
        self.definition, self.wait, self.lose, self.messages = definition, wait, lose, messages
        self.known: dict[str, Any] = {
            "workflow": {"input": dict(inputs), "secrets": dict(secrets), "workflowId": "wf-5c1e"}
        }
        self.variables: dict[str, Any] = {}
        self.calls: list[tuple[str, int]] = []

    def run(self) -> dict[str, Any]:
        """The variables at its end. Raises Failed and Terminated."""
        self._tasks(self.definition["tasks"])
        return self.variables

    def _tasks(self, tasks: list[dict[str, Any]]) -> None:
        for task in tasks:
            self._task(task)

    def _task(self, task: dict[str, Any]) -> None:
        name, kind = task["taskReferenceName"], task["type"]
        if kind == "DO_WHILE":
            for _ in range(MOST_ROUNDS):
                self._tasks(task["loopOver"])
                if not self._goes_on(task["loopCondition"]):
                    return
            raise Failed("too many rounds")
        given = self._filled(task["inputParameters"])
        if kind == "HTTP":
            self.known[name] = {"output": {"response": self._http(name, given)}}
        elif kind == "WAIT":
            assert re.fullmatch(r"[0-9]+ seconds", given["duration"])
            self.wait()
        elif kind == "WAIT_FOR_WEBHOOK":
            self.known[name] = {"output": self._message(given["matches"])}
        elif kind == "SWITCH":
            assert task["evaluatorType"] == "value-param"
            self._tasks(task["decisionCases"].get(given[task["expression"]], task["defaultCase"]))
        elif kind == "SET_VARIABLE":
            self.variables |= given
        elif kind == "TERMINATE":
            raise Terminated(given["terminationReason"])
        else:
            raise Failed(f"no such task: {kind}")

    def _http(self, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Calls, and calls again after anything but 2xx and after an answer that got lost."""
        body = json.dumps(given["body"]).encode() if "body" in given else None
        headers = {"Accept": given["accept"], "Content-Type": given.get("contentType", "application/json")}
        reason = ""
        for _ in range(RETRIES):
            request = Request(given["uri"], data=body, headers=headers | given["headers"], method=given["method"])
            try:
                with urlopen(request, timeout=given["readTimeOut"] / 1000) as answer:
                    self.calls.append((name, answer.status))
                    read = json.load(answer)
            except HTTPError as error:
                self.calls.append((name, error.code))
                reason = error.read().decode()
                continue
            if not self.lose(name):
                return {"body": read, "statusCode": answer.status}
        raise Failed(reason)

    def _message(self, matches: Mapping[str, Any]) -> dict[str, Any]:
        """The first message in which each path has its value."""
        paths = {re.fullmatch(r"\$\['(\w+)'\]", path)[1]: value for path, value in matches.items()}  # type: ignore[index]
        for _ in range(MOST_ROUNDS):
            self.wait()
            for message in self.messages():
                if all(message[name] == value for name, value in paths.items()):
                    return message
        raise Failed("no message matches")

    def _goes_on(self, condition: str) -> bool:
        """The one form of condition that the recipe has: until a member of a task's output is true."""
        found = re.fullmatch(r"if \(\$\.(\w+)((?:\['\w+'\])+)\) \{ false; \} else \{ true; \}", condition)
        assert found, condition
        value = self.known[found[1]]["output"]
        for part in re.findall(r"'(\w+)'", found[2]):
            value = value[part]
        return value is not True

    def _filled(self, value: Any) -> Any:
        """The value with every `${…}` replaced; one that stands alone keeps its type."""
        if isinstance(value, dict):
            return {name: self._filled(each) for name, each in value.items()}
        if isinstance(value, list):
            return [self._filled(each) for each in value]
        if not isinstance(value, str):
            return value
        alone = REFERENCE.fullmatch(value)
        return self._known(alone[1]) if alone else REFERENCE.sub(lambda found: str(self._known(found[1])), value)

    def _known(self, path: str) -> Any:
        value: Any = self.known
        for part in path.split("."):
            value = value[part]
        return value
