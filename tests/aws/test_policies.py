"""The IAM policies: what README shows is what code builds, and they allow what amicopy calls and no more."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from amicopy.aws import policies
from amicopy.aws.model import OPERATIONS, Service
from amicopy.aws.partitions import partitions
from amicopy.copies.core.steps.table import STEPS

ROOT = Path(__file__).resolve().parents[2]
MARK = {"mark_key": "amicopy:copy", "mark_values": "INSTALLATION/*"}
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html: a managed policy, white space left out.
LONGEST = 6144


def shown() -> Iterator[Any]:
    """The documents that README shows."""
    section = re.search(r"^## Pointing it at AWS\n(.*?)^## ", (ROOT / "README.md").read_text(), re.M | re.S)
    assert section
    return (json.loads(block) for block in re.findall(r"^```json\n(.*?)^```", section[1], re.M | re.S))


def actions(document: policies.Document) -> set[str]:
    return {action for statement in document["Statement"] for action in statement["Action"]}


def statements(document: policies.Document) -> dict[str, Any]:
    return {statement["Sid"]: statement for statement in document["Statement"]}


def test_readme_shows_the_documents_that_code_builds() -> None:
    assert list(shown()) == [policies.worker(**MARK), policies.web()]


def test_they_allow_every_operation_that_is_called() -> None:
    # Asking who one is needs no permission, and roles are entered by the ambient principal.
    free = {"sts:GetCallerIdentity", "sts:AssumeRole"}
    services: tuple[Service, ...] = ("cloudtrail", "ec2", "kms", "outposts", "ssm", "sts")
    called = {f"{name}:{each}" for name in services for each in OPERATIONS[name]} - free
    documents = (policies.worker(**MARK), policies.web(), policies.steps(**MARK))
    assert called <= set().union(*map(actions, documents))


def test_what_amis_that_exist_need_besides_changes_them_and_removes_nothing() -> None:
    found = policies.existing("aws-cn")
    assert actions(found) == set(policies.CHANGE_OWN)
    assert not [action for action in actions(found) if re.search("Deregister(?!ation)|Delete|Copy|Tags", action)]
    assert statements(found)["ChangeExisting"]["Resource"] == [
        "arn:aws-cn:ec2:*::image/*",
        "arn:aws-cn:ec2:*::snapshot/*",
    ]


def test_a_policy_of_its_own_allows_what_the_steps_after_a_copy_need() -> None:
    needed = {action for step in STEPS for action in step.permissions}
    assert needed <= actions(policies.steps(**MARK)) | actions(policies.worker(**MARK))
    without = actions(policies.worker(**MARK)) | actions(policies.web())
    assert not {action for action in needed if not re.match(r"\w+:(Describe|Get)", action)} & without
    found = statements(policies.steps(mark_key="org:made-by", mark_values="prod/*"))
    assert found["ChangeOwn"]["Condition"] == {"StringLike": {"aws:ResourceTag/org:made-by": "prod/*"}}
    assert "Condition" not in statements(policies.steps(mark_key="", mark_values="prod/*"))["ChangeOwn"]
    reads = re.compile(r"\w+:(Describe|Get)\w+")
    assert all(map(reads.fullmatch, actions(policies.steps_web("aws-cn"))))


def test_web_changes_nothing() -> None:
    reads = re.compile(
        r"(ec2|kms):(Describe|Get(?!Parameters)|List)\w+|outposts:List\w+|sts:DecodeAuthorizationMessage"
    )
    assert [action for action in actions(policies.web()) if not reads.fullmatch(action)] == []


def test_only_what_carries_the_mark_is_removed_and_no_tag_is_set_later() -> None:
    found = statements(policies.worker(mark_key="org:made-by", mark_values="prod/*"))
    removing = {sid for sid, row in found.items() if {"ec2:DeregisterImage", "ec2:DeleteSnapshot"} & set(row["Action"])}
    assert removing == {"RemoveOwn"}
    assert found["RemoveOwn"]["Condition"] == {"StringLike": {"aws:ResourceTag/org:made-by": "prod/*"}}
    assert found["TagOnCopy"]["Condition"] == {"StringEquals": {"ec2:CreateAction": "CopyImage"}}


def test_without_a_mark_no_condition_names_an_empty_tag() -> None:
    found = statements(policies.worker(mark_key="", mark_values="prod/*"))
    assert "Condition" not in found["RemoveOwn"]


@pytest.mark.parametrize("partition", partitions())
def test_keys_serve_ec2_alone_in_every_partition(partition: str) -> None:
    found = statements(policies.worker(partition, **MARK))
    for statement in found.values():
        changing = [action for action in statement["Action"] if action.startswith("kms:")]
        if changing and statement["Sid"] not in {"Look", "LookAtKeys"}:
            via = statement["Condition"]["StringLike"]["kms:ViaService"]
            assert all(re.fullmatch(r"ec2\.\*\.[a-z0-9.-]+", service) for service in via)
    assert found["GrantKeys"]["Condition"]["Bool"] == {"kms:GrantIsForAWSResource": "true"}
    arns = {arn for row in found.values() for arn in row["Resource"]} - {"*"}
    assert {arn.split(":")[1] for arn in arns} == {partition}


def test_another_partitions_suffix_is_known() -> None:
    found = statements(policies.worker("aws-cn", **MARK))
    assert found["UseKeys"]["Condition"]["StringLike"]["kms:ViaService"] == [
        "ec2.*.amazonaws.com",
        "ec2.*.amazonaws.com.cn",
    ]


def test_keys_can_be_narrowed() -> None:
    key = "arn:aws:kms:eu-west-1:111122223333:key/1"
    found = statements(policies.worker(**MARK, keys=[key]))
    assert {sid for sid, row in found.items() if row["Resource"] == [key]} == {"LookAtKeys", "UseKeys", "GrantKeys"}


def test_they_fit_into_a_managed_policy() -> None:
    for document in (policies.web("aws-iso-b"), policies.worker("aws-iso-b", **MARK)):
        assert len(json.dumps(document, separators=(",", ":"))) < LONGEST / 2
        assert all(re.fullmatch(r"[A-Za-z0-9]+", statement["Sid"]) for statement in document["Statement"])


def test_a_role_trusts_one_principal_with_the_external_id() -> None:
    document = policies.trust(principal="arn:aws:iam::111122223333:role/amicopy", external_id="x1")
    assert document["Statement"] == [
        {
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::111122223333:role/amicopy"},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"sts:ExternalId": "x1"}},
        }
    ]
