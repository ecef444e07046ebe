"""What waits for a person, as a condition: the same as looking at each request by itself."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.utils import timezone

from amicopy.copies.core.models import CopyRequest
from amicopy.copies.core.policy_models import ApprovalRule, Delegation
from amicopy.copies.requests import verbs
from amicopy.copies.voting import voters
from amicopy.copies.voting.pending_votes import Wanted
from tests.copies.conftest import Submit, acting, approve, make_call, make_person

pytestmark = pytest.mark.django_db


def wanted(user: User) -> Wanted:
    return Wanted(User.objects.get(pk=user.pk), CopyRequest.objects.filter(state="PENDING"))


def test_what_waits_is_the_same_as_one_by_one(submit: Submit, approver: User) -> None:
    Group.objects.get_or_create(name="security")
    second, guard = make_person("second", "approver"), make_person("guard", "approver", "security")
    deputy = make_person("deputy", "approver")
    now = timezone.now()
    Delegation.objects.create(giver=guard, receiver=deputy, created_at=now, until=now + timedelta(days=1))
    rule = ApprovalRule.objects.create(
        name="Two", order=1, requirements=[{"group": "approver", "count": 2}], DestinationRegion="eu-west-1"
    )
    two = [submit(make_call(Name=f"two-{number}")) for number in range(3)]
    rule.requirements, rule.name = [{"group": "security", "count": 1}], "Security"
    rule.save()
    submit(make_call(Name="security"))
    rule.delete()
    submit(make_call(Name="any"))
    approve(approver, two[0])
    assert CopyRequest.objects.filter(unvoted_plan="").count() == 1
    rows = list(CopyRequest.objects.filter(state="PENDING"))
    assert len(rows) == 5
    for user in (approver, second, guard, deputy, rows[0].requester):
        expected = voters.waiting_for(User.objects.get(pk=user.pk), rows)
        found = wanted(user)
        assert set(found.pending.filter(found.condition).values_list("pk", flat=True)) == expected, user.username
        assert [wanted(user).count(most) for most in (1, 3, 100)] == [min(most, len(expected)) for most in (1, 3, 100)]


def test_a_vote_that_stands_or_was_taken_back_is_looked_at_by_itself(submit: Submit, approver: User) -> None:
    ApprovalRule.objects.create(name="Two", order=1, requirements=[{"group": "approver", "count": 2}])
    make_person("second", "approver")
    row = submit()
    assert row.unvoted_plan
    approve(approver, row)
    assert CopyRequest.objects.get(pk=row.pk).unvoted_plan == ""
    assert wanted(approver).count(10) == 0
    verbs.request_changes(acting(make_person("second", "approver")), row.pk, reason="Another name.")
    verbs.resubmit(acting(row.requester), row.pk, reason=row.reason, calls=[make_call(Name="edited")])
    assert CopyRequest.objects.get(pk=row.pk).unvoted_plan
    assert wanted(approver).count(10) == 1


def test_a_key_that_isnt_of_its_plan_hides_nothing(submit: Submit, approver: User) -> None:
    row, other = submit(make_call(Name="one")), submit(make_call(Name="two"))
    CopyRequest.objects.filter(pk=row.pk).update(plan=[{"group": "security", "count": 1}])
    found = wanted(approver)
    assert set(found.pending.filter(found.condition).values_list("pk", flat=True)) == {other.pk}
    assert wanted(approver).count(9) == 1
