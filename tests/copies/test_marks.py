"""The mark: one tag on everything amicopy makes, frozen and approved with the call that makes it."""

from datetime import timedelta

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings

from amicopy.aws import ec2
from amicopy.aws import marks as aws_marks
from amicopy.copies.core.calls import InvalidRequest
from amicopy.copies.core.installation import Installation, mark_prefix, mark_values
from amicopy.copies.core.models import Account, Attempt, CopyRequest, ImageCopy
from amicopy.copies.lifecycle import source_binding
from amicopy.copies.requests import cancel_retry, verbs
from amicopy.web.forms.context import form_context
from amicopy.web.forms.initial_data import initial_of
from amicopy.web.forms.request_form import RequestForm
from tests.conftest import Control
from tests.copies.conftest import SOURCE, Submit, acting, approve, make_call
from tests.copies.passing_time import look_again
from tests.copies.test_lagging_lists import good_images, started
from tests.web.conftest import typed

pytestmark = pytest.mark.django_db
KEY = "amicopy:copy"


def tags(copy: ImageCopy) -> dict[str, dict[str, str]]:
    return {
        each["ResourceType"]: {tag["Key"]: tag["Value"] for tag in each["Tags"]}
        for each in copy.parameters.get("TagSpecifications", ())
    }


def test_every_copy_carries_a_mark_of_its_own_on_image_and_snapshots(submit: Submit) -> None:
    own = [{"ResourceType": "image", "Tags": [{"Key": "team", "Value": "web"}]}]
    request = submit(make_call(TagSpecifications=own), make_call("us-west-2", TagSpecifications=own))
    first, second = request.copies.order_by("position")
    assert tags(first) == {"image": {"team": "web", KEY: first.mark}, "snapshot": {KEY: first.mark}}
    assert first.mark == mark_values(request.submission, 1)[0] != second.mark
    assert first.mark.startswith(mark_prefix())
    assert len(first.mark) < 64
    # What was approved binds the mark, too.
    assert request.content_hash == request.hash_of_content()
    first.parameters["TagSpecifications"][0]["Tags"][1]["Value"] = "x"
    first.save(update_fields=["parameters"])
    assert request.content_hash != request.hash_of_content()
    # A person gets back what they typed.
    assert request.calls_as_asked()[1] == make_call("us-west-2", TagSpecifications=own)


def test_the_mark_is_what_aws_puts_on_what_it_makes(submit: Submit, approver: User, sandbox: Control) -> None:
    copy = started(approve(approver, submit()))
    [image] = sandbox("images")
    assert image["Tags"] == {KEY: copy.mark}
    assert [row["Tags"] for row in image["Snapshots"]] == [{KEY: copy.mark}] * 2
    aws = copy.account.aws()
    found = aws_marks.images_marked(aws, region="eu-west-1", key=KEY, value=mark_prefix(), beginning=True)
    assert [each.ImageId for each in found] == [copy.ImageId]


def test_the_installation_keeps_its_id(db: None) -> None:
    first = mark_prefix()
    assert mark_prefix() == first == f"{Installation.objects.get().mark}/"
    assert len(first) == 13


def test_a_person_cannot_set_the_mark(submit: Submit) -> None:
    forged = [{"ResourceType": "image", "Tags": [{"Key": KEY, "Value": "mine"}]}]
    with pytest.raises(InvalidRequest, match="with which amicopy marks"):
        submit(make_call(TagSpecifications=forged))


def test_an_edited_mark_is_never_sent(submit: Submit, approver: User, sandbox: Control) -> None:
    request = approve(approver, submit())
    ImageCopy.objects.update(mark="another")
    copy = started(request)
    assert (copy.state, copy.error_code) == ("FAILED", "RefusedByRules")
    assert sandbox("images") == []


def test_without_the_setting_nothing_is_marked(
    submit: Submit, approver: User, sandbox: Control, settings: Settings
) -> None:
    settings.MARK_TAG_KEY = ""
    copy = started(approve(approver, submit()))
    assert (copy.mark, copy.parameters, copy.state) == ("", dict(make_call().parameters), "COPYING")


