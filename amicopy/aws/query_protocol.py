"""EC2's query protocol from the receiving side, for CopyImage: its members out of a form, by botocore's model, and
answers and errors in its XML.

Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/making-api-requests.html
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, cast
from urllib.parse import parse_qsl
from xml.etree import ElementTree as Xml

from botocore.model import ListShape, OperationModel, ServiceModel, Shape, StructureShape

from amicopy.aws import model

ACTION = "CopyImage"
# A call with all tags that AWS allows has some 300.
MOST_FIELDS = 1000
# Names are `TagSpecification.1.Tag.50.Value` at their longest.
MOST_PARTS = 5
# https://www.w3.org/TR/xml/#charsets
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(eq=False)
class Unfit(Exception):
    """What was sent is no call of CopyImage. `code` is EC2's, the words name what is wrong."""

    code: str
    words: str


def members_of(body: bytes) -> dict[str, Any]:
    """CopyImage's members, typed, as boto3 takes them. Raises Unfit."""
    tree = _tree(body)
    action, version = tree.pop("Action", None), tree.pop("Version", None)
    if action is None:
        raise Unfit("MissingAction", "The request names no Action.")
    if action != ACTION:
        raise Unfit("InvalidAction", f"This endpoint knows {ACTION} and nothing else.")
    if version != (only := _operation().service_model.api_version):
        raise Unfit("NoSuchVersion", f"The Version must be {only}.")
    return _structure(cast("StructureShape", _operation().input_shape), tree, "")


def answer(result: Mapping[str, Any], request_id: str) -> bytes:
    """The result of CopyImage, members by their names, as EC2 writes it."""
    service = _operation().service_model
    root = Xml.Element(f"{ACTION}Response", {"xmlns": f"{service.metadata['xmlNamespace']}/"})
    Xml.SubElement(root, "requestId").text = request_id
    for name, shape in cast("StructureShape", _operation().output_shape).members.items():
        if name in result:
            Xml.SubElement(root, shape.serialization.get("name", name)).text = _text(str(result[name]))
    return _document(root)


def error(code: str, words: str, request_id: str) -> bytes:
    """An error, as EC2 writes it."""
    root = Xml.Element("Response")
    told = Xml.SubElement(Xml.SubElement(root, "Errors"), "Error")
    Xml.SubElement(told, "Code").text = code
    Xml.SubElement(told, "Message").text = _text(words)
    Xml.SubElement(root, "RequestID").text = request_id
    return _document(root)


def _tree(body: bytes) -> dict[str, Any]:
    """The fields of a form, nested at the dots of their names. Raises Unfit."""
    malformed = Unfit("MalformedQueryString", "The body must be a form in UTF-8, with each field once.")
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=MOST_FIELDS,
        )
    except ValueError:
        raise malformed from None
    tree: dict[str, Any] = {}
    for name, value in pairs:
        *parents, last = name.split(".", MOST_PARTS)
        inside = tree
        for part in parents:
            inside = inside.setdefault(part, {})
            if not isinstance(inside, dict):
                raise malformed
        if last in inside:
            raise malformed
        inside[last] = value
    return tree


def _value(shape: Shape, sent: Any, name: str) -> Any:
    """What was sent for a shape, in its type. Raises Unfit; `name` is the field's, for the words."""
    if isinstance(shape, StructureShape):
        return _structure(shape, _nested(sent, name), name)
    if isinstance(shape, ListShape):
        return _list(shape, _nested(sent, name), name)
    if not isinstance(sent, str):
        raise Unfit("UnknownParameter", f"The parameter {_shown(name)} has no parts.")
    if shape.type_name == "boolean":
        if sent not in {"true", "false"}:
            raise Unfit("InvalidParameterValue", f"{name}: Send true or false.")
        return sent == "true"
    if shape.type_name in {"integer", "long"}:
        if not re.fullmatch("-?[0-9]{1,18}", sent):
            raise Unfit("InvalidParameterValue", f"{name}: Send a whole number.")
        return int(sent)
    return sent


def _structure(shape: StructureShape, sent: Mapping[str, Any], name: str) -> dict[str, Any]:
    fields = {_field(member, each): (member, each) for member, each in shape.members.items()}
    for field in sent:
        if field not in fields:
            raise Unfit("UnknownParameter", f"The parameter {_shown(f'{name}{field}')} is not recognized.")
    return {
        member: _value(each, sent[field], f"{name}{field}" if _is_scalar(each) else f"{name}{field}.")
        for field, (member, each) in fields.items()
        if field in sent
    }


def _list(shape: ListShape, sent: Mapping[str, Any], name: str) -> list[Any]:
    for index in sent:
        if not re.fullmatch("[1-9][0-9]{0,3}", index):
            raise Unfit("UnknownParameter", f"The parameter {_shown(f'{name}{index}')} is not recognized.")
    return [_value(shape.member, sent[index], f"{name}{index}.") for index in sorted(sent, key=int)]


def _nested(sent: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(sent, dict):
        raise Unfit("InvalidParameterValue", f"The parameter {_shown(name.rstrip('.'))} needs parts.")
    return sent


def _field(member: str, shape: Shape) -> str:
    """What a member is called in a form: as botocore's EC2Serializer writes it."""
    if "queryName" in shape.serialization:
        return str(shape.serialization["queryName"])
    name = str(shape.serialization.get("name", member))
    return name[0].upper() + name[1:]


def _is_scalar(shape: Shape) -> bool:
    return not isinstance(shape, StructureShape | ListShape)


def _shown(name: str) -> str:
    return repr(name[:60])


def _document(root: Xml.Element) -> bytes:
    written: bytes = Xml.tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _text(words: str) -> str:
    """Words without what XML can't hold."""
    return _NOT_XML.sub("\ufffd", words)


@cache
def _operation() -> OperationModel:
    """CopyImage as botocore knows it."""
    data = model.loader().load_service_model("ec2", "service-2")
    return ServiceModel(data, "ec2").operation_model(ACTION)
