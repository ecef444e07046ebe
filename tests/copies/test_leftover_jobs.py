"""Leftovers: found by a worker, stored, and removed by a worker when somebody who may says so."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from amicopy.audit.actor import worker
from amicopy.audit.models import AuditEvent
from amicopy.aws import ec2, sessions
from amicopy.copies import tasks
from amicopy.copies.core.engine_models import LeftoverLook, SeenLeftover
from amicopy.copies.core.models import Account, Attempt, ImageCopy
from amicopy.copies.core.permissions import NotAllowed
from amicopy.copies.engine import leftover_jobs, leftover_scan, outside_memory
from amicopy.copies.engine.aws_removal import Removal
from amicopy.leases import LEASE
from tests.conftest import Control
from tests.copies.conftest import Submit, acting, approve, make_call, make_person

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(db: None) -> User:
    return make_person("admin", "administrator")


@pytest.fixture
def failed(sandbox: Control, submit: Submit, approver: User) -> ImageCopy:
    """A copy that failed at AWS with two snapshots, beside one that is wanted."""
    request = submit(make_call("eu-west-1", Encrypted=True, KmsKeyId="alias/retired"), make_call("us-west-2"))
    approve(approver, request)
    tasks.start_due(wake=False)
    sandbox("advance", seconds=900)
    ImageCopy.objects.update(next_step_at=timezone.now())
    tasks.track_due()
    return request.copies.get(state="FAILED")


def remove_due() -> None:
    SeenLeftover.objects.filter(removing_since__isnull=False).update(next_try_at=timezone.now() - timedelta(seconds=1))
    tasks.remove_leftovers()


def test_what_a_failed_copy_left_is_found_and_nothing_else(failed: ImageCopy, account: Account) -> None:
    found, unreachable = leftover_scan.find([account])
    assert unreachable == []
    assert [(item.DestinationRegion, item.State, len(item.snapshots)) for item in found] == [("eu-west-1", "failed", 2)]
    tasks.look_for_leftovers()
    row = SeenLeftover.objects.get()
    assert (row.ImageId, row.State, row.gib, row.copy_id) == (failed.ImageId, "failed", 52, failed.pk)
    assert not leftover_jobs.to_look().exists(), "once a day is enough"


def test_an_account_is_looked_at_by_one_worker_at_a_time(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[bool] = []

    def find(accounts: list[Account]) -> tuple[list[object], list[object]]:
        looks.append(True)
        if len(looks) == 1:
            looks.append(leftover_jobs.look())
        return [], []

    monkeypatch.setattr(leftover_scan, "find", find)
    assert leftover_jobs.look()
    assert looks == [True, False]
    assert not leftover_jobs.to_look().exists()


def test_a_leftover_is_removed_with_its_snapshots_and_two_events(
    failed: ImageCopy, account: Account, admin: User
) -> None:
    tasks.look_for_leftovers()
    row = SeenLeftover.objects.get()
    assert leftover_jobs.choose(acting(admin), [row.pk]) == [row]
    assert leftover_jobs.choose(acting(admin), [row.pk]) == [], "chosen once"
    tasks.remove_leftovers()
    assert not SeenLeftover.objects.exists()
    assert leftover_scan.find([account]) == ([], [])
    aws = account.aws()
    assert ec2.snapshots_of_copies(aws, region="eu-west-1", image_ids=[failed.ImageId])[failed.ImageId] == []
    chosen, removed = AuditEvent.objects.filter(action__startswith="leftover.").order_by("id")
    assert (chosen.action, chosen.actor, removed.action) == ("leftover.chosen", "admin", "leftover.removed")
    assert removed.image_id == failed.ImageId
    assert removed.aws_request_id
    assert removed.data["snapshots"] == row.snapshots


def test_only_administrators_may_ask_and_remove(failed: ImageCopy, approver: User, requester: User) -> None:
    tasks.look_for_leftovers()
    row = SeenLeftover.objects.get()
    for person in (approver, requester):
        with pytest.raises(NotAllowed):
            leftover_jobs.choose(acting(person), [row.pk])
        with pytest.raises(NotAllowed):
            leftover_jobs.ask(acting(person))
    row.refresh_from_db()
    assert row.removing_since is None


def test_a_place_that_does_not_answer_is_named_and_keeps_what_was_seen(
    failed: ImageCopy, sandbox: Control, admin: User
) -> None:
    tasks.look_for_leftovers()
    sandbox("faults", kind="error", code="UnauthorizedOperation", action="DescribeImages")
    leftover_jobs.ask(acting(admin))
    assert LeftoverLook.objects.get().pending
    tasks.look_for_leftovers()
    look = LeftoverLook.objects.get()
    assert not look.pending
    assert [place["region"] for place in look.unreachable] == ["eu-west-1"]
    assert SeenLeftover.objects.count() == 1


def test_what_somebody_else_removed_disappears_with_the_next_look(
    failed: ImageCopy, account: Account, admin: User
) -> None:
    tasks.look_for_leftovers()
    row = SeenLeftover.objects.get()
    removal = Removal(actor=acting(admin), copy=row.copy, account=account, region="eu-west-1")
    leftover_scan.remove(removal, row)
    assert removal.removed == sorted([row.ImageId, *row.snapshots])
    told = {event.action: event for event in AuditEvent.objects.filter(copy=row.copy_id, action__startswith="aws.")}
    # AWS removed the snapshots with the image and says so.
    assert set(told) == {"aws.image_deregistered"}
    assert told["aws.image_deregistered"].aws_request_id
    assert told["aws.image_deregistered"].data["DeleteSnapshotResults"] == dict.fromkeys(row.snapshots, "success")
    leftover_jobs.ask(acting(admin))
    tasks.look_for_leftovers()
    assert not SeenLeftover.objects.exists()


def test_a_removal_waits_for_aws_and_is_given_up_when_aws_refuses(
    failed: ImageCopy, admin: User, settings: Settings
) -> None:
    tasks.look_for_leftovers()
    row = SeenLeftover.objects.get()
    leftover_jobs.choose(acting(admin), [row.pk])
    reachable, settings.AWS_ENDPOINT = settings.AWS_ENDPOINT, "http://127.0.0.1:9"
    sessions.forget_all()
    remove_due()
    row.refresh_from_db()
    assert row.removing_since is not None
    assert row.error
    settings.AWS_ENDPOINT = reachable
    sessions.forget_all()
    remove_due()
    assert not SeenLeftover.objects.exists()


def test_a_refused_removal_says_why_and_can_be_chosen_again(failed: ImageCopy, admin: User, sandbox: Control) -> None:
    tasks.look_for_leftovers()
    row = SeenLeftover.objects.get()
    leftover_jobs.choose(acting(admin), [row.pk])
    sandbox("faults", kind="error", code="OperationNotPermitted", message="Protected.", action="DeregisterImage")
    remove_due()
    row.refresh_from_db()
    assert (row.removing_since, row.error) == (None, "OperationNotPermitted: Protected.")
    leftover_jobs.choose(acting(admin), [row.pk])
    remove_due()
    assert not SeenLeftover.objects.exists()


def test_what_a_killed_worker_was_removing_is_due_again_after_its_lease(
    failed: ImageCopy, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks.look_for_leftovers()
    row = SeenLeftover.objects.get()
    leftover_jobs.choose(acting(admin), [row.pk])
    begun = timezone.now()

    def killed(*_: object) -> None:
        raise SystemExit

    monkeypatch.setattr(leftover_scan, "remove", killed)
    with pytest.raises(SystemExit):
        leftover_jobs.remove(actor=worker("remove_leftovers"))
    row.refresh_from_db()
    assert row.tries == 1
    assert not leftover_jobs.to_remove(begun + LEASE - timedelta(seconds=1)).exists()
    assert leftover_jobs.to_remove(timezone.now() + LEASE).exists()


def test_an_error_is_shown_until_aws_answers(failed: ImageCopy, admin: User, sandbox: Control) -> None:
    tasks.look_for_leftovers()
    leftover_jobs.choose(acting(admin), [SeenLeftover.objects.get().pk])
    SeenLeftover.objects.update(error="RequestLimitExceeded: x", missing_since=timezone.now(), missing_looks=2)
    sandbox("faults", kind="linger", resource="snapshot", action="DescribeSnapshots", seconds=60, count=None)
    remove_due()
    row = SeenLeftover.objects.get()
    assert (row.error, row.missing_since, row.missing_looks) == ("", None, 0)
    assert row.removal[row.ImageId] == "done"


def test_a_young_leftover_is_not_gone_because_aws_does_not_know_it(
    failed: ImageCopy, admin: User, sandbox: Control
) -> None:
    tasks.look_for_leftovers()
    row = SeenLeftover.objects.get()
    leftover_jobs.choose(acting(admin), [row.pk])
    sandbox("faults", kind="hide", resource="any", since="rule", count=None)
    long_ago = timezone.now() - timedelta(days=1)
    SeenLeftover.objects.update(missing_since=long_ago, missing_looks=20)
    remove_due()
    assert SeenLeftover.objects.get().missing_looks == 21
    Attempt.objects.update(last_called_at=long_ago)
    remove_due()
    assert not SeenLeftover.objects.exists()
    gone = AuditEvent.objects.get(action="leftover.gone")
    assert (gone.copy, gone.request, gone.image_id) == (failed.pk, failed.request_id, row.ImageId)
    assert (gone.account, gone.region, gone.data) == (
        "111122223333",
        "eu-west-1",
        {"snapshots": row.snapshots, "gib": row.gib},
    )


def test_an_image_that_a_request_wants_is_never_removed(
    sandbox: Control, submit: Submit, approver: User, admin: User, account: Account
) -> None:
    request = approve(approver, submit())
    tasks.start_due(wake=False)
    copy = request.copies.get()
    row = SeenLeftover.objects.create(
        account=account,
        DestinationRegion="eu-west-1",
        ImageId=copy.ImageId,
        copy=copy,
        gib=8,
        seen_at=timezone.now(),
    )
    leftover_jobs.choose(acting(admin), [row.pk])
    remove_due()
    assert list(ec2.describe_images(account.aws(), region="eu-west-1", image_ids=[copy.ImageId])) == [copy.ImageId]
    assert not SeenLeftover.objects.exists()


def test_the_sweep_looks_for_what_is_due_in_as_many_statements_as_ever(
    account: Account, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    outside_memory.keep()
    # Ten looks, the sweep's own mark in a transaction, and two whether the database is behind.
    with django_assert_max_num_queries(15):
        tasks.sweep()