def test_a_mark_stays_what_it_was_when_the_setting_changes(
    submit: Submit, approver: User, sandbox: Control, settings: Settings
) -> None:
    request = approve(approver, submit())
    settings.MARK_TAG_KEY = "other:key"
    copy = started(request)
    assert copy.state == "COPYING"
    assert copy.frozen_mark is not None
    assert copy.frozen_mark.key == KEY


def test_asking_for_the_same_again_keeps_mark_and_approvals(submit: Submit, requester: User, approver: User) -> None:
    request = submit()
    verbs.request_changes(acting(approver), request.pk, reason="Why?", seen_hash=request.content_hash)
    again = verbs.resubmit(acting(requester), request.pk, reason=request.reason, calls=request.calls_as_asked())
    marks = list(ImageCopy.objects.order_by("round").values_list("mark", flat=True))
    assert marks == [marks[0]] * 2
    assert again.content_hash == request.content_hash


def test_a_clone_gets_a_mark_of_its_own(submit: Submit, account: Account) -> None:
    request = submit()
    data = initial_of(request.calls_as_asked(), account=account, reason="again")
    assert not [name for name in data if name.startswith("tags-")]


def tagged_source(account: Account, tag: dict[str, str]) -> dict[str, object]:
    image = ec2.describe_source(account.aws(), region="us-east-1", image_id=SOURCE)
    return {"source": {**source_binding.lookup_of(image), "tags": tag, "OwnerId": account.account_id}}


@pytest.mark.parametrize("source_tags", [{KEY: "x/y/0"}, {str(n): "" for n in range(50)}])
def test_where_the_source_brings_the_key_only_snapshots_carry_the_mark_and_find_the_image(
    requester: User, approver: User, account: Account, sandbox: Control, source_tags: dict[str, str]
) -> None:
    request = verbs.submit(
        acting(requester),
        account=account,
        reason="x",
        calls=[make_call(CopyImageTags=True)],
        lookups=tagged_source(account, source_tags),
    )
    copy = request.copies.get()
    assert tags(copy) == {"snapshot": {KEY: copy.mark}}
    # The call's answer is lost, and its token forgotten.
    CopyRequest.objects.update(source_seen={}, content_hash="")
    request.refresh_from_db()
    CopyRequest.objects.update(content_hash=request.hash_of_content())
    request.refresh_from_db()
    approve(approver, request)
    sandbox("faults", kind="drop-after", action="CopyImage")
    started(request)
    sandbox("forget-tokens", method="POST")
    Attempt.objects.update(first_called_at=timezone.now() - timedelta(hours=2))
    look_again("start_due")
    copy.refresh_from_db()
    assert (copy.state, [copy.ImageId]) == ("COPYING", good_images(sandbox))
    cancel_retry.cancel(acting(requester), request.pk)
    look_again("cancel_due", times=2)
    assert good_images(sandbox) == []


def test_an_image_in_s3_has_no_snapshots_to_mark(requester: User, account: Account, sandbox: Control) -> None:
    lookups = tagged_source(account, {})
    lookups["source"] = {**lookups["source"], "RootDeviceType": "instance-store", "volumes": []}  # type: ignore[dict-item]
    request = verbs.submit(acting(requester), account=account, reason="x", calls=[make_call()], lookups=lookups)
    assert list(tags(request.copies.get())) == ["image"]


def test_the_form_shows_the_call_with_its_mark(requester: User, account: Account) -> None:
    form = RequestForm.of({**typed(), "submission": "5f0c3f8e-6e5b-4a52-9a38-000000000001"}, [account])
    [(call, _, text)] = form_context(form, requester)["commands"]
    assert mark_values("5f0c3f8e-6e5b-4a52-9a38-000000000001", 1)[0] in text
    assert call.parameters["TagSpecifications"]
    assert django_settings.MARK_TAG_KEY == KEY
