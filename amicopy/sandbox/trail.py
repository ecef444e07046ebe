"""CloudTrail's event history: LookupEvents, for the calls to EC2 and Systems Manager that came in.

An event is there `trail_seconds` of the settings after its call, for 90 days, refused calls with their errors as well.
https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html and, for what an event says,
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html. Which names
CloudTrail takes for resources of a call is partly unverified. Events are kept in memory, and not in the journal.
"""

import json
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from werkzeug.wrappers import Response

from amicopy.sandbox.errors import Refused
from amicopy.sandbox.world import world

SERVICES = ("ec2", "ssm")
DAYS, MOST = 90, 50
LOOKS = ("Describe", "Get", "List")
# By how an id begins.
RESOURCE_TYPES = {"ami": "AWS::EC2::Ami", "snap": "AWS::EC2::Snapshot", "lt": "AWS::EC2::LaunchTemplate"}
RESOURCE_ID = re.compile(r"(ami|snap|lt)-[0-9a-f]+")
Event = dict[str, Any]
READ: Mapping[str, Callable[[Event], list[str]]] = {
    "EventId": lambda event: [event["EventId"]],
    "EventName": lambda event: [event["EventName"]],
    "ReadOnly": lambda event: [event["ReadOnly"]],
    "Username": lambda event: [event["Username"]],
    "EventSource": lambda event: [event["EventSource"]],
    "AccessKeyId": lambda event: [event["AccessKeyId"]],
    "ResourceType": lambda event: [each["ResourceType"] for each in event["Resources"]],
    "ResourceName": lambda event: [each["ResourceName"] for each in event["Resources"]],
}


def note(call: dict[str, Any]) -> None:
    """Keeps the event of a call that was answered, or carried out and not answered."""
    if call["service"] not in SERVICES or not call["account"]:
        return
    event_id = str(uuid.uuid4())
    read_only = call["action"].startswith(LOOKS)
    refused = {"errorCode": call["error"], "errorMessage": call["message"]} if call.get("error") else {}
    said = {
        "eventVersion": "1.11",
        "userIdentity": identity(call),
        "eventTime": datetime.fromtimestamp(call["time"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "eventSource": f"{call['service']}.amazonaws.com",
        "eventName": call["action"],
        "awsRegion": call["region"],
        "sourceIPAddress": "127.0.0.1",
        "userAgent": call["headers"].get("User-Agent", ""),
        **refused,
        "requestParameters": parameters(call),
        "responseElements": None,
        "requestID": call["request_id"],
        "eventID": event_id,
        "readOnly": read_only,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": call["account"],
        "eventCategory": "Management",
    }
    event = {
        "EventId": event_id,
        "EventName": call["action"],
        "ReadOnly": str(read_only).lower(),
        "AccessKeyId": call["access_key"],
        # CloudTrail tells whole seconds.
        "EventTime": int(call["time"]),
        "EventSource": said["eventSource"],
        "Username": call["caller"].rpartition("/")[2],
        "Resources": list(resources(call)),
        "CloudTrailEvent": json.dumps(said),
    }
    with world.lock:
        world.trail.append(((call["account"], call["region"]), event))


def identity(call: dict[str, Any]) -> dict[str, Any]:
    """userIdentity: a user, or a role's session."""
    arn = call["caller"]
    said = {"arn": arn, "accountId": call["account"], "accessKeyId": call["access_key"]}
    if ":assumed-role/" in arn:
        return {"type": "AssumedRole", **said}
    return {"type": "IAMUser", **said, "userName": arn.rpartition("/")[2]}


def parameters(call: dict[str, Any]) -> Any:
    """requestParameters: of EC2's flat names a tree whose lists are `items`, and names begin small."""
    if call["service"] != "ec2":
        # Values of parameters aren't told.
        return {_small(name): value for name, value in call["params"].items() if name != "Value"}
    tree: dict[str, Any] = {}
    for name, value in call["params"].items():
        if name in {"Action", "Version"}:
            continue
        at = tree
        *above, last = map(_small, name.split("."))
        for part in above:
            at = at.setdefault(part, {})
        at[last] = value
    return _with_items(tree)


def _small(name: str) -> str:
    return name[:1].lower() + name[1:]


def _with_items(tree: Any) -> Any:
    if not isinstance(tree, dict):
        return tree
    if tree and all(name.isdigit() for name in tree):
        return {"items": [_with_items(each) for _, each in sorted(tree.items(), key=lambda row: int(row[0]))]}
    return {name: _with_items(each) for name, each in tree.items()}


def resources(call: dict[str, Any]) -> Iterator[dict[str, str]]:
    """What a call names, or made."""
    params = call["params"]
    if call["service"] == "ssm":
        names = [params.get("Name"), *params.get("Names", [])]
        yield from ({"ResourceType": "AWS::SSM::Parameter", "ResourceName": name} for name in names if name)
        return
    made = call.get("shown", {}) if call["action"] == "CopyImage" else {}
    for value in dict.fromkeys([*params.values(), *made]):
        if found := RESOURCE_ID.fullmatch(str(value)):
            yield {"ResourceType": RESOURCE_TYPES[found[1]], "ResourceName": str(value)}


def answer(call: dict[str, Any]) -> Response:
    """Answers LookupEvents, the newest event first. Raises Refused."""
    if call["action"] != "LookupEvents":
        raise Refused("UnsupportedOperationException", f"The sandbox doesn't know {call['action']} of CloudTrail.")
    params = call["params"]
    size = params.get("MaxResults", MOST)
    if not 1 <= size <= MOST:
        raise Refused("InvalidMaxResultsException", f"Invalid MaxResults: {size}. It is 1 to {MOST}.")
    begin = _begin(params)
    there = found(call)
    body: dict[str, Any] = {"Events": there[begin : begin + size]}
    if len(there) > begin + size:
        body["NextToken"] = f"{begin + size}.{_fingerprint(params)}"
    return Response(json.dumps(body), content_type="application/x-amz-json-1.1")


def found(call: dict[str, Any]) -> list[Event]:
    """The events of an account and Region that a call asks for. Raises Refused."""
    params, now = call["params"], world.now()
    since, until = params.get("StartTime", 0.0), params.get("EndTime", now)
    if since > until:
        raise Refused("InvalidTimeRangeException", "The end time is before the start time.")
    fits = _fits(params.get("LookupAttributes", []))
    since, until = max(since, now - DAYS * 86400), min(until, now - world.settings.trail_seconds)
    here = [event for place, event in list(world.trail) if place == (call["account"], call["region"])]
    return [event for event in reversed(here) if since <= event["EventTime"] <= until and fits(event)]


def _fits(attributes: list[dict[str, str]]) -> Callable[[Event], bool]:
    if len(attributes) > 1 or any(each["AttributeKey"] not in READ for each in attributes):
        raise Refused("InvalidLookupAttributesException", "Exactly one lookup attribute that is known can be given.")
    return lambda event: all(each["AttributeValue"] in READ[each["AttributeKey"]](event) for each in attributes)


def _begin(params: dict[str, Any]) -> int:
    """Where the page that a token means begins: it goes with the parameters of the call that gave it."""
    number, _, of = params.get("NextToken", "").partition(".")
    if not number:
        return 0
    if not number.isdigit() or of != _fingerprint(params):
        raise Refused("InvalidNextTokenException", "Invalid NextToken.")
    return int(number)


def _fingerprint(params: dict[str, Any]) -> str:
    asked = {name: value for name, value in params.items() if name not in {"NextToken", "MaxResults"}}
    return uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(asked, sort_keys=True)).hex
