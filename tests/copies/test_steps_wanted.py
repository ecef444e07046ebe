"""What is asked for of the steps after a copy: read from plain data, checked, and part of what is approved."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User

from amicopy.copies.core.calls import InvalidRequest
from amicopy.copies.core.content import Content, content_hash
from amicopy.copies.core.models import Account, CopyRequest
from amicopy.copies.core.steps.members import Wrong
from amicopy.copies.core.steps.table import MOST_ENTITIES, SHOWN, STEPS
from amicopy.copies.core.steps.wanted import NOTHING, WantedSteps, parse
from amicopy.copies.requests import verbs
from tests.copies.conftest import acting, make_call, make_rule

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
OTHER, THIRD = "222233334444", "333344445555"
ORGANIZATION = "arn:aws:organizations::222233334444:organization/o-a1b2c3d4e5"
UNIT = "arn:aws:organizations::222233334444:ou/o-a1b2c3d4e5/ou-a1b2-c3d4e5f6"


def faults(everywhere: Any, own: Any = ()) -> list[tuple[str, str, int | None]]:
    return [(error.field, error.code, error.destination) for error in parse(everywhere, own, now=NOW)[1]]


def test_what_is_read_is_in_the_order_of_the_steps_sorted_and_without_empty_members() -> None:
    wanted, errors = parse(
        {
            "Parameter": {"Name": "/golden/{region}", "Overwrite": False, "Description": ""},
            "LaunchPermission": {"UserIds": [THIRD, OTHER, f" {OTHER} "], "OrganizationArns": []},
            "ImageDeprecation": {"DeprecateAt": "2027-01-31T01:30:59+01:00"},
        },
        [None, {"LaunchPermission": None, "ImageDeregistrationProtection": {}}],
        now=NOW,
    )
    assert errors == []
    assert list(wanted.of(0)) == ["LaunchPermission", "ImageDeprecation", "Parameter"]
    assert wanted.of(0)["LaunchPermission"] == {"UserIds": [OTHER, THIRD]}
    assert wanted.of(0)["Parameter"] == {"Name": "/golden/{region}"}
    assert wanted.of(0)["ImageDeprecation"] == {"DeprecateAt": "2027-01-31T00:30:00Z"}
    assert list(wanted.of(1)) == ["ImageDeprecation", "ImageDeregistrationProtection", "Parameter"]
    assert not NOTHING
    assert not WantedSteps({}, {0: {}})


@pytest.mark.parametrize(
    ("steps", "field", "code"),
    [
        ([], "", ""),
        ({}, "", ""),
        ("Parameter", "steps", Wrong.WRONG_TYPE),
        ({"Nothing": {}}, "steps", Wrong.UNKNOWN_STEP),
        ({"Parameter": "x"}, "steps.Parameter", Wrong.WRONG_TYPE),
        ({"Parameter": {"Value": "x", "Name": "/a"}}, "steps.Parameter.Value", Wrong.UNKNOWN_MEMBER),
        ({"Parameter": {}}, "steps.Parameter.Name", Wrong.MISSING),
        ({"Parameter": {"Name": "/a b"}}, "steps.Parameter.Name", Wrong.MALFORMED),
        ({"Parameter": {"Name": "/a{name}"}}, "steps.Parameter.Name", Wrong.MALFORMED),
        ({"Parameter": {"Name": "/a", "Overwrite": "yes"}}, "steps.Parameter.Overwrite", Wrong.WRONG_TYPE),
        ({"LaunchPermission": {}}, "steps.LaunchPermission", Wrong.MISSING),
        ({"LaunchPermission": {"UserIds": ["1"]}}, "steps.LaunchPermission.UserIds", Wrong.MALFORMED),
        ({"LaunchPermission": {"UserIds": "1"}}, "steps.LaunchPermission.UserIds", Wrong.WRONG_TYPE),
        ({"LaunchPermission": {"UserGroups": ["some"]}}, "steps.LaunchPermission.UserGroups", Wrong.MALFORMED),
        ({"LaunchPermission": {"OrganizationArns": [UNIT]}}, "steps.LaunchPermission.OrganizationArns",
         Wrong.MALFORMED),
        (
            {"LaunchPermission": {"UserIds": [f"{n:012}" for n in range(600)], "OrganizationArns": [
                f"arn:aws:organizations::222233334444:organization/o-{n:010}" for n in range(MOST_ENTITIES - 599)]}},
            "steps.LaunchPermission",
            Wrong.TOO_MANY,
        ),
        (
            {"CreateVolumePermission": {"UserIds": [f"{n:012}" for n in range(501)]}},
            "steps.CreateVolumePermission.UserIds",
            Wrong.TOO_MANY,
        ),
        ({"ImdsSupport": {"Value": "v1.0"}}, "steps.ImdsSupport.Value", Wrong.MALFORMED),
        ({"ImageWatermark": {"WatermarkName": "ab"}}, "steps.ImageWatermark.WatermarkName", Wrong.LENGTH),
        ({"ImageDeprecation": {}}, "steps.ImageDeprecation.DeprecateAt", Wrong.ONE_OF),
        ({"ImageDeprecation": {"DeprecateAt": "0202-09-02T05:49Z"}}, "steps.ImageDeprecation.DeprecateAt", Wrong.PAST),
        (
            {"ImageDeprecation": {"DeprecateAt": "0001-01-01T00:00+05:00"}},
            "steps.ImageDeprecation.DeprecateAt",
            Wrong.WRONG_TYPE,
        ),
        (
            {"ImageDeprecation": {"DeprecateAt": "2027-01-01", "DaysAfterCopy": 3}},
            "steps.ImageDeprecation.DeprecateAt",
            Wrong.ONE_OF,
        ),
        ({"ImageDeprecation": {"DeprecateAt": "soon"}}, "steps.ImageDeprecation.DeprecateAt", Wrong.WRONG_TYPE),
        ({"ImageDeprecation": {"DeprecateAt": "2026-11-29"}}, "steps.ImageDeprecation.DeprecateAt", Wrong.PAST),
        ({"ImageDeprecation": {"DeprecateAt": "2036-12-01"}}, "steps.ImageDeprecation.DeprecateAt", Wrong.TOO_LATE),
        ({"ImageDeprecation": {"DaysAfterCopy": 3651}}, "steps.ImageDeprecation.DaysAfterCopy", Wrong.LENGTH),
        ({"LaunchTemplateVersion": {}}, "steps.LaunchTemplateVersion.LaunchTemplateId", Wrong.ONE_OF),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_by_field_and_code(steps: Any, field: str, code: str) -> None:
    assert faults(steps) == ([(field, code, None)] if code else [])
    if code and isinstance(steps, dict):
        assert faults({}, [{}, steps]) == [(field, code, 1)]


def test_each_step_is_told_apart_and_shown_once() -> None:
    assert len({step.code for step in STEPS}) == len(STEPS)
    assert [step.shown for step in SHOWN] == list(range(1, len(STEPS) + 1))


def test_the_page_of_steps_has_every_row_in_its_order() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "steps.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == [step.code for step in STEPS]
    for row, step in zip(rows, STEPS, strict=True):
        assert all(f"`{member.name}`" in row for member in step.members), step.code


def test_a_content_without_steps_has_the_hash_it_always_had() -> None:
    call = make_call()
    content: dict[str, Any] = {
        "account_id": "111122223333",
        "calls": [call],
        "keys": [""],
        "source_seen": {},
        "reason": "PLAT-1",
        "start_not_before": None,
        "plan": [],
        "rules": [],
    }
    plain = content_hash(Content(**content))
    # As it was before there were steps.
    assert plain == "898b23a1e7cbbe0865a0e6faded96309dbae6ef2a33bf5a2efdfd010929cf342"
    assert plain == content_hash(Content(**content, steps=[{}]))
    assert content_hash(Content(**content, steps=[{"ImdsSupport": {"Value": "v2.0"}}])) != plain


def asked(steps: Any, own: Any = ()) -> WantedSteps:
    wanted, errors = parse(steps, own, now=datetime.now(UTC))
    assert errors == []
    return wanted


@pytest.fixture
def submit_steps(requester: User, account: Account) -> Any:
    def submit(steps: Any, own: Any = (), calls: Any = None) -> CopyRequest:
        calls = calls or (make_call(), make_call("eu-central-1"))
        return verbs.submit(acting(requester), account=account, reason="PLAT-1", calls=calls, steps=asked(steps, own))

    return submit


STEPS_OF_ALL = {
    "LaunchPermission": {"UserIds": [OTHER], "OrganizationalUnitArns": [UNIT]},
    "Parameter": {"Name": "/golden/{region}/al2023"},
}


def test_what_is_approved_is_frozen_for_each_destination(submit_steps: Any, requester: User) -> None:
    row = submit_steps(STEPS_OF_ALL, [{}, {"LaunchPermission": {"UserIds": [THIRD]}}])
    first, second = row.copies_of_round()
    assert first.approved_steps["Parameter"] == {"Name": "/golden/eu-west-1/al2023"}
    assert first.approved_steps["LaunchPermission"] == STEPS_OF_ALL["LaunchPermission"]
    assert second.approved_steps["LaunchPermission"] == {"UserIds": [THIRD]}
    assert row.steps == STEPS_OF_ALL
    assert second.own_steps == {"LaunchPermission": {"UserIds": [THIRD]}}
    assert row.hash_of_content() == row.content_hash
    again = row.steps_as_asked()
    assert again == asked(STEPS_OF_ALL, {1: {"LaunchPermission": {"UserIds": [THIRD]}}})
    assert again.only(0) == asked(STEPS_OF_ALL)
    assert again.only(1).of(0)["LaunchPermission"] == {"UserIds": [THIRD]}
    second.approved_steps["LaunchPermission"]["UserIds"].append(OTHER)
    second.save()
    assert row.hash_of_content() != row.content_hash


@pytest.mark.parametrize(
    ("steps", "parameters", "field", "code"),
    [
        ({"LaunchPermission": {"UserIds": ["111122223333"]}}, {}, "LaunchPermission.UserIds", Wrong.OWN_ACCOUNT),
        (
            {"LaunchPermission": {"OrganizationArns": [ORGANIZATION.replace("aws:", "aws-cn:", 1)]}},
            {},
            "LaunchPermission.OrganizationArns",
            Wrong.OTHER_PARTITION,
        ),
        (
            {"LaunchPermission": {"UserIds": [OTHER]}},
            {"Encrypted": True, "KmsKeyId": "alias/aws/ebs"},
            "LaunchPermission",
            Wrong.DEFAULT_KEY,
        ),
        (
            {"LaunchPermission": {"UserGroups": ["all"]}},
            {"Encrypted": True},
            "LaunchPermission.UserGroups",
            Wrong.PUBLIC_ENCRYPTED,
        ),
        (
            {"LaunchPermission": {"UserGroups": ["all"]}, "ImageWatermark": {"WatermarkName": "approved"}},
            {},
            "LaunchPermission.UserGroups",
            Wrong.PUBLIC_WATERMARK,
        ),
        (
            {"LaunchPermission": {"UserGroups": ["all"]}, "ImageDeprecation": {"DaysAfterCopy": 731}},
            {},
            "ImageDeprecation.DaysAfterCopy",
            Wrong.TOO_LATE,
        ),
        ({"LaunchPermission": {"UserGroups": ["all"]}}, {}, "LaunchPermission.UserGroups", Wrong.PUBLIC_NOT_ALLOWED),
        ({"Parameter": {"Name": "/golden/{source}"}}, {}, "Parameter.Name", Wrong.MALFORMED),
        ({"ImdsSupport": {"Value": "v2.0"}}, {"DryRun": True}, "", Wrong.DRY_RUN),
    ],
)
def test_what_aws_would_refuse_is_refused_before(
    submit_steps: Any, steps: Any, parameters: Any, field: str, code: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        submit_steps(steps, calls=[make_call(**parameters)])
    path = f"steps.{field}" if field else "steps"
    assert [(error.field, error.code, error.destination) for error in refused.value.errors] == [(path, code, 0)]


def test_two_copies_in_a_region_are_not_published_under_one_alias(submit_steps: Any) -> None:
    zone = make_call(DestinationAvailabilityZone="us-east-1-bos-1a", region="us-east-1")
    with pytest.raises(InvalidRequest) as refused:
        submit_steps({"Parameter": {"Name": "/golden"}}, calls=[make_call("us-east-1"), zone])
    assert [error.code for error in refused.value.errors] == [Wrong.ALIAS_TWICE]


def test_an_ami_is_made_public_only_where_the_rule_allows_it(submit_steps: Any, account: Account) -> None:
    rule = make_rule("open", allows_public=True, requirements=[{"group": "approver", "count": 1}])
    row = submit_steps({"LaunchPermission": {"UserGroups": ["all"]}})
    assert row.rules[0]["name"] == "open"
    version = rule.version
    rule.allows_public = False
    assert rule.version != version


def test_a_date_that_came_near_while_it_waited_is_said_when_it_is_submitted_again(
    submit_steps: Any, requester: User
) -> None:
    soon = datetime.now(UTC) + timedelta(hours=2)
    wanted = WantedSteps(
        {"ImageDeprecation": {"DeprecateAt": f"{soon - timedelta(hours=1, minutes=30):%Y-%m-%dT%H:%M:00Z}"}}
    )
    with pytest.raises(InvalidRequest) as refused:
        verbs.submit(
            acting(requester),
            account=Account.objects.get(),
            reason="PLAT-1",
            calls=[make_call()],
            steps=wanted,
        )
    assert [error.code for error in refused.value.errors] == [Wrong.PAST]
