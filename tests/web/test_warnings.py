"""Who decides knows what who asked was told: in the queue, on the page, in the message."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from amicopy.copies.core.models import CopyRequest
from amicopy.notify.models import Message
from tests.conftest import Control
from tests.web.conftest import SignedIn, typed
from tests.web.page import read
from tests.web.test_form_lookups import fragment

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("patient")]
ENCRYPTED_SOURCE = {"SourceImageId": "ami-0d2f6b80c5e1794a3", "Name": "bastion-copy"}
AWS_MANAGED = {"destinations-0-Encrypted": "true", "destinations-0-KmsKeyId": "alias/aws/ebs"}


@pytest.fixture
def requester(signed_in: SignedIn, settings: Settings) -> Client:
    """Somebody who asks; the approver has an address."""
    settings.EMAIL_ON = True
    User.objects.filter(username="approver").update(email="approver@people.example")
    return signed_in("requester")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param(AWS_MANAGED, "A copy under aws/ebs can never be shared", id="f6 an AWS managed key"),
        pytest.param(ENCRYPTED_SOURCE, "gets the default EBS key of the Region", id="f6 no key"),
        pytest.param(
            {"destinations-1-DestinationRegion": "af-south-1"},
            "af-south-1: af-south-1 is not enabled for this account",
            id="f7 a Region that isn't enabled",
        ),
    ],
)
def test_f6_f7_every_warning_of_the_form_reaches_who_decides(
    signed_in: SignedIn, requester: Client, sandbox: Control, changes: dict[str, str], words: str
) -> None:
    data = typed(**changes)
    fragment(requester, "source", **changes)
    told = fragment(requester, "messages", **changes)
    assert words.rpartition("af-south-1: ")[2] in told.text, "the requester is warned"
    anyway = {"submit_anyway": "on", "submit_anyway_reason": "It opens on Monday."}
    anyway["known_problems"] = "region-not-enabled:af-south-1"
    assert requester.post("/requests/new/", {**data, **anyway}).status_code == 302
    row, approver = CopyRequest.objects.get(), signed_in("approver")
    for address in ("/approvals/", f"/requests/{row.pk}/"):
        assert words in read(approver.get(address)).text, address
    assert words in Message.objects.filter(kind="asked").latest("pk").text


@pytest.mark.parametrize(
    ("changes", "was", "becomes"),
    [
        (AWS_MANAGED, "Not encrypted", "Encrypted with alias/aws/ebs"),
        (ENCRYPTED_SOURCE, "Encrypted", "with the default EBS key arn:aws:kms:eu-west-1:"),
    ],
)
def test_f6_a_changed_key_is_a_change(
    signed_in: SignedIn, requester: Client, sandbox: Control, changes: dict[str, Any], was: str, becomes: str
) -> None:
    requester.post("/requests/new/", typed(**changes))
    answer = signed_in("approver").get(f"/requests/{CopyRequest.objects.get().pk}/")
    (change,) = [each for each in answer.context["found"].changes if each.api == "Encrypted"]
    assert change.kind == "chg"
    assert was in change.source
    assert becomes in change.copies


def test_f18_a_source_that_is_elsewhere_is_refused_at_its_field_with_the_region_it_is_in(
    requester: Client, sandbox: Control
) -> None:
    answer = requester.post("/requests/new/", typed(SourceRegion="us-west-2"))
    assert answer.status_code == 422
    (message,) = answer.context["form"].errors["SourceRegion"]
    assert message == "Choose us-east-1. ami-0a7f3c92d41be6058 is in us-east-1, not in us-west-2."
    answer = requester.post("/requests/new/", typed(SourceImageId="ami-0123456789abcdef0"))
    assert answer.context["form"].errors["SourceImageId"][0].startswith("Enter an AMI of us-east-1.")
    assert not CopyRequest.objects.exists()
