"""The doctor, against the sandbox."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db.models import F
from django.utils import timezone
from pytest_django import Settings

from amicopy.aws import sessions
from amicopy.copies import tasks
from amicopy.copies.core.engine_models import Pulse
from amicopy.copies.core.models import Account, ImageCopy
from amicopy.copies.operations.health.finding import Part
from amicopy.copies.operations.health.machinery import beat, clocks, processes
from amicopy.copies.operations.health.places import clock
from amicopy.copies.requests import verbs
from tests.conftest import Control
from tests.copies.conftest import Submit, acting, make_call
from tests.doctor import findings, said

pytestmark = pytest.mark.django_db


def wrong() -> dict[str, str]:
    """What is wrong but for broker, workers and beat, which `tests/journey` has."""
    absent = {"broker", "workers", "beat"}
    return {finding.what: finding.words for finding in findings() if not finding.ok and finding.what not in absent}


def test_a_sound_installation_has_nothing_wrong(sandbox: Control, account: Account) -> None:
    assert wrong() == {}


def test_the_doctor_names_the_account_whose_credentials_do_not_work(sandbox: Control, account: Account) -> None:
    Account.objects.create(
        name="broken", account_id="444455556666", role_arn="arn:aws:iam::444455556666:role/amicopy", external_id="wrong"
    )
    assert list(wrong()) == ["account broken"]


def shared(**changes: str) -> Account:
    role = "arn:aws:iam::444455556666:role/amicopy"
    values = {"role_arn": role, "read_only_role_arn": f"{role}-read-only", "external_id": "amicopy-sandbox"}
    return Account.objects.create(name="shared", account_id="444455556666", **values | changes)


def of_read_only_role() -> list[tuple[str, bool, bool]]:
    found = [each for each in findings() if each.what == "account shared, read-only role"]
    return [(each.words, each.ok, each.warning) for each in found]


def test_the_doctor_enters_the_read_only_role_and_sees_that_it_only_looks(sandbox: Control, account: Account) -> None:
    shared()
    looks = "The web server looks as arn:aws:sts::444455556666:assumed-role/amicopy-read-only/amicopy."
    assert of_read_only_role() == [(looks, True, False)]
    sandbox("faults", kind="error", code="UnauthorizedOperation", message="No.", action="DescribeImages", count=None)
    assert of_read_only_role() == [("ec2:DescribeImages is missing. AWS says: No.", False, False)]


def test_the_doctor_warns_of_a_read_only_role_that_may_copy(
    sandbox: Control, account: Account, requester: User, approver: User
) -> None:
    lets_copy = shared(read_only_role_arn="arn:aws:iam::444455556666:role/amicopy")
    call = make_call(SourceImageId="ami-07c3fa0628b5e91d4")
    verbs.submit(acting(requester), account=lets_copy, reason="x", calls=[call])
    more = "It may do more than look: ec2:CopyImage, ec2:CreateTags, ec2:DeregisterImage, ec2:DeleteSnapshot."
    assert of_read_only_role()[0] == (more, True, True)


def test_a_read_only_role_that_trusts_the_web_server_alone_is_no_fault(sandbox: Control, account: Account) -> None:
    shared(read_only_role_arn="arn:aws:iam::444455556666:role/for-web-alone")
    ((words, ok, warning),) = of_read_only_role()
    assert words.startswith("It can't be entered from here, which only the web server has to")
    assert (ok, warning) == (True, True)


def test_the_doctor_notices_another_account_than_the_row_says(sandbox: Control, account: Account) -> None:
    Account.objects.filter(pk=account.pk).update(account_id="999999999999")
    assert "are of account 111122223333" in wrong()["account sandbox"]


def test_the_doctor_says_when_aws_is_out_of_reach(sandbox: Control, account: Account, settings: Settings) -> None:
    settings.AWS_ENDPOINT = "http://127.0.0.1:9"
    sessions.forget_all()
    assert "don't work" in wrong()["account sandbox"]


def test_the_doctor_notices_work_that_nobody_does(sandbox: Control, submit: Submit, approver: User) -> None:
    request = submit()
    verbs.approve(acting(approver), request.pk, seen_hash=request.content_hash)
    ImageCopy.objects.update(next_step_at=timezone.now() - timedelta(hours=1))
    assert "Is a worker running" in wrong()["work"]


def test_permissions_are_tried_where_copies_went_and_the_missing_actions_named(
    sandbox: Control, submit: Submit, approver: User
) -> None:
    request = submit()
    verbs.approve(acting(approver), request.pk, seen_hash=request.content_hash)
    tasks.start_due(wake=False)
    sandbox("advance", seconds=900)
    ImageCopy.objects.update(next_step_at=timezone.now())
    tasks.track_due()
    before = sandbox("images")
    assert wrong() == {}
    assert sandbox("images") == before, "trying changes nothing"
    said = [finding.words for finding in findings() if finding.what == "account sandbox, eu-west-1"]
    assert said == ["10 actions are allowed."]
    denied = ("CopyImage", "DeregisterImage", "DeleteSnapshot", "GetEbsDefaultKmsKeyId", "DescribeSnapshots")
    for action in denied:
        sandbox("faults", kind="error", code="UnauthorizedOperation", message="No.", action=action, count=None)
    said = [finding.words for finding in findings() if finding.what == "account sandbox, eu-west-1" and not finding.ok]
    assert [words.split(" ")[0] for words in said] == [
        "ec2:DescribeSnapshots",
        "ec2:GetEbsDefaultKmsKeyId",
        "ec2:CopyImage",
        "ec2:CreateTags",
        "ec2:DeregisterImage",
        "ec2:DeleteSnapshot",
    ]


def test_what_cannot_be_tried_yet_is_said_to_be_unknown(sandbox: Control, account: Account) -> None:
    [words] = [finding.words for finding in findings() if finding.what == "account sandbox, us-east-1"]
    assert "Not known before the first copy: ec2:CopyImage" in words


@pytest.mark.parametrize(("seconds", "found"), [(0, 0), (30, 0), (-30, 0), (120, 1), (-600, 1)])
def test_a_clock_that_is_wrong_is_noticed(seconds: int, found: int) -> None:
    assert len(list(clock("account sandbox", timezone.now() + timedelta(seconds=seconds)))) == found


def test_a_beat_that_is_silent_is_noticed() -> None:
    now, minute = timedelta(), timedelta(minutes=1)
    tasks.sweep()
    assert said(beat(Pulse.last("sweep"), None)).ok
    assert "no worker does it" in said(beat(minute, now)).words
    assert "60 seconds ago" in said(beat(minute, minute)).words
    assert "never" in said(beat(None, None)).words


def test_each_beat_says_where_it_runs_and_when_it_was_heard() -> None:
    tasks.sweep()
    Pulse.mark("beat")
    Pulse.objects.filter(name="beat").update(host="far-away", version="7", host_at=F("at") - timedelta(seconds=1))
    Pulse.mark("beat")
    Pulse.objects.filter(name="beat").exclude(host="far-away").update(at=F("at") - timedelta(minutes=5))
    lines = [finding for finding in processes() if finding.part is Part.BEAT]
    assert [finding.code for finding in lines] == ["beat-sends", "process-alive"]
    assert said(lines[1]).words == "Runs on far-away, version 7, its clock 1000 ms from the database's."
    assert lines[1].since is not None


def test_o5_the_clocks_of_all_hosts_are_compared_with_the_database() -> None:
    Pulse.mark("sweep")
    Pulse.mark("beat")
    assert [finding.code for finding in clocks(list(Pulse.objects.all()))] == ["clocks-agree"]
    Pulse.objects.filter(name="beat").update(host="far-away", host_at=F("at") - timedelta(seconds=7))
    Pulse.mark("beat")
    [behind] = map(said, clocks(list(Pulse.objects.all())))
    assert behind.words.startswith("far-away, which runs beat, is 7 seconds behind the database.")
    assert behind.words.endswith("Set its clock by NTP.")
    assert (behind.ok, behind.warning) == (True, True)
    Pulse.objects.filter(host="far-away").update(host_at=F("at") + timedelta(minutes=2))
    [ahead] = map(said, clocks(list(Pulse.objects.all())))
    assert not ahead.ok
    # Each within five seconds of the database, and ten of each other.
    Pulse.objects.filter(host="far-away").update(host_at=F("at") + timedelta(seconds=4))
    Pulse.objects.exclude(host="far-away").update(host_at=F("at") - timedelta(seconds=4))
    [apart] = map(said, clocks(list(Pulse.objects.all())))
    assert "8 seconds ahead of" in apart.words


def test_f17_the_doctor_says_when_tokens_are_of_the_global_endpoint(
    sandbox: Control, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_STS_REGIONAL_ENDPOINTS", "regional")
    assert "tokens" not in {finding.what for finding in findings()}
    monkeypatch.setenv("AWS_STS_REGIONAL_ENDPOINTS", "legacy")
    found = next(finding for finding in findings() if finding.what == "tokens")
    assert "AWS_STS_REGIONAL_ENDPOINTS is legacy" in found.words
    assert found.warning
