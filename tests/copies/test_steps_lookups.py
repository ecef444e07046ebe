"""What is looked up about the steps after a copy, and what rules and facts make of it."""

import json
import time
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache

from amicopy.copies.core.models import Account
from amicopy.copies.core.steps.members import Wrong
from amicopy.copies.lookups import snapshot
from amicopy.copies.lookups.steps import lacking
from amicopy.copies.rules import steps as step_rules
from amicopy.copies.voting import fact_table, fact_words, facts
from tests.conftest import Control
from tests.copies.conftest import make_call
from tests.copies.test_steps_engine import boto

pytestmark = pytest.mark.django_db

OTHER = "222233334444"
ORGANIZATION = "arn:aws:organizations::222233334444:organization/o-a1b2c3d4e5"
ALIAS = {"Parameter": {"Name": "/golden/al2023"}}
OVER = {"Parameter": {"Name": "/golden/al2023", "Overwrite": True}}
PUBLIC = {"LaunchPermission": {"UserGroups": ["all"]}}
SHARED = {"LaunchPermission": {"UserIds": [OTHER]}}
CALL = make_call()


def found(account: Account, steps: Any) -> Any:
    return snapshot.gather(account, [CALL], until=time.monotonic() + 30, steps=[steps], closely=False)


def codes(account: Account, steps: Any, lookups: Any) -> list[str]:
    about: dict[str, Any] = {"account_id": account.account_id, "partition": "aws", "lookups": lookups}
    errors = step_rules.check_steps([CALL], [steps], **about) + step_rules.warnings([CALL], [steps], **about)
    return [error.code for error in errors]


def test_what_is_there_is_looked_up_and_speaks_against_steps(account: Account, sandbox: Control, patient: None) -> None:
    ec2, ssm = boto(sandbox, "ec2"), boto(sandbox, "ssm")
    ssm.put_parameter(Name="/golden/al2023", Value="secret", Type="String")
    ec2.enable_image_block_public_access(ImageBlockPublicAccessState="block-new-sharing")
    steps = {**ALIAS, **PUBLIC, "LaunchTemplateVersion": {"LaunchTemplateName": "nothing-there"}}
    looked = found(account, steps)
    assert looked["destinations"][0]["steps"] == {
        "alias": {"Name": "/golden/al2023", "Value": "", "Type": "String", "DataType": "text"},
        "alias_users": {"count": 1, "templates": ["web-fleet"], "more": False},
        "template": {"found": False},
        "ImageBlockPublicAccessState": "block-new-sharing",
    }
    assert codes(account, steps, looked) == [Wrong.PUBLIC_BLOCKED, Wrong.ALIAS_TYPE, Wrong.TEMPLATE_UNKNOWN]


def test_launch_templates_that_would_launch_what_the_alias_shows_are_found(
    account: Account, sandbox: Control, patient: None
) -> None:
    ec2 = boto(sandbox, "ec2")

    def template(name: str, image: str) -> None:
        ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData={"ImageId": image})

    template("by-name", "resolve:ssm:/golden/al2023")
    template("by-arn", "resolve:ssm:arn:aws:ssm:eu-west-1:111122223333:parameter/golden/al2023")
    template("pinned", "resolve:ssm:/golden/al2023:3")
    template("another", "resolve:ssm:/golden/al2023-arm")
    template("plain", "ami-0a7f3c92d41be6058")
    template("was", "resolve:ssm:/golden/al2023")
    ec2.create_launch_template_version(
        LaunchTemplateName="was", LaunchTemplateData={"ImageId": "ami-1234567890abcdef0"}
    )
    ec2.modify_launch_template(LaunchTemplateName="was", DefaultVersion="2")
    template("will-be", "ami-0a7f3c92d41be6058")
    ec2.create_launch_template_version(
        LaunchTemplateName="will-be", LaunchTemplateData={"ImageId": "resolve:ssm:/golden/al2023"}
    )
    # The catalogue's own template is there, too.
    users = found(account, OVER)["destinations"][0]["steps"]["alias_users"]
    assert users == {"count": 4, "templates": ["by-arn", "by-name", "web-fleet", "will-be"], "more": False}
    assert len(sandbox("calls?action=DescribeLaunchTemplateVersions")) == 1


def test_without_the_permission_who_uses_an_alias_is_not_known(
    account: Account, sandbox: Control, patient: None
) -> None:
    rule = {"code": "UnauthorizedOperation", "status": 403, "count": None}
    sandbox("faults", kind="error", action="DescribeLaunchTemplateVersions", **rule)
    looked = found(account, OVER)["destinations"][0]
    assert "alias_users" not in looked["steps"]
    assert "alias" in looked["steps"]
    assert not snapshot.incomplete(looked | {"source": {"ImageId": "x"}, "destinations": [looked]})


