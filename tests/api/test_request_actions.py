"""The verbs by API: what its buttons do, refused with the same words, told in the history with the token."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from amicopy.audit.models import AuditEvent
from amicopy.copies.core.models import CopyRequest, ImageCopy
from tests.api.conftest import Program, Programs, said, token_of
from tests.copies.conftest import Submit, approve, make_person

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[2] / "amicopy"
# What people alone do, each for a reason.
WITHOUT = {
    "resubmit": "what was sent back is edited by a person, in the form",
    "renew": "whether an expired request is still wanted is a person's to say",
    "break_glass": "an emergency is declared by a person, alone and on the page",
    "decide_many": "a program calls once for each; every decision has its own content hash",
    "delegate": "people hand their vote to people",
    "take_back": "people hand their vote to people",
    "save_rule": "rules are changed by people",
    "switch_rule": "rules are changed by people",
    "delete_rule": "rules are changed by people",
    "move_rule": "rules are changed by people",
    "save_freeze": "freezes are set by people",
    "end_freeze": "freezes are set by people",
    "delete_freeze": "freezes are set by people",
}


def verbs_of_people() -> Iterator[str]:
    """The public functions of the floor `requests` that are told who acts, first."""
    for path in sorted((ROOT / "copies" / "requests").glob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_") and node.args.args:
                kind = node.args.args[0].annotation
                if isinstance(kind, ast.Name) and kind.id == "Actor":
                    yield node.name


def called_by_the_api() -> set[str]:
    return {
        node.func.attr
        for path in (ROOT / "api").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }


def test_every_verb_has_its_call_or_a_reason() -> None:
    verbs = set(verbs_of_people())
    assert {"submit", "withdraw", "cancel", "retry", "approve", "reject", "request_changes"} <= verbs
    assert verbs - called_by_the_api() == set(WITHOUT)


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
    assert said(caller.post(path, {"kind": kind, "reason": "Which ticket?"}, If_Match=match))["state"] == state


def test_nobody_decides_on_what_was_asked_with_a_token_of_theirs(submit: Submit) -> None:
    both = make_person("both", "requester", "approver")
    caller = Program(token_of(both, "read", "decide"))
    row = submit(by=both)
    answer = caller.post(f"/requests/{row.pk}/decision", {"kind": "approve"}, If_Match=f'"{row.content_hash}"')
    assert answer.status_code == 403
    assert "own request" in said(answer)["detail"]
