"""Parameter Store with plain boto3: what is accepted is not done, and the check that comes late."""

from typing import Any

import pytest

from tests.conftest import Control
from tests.sandbox.calls import GOLDEN, copy, refusal
from tests.sandbox.conftest import Client

NAME, ARM = "/golden/al2023", "ami-0b81d5e6f0a297c34"
ALIAS: dict[str, Any] = {"Name": NAME, "Type": "String", "DataType": "aws:ec2:image"}
UNKNOWN = ("ParameterNotFound", 400)


@pytest.fixture
def ssm(client: Client, control: Control) -> Any:
    control("settings", alias_seconds=30)
    return client("ssm")


def value(ssm: Any, name: str = NAME) -> str:
    return str(ssm.get_parameter(Name=name)["Parameter"]["Value"])


def test_an_alias_is_there_after_its_check(ssm: Any, control: Control) -> None:
    put = ssm.put_parameter(**ALIAS, Value=GOLDEN, Tags=[{"Key": "team", "Value": "web"}])
    assert (put["Version"], put["Tier"]) == (1, "Standard")
    assert refusal(ssm.get_parameter, Name=NAME) == UNKNOWN
    assert ssm.describe_parameters()["Parameters"] == []
    assert control("changes") == []
    control("advance", seconds=30)
    found = ssm.get_parameter(Name=NAME)["Parameter"]
    assert (found["Value"], found["Version"], found["DataType"]) == (GOLDEN, 1, "aws:ec2:image")
    assert found["ARN"] == "arn:aws:ssm:us-east-1:111122223333:parameter/golden/al2023"
    tags = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=NAME)["TagList"]
    assert tags == [{"Key": "team", "Value": "web"}]
    [change] = control("changes?service=ssm")
    assert (change["resource"], change["before"], change["after"]["Value"]) == (NAME, None, GOLDEN)


@pytest.mark.parametrize("wrong", ["ami-0123456789abcdef0", "not-an-image", "ami-05a1d8e406f3c79b2"])
def test_a_value_that_fails_its_check_leaves_the_old_one(ssm: Any, control: Control, wrong: str) -> None:
    ssm.put_parameter(**ALIAS, Value=GOLDEN)
    control("advance", seconds=30)
    assert ssm.put_parameter(**ALIAS, Value=wrong, Overwrite=True)["Version"] == 2
    control("advance", seconds=1000)
    assert value(ssm) == GOLDEN
    ssm.put_parameter(Name=NAME, Value=ARM, Overwrite=True)
    control("advance", seconds=30)
    assert value(ssm) == ARM
    assert [row["Value"] for row in ssm.get_parameter_history(Name=NAME)["Parameters"]] == [GOLDEN, ARM]
    assert value(ssm, f"{NAME}:1") == GOLDEN
    assert refusal(ssm.get_parameter, Name=f"{NAME}:9")[0] == "ParameterVersionNotFound"


def test_an_image_that_is_pending_or_hidden_at_the_check_is_refused(ssm: Any, client: Client, control: Control) -> None:
    pending = copy(client())
    ssm.put_parameter(**ALIAS, Value=pending)
    control("settings", copy_seconds=3000)
    slow = copy(client())
    control("advance", seconds=31)
    assert value(ssm) == pending
    ssm.put_parameter(**ALIAS, Value=slow, Overwrite=True)
    control("advance", seconds=31)
    assert value(ssm) == pending
    control("faults", kind="hide", action="PutParameter", resource="source", since="rule", seconds=100)
    ssm.put_parameter(**ALIAS, Value=GOLDEN, Overwrite=True)
    control("advance", seconds=31)
    assert value(ssm) == pending


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"Value": ARM}, "ParameterAlreadyExists"),
        ({"Value": ARM, "Overwrite": True, "DataType": "text"}, "ValidationException"),
        ({"Value": ARM, "Overwrite": True, "Type": "SecureString"}, "ValidationException"),
        ({"Value": ARM, "Overwrite": True, "Tags": [{"Key": "a", "Value": "b"}]}, "ValidationException"),
        ({"Name": "/aws/x"}, "ValidationException"),
        ({"Name": "ssm-x"}, "ValidationException"),
        ({"Name": "a/b"}, "ValidationException"),
        ({"Name": "/a b"}, "ValidationException"),
        ({"Name": "/a" * 16}, "HierarchyLevelLimitExceededException"),
        ({"Name": "/new", "DataType": "aws:ec2:imagine"}, "ValidationException"),
        ({"Name": "/text", "Overwrite": True}, "ValidationException"),
        ({"Name": "/text", "Overwrite": True, "Type": "StringList", "DataType": "text"}, None),
    ],
)
def test_what_is_wrong_is_refused_at_once(ssm: Any, control: Control, params: Any, code: str | None) -> None:
    ssm.put_parameter(**ALIAS, Value=GOLDEN)
    ssm.put_parameter(Name="/text", Value="x", Type="String")
    control("advance", seconds=30)
    expected = code or "HierarchyTypeMismatchException"
    assert refusal(ssm.put_parameter, **{**ALIAS, "Value": GOLDEN, **params}) == (expected, 400)
    assert len(control("changes")) == 2


def test_parameters_are_listed_by_filters_and_pages_and_deleted(ssm: Any, control: Control) -> None:
    for number in range(3):
        ssm.put_parameter(Name=f"/many/{number}", Value="x", Type="String")
    ssm.put_parameter(Name="/other", Value="x", Type="String")
    many = [{"Key": "Name", "Option": "BeginsWith", "Values": ["/many/"]}]
    first = ssm.describe_parameters(ParameterFilters=many, MaxResults=2)
    rest = ssm.describe_parameters(ParameterFilters=many, MaxResults=2, NextToken=first["NextToken"])
    assert [row["Name"] for row in first["Parameters"] + rest["Parameters"]] == ["/many/0", "/many/1", "/many/2"]
    assert "NextToken" not in rest
    several = ssm.get_parameters(Names=["/other", "/none"])
    assert (len(several["Parameters"]), several["InvalidParameters"]) == (1, ["/none"])
    ssm.delete_parameter(Name="/other")
    assert refusal(ssm.delete_parameter, Name="/other") == UNKNOWN
    assert control("changes?action=DeleteParameter")[0]["before"] == "x"


def test_places_faults_and_policies(ssm: Any, client: Client, control: Control) -> None:
    control("settings", alias_seconds=0)
    ssm.put_parameter(**ALIAS, Value=GOLDEN)
    assert value(ssm) == GOLDEN
    assert refusal(client("ssm", "eu-west-1").get_parameter, Name=NAME) == UNKNOWN
    again = {**ALIAS, "Value": GOLDEN, "Overwrite": True}
    for rule, refused in (
        ({"kind": "throttle"}, "ThrottlingException"),
        ({"kind": "expired"}, "ExpiredTokenException"),
        ({"kind": "error", "code": "UnauthorizedOperation"}, "AccessDeniedException"),
        ({"kind": "needs-tag", "tag": "mark"}, "AccessDeniedException"),
    ):
        control("faults", service="ssm", action="PutParameter", **rule)
        assert refusal(ssm.put_parameter, **again) == (refused, 400)
    control("faults", method="DELETE")
    control("faults", kind="drop-after", action="PutParameter")
    with pytest.raises(Exception, match="onnection"):
        ssm.put_parameter(**{**again, "Value": ARM})
    assert value(ssm) == ARM
    assert refusal(ssm.list_documents)[0] == "UnknownOperationException"
