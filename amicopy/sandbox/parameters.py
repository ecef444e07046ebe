"""Parameter Store of Systems Manager: parameters and their versions, with the late check of image ids.

A parameter of the data type `aws:ec2:image` is accepted at once and checked later, `alias_seconds` of the settings
after the call: only then does it have its new value, and if the image isn't there for the caller, never. Until then,
and after a failure, the old value stays, or there is no parameter.

Source: https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-ec2-aliases.html. Whether a failed
check uses up a version number is unverified.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from moto.ec2.models import ec2_backends

from amicopy.sandbox.errors import Refused
from amicopy.sandbox.visibility import Look
from amicopy.sandbox.world import world

IMAGE = "aws:ec2:image"
NAME = re.compile(r"[a-zA-Z0-9_.\-/]{1,2048}")
DATA_TYPES = {"text", IMAGE, "aws:ssm:integration"}
FIXED_TYPES = {IMAGE, "aws:ssm:integration"}
LEVELS_AT_MOST, VALUE_AT_MOST, VERSIONS_KEPT = 15, 4096, 100
Version = dict[str, Any]
Place = tuple[str, str]


@dataclass
class Parameter:
    """One parameter; without versions as long as its first value is being checked."""

    name: str
    type: str
    data_type: str
    versions: list[Version] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)


def store(account: str, region: str) -> dict[str, Parameter]:
    """The parameters of one place by name."""
    return world.parameters.setdefault((account, region), {})


def put(call: dict[str, Any], there: dict[str, Parameter]) -> dict[str, Any]:
    """PutParameter."""
    params = call["params"]
    name = params["Name"]
    check_name(name)
    known = there.get(name)
    waiting = [row["version"] for row in world.waiting if of(row, call) and row["version"]["Name"] == name]
    earlier = [*(known.versions if known else []), *waiting]
    if known and not params.get("Overwrite"):
        raise Refused(
            "ParameterAlreadyExists",
            "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.",
        )
    check_value(params, known)
    version = {
        "Name": name,
        "Value": params["Value"],
        "Type": params.get("Type") or (known.type if known else "String"),
        "DataType": params.get("DataType") or (known.data_type if known else "text"),
        "Description": params.get("Description", ""),
        "Tier": params.get("Tier", "Standard"),
        "Version": max((row["Version"] for row in earlier), default=0) + 1,
        "LastModifiedDate": world.now(),
        "LastModifiedUser": call["caller"],
        "Tags": {tag["Key"]: tag["Value"] for tag in params.get("Tags", [])},
    }
    if version["DataType"] == IMAGE:
        row = {"due": world.now() + world.settings.alias_seconds, "call": about(call), "version": version}
        world.waiting.append(row)
        world.write(do="alias", **row)
        settle()
    else:
        keep(call, version)
    return {"Version": version["Version"], "Tier": version["Tier"]}


def check_name(name: str) -> None:
    """Raises Refused for a name that Parameter Store doesn't take."""
    if re.match(r"/?(aws|ssm)", name, re.IGNORECASE):
        raise Refused("ValidationException", 'Parameter name: can\'t be prefixed with "aws" or "ssm".')
    if not NAME.fullmatch(name) or ("/" in name and not name.startswith("/")):
        raise Refused("ValidationException", "Parameter name must be a fully qualified name.")
    if name.count("/") > LEVELS_AT_MOST:
        raise Refused("HierarchyLevelLimitExceededException", "A parameter name has at most 15 levels.")


