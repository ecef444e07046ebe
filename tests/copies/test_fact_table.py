"""The table of named facts: what each says of a request, and what rules make of it."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from amicopy.copies.core.calls import Call
from amicopy.copies.core.models import Account, CopyRequest, ImageCopy
from amicopy.copies.core.policy_models import ApprovalRule
from amicopy.copies.core.states import CopyState
from amicopy.copies.requests import policy_actions, verbs
from amicopy.copies.voting import fact_evidence, fact_table, fact_words, facts, rulebook
from tests.copies.conftest import SOURCE, Submit, acting, make_call, make_person, make_rule

pytestmark = pytest.mark.django_db

OWN_KEY = "arn:aws:kms:us-east-1:111122223333:key/aaaa"
MULTI = "arn:aws:kms:{}:111122223333:key/mrk-1234"
DEFAULT = "arn:aws:kms:eu-west-1:111122223333:key/default"


def lookups(*, key: str = "", destination: dict[str, Any] | None = None, **source: Any) -> dict[str, Any]:
    """What was seen of a source with one volume, encrypted with a key if there is one, and of eu-west-1."""
    volume = {
        "DeviceName": "/dev/xvda",
        "SnapshotId": "snap-1",
        "VolumeSize": 40,
        "Encrypted": bool(key),
        "KmsKeyId": key,
    }
    return {
        "source": {"ImageId": SOURCE, "OwnerId": "111122223333", "volumes": [volume], **source},
        "destinations": [{"destination": "eu-west-1", "DestinationRegion": "eu-west-1", **(destination or {})}],
    }


def predicted(encrypted: bool | None, key: str = "") -> dict[str, Any]:
    return {"encryption": [{"DeviceName": "/dev/xvda", "Encrypted": encrypted, "KmsKeyId": key, "words": ""}]}


def seen(account: Account, found: dict[str, Any], call: Call | None = None) -> dict[str, fact_table.Told]:
    call = call or make_call()
    history = fact_evidence.History([(account.pk, call.DestinationRegion)])
    evidence = fact_evidence.Evidence(account=account, lookups=found, history=history)
    return {told.code: told for told in fact_table.tell([call], evidence)}


@pytest.mark.parametrize(
    ("code", "found", "parameters", "holds"),
    [
        ("source-unseen", {}, {}, True),
        ("source-unseen", lookups(), {}, False),
        ("public-source", lookups(Public=True), {}, True),
        ("public-source", lookups(Public=False), {}, False),
        ("foreign-owner", lookups(OwnerId="444455556666"), {}, True),
        ("foreign-owner", lookups(), {}, False),
        ("key-changes", lookups(key=OWN_KEY), {}, True),
        ("key-changes", lookups(key=OWN_KEY, destination=predicted(True, DEFAULT)), {}, True),
        ("key-changes", lookups(key=OWN_KEY), {"Encrypted": True, "KmsKeyId": "alias/other"}, True),
        (
            "key-changes",
            lookups(key=MULTI.format("us-east-1")),
            {"Encrypted": True, "KmsKeyId": MULTI.format("eu-west-1")},
            False,
        ),
        (
            "key-changes",
            lookups(key=OWN_KEY, destination={"key": {"Arn": OWN_KEY, "problem": ""}}),
            {"Encrypted": True, "KmsKeyId": "alias/same"},
            False,
        ),
        ("key-changes", lookups(), {"Encrypted": True, "KmsKeyId": "alias/other"}, False),
        ("default-key", lookups(destination=predicted(True, DEFAULT)), {"Encrypted": True}, True),
        ("default-key", lookups(key=OWN_KEY, destination=predicted(True)), {}, True),
        ("default-key", {}, {"Encrypted": True, "KmsKeyId": "alias/aws/ebs"}, True),
        ("default-key", lookups(), {"Encrypted": True, "KmsKeyId": "alias/other"}, False),
        ("default-key", lookups(destination=predicted(False)), {}, False),
        ("unencrypted", lookups(destination=predicted(False)), {}, True),
        ("unencrypted", lookups(destination=predicted(None)), {}, False),
        ("unencrypted", lookups(key=OWN_KEY), {}, False),
        ("becomes-encrypted", lookups(destination=predicted(True, DEFAULT)), {"Encrypted": True}, True),
        ("becomes-encrypted", lookups(key=OWN_KEY, destination=predicted(True, DEFAULT)), {}, False),
        ("known-to-fail", lookups(destination={"key": {"problem": "KMS key must be enabled."}}), {}, True),
        ("known-to-fail", lookups(destination={"place": "The Region isn't enabled."}), {}, True),
        ("known-to-fail", lookups(destination={"dry_run": {"allowed": False}}), {}, True),
        ("known-to-fail", {**lookups(), "warnings": [{"code": "state", "message": "", "stops": True}]}, {}, True),
        (
            "known-to-fail",
            {**lookups(), "warnings": [{"code": "deprecated", "message": "", "stops": False}]},
            {},
            False,
        ),
        ("launch-permissions", lookups() | {"shared_with": {"accounts": 0, "organizations": 1}}, {}, True),
        ("launch-permissions", lookups() | {"shared_with": {"accounts": 0, "organizations": 0}}, {}, False),
        ("launch-permissions", lookups(), {}, False),
        ("sensitive-tags", lookups(tags={"class": "Confidential"}), {}, True),
        (
            "sensitive-tags",
            lookups(),
            {"TagSpecifications": [{"ResourceType": "image", "Tags": [{"Key": "pii", "Value": "yes"}]}]},
            True,
        ),
        ("sensitive-tags", lookups(tags={"team": "data"}), {}, False),
        ("new-region", lookups(), {}, True),
        ("new-region", lookups(), {"DryRun": True}, False),
        ("old-source", lookups(CreationDate="2019-01-01T00:00:00+00:00"), {}, True),
        ("old-source", lookups(CreationDate=timezone.now().isoformat()), {}, False),
    ],
)
def test_a_fact_is_told_of_what_was_stored(
    code: str, found: dict[str, Any], parameters: dict[str, Any], holds: bool, account: Account
) -> None:
    assert (code in seen(account, found, make_call(**parameters))) is holds


def test_what_was_submitted_anyway_says_so_first(account: Account, requester: User) -> None:
    kept = {"reason": "It will be there.", "problems": [{"code": "key-disabled"}]}
    evidence = fact_evidence.Evidence(account=account, lookups=lookups(Public=True), anyway=kept)
    told = fact_table.tell([make_call()], evidence)[0]
    assert (told.code, told.level, fact_words.chip_of(told)) == (
        "submitted-anyway",
        fact_table.Level.HIGH,
        "Submitted anyway",
    )
    assert "submitted-anyway" not in seen(account, lookups(Public=True))


def test_the_size_is_that_of_all_copies_and_stands_out_from_a_tebibyte_a_copy(account: Account) -> None:
    evidence = fact_evidence.Evidence(account=account, lookups=lookups())
    small = {told.code: told for told in fact_table.tell([make_call(), make_call("eu-central-1")], evidence)}["large"]
    assert (small.value, small.level, fact_words.chip_of(small)) == (80, fact_table.Level.NONE, "80 GiB")
    volume = {"DeviceName": "/dev/xvda", "SnapshotId": "snap-1", "VolumeSize": 5018, "Encrypted": False}
    large = seen(account, lookups(volumes=[volume]))["large"]
    assert (large.level, fact_words.chip_of(large)) == (fact_table.Level.SOME, "4.9 TiB")


def test_a_region_is_new_until_a_copy_to_it_is_there(account: Account, submit: Submit) -> None:
    copy = submit().copies.get()
    assert "new-region" in seen(account, lookups())
    ImageCopy.objects.filter(pk=copy.pk).update(state=CopyState.AVAILABLE, ImageId="ami-1")
    assert "new-region" not in seen(account, lookups())
    assert "new-region" in seen(account, lookups(), make_call("eu-central-1"))


def test_a_fact_about_some_destinations_says_how_many(account: Account) -> None:
    evidence = fact_evidence.Evidence(account=account, lookups=lookups(key=MULTI.format("us-east-1")))
    calls = [
        make_call(Encrypted=True, KmsKeyId=MULTI.format("eu-west-1")),
        make_call("eu-central-1", Encrypted=True, KmsKeyId="alias/other"),
    ]
    told = {each.code: each for each in fact_table.tell(calls, evidence)}["key-changes"]
    assert (told.places, fact_words.chip_of(told)) == (("eu-central-1",), "Key changes in 1 of 2")


def test_facts_of_many_requests_take_two_statements(submit: Submit) -> None:
    for each in range(5):
        submit(make_call(Name=f"image-{each}"))
    rows = [(row, list(row.copies.all())) for row in CopyRequest.objects.select_related("account")]
    with CaptureQueriesContext(connection) as asked:
        for (_, copies), evidence in zip(rows, fact_evidence.evidence_of(rows), strict=True):
            fact_table.tell([copy.call() for copy in copies], evidence)
    assert len(asked) <= 2


def test_every_fact_has_its_words() -> None:
    assert set(fact_words.WORDS) == set(fact_table.BY_CODE)


def applies(rule: ApprovalRule, requester: User, found: dict[str, Any], account: Account) -> bool | None:
    known = facts.facts_for(account, requester, found, calls=[make_call()])
    return rulebook.plan_for([make_call()], known, [rule]).verdicts[0].applies


def test_a_rule_asks_where_any_of_its_facts_holds(account: Account, requester: User) -> None:
    rule = make_rule("Risk", facts=["public-source", "foreign-owner"])
    assert applies(rule, requester, lookups(Public=True), account) is True
    assert applies(rule, requester, lookups(Public=False), account) is False
    # What nobody knows counts against the request, and so does a fact that the table has no more.
    assert applies(rule, requester, {}, account) is None
    assert applies(make_rule("Gone", facts=["of-before"]), requester, lookups(), account) is None
    assert rulebook.conditions_in_words(rule) == [
        "where the source is public or the source’s owner isn’t an account of amicopy’s"
    ]


def test_a_request_keeps_the_rule_that_asked_because_of_a_fact(account: Account, requester: User) -> None:
    Group.objects.create(name="security")
    make_person("security-1", "approver", "security")
    rule = make_rule("Public", facts=["public-source"], requirements=[{"group": "security", "count": 1}])

    def submitted(**source: Any) -> CopyRequest:
        found: dict[str, Any] = {"lookups": lookups(**source), "start_not_before": timezone.now() + timedelta(hours=1)}
        return verbs.submit(acting(requester), account=account, reason="PLAT-1", calls=[make_call()], **found)

    assert submitted(Public=True).rules[0]["version"] == rule.version
    assert submitted(Public=False).rules[0]["id"] is None


def test_a_rule_with_a_fact_that_is_none_is_refused_and_a_change_of_facts_is_one(account: Account) -> None:
    admin = acting(make_person("administrator", "administrator"))
    with pytest.raises(ValidationError) as refused:
        policy_actions.save_rule(admin, ApprovalRule(name="a", facts=["no-fact"]))
    assert "facts" in refused.value.message_dict
    before = ApprovalRule(name="a", facts=["large"])
    assert before.version != ApprovalRule(name="a", facts=[]).version
