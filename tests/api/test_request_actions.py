"""The verbs by API: what its buttons do, refused with the same words, told in the history with the token."""

import ast
from collections.abc import Iterator
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest
from pytest_django import Settings

from amicopy.audit.models import AuditEvent
from amicopy.copies.core.models import CopyRequest, ImageCopy
from tests.api.conftest import Program, Programs, said, token_of
from tests.copies.conftest import Submit, approve, make_person

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[2] / "amicopy"
# What people or workers do and no program: a floor, a module or a verb, each for a reason.
WITHOUT = {
    "core": "looks at who acts, and does nothing",
    "engine": "what workers do with an approved copy",
    "engine.leftover_jobs:choose": "whether an image is removed for good is a person's to say",
    "lifecycle": "what verbs are made of",
    "voting": "what verbs are made of",
    "operations.accounts": "accounts are set up by people, two of them",
    "operations.access_keys": "a token makes no keys: one that leaked would outlive itself",
    "operations.app_secrets": "whoever operates amicopy does it, at the command line",
    "operations.confirmations": "that somebody is a person of their own is for another person to say",
    "operations.head_upload": "beat does it",
    "operations.many_people": "power is given by people, two of them",
    "operations.password_links": "people sign in, programs don't",
    "operations.people": "power is given by people, two of them",
    "operations.price_refresh": "whoever operates amicopy does it, at the command line",
    "operations.proposal_decisions": "power is given by people, two of them",
    "operations.proposals": "power is given by people, two of them",
    "operations.restored_backup": "whoever operates amicopy does it, at the command line",
    "operations.second_factors": "people sign in, programs don't",
    "operations.services": "power is given by people, two of them",
    "operations.sign_on": "people sign on, programs don't",
    "operations.startup_audit": "noticed at start",
    "operations.teams": "power is given by people, two of them",
    "operations.tokens": "a token makes and ends no token: one that leaked would outlive itself",
    "requests.budget_actions": "budgets are set by people, two of them",
    "requests.decide:approve_if_satisfied": "what verbs are made of",
    "requests.decide:cancel_held": "what verbs are made of",
    "requests.decide:break_glass": "an emergency is declared by a person, alone and on the page",
    "requests.decide:decide_many": "a program calls once for each; every decision has its own content hash",
    "requests.delegation_actions": "people hand their vote to people, teams and roles",
    "requests.expire": "beat does it",
    "requests.look_again": "it happens by itself while a request waits",
    "requests.policy_actions": "rules and freezes are set by people, two of them",
    "requests.request_sets:submit_set": "a program asks once for each image",
    "requests.submission_storage": "what verbs are made of",
    "requests.verbs:renew": "whether an expired request is still wanted is a person's to say",
    "requests.verbs:resubmit": "what was sent back is edited by a person, in the form; a program asks anew",
}


def verbs_of_copies() -> Iterator[str]:
    """The public functions of the domain that are told who acts, as "floor.module:function"."""
    for path in sorted((ROOT / "copies").rglob("*.py")):
        module = ".".join(path.relative_to(ROOT / "copies").with_suffix("").parts)
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                kinds = [each.annotation for each in (*node.args.args, *node.args.kwonlyargs)]
                if any(isinstance(kind, ast.Name) and kind.id == "Actor" for kind in kinds):
                    yield f"{module}:{node.name}"


def called_by_the_api() -> set[str]:
    """What the modules of the API call of the domain, wherever it is defined."""
    return {
        f"{function.__module__.removeprefix('amicopy.copies.')}:{function.__name__}"
        for path in sorted((ROOT / "api").glob("*.py"))
        for function in _called(import_module(f"amicopy.api.{path.stem}"), ast.parse(path.read_text()))
    }


def _called(module: ModuleType, tree: ast.AST) -> Iterator[Any]:
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
        ):
            held = getattr(module, node.func.value.id, None)
            function = getattr(held, node.func.attr, None) if isinstance(held, ModuleType) else None
            if isinstance(function, FunctionType):
                yield function


def reasons_for(verb: str) -> set[str]:
    """The rows of the table that are about a verb."""
    module = verb.partition(":")[0]
    return {verb, module, module.partition(".")[0]} & WITHOUT.keys()


def test_every_verb_has_its_call_or_a_reason() -> None:
    verbs, called = set(verbs_of_copies()), called_by_the_api()
    for verb in ("verbs:submit", "verbs:withdraw", "decide:approve", "decide:reject", "cancel_retry:retry"):
        assert f"requests.{verb}" in verbs & called
    assert {verb for verb in verbs - called if not reasons_for(verb)} == set()
    # No row for what there is no more, or what has a call by now.
    assert {row for verb in verbs - called for row in reasons_for(verb)} == WITHOUT.keys()


def test_a_request_is_withdrawn_once(program: Programs, submit: Submit) -> None:
    row, caller = submit(), program("requester")
    assert said(caller.post(f"/requests/{row.pk}/withdraw"))["state"] == "WITHDRAWN"
    again = caller.post(f"/requests/{row.pk}/withdraw")
    assert (again.status_code, said(again)["code"]) == (409, "not-now")
    event = AuditEvent.objects.get(action="request.withdrawn")
    assert (event.source, event.data["token"]["name"]) == ("api", "nightly")


