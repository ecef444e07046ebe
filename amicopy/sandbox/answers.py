"""The log of answers: what became of each call, so that what somebody says AWS said can be held against it.

GET `/_sandbox/answers` lists the last 20,000, oldest first; `after` (a number, so that one can read on), `request_id`,
`service`, `action`, `account` and `region` narrow them. Each has

    number, time          in order, on the sandbox's clock
    request_id, service, action, account, region
    ids                   of images and snapshots that the call names
    token                 its ClientToken
    gives                 whom the call would share something with, whether it was carried out or not
    carried_out           whether what was asked for was done
    code, message         AWS's error, if the action ended with one; also where the caller never heard of it
    shown                 id -> state: what a list showed, the image that was made, what became of snapshots
    answer, status        what the caller got: `aws`, one of the bodies of `foreign.py`, or `none`; the HTTP status

With a journal they are kept beside it, for the judge of a test that kills the sandbox.
"""

import html
import json
import re
from pathlib import Path
from typing import Any

from werkzeug.wrappers import Response

from amicopy.sandbox.world import world

XML_ERROR = re.compile(r"<Code>(.*?)</Code>\s*<Message>(.*?)</Message>", re.DOTALL)
RESOURCE_ID = re.compile(r"(?:ami|snap)-[0-9a-f]+")
# How EC2 is told whom to give something, in both forms of a call.
ADDED = re.compile(r"(?:LaunchPermission|CreateVolumePermission)\.Add\.[0-9]+\.\w+")
LISTED = re.compile(r"(?:UserId|UserGroup|OrganizationArn|OrganizationalUnitArn)\.[0-9]+")
NARROW = ("request_id", "service", "action", "account", "region")
COPIED = (*NARROW, "answer")


def outcome(call: dict[str, Any], response: Response) -> None:
    """Takes down in `call` how the action ended, before anything happens to the answer."""
    call["carried_out"] = response.status_code < 400
    if call["carried_out"]:
        return
    text = response.get_data(as_text=True)
    if found := XML_ERROR.search(text):
        call["error"], call["message"] = map(html.unescape, found.groups())
    elif response.is_json or "json" in (response.content_type or ""):
        body = json.loads(text)
        call["error"], call["message"] = str(body.get("__type", "")).rpartition("#")[2], str(body.get("message", ""))


def note(call: dict[str, Any]) -> None:
    """Logs the answer to `call`, which is about to be sent."""
    params = call["params"]
    values = [value for value in params.values() if isinstance(value, str)]
    entry = {
        **{name: call[name] for name in COPIED},
        "time": world.now(),
        "ids": [value for value in values if RESOURCE_ID.fullmatch(value)],
        "token": params.get("ClientToken", ""),
        "gives": given(params),
        "carried_out": call.get("carried_out", False),
        "code": call.get("error", ""),
        "message": call.get("message", ""),
        "shown": call.get("shown", {}),
        "status": call.get("status", 0),
    }
    with world.lock:
        entry["number"] = world.answers[-1]["number"] + 1 if world.answers else 1
        world.answers.append(entry)
        if entry["code"] and entry["answer"] == "aws":
            world.refusals[entry["code"]] += 1
        if file := beside_journal():
            with file.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(entry) + "\n")


def given(params: dict[str, Any]) -> list[str]:
    """The accounts, groups, organizations and units that a call would let use an image or a snapshot."""
    forms = (ADDED, LISTED) if params.get("OperationType") == "add" else (ADDED,)
    return [value for name, value in params.items() if any(form.fullmatch(name) for form in forms)]


def listed(params: dict[str, Any]) -> list[dict[str, Any]]:
    """The last answers, oldest first, as far as `params` don't leave them out."""
    wanted = [(name, params[name]) for name in NARROW if name in params]
    after = int(params.get("after", 0))
    return [
        entry
        for entry in list(world.answers)
        if entry["number"] > after and all(entry[name] == value for name, value in wanted)
    ]


def load() -> None:
    """Brings back the answers kept beside the journal, if there is one; drops older ones and half a line."""
    file = beside_journal()
    if file and file.exists():
        whole, _, _cut_off = file.read_text("utf-8").rpartition("\n")
        world.answers.extend(map(json.loads, whole.splitlines()))
        file.write_text("".join(json.dumps(entry) + "\n" for entry in world.answers), "utf-8")


def forget() -> None:
    """Throws away what is kept beside the journal."""
    if file := beside_journal():
        file.unlink(missing_ok=True)


def beside_journal() -> Path | None:
    """The file that answers are kept in, if there is a journal."""
    return world.journal.with_suffix(".answers") if world.journal else None
