"""Names that are taken: by AWS's lists, and by what this amicopy is about to make (H7)."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings

from amicopy.aws import ec2, sessions
from amicopy.copies import tasks
from amicopy.copies.core.calls import InvalidRequest
from amicopy.copies.core.models import Account, Attempt, CopyRequest, ImageCopy
from amicopy.copies.lifecycle.transitions import InvalidTransition
from amicopy.copies.requests import cancel_retry, verbs
from tests.conftest import Control
from tests.copies.conftest import SOURCE, Submit, acting, approve, make_call, make_person
from tests.copies.test_approval_races import at_once, done, side_by_side

pytestmark = pytest.mark.django_db
NAME = "golden-al2023-2026.11.24"


@pytest.fixture
def refusing(settings: Settings) -> Settings:
    settings.NAME_CLASH = "refuse"
    return settings


def start() -> None:
    ImageCopy.objects.filter(next_step_at__isnull=False).update(next_step_at=timezone.now(), lease_until=None)
    tasks.start_due(wake=False)


def seen_by_aws(*images: str) -> dict[str, Any]:
    row = {"destination": "eu-west-1", "DestinationRegion": "eu-west-1", "clashes": list(images)}
    return {"destinations": [row]}


@pytest.mark.usefixtures("refusing")
def test_h7_a_waiting_request_has_its_name(submit: Submit, requester: User) -> None:
    first = submit()
    with pytest.raises(InvalidRequest) as refused:
        submit(make_call("us-west-2"), make_call("eu-west-1"))
    [error] = refused.value.errors
    assert (error.field, error.destination) == ("Name", 1)
    assert error.message == f"Enter another name. eu-west-1 gets an AMI of this name by request #{first.pk}."
    assert submit(make_call("us-west-2")).state == "PENDING", "another Region"
    assert submit(make_call("eu-west-1", DryRun=True)), "it makes nothing"
    verbs.withdraw(acting(requester), first.pk)
    assert submit().state == "PENDING"


def test_nobody_is_refused_where_the_setting_only_warns(submit: Submit) -> None:
    submit()
    assert submit().state == "PENDING"


@pytest.mark.usefixtures("refusing")
def test_a_name_is_another_account_s_or_a_dry_run_s_and_still_free(submit: Submit, requester: User) -> None:
    submit(make_call(DryRun=True))
    other = Account.objects.create(name="other", account_id="444455556666")
    verbs.submit(acting(requester), account=other, reason="x", calls=[make_call()])
    assert submit().state == "PENDING"


@pytest.mark.usefixtures("refusing")
def test_a_request_submitted_again_has_its_own_name(submit: Submit, requester: User, approver: User) -> None:
    request = submit()
    verbs.request_changes(acting(approver), request.pk, reason="Why?")
    again = verbs.resubmit(acting(requester), request.pk, reason="x", calls=request.calls_as_asked())
    assert again.state == "PENDING"
    verbs.request_changes(acting(approver), request.pk, reason="Why?")
    submit(make_call(Name="another"))
    with pytest.raises(InvalidRequest, match="by request"):
        verbs.resubmit(acting(requester), request.pk, reason="x", calls=[make_call(Name="another")])


@pytest.mark.usefixtures("refusing")
def test_an_available_copy_has_its_name_until_aws_no_longer_lists_it(
    submit: Submit, requester: User, account: Account
) -> None:
    copy = submit().copies.get()
    ImageCopy.objects.update(state="AVAILABLE", ImageId="ami-1", finished_at=timezone.now())

    def ask(lookups: dict[str, Any]) -> CopyRequest:
        return verbs.submit(acting(requester), account=account, reason="x", calls=[make_call()], lookups=lookups)

    for lookups, words in (({}, "by request"), (seen_by_aws(), "by request"), (seen_by_aws("ami-1"), "ami-1")):
        with pytest.raises(InvalidRequest, match=words):
            ask(lookups)
    ImageCopy.objects.filter(pk=copy.pk).update(finished_at=timezone.now() - timedelta(days=1))
    assert ask(seen_by_aws()).state == "PENDING"


def test_h7_of_two_requests_of_one_name_the_one_approved_first_has_it(
    submit: Submit, approver: User, settings: Settings
) -> None:
    first, second = submit(), submit()
    settings.NAME_CLASH = "refuse"
    approve(approver, second)
    with pytest.raises(InvalidTransition, match=f"by request #{second.pk}, so #{first.pk} can't be approved"):
        approve(approver, first)
    boss = make_person("firefighter", "break-glass")
    with pytest.raises(InvalidTransition, match="by request"):
        verbs.break_glass(acting(boss), first.pk, reason="x", seen_hash=first.content_hash)


def test_h7_of_two_approved_copies_of_one_name_the_first_is_called(
    submit: Submit, approver: User, sandbox: Control, settings: Settings
) -> None:
    first, second = approve(approver, submit()), approve(approver, submit())
    settings.NAME_CLASH = "refuse"
    start()
    assert first.copies.get().state == "COPYING"
    copy = second.copies.get()
    assert (copy.state, copy.error_code) == ("FAILED", "NameTaken")
    assert copy.error_message == f"eu-west-1 gets an AMI of this name by request #{first.pk}."
    assert len(sandbox("calls?action=CopyImage")) == 1


@pytest.mark.usefixtures("refusing")
def test_h7_an_image_made_meanwhile_past_amicopy_stops_the_call(
    submit: Submit, approver: User, sandbox: Control, account: Account
) -> None:
    request = approve(approver, submit())
    made = ec2.copy_image(account.aws(), region="eu-west-1", parameters=make_call().parameters, client_token="somebody")
    start()
    copy = request.copies.get()
    assert (copy.state, copy.error_code) == ("FAILED", "NameTaken")
    assert made.image_id in copy.error_message
    sessions.client("ec2", account.aws(), "eu-west-1").deregister_image(ImageId=made.image_id)
    cancel_retry.retry(acting(approver), request.pk)
    start()
    assert request.copies.get().state == "COPYING"


@pytest.mark.usefixtures("refusing")
def test_what_its_own_attempts_made_does_not_stop_a_copy(
    submit: Submit, approver: User, sandbox: Control, account: Account
) -> None:
    request = approve(approver, submit())
    made = ec2.copy_image(account.aws(), region="eu-west-1", parameters=make_call().parameters, client_token="earlier")
    Attempt.objects.create(
        copy=request.copies.get(),
        number=0,
        account=account,
        DestinationRegion="eu-west-1",
        ClientToken="earlier",
        created_at=timezone.now(),
        ImageId=made.image_id,
    )
    start()
    assert request.copies.get().state == "COPYING"


def test_aws_is_asked_for_the_name_only_where_it_matters(submit: Submit, approver: User, sandbox: Control) -> None:
    approve(approver, submit())
    start()
    assert sandbox("calls?action=DescribeImages") == []


@side_by_side
@pytest.mark.django_db(transaction=True)
def test_h7_of_two_requests_of_one_name_sent_at_the_same_instant_one_is_refused(
    requester: User, account: Account, refusing: Settings
) -> None:
    other = make_person("requester-2", "requester")

    def sent(user: User, name: str) -> Callable[[], CopyRequest]:
        call = make_call(Name=name)
        return lambda: verbs.submit(acting(user), account=account, reason="x", calls=[call])

    for index in range(5):
        outcomes = at_once(*[sent(user, f"{NAME}-{index}") for user in (requester, other, requester, other)])
        assert done(outcomes) == 1
        assert ImageCopy.objects.filter(Name=f"{NAME}-{index}").count() == 1


@side_by_side
@pytest.mark.django_db(transaction=True)
def test_h7_of_two_requests_of_one_name_approved_at_the_same_instant_one_is_refused(
    submit: Submit, approver: User, settings: Settings
) -> None:
    other = make_person("approver-2", "approver")
    for index in range(5):
        settings.NAME_CLASH = "warn"
        requests = [submit(make_call(Name=f"{NAME}-{index}")) for _ in range(2)]
        settings.NAME_CLASH = "refuse"
        pairs = zip((approver, other), requests, strict=True)
        outcomes = at_once(*[lambda user=user, request=request: approve(user, request) for user, request in pairs])
        assert done(outcomes) == 1


def test_the_name_of_a_copy_is_the_one_of_its_parameters(submit: Submit) -> None:
    copy = submit(make_call(Name="another"), make_call("us-west-2")).copies.order_by("position")[0]
    assert (copy.Name, copy.parameters["SourceImageId"]) == ("another", SOURCE)
