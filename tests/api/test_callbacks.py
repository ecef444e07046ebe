"""The webhook that a request names: what it is told, checked as receivers check it, and having it told again."""

import hashlib
import hmac
import json
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from amicopy.audit.models import AuditEvent
from amicopy.copies.core.models import CopyRequest
from amicopy.copies.requests import verbs
from amicopy.notify.models import Endpoint, Kind, Message
from amicopy.notify.sealing import seal
from tests.api.conftest import Programs, pointers, said, wanted
from tests.copies.conftest import acting, approve, make_person
from tests.notify.conftest import hooks, send_all
from tests.notify.servers import HookServer

__all__ = ("hooks",)
pytestmark = pytest.mark.django_db


@pytest.fixture
def engine(hooks: HookServer) -> Endpoint:
    """A workflow engine's webhook: for requests, and told of nothing else."""
    endpoint = Endpoint(name="engine", sealed_url=seal(hooks.url), for_requests=True)
    endpoint.body_signature = "X-Hub-Signature-256"
    endpoint.headers = {"Authorization": "Bearer of-the-engine"}
    endpoint.save()
    return endpoint


@pytest.fixture(autouse=True)
def others(hooks: HookServer) -> Endpoint:
    """Another webhook that no request may name."""
    return Endpoint.objects.create(name="tickets", sealed_url=seal(hooks.url), kinds=[Kind.ALARM])


def ask(program: Programs, **more: Any) -> CopyRequest:
    answer = program("requester").post("/requests", wanted(webhook="engine", correlation="wf-5c1e", **more))
    assert answer.status_code == 201, answer.content
    assert said(answer)["webhook"] == "engine"
    return CopyRequest.objects.get(pk=said(answer)["number"])


def reject(row: CopyRequest) -> None:
    verbs.reject(acting(make_person("approver", "approver")), row.pk, reason="Which ticket?")


def test_the_webhook_it_names_hears_of_the_request_and_of_no_other(
    program: Programs, engine: Endpoint, hooks: HookServer
) -> None:
    row = ask(program)
    other = said(program("requester").post("/requests", wanted()))["number"]
    approve(make_person("approver", "approver"), CopyRequest.objects.get(pk=other))
    reject(row)
    send_all()
    (request,) = hooks.requests
    body = json.loads(request[2])
    assert (body["type"], body["correlation"], body["request"]["number"]) == ("request.rejected", "wf-5c1e", row.pk)


def test_its_signatures_are_what_others_check(program: Programs, engine: Endpoint, hooks: HookServer) -> None:
    reject(ask(program))
    send_all()
    ((_, headers, body),) = hooks.requests
    assert Webhook(engine.key).verify(body.decode(), headers)["type"] == "request.rejected"
    with pytest.raises(WebhookVerificationError):
        Webhook(engine.key).verify(body.decode().replace("rejected", "approved"), headers)
    digest = hmac.new(engine.key.encode(), body, hashlib.sha256).hexdigest()
    assert headers["x-hub-signature-256"] == f"sha256={digest}"
    assert headers["authorization"] == "Bearer of-the-engine"


@pytest.mark.parametrize("name", ["tickets", "nothing", "x" * 65, "off", "gone"])
def test_only_what_administrators_opened_can_be_named(program: Programs, engine: Endpoint, name: str) -> None:
    Endpoint.objects.create(name="off", sealed_url=seal("https://hooks.example/"), for_requests=True, enabled=False)
    answer = program("requester").post("/requests", wanted(webhook=name))
    assert answer.status_code == 422
    assert list(pointers(answer)) == ["#/webhook"]
    assert not CopyRequest.objects.exists()
    assert said(program("requester").get("/webhooks")) == ["engine"]


def test_what_it_was_told_is_listed_and_sent_again_with_the_same_id(
    program: Programs, engine: Endpoint, hooks: HookServer
) -> None:
    row = ask(program)
    caller = program("requester")
    assert said(caller.get(f"/requests/{row.pk}/deliveries")) == []
    reject(row)
    send_all()
    (sent,) = said(caller.get(f"/requests/{row.pk}/deliveries"))
    assert (sent["state"], sent["type"], sent["tries"]) == ("sent", "request.rejected", 1)
    answer = caller.post(f"/requests/{row.pk}/deliveries/{sent['id']}/resend")
    assert (answer.status_code, said(answer)["state"]) == (200, "waiting")
    send_all()
    first, second = hooks.requests
    assert first[1]["webhook-id"] == second[1]["webhook-id"] == sent["webhook_id"]
    event = AuditEvent.objects.filter(action="message.retried").get()
    assert (event.actor, event.request, event.data["to"]) == ("requester", row.pk, "engine")


def test_nobody_sends_again_what_another_asked_for(program: Programs, engine: Endpoint) -> None:
    row = ask(program)
    reject(row)
    message = Message.objects.get(endpoint=engine)
    path = f"/requests/{row.pk}/deliveries/{message.pk}/resend"
    assert program("other", "requester").post(path).status_code == 404
    assert program("approver").post(path).status_code == 403
    assert program("admin", "administrator").post(path).status_code == 200
    assert program("requester").post(path.replace(str(message.pk), str(message.pk + 1))).status_code == 404


def test_one_that_is_not_needed_any_more_is_not_sent_again(program: Programs, engine: Endpoint) -> None:
    row = ask(program)
    reject(row)
    message = Message.objects.get(endpoint=engine)
    Message.objects.filter(pk=message.pk).update(state="dropped", next_try_at=None)
    answer = program("requester").post(f"/requests/{row.pk}/deliveries/{message.pk}/resend")
    assert (answer.status_code, said(answer)["code"]) == (409, "not-now")


def test_a_webhook_switched_off_after_the_asking_gets_nothing(
    program: Programs, engine: Endpoint, hooks: HookServer
) -> None:
    row = ask(program)
    Endpoint.objects.filter(pk=engine.pk).update(enabled=False)
    reject(row)
    send_all()
    assert hooks.requests == []
