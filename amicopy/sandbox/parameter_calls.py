"""The calls of Parameter Store that the sandbox answers, and what they show."""

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from werkzeug.wrappers import Response

from amicopy.sandbox import policies
from amicopy.sandbox.errors import Refused
from amicopy.sandbox.parameters import Parameter, Version, found, put, selected, store
from amicopy.sandbox.world import world


def answer(call: dict[str, Any]) -> Response:
    """Answers a call of Systems Manager. Raises Refused."""
    verb = VERBS.get(call["action"])
    if verb is None:
        raise Refused("UnknownOperationException", f"The sandbox doesn't know {call['action']} of Systems Manager.")
    there = store(call["account"], call["region"])
    if known := there.get(call["params"].get("Name", "").partition(":")[0]):
        policies.check_resource(call, SimpleNamespace(id=known.name, kind="parameter", tags=known.tags))
    with world.lock:
        body = verb(call, there)
    return Response(json.dumps(body), content_type="application/x-amz-json-1.1")


def get(call: dict[str, Any], there: dict[str, Parameter]) -> dict[str, Any]:
    """GetParameter."""
    name, _, selector = call["params"]["Name"].partition(":")
    return {"Parameter": value_view(call, selected(found(there, name), selector), selector)}


def get_several(call: dict[str, Any], there: dict[str, Parameter]) -> dict[str, Any]:
    """GetParameters."""
    names = call["params"]["Names"]
    known = [name for name in names if name.partition(":")[0] in there]
    rows = [get({**call, "params": {"Name": name}}, there)["Parameter"] for name in known]
    return {"Parameters": rows, "InvalidParameters": [name for name in names if name not in known]}


def history(call: dict[str, Any], there: dict[str, Parameter]) -> dict[str, Any]:
    """GetParameterHistory."""
    versions = found(there, call["params"]["Name"]).versions
    return {"Parameters": [{name: row[name] for name in row if name != "Tags"} for row in versions]}


def delete(call: dict[str, Any], there: dict[str, Parameter]) -> dict[str, Any]:
    """DeleteParameter."""
    parameter = found(there, call["params"]["Name"])
    del there[parameter.name]
    world.record(call, parameter.name, "Parameter", parameter.versions[-1]["Value"], None)
    return {}


def describe(call: dict[str, Any], there: dict[str, Parameter]) -> dict[str, Any]:
    """DescribeParameters, with the filters Name, Type, DataType and tag:*."""
    params = call["params"]
    rows = [there[name] for name in sorted(there) if all(fits(there[name], row) for row in filters(params))]
    size, start = params.get("MaxResults", 50), int(params.get("NextToken", "0"))
    body: dict[str, Any] = {"Parameters": [described(call, row) for row in rows[start : start + size]]}
    if len(rows) > start + size:
        body["NextToken"] = str(start + size)
    return body


def filters(params: dict[str, Any]) -> list[dict[str, Any]]:
    """Filters of both forms as ParameterFilters."""
    return [*params.get("ParameterFilters", []), *params.get("Filters", [])]


def fits(parameter: Parameter, row: dict[str, Any]) -> bool:
    """Whether a filter lets a parameter through. Raises Refused for a filter it doesn't know."""
    key, values = row["Key"], row.get("Values", [])
    if key.startswith("tag:"):
        return parameter.tags.get(key.removeprefix("tag:")) in values
    held = {"Name": parameter.name, "Type": parameter.type, "DataType": parameter.data_type}.get(key)
    if held is None:
        raise Refused("InvalidFilterKey", f"The filter {key} is not known.")
    compare: Callable[[str], bool] = {
        "BeginsWith": lambda value: held.startswith(value),
        "Contains": lambda value: value in held,
    }.get(row.get("Option", "Equals"), lambda value: value == held)
    return any(map(compare, values))


def arn(call: dict[str, Any], name: str) -> str:
    """A parameter's ARN."""
    return f"arn:aws:ssm:{call['region']}:{call['account']}:parameter/{name.removeprefix('/')}"


def value_view(call: dict[str, Any], version: Version, selector: str) -> dict[str, Any]:
    """A version as GetParameter shows it."""
    members = ("Name", "Type", "Value", "Version", "LastModifiedDate", "DataType")
    view = {**{name: version[name] for name in members}, "ARN": arn(call, version["Name"])}
    return view | ({"Selector": f":{selector}"} if selector else {})


def described(call: dict[str, Any], parameter: Parameter) -> dict[str, Any]:
    """A parameter as DescribeParameters shows it, without its value."""
    members = ("Name", "Type", "Version", "LastModifiedDate", "LastModifiedUser", "DataType", "Description", "Tier")
    last = parameter.versions[-1]
    return {**{name: last[name] for name in members}, "ARN": arn(call, parameter.name), "Policies": []}


def list_tags(call: dict[str, Any], there: dict[str, Parameter]) -> dict[str, Any]:
    """ListTagsForResource."""
    tags = found(there, call["params"]["ResourceId"]).tags
    return {"TagList": [{"Key": key, "Value": value} for key, value in tags.items()]}


def change_tags(call: dict[str, Any], there: dict[str, Parameter]) -> dict[str, Any]:
    """AddTagsToResource and RemoveTagsFromResource."""
    params = call["params"]
    parameter = found(there, params["ResourceId"])
    added = {tag["Key"]: tag["Value"] for tag in params.get("Tags", [])}
    after = {key: value for key, value in parameter.tags.items() if key not in params.get("TagKeys", [])} | added
    world.record(call, parameter.name, "Tags", parameter.tags, after)
    parameter.tags = after
    return {}


VERBS: dict[str, Callable[[dict[str, Any], dict[str, Parameter]], dict[str, Any]]] = {
    "PutParameter": put,
    "GetParameter": get,
    "GetParameters": get_several,
    "GetParameterHistory": history,
    "DeleteParameter": delete,
    "DescribeParameters": describe,
    "ListTagsForResource": list_tags,
    "AddTagsToResource": change_tags,
    "RemoveTagsFromResource": change_tags,
}
