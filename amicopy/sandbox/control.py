"""The addresses under `/_sandbox/` that steer the sandbox and say what happened in it.

GET `/` shows everything at a glance, `calls` the last calls as they were sent, `answers` what became of them (see
`answers.py`), `images` every copy ever made, with its snapshots, `changes` what calls made of anything else:
permissions, dates, protection, parameters, launch templates, each as it was before and is after (equal: no change).
Fault rules: POST, GET and DELETE `faults` (see `faults.py`).
POST `advance` {"seconds": n} moves the clock, `settings` {name: value} changes settings, `reset` clears all;
`forget-tokens` lets every ClientToken be forgotten, as time does; `resource` changes an image or snapshot from outside:
{"ResourceId": ..., "Account": ..., "Region": ...} with "State" (any of AWS's; empty: by the clock again) or
"StorageTier" (`archive` or `standard`, of snapshots).
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any
from urllib.parse import parse_qsl

from moto.core.base_backend import BackendDict
from werkzeug.wrappers import Response

from amicopy.sandbox import answers, events, faults, identity, keys, parameters
from amicopy.sandbox.ec2.images import Snapshot, finish
from amicopy.sandbox.ec2.models import backend_of
from amicopy.sandbox.world import world

Params = dict[str, Any]
NARROW = ("service", "region", "account", "action")


def answer(environ: dict[str, Any], body: bytes) -> Response:
    """Answers one control call in JSON; 400 says what must be true."""
    method, name = environ["REQUEST_METHOD"], environ["PATH_INFO"].removeprefix("/_sandbox/").strip("/")
    verb = VERBS.get((method, name))
    if verb is None:
        return as_json({"error": f"There is no {method} /_sandbox/{name}."}, status=404)
    try:
        params = json.loads(body) if body else dict(parse_qsl(environ.get("QUERY_STRING", "")))
        return as_json(verb(params))
    except (KeyError, TypeError, ValueError) as error:
        return as_json({"error": str(error)}, status=400)


def as_json(value: Any, *, status: int = 200) -> Response:
    return Response(json.dumps(value, default=str), status=status, content_type="application/json")


def status(_params: Params) -> dict[str, Any]:
    """State, clock, settings, and how many calls came in: service -> Region -> action -> number."""
    counters: dict[str, dict[str, dict[str, int]]] = {}
    with world.lock:
        for (service, region, action), number in sorted(world.counters.items()):
            counters.setdefault(service, {}).setdefault(region, {})[action] = number
    return {
        "state": "ready",
        "clock": world.now(),
        "settings": asdict(world.settings),
        "copies": len(world.copies),
        "faults": len(world.rules),
        "refusals": dict(world.refusals),
        "calls": counters,
    }


def calls(params: Params) -> list[Params]:
    """The last calls, oldest first; `service`, `region`, `account` and `action` narrow them."""
    names = [name for name in NARROW if name in params]
    return [call for call in list(world.calls) if all(call[name] == params[name] for name in names)]


def images(_params: Params) -> list[Params]:
    """Every copy ever accepted, in all accounts and Regions, with its snapshots, those that are gone apart."""
    return [described(image_id, copy) for image_id, copy in list(world.copies.items())]


def changes(params: Params) -> list[Params]:
    """What calls changed, oldest first; `service`, `action`, `account`, `region`, `resource`, `member` narrow it."""
    wanted = {name: params[name] for name in (*NARROW, "resource", "member") if name in params}
    return [each for each in list(world.changes) if all(each[name] == value for name, value in wanted.items())]


def described(image_id: str, copy: Params) -> Params:
    """One copy; its State is `deregistered` when the image is gone, and it is Failed if it has ever been `failed`."""
    backend, plan = backend_of(copy["account"], copy["region"]), copy["plan"]
    image = backend.amis.get(image_id) or backend.gone_images[image_id]
    snapshots = [backend.snapshot_of(row["id"]) for row in plan["snapshots"]]
    return {
        "Account": copy["account"],
        "Region": copy["region"],
        "ImageId": image_id,
        "Name": plan["attributes"]["Name"],
        "SourceImageId": plan["attributes"]["SourceImageId"],
        "SourceRegion": plan["attributes"]["SourceImageRegion"],
        "State": image.state if image.removed is None else "deregistered",
        "Failed": bool(plan["failure"]) and finish(plan) <= (image.removed or world.now()),
        "ClientToken": plan["token"],
        "Tags": image.tags,
        "Started": image.born,
        "Removed": image.removed,
        "Snapshots": [
            {"SnapshotId": row.id, "State": row.status, "Tags": row.tags} for row in snapshots if row.removed is None
        ],
        "DeletedSnapshots": [
            {"SnapshotId": row.id, "Removed": row.removed, "Tags": row.tags}
            for row in snapshots
            if row.removed is not None
        ],
    }


def advance(params: Params) -> Params:
    """Moves the clock forward."""
    seconds = float(params["seconds"])
    if seconds < 0:
        raise ValueError("seconds must be 0 or more.")
    with world.lock:
        world.offset += seconds
        world.write(do="advance", seconds=seconds)
    events.wake()
    return {"clock": world.now()}


def settings(params: Params) -> Params:
    """Changes settings and returns all of them."""
    world.change(**params)
    return asdict(world.settings)


def reset(_params: Params) -> Params:
    """Everything as after the first start: catalogue only, clock, counters and journal empty."""
    with world.lock:
        BackendDict.reset()
        world.clear()
        if world.journal:
            world.journal.unlink(missing_ok=True)
        answers.forget()
        keys.load()
        identity.sessions.clear()
        events.unschedule(None)
    return {"state": "ready"}


def forget_tokens(_params: Params) -> Params:
    """Lets AWS forget every ClientToken: a call that repeats one makes another image."""
    with world.lock:
        number = sum(without_tokens(copy["account"], copy["region"]) for copy in world.copies.values())
        world.write(do="forget-tokens")
    return {"forgotten": number}


def without_tokens(account: str, region: str) -> int:
    """Empties the table of tokens in one place and returns how many there were."""
    tokens = backend_of(account, region).client_tokens
    number = len(tokens)
    tokens.clear()
    return number


def resource(params: Params) -> Params:
    """Changes an image or snapshot from outside, and says what it is now."""
    allowed = {"ResourceId", "Account", "Region", "State", "StorageTier"}
    if odd := params.keys() - allowed:
        raise ValueError(f"There is no {', '.join(sorted(odd))} to change.")
    with world.lock:
        changed = alter(params)
        world.write(do="resource", **params)
    return {name: value for name, value in changed.view().items() if name in {"State", "StorageTier"}}


def alter(params: Params) -> Any:
    """Changes an image or snapshot as `params` say, and returns it."""
    backend, name = backend_of(params["Account"], params["Region"]), params["ResourceId"]
    found = backend.amis.get(name) or backend.snapshots.get(name)
    if found is None:
        raise ValueError(f"There is no {name} in {params['Region']} of {params['Account']}.")
    if "State" in params:
        found.stated = params["State"]
    if "StorageTier" in params:
        if not isinstance(found, Snapshot) or params["StorageTier"] not in {"standard", "archive"}:
            raise ValueError("StorageTier is standard or archive, and only snapshots have one.")
        found.storage_tier = params["StorageTier"]
    return found


def replay() -> None:
    """Brings back what the journal holds: copies with ids, tokens and times, what was removed, the clock."""
    for entry in world.entries():
        if entry["do"] == "advance":
            world.offset += entry["seconds"]
            continue
        if entry["do"] == "forget-tokens":
            for copy in world.copies.values():
                without_tokens(copy["account"], copy["region"])
            continue
        if entry["do"] == "resource":
            alter(entry)
            continue
        if entry["do"] in {"change", "alias", "alias-refused"}:
            restore(entry)
            continue
        backend = backend_of(entry["account"], entry["region"])
        # Older journals don't say when something was removed.
        at = entry.get("time", world.now())
        if entry["do"] == "copy":
            backend.bring_to_life(entry["plan"])
            backend.announce(entry["plan"])
        elif entry["do"] == "deregister":
            backend.forget(entry["image_id"], entry["snapshots"], at=at)
            events.unschedule(entry["image_id"])
        elif entry["do"] == "delete-snapshot":
            backend.forget(None, [entry["snapshot_id"]], at=at)


def restore(entry: Params) -> None:
    """Brings back what a call changed, or is to change."""
    if entry["do"] == "alias":
        world.waiting.append(entry)
        return
    if entry["do"] == "alias-refused":
        parameters.forget(entry["request_id"])
        return
    world.changes.append(entry)
    if entry["service"] == "ssm":
        parameters.restore(entry)
    else:
        backend_of(entry["account"], entry["region"]).restore(entry)


VERBS: dict[tuple[str, str], Callable[[Params], Any]] = {
    ("GET", ""): status,
    ("GET", "calls"): calls,
    ("GET", "answers"): answers.listed,
    ("GET", "images"): images,
    ("GET", "changes"): changes,
    ("GET", "faults"): faults.listed,
    ("POST", "faults"): faults.add,
    ("DELETE", "faults"): faults.clear,
    ("POST", "advance"): advance,
    ("POST", "settings"): settings,
    ("POST", "forget-tokens"): forget_tokens,
    ("POST", "resource"): resource,
    ("POST", "reset"): reset,
}
