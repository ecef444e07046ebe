"""What was approved is what runs: the source is looked at again right before the call."""

from collections.abc import Callable

import boto3
import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone

from amicopy.aws import ec2
from amicopy.copies import tasks
from amicopy.copies.core.models import Account, Attempt, CopyRequest, ImageCopy
from amicopy.copies.lifecycle import source_binding
from amicopy.copies.lifecycle.transitions import InvalidTransition
from amicopy.copies.requests import verbs
from amicopy.copies.voting import voters, votes
from tests.conftest import Control
from tests.copies.conftest import SOURCE, acting, approve, events, make_call, make_person, make_rule
from tests.copies.passing_time import look_again

pytestmark = pytest.mark.django_db

Asked = Callable[..., CopyRequest]


@pytest.fixture
def asked(requester: User, account: Account, sandbox: Control) -> Asked:
    """Submits a request with the source as AWS shows it at that moment."""

    def _asked(**parameters: object) -> CopyRequest:
        source = ec2.describe_source(account.aws(), region="us-east-1", image_id=SOURCE)
        return verbs.submit(
            acting(requester),
            account=account,
            reason="x",
            calls=[make_call("eu-west-1", **parameters)],
            lookups={"source": source_binding.lookup_of(source)},
        )

    return _asked


def start(request: CopyRequest, approver: User) -> ImageCopy:
    approve(approver, request)
    tasks.start_due(wake=False)
    return request.copies.get()


def tag_source() -> None:
    session = boto3.Session("AKIASANDBOX000000000", "sandbox")
    ec2_client = session.client("ec2", "us-east-1", endpoint_url=settings.AWS_ENDPOINT)
    ec2_client.create_tags(Resources=[SOURCE], Tags=[{"Key": "build", "Value": "another"}])


def test_an_unchanged_source_is_copied(asked: Asked, approver: User) -> None:
    request = asked()
    assert request.source_seen["OwnerId"]
    assert request.source_seen["volumes"]
    assert start(request, approver).state == "COPYING"


def test_a_vanished_source_stops_the_copy(asked: Asked, approver: User, account: Account, sandbox: Control) -> None:
    request = asked()
    ec2.deregister_image(account.aws(), region="us-east-1", image_id=SOURCE)
    copy = start(request, approver)
    assert (copy.state, copy.wait_code) == ("STARTING", "source-unseen")
    look_again("start_due", times=2, minutes=6)
    copy.refresh_from_db()
    assert (copy.state, copy.error_code) == ("FAILED", "SourceGone")
    assert copy.error_message == f"AWS doesn't show the source {SOURCE} in us-east-1 any more."
    assert sandbox("calls?action=CopyImage") == []
    assert events(request)[-2].error_code == "SourceGone"


def test_a_dry_run_waits_for_a_source_that_is_not_listed_for_a_while(asked: Asked, sandbox: Control) -> None:
    request = asked(DryRun=True)
    sandbox("faults", kind="hide", resource="source", since="rule", seconds=30)
    tasks.start_due(wake=False)
    copy = request.copies.get()
    assert (copy.state, copy.wait_code) == ("STARTING", "source-unseen")
    sandbox("advance", seconds=31)
    look_again("start_due", times=1, minutes=1)
    copy.refresh_from_db()
    assert copy.state == "CHECKED"


def test_a_changed_source_stops_the_copy_and_says_what_changed(asked: Asked, approver: User, sandbox: Control) -> None:
    request = asked()
    approve(approver, request)
    # Otherwise an approval would be refused: it binds to the fingerprint too.
    request.source_seen["Architecture"] = "arm64"
    request.save(update_fields=["source_seen"])
    tasks.start_due(wake=False)
    copy = request.copies.get()
    assert (copy.state, copy.error_code) == ("FAILED", "SourceChanged")
    assert "Changed: Architecture." in copy.error_message
    assert sandbox("calls?action=CopyImage") == []


def test_changed_tags_stop_a_copy_that_takes_them_along(asked: Asked, approver: User, account: Account) -> None:
    request = asked(CopyImageTags=True)
    tag_source()
    copy = start(request, approver)
    assert (copy.state, copy.error_code) == ("FAILED", "SourceChanged")
    assert "Changed: tags." in copy.error_message


def test_changed_tags_do_not_stop_a_copy_without_them(asked: Asked, approver: User, account: Account) -> None:
    request = asked()
    tag_source()
    assert start(request, approver).state == "COPYING"


