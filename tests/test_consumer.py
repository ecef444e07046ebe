"""Which messages are amicopy's; that a worker outlives the others is in tests/journey/test_bad_messages.py."""

import json
import uuid
from typing import Any

import pytest
from kombu import Message

from amicopy.consumer import fault_of

TASK = "amicopy.copies.tasks.ping"
JSON = "application/json"
AFTERWARDS = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}


def message(body: Any = None, *, raw: bytes | None = None, content_type: str = JSON, **headers: Any) -> Message:
    """A message as amicopy sends it but for what is given."""
    body = [[], {}, AFTERWARDS] if body is None else body
    own: dict[str, Any] = {"task": TASK, "id": str(uuid.uuid4()), "retries": 0, "timelimit": [120.0, 90.0]}
    sent: Any = json.dumps(body).encode() if raw is None else raw
    return Message(body=sent, content_type=content_type, content_encoding="utf-8", headers=own | headers, accept={JSON})


def test_amicopys_own_messages_have_no_fault() -> None:
    assert fault_of(message(), {TASK}) == ""
    assert fault_of(message(timelimit=[None, None]), {TASK}) == ""
    assert fault_of(message([[], {"wake": False}, AFTERWARDS]), {TASK}) == ""


STRANGE = {
    "an object as body": message({"a": 1}),
    "a number as body": message(7),
    "parts of other types": message([{"a": 1}, [1], 7]),
    "garbage": message(raw=b"\xff\xfe{"),
    "a pickle": message(raw=b"\x80\x04N.", content_type="application/x-python-serialize"),
    "text": message(raw=b"hello", content_type="text/plain"),
    "no such task": message(task="no.such.task"),
    "a list as task": message(task=["x"]),
    "no id": message(id=None),
    "another task afterwards": message([[], {}, {"callbacks": [{"task": "x"}]}]),
    "a time": message(eta="nonsense"),
    "an end": message(expires="nonsense"),
    "time limits in words": message(timelimit="nonsense"),
    "time limits of other types": message(timelimit=[{}, "x"]),
    "three time limits": message(timelimit=[1, 2, 3]),
    "retries": message(retries="x"),
    "no headers": Message(body="{}", content_type=JSON, headers={}),
}


@pytest.mark.parametrize("strange", STRANGE.values(), ids=STRANGE)
def test_what_is_not_amicopys_has_a_fault(strange: Message) -> None:
    assert fault_of(strange, {TASK})
