"""What requests cost, in rules, decisions, budgets and afterwards, with the sandbox and the database."""

import json
import uuid
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.utils import timezone

from amicopy.audit.models import AuditEvent
from amicopy.copies import tasks
from amicopy.copies.core import actual_cost
from amicopy.copies.core.cost import Estimate, Extent
from amicopy.copies.core.engine_models import SeenLeftover
from amicopy.copies.core.models import Account, Budget, CopyCost, CopyRequest, ImageCopy
from amicopy.copies.core.states import CopyState
from amicopy.copies.engine import ami_events, leftover_jobs
from amicopy.copies.lookups import async_queries, snapshot
from amicopy.copies.operations import proposal_decisions, proposals
from amicopy.copies.requests import verbs
from amicopy.copies.voting import budgets, fact_table, fact_words, rulebook
from amicopy.copies.voting.fact_evidence import evidence_of
from amicopy.copies.voting.facts import Facts
from amicopy.notify.models import Message
from tests.conftest import Control
from tests.copies.conftest import acting, approve, make_call, make_person, make_rule

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("patient")]
TWO = [{"group": "approver", "count": 2}]
ONE = [{"group": "approver", "count": 1}]


def ask(account: Account, requester: User, *regions: str, seen: bool = True, **parameters: Any) -> CopyRequest:
    calls = [make_call(region, **parameters) for region in regions or ("eu-west-1",)]
    found = snapshot.gather(account, calls, until=async_queries.deadline(30.0)) if seen else {}
    return verbs.submit(acting(requester), account=account, reason="PLAT-1", calls=calls, lookups=found)


def estimate_of(request: CopyRequest) -> Estimate:
    found = Estimate.of(request.estimate)
    assert found is not None
    return found


def facts(account: Account, month: str | None) -> Facts:
    return Facts(account=account, requester_groups=frozenset(), month=Decimal(month) if month else None)


@pytest.mark.parametrize(("month", "applies"), [("49.99", False), ("50", False), ("50.0001", True), (None, None)])
def test_a_rule_asks_above_its_limit_and_where_the_cost_is_not_known(
    account: Account, month: str | None, applies: bool | None
) -> None:
    rule = make_rule("Dear", costs_more_a_month=50, requirements=TWO)
    plans = rulebook.plan_for([make_call()], facts(account, month), [rule])
    assert plans.verdicts[0].applies is applies
    assert (plans.plan == rulebook.DEFAULT_PLAN) is (applies is False)


def test_what_a_rule_looks_at_is_said(account: Account) -> None:
    rule = make_rule("Dear", costs_more_a_month=50, costs_more_once=0, requirements=TWO)
    assert rulebook.conditions_in_words(rule) == ["above 50 USD a month", "above 0 USD once"]
    verdict = rulebook.plan_for([make_call()], facts(account, None), [rule]).verdicts[0]
    assert "what it costs a month isn't known, which counts as more" in verdict.why


def test_a_request_above_the_limit_needs_two(
    sandbox: Control, account: Account, requester: User, approver: User
) -> None:
    make_person("second", "approver")
    make_rule("Dear", order=1, costs_more_a_month=4, requirements=TWO)
    make_rule("Cheap", order=2, costs_more_a_month=0, requirements=ONE)
    cheap, dear = ask(account, requester), ask(account, requester, "eu-west-1", "us-west-2", "sa-east-1")
    # Of all copies together: one alone is below the limit.
    assert (estimate_of(cheap).month.high or 0) < 4 < (estimate_of(dear).month.high or 0)
    assert (cheap.plan, dear.plan) == (ONE, TWO)


def test_an_unknown_cost_asks_for_what_a_known_one_would(account: Account, requester: User, approver: User) -> None:
    make_person("second", "approver")
    make_rule("Dear", costs_more_a_month=1_000_000, requirements=TWO)
    plan = ask(account, requester, seen=False).plan
    assert {"group": "approver", "count": 2} in plan


def test_the_estimate_is_no_part_of_what_is_approved_and_stands_in_the_decision(
    sandbox: Control, account: Account, requester: User, approver: User
) -> None:
    request = ask(account, requester)
    before = request.hash_of_content()
    CopyRequest.objects.filter(pk=request.pk).update(estimate={**request.estimate, "currency": "EUR"})
    request.refresh_from_db()
    assert request.hash_of_content() == before == request.content_hash
    approve(approver, request)
    event = AuditEvent.objects.get(request=request.pk, action="request.approved")
    assert event.data["estimate"]["currency"] == "EUR"
    assert event.data["estimate"]["month"] == request.estimate["month"]
    assert AuditEvent.objects.get(request=request.pk, action="request.submitted").data["estimate"]