def test_the_policy_of_the_chosen_key_is_read_at_aws(account: Account, sandbox: Control, patient: None) -> None:
    call = make_call(Encrypted=True, KmsKeyId="alias/golden-images")

    def lacks() -> list[str]:
        cache.clear()
        looked = snapshot.gather(account, [call], until=time.monotonic() + 30, steps=[SHARED], closely=False)
        return list(looked["destinations"][0]["steps"]["key_policy_lacks"])

    assert lacks() == [OTHER]
    kms = boto(sandbox, "kms")
    key = kms.describe_key(KeyId="alias/golden-images")["KeyMetadata"]["Arn"]
    policy = json.loads(kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"])
    policy["Statement"].append(step_rules.key_statement([OTHER], "aws"))
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps(policy))
    assert lacks() == []


def kept(**steps: Any) -> dict[str, Any]:
    return {"destinations": [{"destination": "eu-west-1", "DestinationRegion": "eu-west-1", "steps": steps}]}


@pytest.mark.parametrize(
    ("steps", "lookups", "expected"),
    [
        (ALIAS, kept(), []),
        (ALIAS, kept(alias={"Name": "/golden/al2023", "Value": "", "Type": "", "DataType": ""}), []),
        (
            ALIAS,
            kept(alias={"Name": "/golden/al2023", "Value": "ami-1", "Type": "String", "DataType": "aws:ec2:image"}),
            [Wrong.ALIAS_EXISTS],
        ),
        (
            OVER,
            kept(alias={"Name": "/golden/al2023", "Value": "ami-1", "Type": "String", "DataType": "aws:ec2:image"}),
            [],
        ),
        (PUBLIC, kept(ImageBlockPublicAccessState="unblocked"), []),
        (SHARED, kept(key_policy_lacks=[OTHER]), [Wrong.KEY_POLICY]),
        (SHARED, kept(key_policy_lacks=[]), []),
        ({"ImageDeregistrationProtection": {}}, {}, [Wrong.PROTECTED]),
    ],
)
def test_rules_go_by_what_was_found(account: Account, steps: Any, lookups: Any, expected: list[str]) -> None:
    assert codes(account, steps, lookups) == expected


def test_a_key_policy_admits_accounts_by_arn_by_id_or_everybody() -> None:
    def policy(principal: Any, effect: str = "Allow") -> str:
        return json.dumps({"Statement": [{"Effect": effect, "Principal": principal, "Action": "kms:*"}]})

    assert lacking(policy({"AWS": f"arn:aws:iam::{OTHER}:root"}), [OTHER]) == []
    assert lacking(policy({"AWS": ["111122223333", OTHER]}), [OTHER]) == []
    assert lacking(policy("*"), [OTHER]) == []
    assert lacking(policy({"AWS": "*"}), [OTHER]) == []
    assert lacking(policy({"AWS": OTHER}, "Deny"), [OTHER]) == [OTHER]
    assert lacking(policy({"AWS": "arn:aws:iam::111122223333:root"}), [OTHER]) == [OTHER]
    statement = step_rules.key_statement([OTHER], "aws")
    assert lacking(json.dumps({"Statement": [statement]}), [OTHER]) == []


@pytest.mark.parametrize(
    ("steps", "lookups", "code", "chip"),
    [
        (SHARED, {}, "shared-with-foreign", f"Shared with {OTHER}"),
        ({"CreateVolumePermission": {"UserIds": [OTHER]}}, {}, "shared-with-foreign", f"Shared with {OTHER}"),
        ({"LaunchPermission": {"UserIds": ["111122223333"]}}, {}, "shared-with-foreign", None),
        (
            {"LaunchPermission": {"OrganizationArns": [ORGANIZATION]}},
            {},
            "shared-with-organization",
            "Shared with o-a1b2c3d4e5",
        ),
        (PUBLIC, {}, "made-public", "Made public"),
        (SHARED, {}, "made-public", None),
        (OVER, kept(alias={"Value": "ami-1"}), "alias-overwritten", "Overwrites /golden/al2023, now ami-1"),
        (OVER, kept(alias={"Value": ""}), "alias-overwritten", None),
        (ALIAS, kept(alias={"Value": "ami-1"}), "alias-overwritten", None),
    ],
)
def test_facts_say_whom_the_steps_reach(
    account: Account, requester: User, steps: Any, lookups: Any, code: str, chip: str | None
) -> None:
    seen = facts.facts_for(account, requester, lookups, calls=[CALL], steps=[steps])
    assert seen.evidence is not None
    told = {each.code: fact_words.chip_of(each) for each in fact_table.tell([CALL], seen.evidence)}
    assert told.get(code) == chip
    assert seen.holds(code, CALL) is (chip is not None)


def test_whether_an_alias_is_overwritten_isnt_known_where_nobody_looked(account: Account, requester: User) -> None:
    seen = facts.facts_for(account, requester, {}, calls=[CALL], steps=[OVER])
    assert seen.holds("alias-overwritten", CALL) is None