def test_an_aws_that_cannot_be_reached_is_waited_for(asked: Asked, approver: User, sandbox: Control) -> None:
    request = asked()
    sandbox("faults", kind="error", action="DescribeImages", status=503, code="Unavailable", count=None)
    copy = start(request, approver)
    assert copy.state == "STARTING"
    assert copy.wait_code == "aws-unreachable"
    assert not copy.attempts.get().in_doubt
    sandbox("faults", method="DELETE")
    ImageCopy.objects.update(next_step_at=timezone.now())
    tasks.start_due(wake=False)
    copy.refresh_from_db()
    assert copy.state == "COPYING"


def test_a_call_that_may_have_been_made_is_finished_whatever_became_of_the_source(
    asked: Asked, approver: User, account: Account
) -> None:
    request = asked()
    approve(approver, request)
    copy = request.copies.get()
    attempt = copy.attempts.get()
    first = ec2.copy_image(
        account.aws(), region="eu-west-1", parameters=copy.parameters, client_token=attempt.ClientToken
    )
    Attempt.objects.update(in_doubt=True, first_called_at=timezone.now())
    ImageCopy.objects.update(state="STARTING")
    ec2.deregister_image(account.aws(), region="us-east-1", image_id=SOURCE)
    tasks.start_due(wake=False)
    copy.refresh_from_db()
    assert (copy.state, copy.ImageId) == ("COPYING", first.image_id)


def test_a_source_nobody_saw_is_left_to_aws(
    requester: User, account: Account, approver: User, sandbox: Control
) -> None:
    request = verbs.submit(acting(requester), account=account, reason="x", calls=[make_call()])
    assert request.source_seen == {}
    assert start(request, approver).state == "COPYING"
    assert sandbox("calls?action=DescribeImages") == []


@pytest.fixture
def sent_back(asked: Asked, approver: User) -> CopyRequest:
    """One of two approvals given, then sent back by somebody else."""
    make_rule("Two", requirements=[{"group": "approver", "count": 2}])
    other = make_person("approver-2", "approver")
    make_person("approver-3", "approver")
    request = asked(CopyImageTags=True)
    approve(approver, request)
    return verbs.request_changes(acting(other), request.pk, reason="Which ticket?")


def again(request: CopyRequest, account: Account, requester: User, *, seen: bool = True) -> CopyRequest:
    """The same content submitted again, with the source as AWS shows it now, or not at all."""
    source = ec2.describe_source(account.aws(), region="us-east-1", image_id=SOURCE)
    lookups = (
        {"source": source_binding.lookup_of(source)} if seen else {"missing": {"source": "AWS didn't answer in time."}}
    )
    return verbs.resubmit(
        acting(requester),
        request.pk,
        reason=request.reason,
        calls=request.calls_as_asked(),
        account=account,
        lookups=lookups,
    )


def test_the_same_content_of_the_same_source_keeps_the_approval(
    sent_back: CopyRequest, account: Account, requester: User
) -> None:
    request = again(sent_back, account, requester)
    assert request.content_hash == sent_back.content_hash
    assert votes.open_count(voters.still_needed(request)) == 1


def test_a_source_that_changed_voids_the_approval_of_the_same_parameters(
    sent_back: CopyRequest, account: Account, requester: User, approver: User
) -> None:
    tag_source()
    request = again(sent_back, account, requester)
    assert request.content_hash != sent_back.content_hash
    assert votes.open_count(voters.still_needed(request)) == 2
    with pytest.raises(InvalidTransition, match="isn't what you saw"):
        verbs.approve(acting(approver), request.pk, seen_hash=sent_back.content_hash)
    assert events(request)[-1].data["approvals_kept"] is False


def test_a_source_aws_does_not_show_again_stays_bound_as_it_was_seen(
    sent_back: CopyRequest, account: Account, requester: User
) -> None:
    request = again(sent_back, account, requester, seen=False)
    assert request.source_seen == sent_back.source_seen
    assert request.lookups["missing"]
    assert votes.open_count(voters.still_needed(request)) == 1


def test_an_edit_of_the_source_does_not_keep_the_fingerprint_of_another(
    sent_back: CopyRequest, requester: User
) -> None:
    other = make_call("eu-west-1", SourceImageId="ami-0b1c2d3e4f5061728")
    request = verbs.resubmit(acting(requester), sent_back.pk, reason="PLAT-1", calls=[other], lookups={"missing": {}})
    assert request.source_seen == {}
    assert votes.open_count(voters.still_needed(request)) == 2