def test_copies_are_cancelled_and_retried(program: Programs, submit: Submit) -> None:
    row, caller = submit(), program("requester")
    approve(make_person("approver", "approver"), row)
    copy = ImageCopy.objects.get()
    assert caller.post(f"/requests/{row.pk}/cancel", {"copy_id": copy.pk + 1}).status_code == 409
    assert said(caller.post(f"/requests/{row.pk}/cancel", {}))["copies"][0]["state"] == "CANCELLED"
    ImageCopy.objects.update(state="FAILED", error_code="Blocked")
    CopyRequest.objects.update(state="FAILED")
    retried = said(caller.post(f"/requests/{row.pk}/retry", {"copy_id": copy.pk}))
    assert (retried["state"], retried["copies"][0]["state"]) == ("APPROVED", "QUEUED")
    bodies: tuple[Any, ...] = (
        {"copy_id": "1"},
        {"copy_id": True},
        {"copy_id": 0},
        {"copy_id": 10**30},
        {"copy": 1},
        [],
    )
    for body in bodies:
        assert caller.post(f"/requests/{row.pk}/cancel", body).status_code == 422


def test_what_somebody_sees_and_may_not_do_is_refused_in_words(submit: Submit) -> None:
    row = submit()
    auditor = Program(token_of(make_person("chief", "auditor", "requester"), "request"))
    answer = auditor.post(f"/requests/{row.pk}/withdraw")
    assert (answer.status_code, said(answer)["code"]) == (403, "not-allowed")
    assert "Only the person who made a request" in said(answer)["detail"]


def decider() -> Program:
    return Program(token_of(make_person("approver", "approver"), "read", "decide"))


def test_a_decision_is_bound_to_what_was_read(submit: Submit) -> None:
    row, caller = submit(), decider()
    path, body = f"/requests/{row.pk}/decision", {"kind": "approve"}
    assert caller.post(path, body).status_code == 428
    assert caller.post(path, body, If_Match='"' + "0" * 64 + '"').status_code == 412
    assert CopyRequest.objects.get().state == "PENDING"
    seen = said(caller.get(f"/requests/{row.pk}"))["content_hash"]
    assert said(caller.post(path, body, If_Match=f'"{seen}"'))["state"] == "APPROVED"
    assert caller.post(path, body, If_Match=f'"{seen}"').status_code == 409


@pytest.mark.parametrize(("kind", "state"), [("reject", "REJECTED"), ("request-changes", "CHANGES_REQUESTED")])
def test_rejecting_needs_a_reason(submit: Submit, kind: str, state: str) -> None:
    row, caller = submit(), decider()
    path, match = f"/requests/{row.pk}/decision", f'"{row.content_hash}"'
    answer = caller.post(path, {"kind": kind}, If_Match=match)
    assert answer.status_code == 422
    assert "#/reason" in said(answer)["errors"][0]["pointer"]
    assert caller.post(path, {"kind": kind, "reason": "x" * 4001}, If_Match=match).status_code == 422
    decided = said(caller.post(path, {"kind": kind, "reason": "Which ticket?"}, If_Match=match))
    assert decided["state"] == state
    # Who asked reads by whom and why, without a look into the history.
    (decision,) = said(Program(token_of(row.requester, "read")).get(f"/requests/{row.pk}"))["decisions"]
    assert decision.pop("at")
    assert decision == {
        "round": 1,
        "kind": kind,
        "by": "approver",
        "on_behalf_of": None,
        "reason": "Which ticket?",
    }


def test_nobody_decides_on_what_was_asked_with_a_token_of_theirs(submit: Submit) -> None:
    both = make_person("both", "requester", "approver")
    caller = Program(token_of(both, "read", "decide"))
    row = submit(by=both)
    answer = caller.post(f"/requests/{row.pk}/decision", {"kind": "approve"}, If_Match=f'"{row.content_hash}"')
    assert answer.status_code == 403
    assert "own request" in said(answer)["detail"]


def test_an_approval_is_taken_back_until_it_starts(submit: Submit, settings: Settings) -> None:
    settings.APPROVAL_UNDO_SECONDS = 10.0
    row, caller = submit(), decider()
    approved = said(caller.post(f"/requests/{row.pk}/decision", {"kind": "approve"}, If_Match=f'"{row.content_hash}"'))
    decided, starts = (datetime.fromisoformat(approved[name]) for name in ("decided_at", "starts_at"))
    assert starts - decided == timedelta(seconds=10)
    back = said(caller.post(f"/requests/{row.pk}/withdraw-vote"))
    assert (back["state"], back["decided_by"], back["starts_at"]) == ("PENDING", None, None)
    event = AuditEvent.objects.filter(request=row.pk, action="request.vote_withdrawn").last()
    assert event is not None
    assert (event.source, event.data["token"]["name"]) == ("api", "nightly")
    again = caller.post(f"/requests/{row.pk}/withdraw-vote")
    assert (again.status_code, said(again)["code"]) == (403, "not-allowed")
    settings.APPROVAL_UNDO_SECONDS = 0.0
    at_once = caller.post(f"/requests/{row.pk}/decision", {"kind": "approve"}, If_Match=f'"{row.content_hash}"')
    assert said(at_once)["starts_at"] is None
    assert caller.post(f"/requests/{row.pk}/withdraw-vote").status_code == 409