@pytest.mark.parametrize(("verb", "action"), [(verbs.reject, "rejected"), (verbs.request_changes, "changes_requested")])
def test_a_refusal_keeps_the_estimate_too(
    sandbox: Control, account: Account, requester: User, approver: User, verb: Any, action: str
) -> None:
    request = ask(account, requester)
    verb(acting(approver), request.pk, reason="Too dear")
    assert AuditEvent.objects.get(request=request.pk, action=f"request.{action}").data["estimate"] == request.estimate


def test_who_decides_is_written_what_it_costs(
    sandbox: Control, account: Account, requester: User, approver: User
) -> None:
    User.objects.filter(pk=approver.pk).update(email="approver@people.example")
    request = ask(account, requester)
    texts = [message.text for message in Message.objects.filter(request=request.pk)]
    assert any("Cost: Once: at most US$ " in text and "without discounts" in text for text in texts)


def arrived(request: CopyRequest, *, size: int | None = 20 * 2**30) -> ImageCopy:
    """The request's copy as if AWS had made it, told as the engine tells it."""
    copy = request.copies.select_related("request", "account").get()
    now = timezone.now()
    ImageCopy.objects.filter(pk=copy.pk).update(
        state=CopyState.AVAILABLE, ImageId=f"ami-{uuid.uuid4().hex[:17]}", finished_at=now
    )
    copy.refresh_from_db()
    actual_cost.keep(copy, actual_cost.of(copy, None if size is None else [size]), at=now)
    return copy


def test_after_an_earlier_copy_the_estimate_begins_with_nothing(
    sandbox: Control, account: Account, requester: User, approver: User
) -> None:
    first = ask(account, requester)
    assert estimate_of(first).copies[0].extent is Extent.FULL
    approve(approver, first)
    arrived(first)
    again = estimate_of(ask(account, requester)).copies[0]
    assert (again.extent, again.storage.low) == (Extent.CHANGES, Decimal(0))
    elsewhere = estimate_of(ask(account, requester, "us-west-2")).copies[0]
    other_key = estimate_of(ask(account, requester, Encrypted=True, KmsKeyId="alias/golden-images")).copies[0]
    assert (elsewhere.extent, other_key.extent) == (Extent.FULL, Extent.FULL)
    # Once the image is gone, the next copy is of all of it again.
    CopyCost.objects.update(kept_until=timezone.now())
    assert estimate_of(ask(account, requester)).copies[0].extent is Extent.FULL


def test_what_a_copy_did_cost_stands_beside_the_estimate(
    sandbox: Control, account: Account, requester: User, approver: User
) -> None:
    request = ask(account, requester)
    approve(approver, request)
    row = CopyCost.objects.get(copy__request=request)
    mine = estimate_of(request).copies[0]
    assert (row.estimated_once, row.estimated_month) == (mine.once.high, mine.storage.high)
    assert (row.bytes, row.once, row.kept_from) == (None, None, None)
    arrived(request)
    row.refresh_from_db()
    assert (row.bytes, row.once, row.month, row.less) == (20 * 2**30, Decimal("0.4"), Decimal("1"), False)
    CopyCost.objects.update(kept_from=timezone.now() - timedelta(days=61))
    row.refresh_from_db()
    assert round(row.months(timezone.now()), 1) == Decimal("2.0")
    assert round(row.storage_so_far(timezone.now()) or 0) == 2


def test_a_size_that_aws_does_not_say_is_not_known(
    sandbox: Control, account: Account, requester: User, approver: User
) -> None:
    request = ask(account, requester)
    approve(approver, request)
    arrived(request, size=None)
    row = CopyCost.objects.get(copy__request=request)
    assert (row.bytes, row.once, row.month) == (None, None, None)


def test_an_image_that_is_gone_costs_nothing_more(
    sandbox: Control, account: Account, requester: User, approver: User
) -> None:
    request = ask(account, requester)
    approve(approver, request)
    copy = arrived(request)
    event = {
        "source": "aws.ec2",
        "detail-type": "EC2 AMI State Change",
        "account": account.account_id,
        "region": "eu-west-1",
        "detail": {"ImageId": copy.ImageId, "State": "deregistered"},
    }
    heard = ami_events.read(json.dumps(event))
    assert heard is not None
    assert heard.state == "deregistered"
    actual_cost.ended([(heard.account_id, heard.region, heard.image_id)], at=timezone.now())
    assert CopyCost.objects.get(copy=copy).kept_until is not None