def check_value(params: dict[str, Any], known: Parameter | None) -> None:
    """Raises Refused for a value, type or tags that don't go together, or not with the parameter that is there."""
    if not params["Value"] or len(params["Value"]) > VALUE_AT_MOST:
        raise Refused("ValidationException", f"A value has 1 to {VALUE_AT_MOST} characters.")
    if not known and not params.get("Type"):
        raise Refused("ValidationException", "A parameter type is required when you create a parameter.")
    if params.get("Tags") and params.get("Overwrite"):
        raise Refused("ValidationException", "Invalid request: tags and overwrite can't be used together.")
    data_type = params.get("DataType") or (known.data_type if known else "text")
    if data_type not in DATA_TYPES:
        raise Refused("ValidationException", f"The following data type is not supported: {data_type}")
    if data_type == IMAGE and params.get("Type", "String") != "String":
        raise Refused("ValidationException", f"The data type {IMAGE} goes with the type String only.")
    if known and params.get("Type") not in {None, known.type}:
        raise Refused("HierarchyTypeMismatchException", "The type of an existing parameter can't be changed.")
    if known and data_type != known.data_type and FIXED_TYPES & {data_type, known.data_type}:
        raise Refused("ValidationException", "The data type of this parameter can't be changed.")


def about(call: dict[str, Any]) -> dict[str, Any]:
    """What a late check must know of its call."""
    return {name: call[name] for name in ("request_id", "service", "action", "account", "region", "caller")}


def of(row: dict[str, Any], call: dict[str, Any]) -> bool:
    """Whether something waiting is in the place of `call`."""
    return all(row["call"][name] == call[name] for name in ("account", "region"))


def settle() -> None:
    """Checks the values whose time has come, in their order, and takes or forgets them."""
    if not world.waiting:
        return
    with world.lock:
        while world.waiting and min(row["due"] for row in world.waiting) <= world.now():
            row = min(world.waiting, key=lambda each: each["due"])
            world.waiting.remove(row)
            if launchable(row["call"], row["version"]["Value"]):
                keep(row["call"], row["version"])
            else:
                world.write(do="alias-refused", request_id=row["call"]["request_id"])


def launchable(call: dict[str, Any], image_id: str) -> bool:
    """Whether the caller's account sees `image_id`, and it is available."""
    look = Look(call)
    found = ec2_backends[call["account"]][call["region"]].open_images(look)
    return any(image.id == image_id and image.state == "available" and not look.hides(image) for image in found)


def keep(call: dict[str, Any], version: Version) -> None:
    """Gives a parameter its new value."""
    there = store(call["account"], call["region"])
    known = there.get(version["Name"])
    before = known.versions[-1]["Value"] if known else None
    take(there, version)
    world.record(call, version["Name"], "Parameter", before, version)


def take(there: dict[str, Parameter], version: Version) -> None:
    """Adds a version to its parameter, or makes that."""
    name = version["Name"]
    parameter = there.setdefault(name, Parameter(name, version["Type"], version["DataType"], tags=version["Tags"]))
    parameter.type, parameter.data_type = version["Type"], version["DataType"]
    parameter.versions = [*parameter.versions, version][-VERSIONS_KEPT:]


def restore(entry: dict[str, Any]) -> None:
    """Brings back one change that the journal holds."""
    there = store(entry["account"], entry["region"])
    forget(entry["request_id"])
    if entry["member"] == "Tags":
        there[entry["resource"]].tags = entry["after"]
    elif entry["after"] is None:
        there.pop(entry["resource"], None)
    else:
        take(there, entry["after"])


def forget(request_id: str) -> None:
    """Lets the value of a call wait no longer."""
    world.waiting = [row for row in world.waiting if row["call"]["request_id"] != request_id]


def found(there: dict[str, Parameter], name: str) -> Parameter:
    """A parameter by name. Raises Refused."""
    if name not in there:
        raise Refused("ParameterNotFound", f"Parameter {name} not found.")
    return there[name]


def selected(parameter: Parameter, selector: str) -> Version:
    """The version that `selector` (a number; empty: the latest) means. Raises Refused."""
    for version in reversed(parameter.versions):
        if selector in {"", str(version["Version"])}:
            return version
    raise Refused("ParameterVersionNotFound", f"Systems Manager could not find version {selector} of the parameter.")


def resolved(reference: str, account: str, region: str) -> str:
    """The value that `name` or `name:version` has now, as EC2 resolves it. Raises Refused."""
    name, _, selector = reference.partition(":")
    there = store(account, region)
    if name not in there:
        raise Refused("InvalidParameterValue", f"The parameter {name} could not be resolved.")
    return str(selected(there[name], selector)["Value"])
