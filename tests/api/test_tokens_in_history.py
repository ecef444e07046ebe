"""Whatever a program does, the history names the token it did it with, and whose that is."""

import zlib
from collections.abc import Callable
from typing import Any

import pytest

from amicopy.api import try_it
from amicopy.api.api import api
from amicopy.audit.models import AuditEvent
from amicopy.copies.core.models import CopyRequest, CopyStep, ImageCopy
from amicopy.copies.core.token_models import new_text
from amicopy.copies.requests import verbs
from amicopy.notify.models import Endpoint
from amicopy.notify.sealing import seal
from tests.api.conftest import Program, Programs, said, token_of, wanted
from tests.api.test_recipes import PAGE
from tests.conftest import Control
from tests.copies.conftest import SOURCE, acting, approve, make_person

pytestmark = pytest.mark.django_db
# What a POST is for that stores nothing.
ONLY_ASK = {"validate_request", "validate_request_for_image", "estimate_request"}


def asked(program: Programs, **more: Any) -> CopyRequest:
    return CopyRequest.objects.get(pk=said(program("requester").post("/requests", wanted(**more)))["number"])


def with_copy(program: Programs, state: str) -> ImageCopy:
    row = approve(make_person("approver", "approver"), asked(program))
    if state == "FAILED":
        row.copies.update(state="FAILED", error_code="Blocked")
        CopyRequest.objects.update(state="FAILED")
    return row.copies.get()


def create(program: Programs) -> tuple[str, Any]:
    return "/requests", wanted()


def create_for_image(program: Programs) -> tuple[str, Any]:
    image = {"SourceRegion": "us-east-1", "SourceImageId": SOURCE}
    steps = {"LaunchPermission": {"UserIds": ["222233334444"]}}
    return "/requests/for-image", {"account": "111122223333", "reason": "PLAT-1", **image, "steps": steps}


def withdraw(program: Programs) -> tuple[str, Any]:
    return f"/requests/{asked(program).pk}/withdraw", None


def cancel(program: Programs) -> tuple[str, Any]:
    return f"/requests/{with_copy(program, 'QUEUED').request.pk}/cancel", {}


def retry(program: Programs) -> tuple[str, Any]:
    return f"/requests/{with_copy(program, 'FAILED').request.pk}/retry", {}


def fix(program: Programs) -> tuple[str, Any]:
    copy = with_copy(program, "FAILED")
    return f"/requests/{copy.request.pk}/copies/{copy.pk}/fix", {"changes": {"Name": "golden-2"}}


def with_step(program: Programs, state: str) -> ImageCopy:
    """A copy that is there and published, or isn't because that failed."""
    row = approve(make_person("approver", "approver"), asked(program, steps={"Parameter": {"Name": "/golden"}}))
    row.copies.update(state="AVAILABLE", ImageId="ami-0bbbbbbbbbbbbbbbb")
    CopyRequest.objects.update(state="PARTIAL" if state == "FAILED" else "COMPLETED")
    CopyStep.objects.create(copy=row.copies.get(), code="Parameter", position=7, state=state, attempts=1)
    return row.copies.get()


def retry_steps(program: Programs) -> tuple[str, Any]:
    return f"/requests/{with_step(program, 'FAILED').request_id}/retry-steps", {}


def put_back(program: Programs) -> tuple[str, Any]:
    copy = with_step(program, "DONE")
    return f"/requests/{copy.request_id}/put-back", {"copy_id": copy.pk}


def resend(program: Programs) -> tuple[str, Any]:
    Endpoint.objects.create(name="engine", sealed_url=seal("https://engine.example/"), for_requests=True)
    row = asked(program, webhook="engine")
    verbs.reject(acting(make_person("approver", "approver")), row.pk, reason="Which ticket?")
    told = said(program("requester").get(f"/requests/{row.pk}/deliveries"))[0]["id"]
    return f"/requests/{row.pk}/deliveries/{told}/resend", None


def decision(program: Programs) -> tuple[str, Any]:
    return f"/requests/{asked(program).pk}/decision", {"kind": "approve"}


CHANGES: dict[str, Callable[[Programs], tuple[str, Any]]] = {
    "create_request": create,
    "create_request_for_image": create_for_image,
    "withdraw_request": withdraw,
    "cancel_copies": cancel,
    "retry_copies": retry,
    "fix_copy": fix,
    "retry_steps": retry_steps,
    "put_alias_back": put_back,
    "resend_delivery": resend,
    "decide": decision,
}


@pytest.mark.parametrize("name", CHANGES)
def test_the_events_of_a_call_name_token_and_owner(program: Programs, sandbox: Control, name: str) -> None:
    path, body = CHANGES[name](program)
    who = "approver" if name == "decide" else "requester"
    caller = Program(token_of(make_person(who, who), "read", "request", *(["decide"] if name == "decide" else [])))
    before = AuditEvent.objects.order_by("pk").last()
    row = CopyRequest.objects.order_by("pk").last()
    match = {"If_Match": f'"{row.content_hash}"'} if row else {}
    answer = caller.post(path, body, **match)
    assert answer.status_code < 300, answer.content
    written = list(AuditEvent.objects.filter(pk__gt=before.pk if before else 0))
    assert written
    for event in written:
        assert (event.actor, event.source) == (who, "api"), event.action
        named = event.data["token"]
        assert (named["id"], named["name"], named["owner"]) == (f"{caller.token[:13]}…", "nightly", who)


def test_no_call_that_changes_something_is_left_out() -> None:
    words = dict(try_it.operations(api.get_openapi_schema()))
    # tests/api/test_request_actions.py asks for the event of an approval that is taken back.
    changes = {name for name, call in words.items() if call.startswith("POST ")} - ONLY_ASK - {"withdraw_vote"}
    assert changes == set(CHANGES)


def test_an_export_names_token_and_owner(program: Programs) -> None:
    auditor = program("auditor", scopes=("audit",))
    b"".join(auditor.get("/audit/export?format=jsonl"))
    written = AuditEvent.objects.filter(action__startswith="audit.export")
    assert {event.data["token"]["owner"] for event in written} == {"auditor"}
    assert len(written) == 2


def test_a_scanner_tells_a_token_by_what_the_page_says() -> None:
    assert "CRC-32" in PAGE
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    text = new_text()
    number = 0
    for digit in text[-6:]:
        number = number * 62 + digits.index(digit)
    assert number == zlib.crc32(text[:-6].encode())
