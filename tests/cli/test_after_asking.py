"""What the command line does after a request ended: a failed copy mended, a webhook told again."""

import json

import pytest
from django.contrib.auth.models import User

from amicopy.copies.core.models import CopyRequest
from amicopy.copies.requests import verbs
from amicopy.notify.models import Endpoint
from amicopy.notify.sealing import seal
from tests.cli.conftest import ASKED, Command, become, filed
from tests.copies.conftest import acting, approve, make_person
from tests.notify.conftest import hooks, send_all
from tests.notify.servers import HookServer

__all__ = ("hooks",)
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture
def failed(amicopy: Command) -> CopyRequest:
    """One copy is there, the other failed for its key."""
    key = ("--encrypted", "--kms-key-id", "alias/retired", "--submit-anyway", "It is enabled on Monday.")
    assert amicopy("request", *ASKED, *key, "--region", "eu-west-1", "--region", "us-west-2").code == 0
    row = filed()
    become(approve(make_person("approver", "approver"), row), "PARTIAL", {0: "AVAILABLE", 1: "FAILED"})
    return row


def test_a_failed_copy_is_asked_for_again_with_a_change(amicopy: Command, failed: CopyRequest) -> None:
    copy = failed.copies.get(state="FAILED")
    how = ("--copy", copy.pk, "--kms-key-id", "alias/golden-images", "--reason", "PLAT-2", "--correlation", "run-8")
    run = amicopy("fix", failed.pk, *how, "--idempotency-key", "fix-1", "--output", "json")
    again = amicopy("fix", failed.pk, *how, "--idempotency-key", "fix-1", "--output", "json")
    assert (run.code, again.json["number"]) == (0, run.json["number"])
    assert (run.json["mends"], run.json["reason"], run.json["correlation"]) == (copy.pk, "PLAT-2", "run-8")
    (mended,) = run.json["copies"]
    assert (mended["DestinationRegion"], mended["parameters"]["KmsKeyId"]) == ("us-west-2", "alias/golden-images")
    assert (mended["parameters"]["Name"], mended["parameters"]["Encrypted"]) == ("golden-1", True)


def test_something_is_left_out_and_another_place_taken(amicopy: Command, failed: CopyRequest) -> None:
    copy = failed.copies.get(state="FAILED")
    run = amicopy("fix", failed.pk, "--copy", copy.pk, "--without", "kms-key-id", "--region", "eu-central-1")
    assert run.code == 0, run.err
    (mended,) = CopyRequest.objects.latest("pk").copies.all()
    assert (mended.DestinationRegion, "KmsKeyId" in mended.parameters) == ("eu-central-1", False)
    refused = amicopy("fix", failed.pk, "--copy", copy.pk, "--name", "a*")
    assert (refused.code, "\n  --name: " in refused.err) == (6, True)
    twice = amicopy("fix", failed.pk, "--copy", copy.pk, "--region", "eu-west-1", "--region", "us-west-2")
    assert (twice.code, "give --region once" in twice.err) == (2, True)
    there = failed.copies.get(state="AVAILABLE")
    assert amicopy("fix", failed.pk, "--copy", there.pk, "--name", "golden-2").code == 6


def test_fixing_can_wait_for_the_end(amicopy: Command, failed: CopyRequest) -> None:
    copy = failed.copies.get(state="FAILED")
    mended = ("--name", "golden-2", "--kms-key-id", "alias/golden-images")
    run = amicopy("fix", failed.pk, "--copy", copy.pk, *mended, "--wait", "--timeout", "0")
    assert run.code == 3
    assert f"Request #{CopyRequest.objects.latest('pk').pk}: " in run.err


def test_a_webhook_is_named_and_told_again(amicopy: Command, person: User, hooks: HookServer) -> None:
    Endpoint.objects.create(name="engine", sealed_url=seal(hooks.url), for_requests=True)
    assert amicopy("request", *ASKED, "--region", "eu-west-1", "--webhook", "engine").code == 0
    row = filed()
    verbs.reject(acting(make_person("approver", "approver")), row.pk, reason="Which ticket?")
    send_all()
    (delivery,) = amicopy("deliveries", row.pk, "--output", "json").json
    assert (delivery["type"], delivery["state"]) == ("request.rejected", "sent")
    assert "request.rejected" in amicopy("deliveries", row.pk).out
    assert amicopy("resend", row.pk, delivery["id"]).code == 0
    send_all()
    assert [json.loads(body)["request"]["number"] for _, _, body in hooks.requests] == [row.pk, row.pk]
    assert amicopy("resend", row.pk, 4711).code == 6


def test_a_webhook_that_nobody_opened_is_refused_by_its_option(amicopy: Command) -> None:
    run = amicopy("request", *ASKED, "--region", "eu-west-1", "--webhook", "nobody")
    assert (run.code, "\n  --webhook: " in run.err) == (6, True)
