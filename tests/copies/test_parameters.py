"""The table of parameters against botocore's own model of CopyImage, and calls against botocore's validation."""

from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from amicopy.copies.core.cli_command import command
from amicopy.copies.core.parameters import BY_NAME, DESTINATION_REGION, PARAMETERS
from amicopy.copies.rules import CALL_RULES, FOUND, REQUEST_RULES, WARNINGS
from tests.copies.conftest import make_call

MODEL: Any = botocore.session.Session().get_service_model("ec2").operation_model("CopyImage").input_shape
TYPES = {
    "text": {"string"},
    "long text": {"string"},
    "flag": {"boolean"},
    "three-way": {"boolean"},
    "number": {"long", "integer"},
    "tags": {"list"},
}


def test_the_table_has_exactly_copyimages_members() -> None:
    assert set(BY_NAME) == set(MODEL.members)
    assert len(PARAMETERS) == 14


@pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda parameter: parameter.name)
def test_a_row_agrees_with_the_model(parameter: Any) -> None:
    shape = MODEL.members[parameter.name]
    assert shape.type_name in TYPES[parameter.kind]
    assert parameter.required == (parameter.name in MODEL.required_members)
    if "min" in shape.metadata and parameter.kind != "number":
        assert (parameter.minimum or 0) == shape.metadata["min"]
    if "max" in shape.metadata and parameter.kind != "number":
        assert parameter.maximum is not None
        assert parameter.maximum <= shape.metadata["max"]


def test_the_destinations_region_is_no_member() -> None:
    assert DESTINATION_REGION.name not in MODEL.members
    assert DESTINATION_REGION.required


def test_a_full_call_passes_botocores_validation_and_reads_as_a_command() -> None:
    call = make_call(
        Description="it's new",
        Encrypted=True,
        KmsKeyId="alias/golden-images",
        CopyImageTags=True,
        TagSpecifications=[{"ResourceType": "image", "Tags": [{"Key": "team", "Value": "a b"}]}],
        SnapshotCopyCompletionDurationMinutes=60,
    )
    assert not ParamValidator().validate({**call.parameters}, MODEL).has_errors()
    lines = command(call)
    assert lines[:2] == ["aws ec2 copy-image", "--region eu-west-1"]
    assert "--source-image-id ami-0a7f3c92d41be6058" in lines
    assert "--encrypted" in lines
    assert "--kms-key-id alias/golden-images" in lines
    assert "--snapshot-copy-completion-duration-minutes 60" in lines
    assert """--description 'it'"'"'s new'""" in lines


def test_every_rule_has_a_name_of_its_own() -> None:
    names = [rule.__name__ for rule in (*CALL_RULES, *FOUND, *WARNINGS, *REQUEST_RULES)]
    assert len(names) == len(set(names))
