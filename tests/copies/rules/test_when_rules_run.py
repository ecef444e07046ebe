"""The same rules run when the form is checked, when a request is submitted by whomever, and right before the call."""

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from amicopy.audit.models import AuditEvent
from amicopy.copies import tasks
from amicopy.copies.core.calls import InvalidRequest
from amicopy.copies.core.models import Account
from amicopy.copies.requests import verbs
from amicopy.web.forms.request_form import RequestForm
from tests.conftest import Control
from tests.copies.conftest import Submit, acting, make_call
from tests.copies.rules.cases import seen, tagged

pytestmark = pytest.mark.django_db


def test_rules_run_in_the_form(account: Account) -> None:
    form = RequestForm.of({"account": account.name, "reason": "x", "Name": "ab"}, [account])
    form.check()
    assert "at least 3" in form.errors["Name"][0]


def test_rules_run_at_submission_with_what_was_looked_up(requester: User, account: Account, submit: Submit) -> None:
    with pytest.raises(InvalidRequest, match="at least 3"):
        submit(make_call(Name="ab"))
    with pytest.raises(InvalidRequest, match="is disabled"):
        verbs.submit(
            acting(requester), account=account, reason="x", calls=[make_call()], lookups=seen(State="disabled")
        )


def test_rules_run_right_before_the_call(submit: Submit, approver: User, sandbox: Control, settings: Settings) -> None:
    request = submit(make_call(), make_call("us-west-2"))
    verbs.approve(acting(approver), request.pk, seen_hash=request.content_hash)
    settings.REQUIRED_TAGS = {"team": ()}
    tasks.start_due(wake=False)
    assert set(request.copies.values_list("state", flat=True)) == {"FAILED"}
    assert [call for call in sandbox("calls") if call["action"] == "CopyImage"] == []
    event = AuditEvent.objects.filter(action="copy.failed").latest("pk")
    assert event.error_code == "RefusedByRules"
    assert "Add the tag team to the AMI and the snapshots" in event.data["message"]


def test_the_rules_before_the_call_know_what_was_looked_up(
    requester: User, approver: User, account: Account, sandbox: Control, settings: Settings
) -> None:
    settings.REQUIRED_TAGS = {"team": ()}
    call = make_call(CopyImageTags=True, TagSpecifications=[tagged(("team", "web"), kind="snapshot")])
    with pytest.raises(InvalidRequest, match="to the AMI"):
        verbs.submit(acting(requester), account=account, reason="x", calls=[call])
    lookups = seen(tags={"team": "web"})
    request = verbs.submit(acting(requester), account=account, reason="x", calls=[call], lookups=lookups)
    verbs.approve(acting(approver), request.pk, seen_hash=request.content_hash)
    tasks.start_due(wake=False)
    # The rules let it pass; what was made up here isn't what the source is.
    assert AuditEvent.objects.get(action="copy.failed").error_code == "SourceChanged"
