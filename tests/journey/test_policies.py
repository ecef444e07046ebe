"""The policies against what a full run really calls: everything is allowed, and nothing is that is never called."""

import subprocess
import sys

import pytest

from amicopy.aws import policies
from tests.journey.conftest import ROOT, Person, Running, typed, until

pytestmark = pytest.mark.processes

OUTPOST = "arn:aws:outposts:us-east-1:111122223333:outpost/op-0a1b2c3d4e5f67890"
# AWS itself asks for these in the caller's name, and people for the last, at a refusal. CloudTrail is asked a quarter
# of an hour after a copy was found changed: tests/copies/test_drift_traces.py.
NOT_CALLED = {
    "cloudtrail:LookupEvents",
    "ec2:CreateTags",
    "kms:CreateGrant",
    "kms:Decrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncrypt*",
    "sts:DecodeAuthorizationMessage",
}
# Needed by nobody, or by amicopy's own credentials.
ELSEWHERE = {"sts:GetCallerIdentity", "sts:AssumeRole"}


def allowed() -> set[str]:
    documents = policies.worker(mark_key="amicopy:copy", mark_values="x/*"), policies.web()
    return {action for each in documents for statement in each["Statement"] for action in statement["Action"]}


def test_a_full_run_calls_what_the_policies_allow_and_all_of_it(
    running: Running, requester: Person, approver: Person
) -> None:
    """Copies that arrive, encrypted and on an Outpost, one that is cancelled while AWS copies, and checks of the
    account."""
    admin = Person(running.url, "admin")
    admin.post("/accounts/1/check/", page=admin.get("/accounts/1/"))
    done = requester.submit(
        **{
            "Name": "golden-of-all-calls",
            "SourceRegion": "us-east-1",
            "destinations-0-DestinationRegion": "us-east-1",
            "destinations-0-DestinationOutpostArn": OUTPOST,
            "destinations-0-kind": "outpost",
            "destinations-1-DestinationRegion": "eu-west-1",
            "destinations-1-Encrypted": "true",
            "destinations-1-KmsKeyId": "alias/golden-images",
        }
    )
    approver.approve(done)
    assert until(lambda: requester.state(done) == "COMPLETED")
    dropped = requester.submit(Name="golden-to-be-cancelled")
    approver.approve(dropped)
    assert until(lambda: requester.copies(dropped) == ["COPYING"])
    requester.post(f"/requests/{dropped}/cancel/")
    assert until(lambda: requester.copies(dropped) == ["CANCELLED"])
    # The form offers keys and zones, and the doctor tries each permission.
    page = requester.get("/requests/new/")
    requester.post("/requests/new/regions/", page=page, **typed())
    doctor = [sys.executable, "manage.py", "doctor", "--json"]
    subprocess.run(doctor, env=running.environ, cwd=ROOT, stdout=subprocess.DEVNULL, check=False)
    counted = running.control()["calls"]
    called = {
        f"{service}:{action}" for service, regions in counted.items() for calls in regions.values() for action in calls
    }
    assert called - ELSEWHERE <= allowed()
    assert allowed() - called == NOT_CALLED