def test_the_engine_keeps_what_a_copy_did_cost_until_its_image_is_removed(
    sandbox: Control, account: Account, requester: User, approver: User
) -> None:
    request = approve(approver, ask(account, requester))
    assert not CopyCost.objects.filter(kept_from__isnull=False).exists()
    tasks.start_due(wake=False)
    sandbox("advance", seconds=900)
    ImageCopy.objects.update(next_step_at=timezone.now())
    tasks.track_due()
    copy = request.copies.get()
    row = copy.cost
    assert (copy.state, row.kept_from, row.kept_until) == ("AVAILABLE", copy.finished_at, None)
    estimated = estimate_of(request).copies[0]
    assert (row.bytes, row.once, row.month) == (estimated.bytes, estimated.once.high, estimated.storage.high)
    event = AuditEvent.objects.get(copy=copy.pk, action="copy.available")
    assert event.data["cost"]["bytes"] == row.bytes
    # As after a backup of before was restored: the image is there, and the row says that it failed.
    ImageCopy.objects.update(state=CopyState.FAILED)
    tasks.look_for_leftovers()
    left = SeenLeftover.objects.get(ImageId=copy.ImageId)
    leftover_jobs.choose(acting(make_person("administrator", "administrator")), [left.pk])
    tasks.remove_leftovers()
    assert CopyCost.objects.get(copy=copy).kept_until is not None


def team(name: str, *people: User) -> Group:
    group = Group.objects.create(name=name)
    for person in people:
        person.groups.add(group)
    return group


def test_a_budget_says_over_and_stops_nothing(
    sandbox: Control, account: Account, requester: User, approver: User
) -> None:
    boss = make_person("boss", "administrator")
    proposals.save_budget(acting(boss), team("platform", requester), amount=5)
    first = ask(account, requester)
    assert first.estimate["budgets"][0]["over"] is False
    approve(approver, first)
    arrived(first, size=100 * 2**30)
    second = ask(account, requester, "us-west-2")
    said = second.estimate["budgets"][0]
    assert (said["team"], said["amount"], said["over"]) == ("platform", 5, True)
    assert Decimal(said["with"]) > Decimal(said["spent"]) > 5
    (evidence,) = evidence_of([(second, list(second.copies.all()))])
    told = {each.code: each for each in fact_table.tell(second.calls(), evidence)}
    assert fact_words.chip_of(told["over-budget"]) == "Over budget"
    assert fact_words.chip_of(told["costs"]).endswith(" a month")
    assert approve(approver, second).state == "APPROVED"


def test_a_rule_may_ask_where_a_team_would_be_over_its_budget(
    sandbox: Control, account: Account, requester: User, approver: User
) -> None:
    make_person("second", "approver")
    Budget.objects.create(team=team("platform", requester), amount=5, set_at=timezone.now())
    make_rule("Over", facts=["over-budget"], requirements=TWO)
    assert ask(account, requester).plan == rulebook.DEFAULT_PLAN
    assert ask(account, requester, "eu-west-1", "us-west-2", "sa-east-1", "ca-central-1").plan == TWO
    # Not known counts as over.
    assert {"group": "approver", "count": 2} in ask(account, requester, seen=False).plan


def test_failed_copies_and_other_teams_do_not_count(
    sandbox: Control, account: Account, requester: User, approver: User
) -> None:
    mine, others = team("platform", requester), team("web", approver)
    request = ask(account, requester)
    approve(approver, request)
    month = budgets.month_of(timezone.now())
    assert budgets.spent(budgets.of_team(mine.pk), *month).total > 0
    assert budgets.spent(budgets.of_team(others.pk), *month).total == 0
    request.copies.update(state=CopyState.FAILED)
    assert budgets.spent(budgets.of_team(mine.pk), *month).total == 0


def test_last_months_copies_count_with_their_storage_alone(
    sandbox: Control, account: Account, requester: User, approver: User
) -> None:
    request = ask(account, requester)
    approve(approver, request)
    arrived(request)
    begin, end = budgets.month_of(timezone.now())
    CopyCost.objects.update(approved_at=begin - timedelta(days=1), kept_from=begin - timedelta(days=1))
    spent = budgets.spent(budgets.counted(), begin, end)
    assert (spent.once, spent.month) == (Decimal(0), Decimal(1))
    CopyCost.objects.update(kept_until=begin - timedelta(hours=1))
    assert budgets.spent(budgets.counted(), begin, end).total == 0


def test_raising_a_budget_takes_two_and_lowering_it_one(requester: User) -> None:
    boss, other = make_person("boss", "administrator"), make_person("other", "administrator")
    group = team("platform", requester)
    assert proposals.save_budget(acting(boss), group, amount=50).proposal is None
    assert proposals.save_budget(acting(boss), group, amount=40).proposal is None
    raised = proposals.save_budget(acting(boss), group, amount=90).proposal
    assert raised is not None
    assert raised.title == "Set the budget of platform"
    assert Budget.objects.get().amount == 40
    said = AuditEvent.objects.filter(action__startswith="budget.").order_by("id")
    assert [event.action for event in said] == ["budget.set", "budget.changed"]
    proposal_decisions.confirm(acting(other), raised.pk)
    assert Budget.objects.get().amount == 90
    assert proposals.delete_budget(acting(boss), Budget.objects.get()).proposal is not None
