"""Messages, webhooks and what a person wants to be told, on their pages."""

import json

import pytest
from django.contrib.auth.models import User
from django.db.models import Value
from django.db.models.functions import Concat
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from amicopy.audit.models import AuditEvent
from amicopy.notify import endpoints, outbox, tasks
from amicopy.notify.models import FOR_WEBHOOKS, Endpoint, Kind, Message, Mute, State
from amicopy.notify.sealing import seal
from amicopy.web.views import webhooks
from tests.doctor import findings
from tests.notify.conftest import hooks
from tests.notify.servers import HookServer
from tests.web.conftest import SignedIn, typed
from tests.web.page import read

__all__ = ("hooks",)
pytestmark = pytest.mark.django_db
TOKEN = "T00-token-in-the-path"


@pytest.fixture
def admin(signed_in: SignedIn) -> Client:
    client = signed_in("administrator")
    User.objects.filter(username="administrator").update(email="somebody@people.example")
    return client


def webhook_typed(**changes: object) -> dict[str, object]:
    url = f"https://hooks.example/{TOKEN}"
    return {"name": "tickets", "format": "signed", "url": url, "kinds": list(FOR_WEBHOOKS), "enabled": "on", **changes}


def stored(state: State = State.WAITING, **fields: object) -> Message:
    endpoint, _ = Endpoint.objects.get_or_create(name="tickets", defaults={"sealed_url": seal("http://127.0.0.1:9/")})
    notice = outbox.Notice(Message.objects.count() + 1, Kind.ENDED, 1, 1, "Done: golden", "text", "/requests/1/")
    message = outbox.put_test(notice, endpoint=endpoint)
    Message.objects.filter(pk=message.pk).update(state=state, **fields)
    return message


def events() -> list[tuple[str, str]]:
    found = AuditEvent.objects.filter(action__regex="^(webhook|message)").order_by("pk")
    return [(event.action, json.dumps(event.data)) for event in found]


def test_a_webhook_is_added_and_changed_with_an_event_each_and_its_address_is_never_shown(admin: Client) -> None:
    answer = admin.post("/webhooks/new/", webhook_typed(), follow=True)
    endpoint = Endpoint.objects.get()
    assert endpoint.url.endswith(TOKEN)
    pages = [read(answer).source, read(admin.get(f"/webhooks/{endpoint.pk}/")).source]
    admin.post(f"/webhooks/{endpoint.pk}/", webhook_typed(url="", name="tickets-2", kinds=["ended"]))
    endpoint.refresh_from_db()
    assert (endpoint.name, endpoint.kinds, endpoint.url) == ("tickets-2", ["ended"], f"https://hooks.example/{TOKEN}")
    admin.post(
        f"/webhooks/{endpoint.pk}/",
        webhook_typed(url=f"https://hooks.example/2-{TOKEN}", name="tickets-2", kinds="ended"),
    )
    admin.post(f"/webhooks/{endpoint.pk}/", webhook_typed(url="", name="tickets-2", kinds=["ended"]))
    assert [action for action, _ in events()] == ["webhook.created", "webhook.changed", "webhook.changed"]
    assert json.loads(events()[2][1])["changes"] == {
        "url": ["https://hooks.example/…", "https://hooks.example/… (changed)"]
    }
    assert TOKEN not in "".join(pages) + str(events())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": ""}, "Enter a name."),
        ({"url": ""}, "Enter an address that begins with https://."),
        ({"url": "https://user:pw@hooks.example/"}, "without a name and password"),
        ({"url": "ftp://hooks.example/"}, "begins with https://"),
        ({"url": "https://hooks.example/\0"}, "Null characters"),
        ({"kinds": []}, "Choose at least one kind, or let requests name it."),
        ({"kinds": ["other"]}, "other"),
        ({"format": "xml"}, "xml"),
    ],
)
def test_what_is_wrong_with_a_webhook_is_said_at_its_field(
    admin: Client, changes: dict[str, object], words: str
) -> None:
    answer = admin.post("/webhooks/new/", webhook_typed(**changes))
    assert answer.status_code == 422
    assert read(answer).corrections(words)
    assert Endpoint.objects.count() == 0
    assert events() == []


def test_headers_and_a_second_signature_are_entered_and_their_values_never_shown(admin: Client) -> None:
    mine = {"headers": f"Authorization: Bearer {TOKEN}", "body_signature": "X-Hub-Signature-256", "kinds": []}
    pages = [read(admin.post("/webhooks/new/", webhook_typed(for_requests="on", **mine), follow=True)).source]
    endpoint = Endpoint.objects.get()
    assert endpoint.headers == {"Authorization": f"Bearer {TOKEN}"}
    page = f"/webhooks/{endpoint.pk}/"
    pages.append(read(admin.get(page)).source)
    kept = webhook_typed(url="", for_requests="on", kinds=[], body_signature="X-Hub-Signature-256")
    admin.post(page, kept)
    endpoint.refresh_from_db()
    assert endpoint.headers == {"Authorization": f"Bearer {TOKEN}"}, "left empty it keeps what it has"
    assert [action for action, _ in events()] == ["webhook.created"]
    admin.post(page, {**kept, "headers": f"authorization: Bearer 2-{TOKEN}"})
    admin.post(page, {**kept, "headers": f"authorization: Bearer 3-{TOKEN}"})
    admin.post(page, {**kept, "no_headers": "on"})
    endpoint.refresh_from_db()
    assert endpoint.headers == {}
    changes = [json.loads(data)["changes"]["headers"] for action, data in events() if action == "webhook.changed"]
    assert changes == [
        [["Authorization"], ["authorization"]],
        [["authorization"], ["authorization (changed)"]],
        [["authorization"], []],
    ]
    pages.append(read(admin.get("/webhooks/")).source)
    assert "Authorization" in pages[0]
    assert TOKEN not in "".join(pages) + str(events())


@pytest.mark.parametrize("header", ["Host", "webhook-signature", "User-Agent", "X Y", "x-queue"])
def test_a_second_signature_has_a_header_of_its_own(admin: Client, header: str) -> None:
    answer = admin.post("/webhooks/new/", webhook_typed(body_signature=header, headers="X-Queue: copies"))
    assert answer.status_code == 422
    assert endpoints.NO_SIGNATURE in read(answer).source


def test_a_message_that_was_sent_to_a_webhook_is_sent_again(admin: Client, hooks: HookServer) -> None:
    Endpoint.objects.create(name="tickets", sealed_url=seal(hooks.url))
    message = stored(State.SENT, sent_at=timezone.now(), tries=3)
    assert "Send again" in read(admin.get("/messages/")).source
    admin.post("/messages/retry/", {"message": message.pk})
    tasks.send_due()
    assert [headers["webhook-id"] for _, headers, _ in hooks.requests] == [str(message.key)]
    message.refresh_from_db()
    assert (message.state, message.tries) == ("sent", 1)


def test_two_webhooks_of_one_name_are_refused(admin: Client) -> None:
    admin.post("/webhooks/new/", webhook_typed())
    answer = admin.post("/webhooks/new/", webhook_typed())
    assert answer.status_code == 422
    assert "Choose another name." in read(answer).field("name").said


def test_plain_http_is_for_the_sandbox_only(admin: Client, settings: Settings) -> None:
    settings.SANDBOX = False
    assert admin.post("/webhooks/new/", webhook_typed(url="http://hooks.example/")).status_code == 422


def test_the_key_is_shown_on_demand_only_and_that_is_an_event(admin: Client) -> None:
    admin.post("/webhooks/new/", webhook_typed())
    endpoint = Endpoint.objects.get()
    key = endpoint.key
    assert key not in read(admin.get("/webhooks/")).source
    answer = admin.post(f"/webhooks/{endpoint.pk}/key/", {"key": "show"})
    assert key in read(answer).region("Signing key").text
    assert "no-store" in answer["Cache-Control"]
    assert admin.get(f"/webhooks/{endpoint.pk}/key/").status_code == 405
    page = read(admin.post(f"/webhooks/{endpoint.pk}/key/", {"key": "new"}))
    endpoint.refresh_from_db()
    assert key not in page.source
    assert endpoint.key in page.region("Signing key").text
    assert [action for action, _ in events()] == ["webhook.created", "webhook.key_shown", "webhook.key_changed"]
    assert key not in str(events())


def test_a_deleted_webhook_asks_first_and_keeps_what_it_was_sent_readable(admin: Client) -> None:
    admin.post("/webhooks/new/", webhook_typed())
    endpoint = Endpoint.objects.get()
    for state in (State.WAITING, State.FAILED):
        stored(state, last_error="The endpoint answered 410.")
    stored()
    stored(State.SENT, sent_at=timezone.now())
    path = f"/webhooks/{endpoint.pk}/delete/"
    assert read(admin.get("/webhooks/")).link("Delete… tickets").address == path
    asked = read(admin.get(path))
    assert "2 messages that wait won’t be sent. 1 that couldn’t be delivered" in asked.text
    endpoint.refresh_from_db()
    assert (endpoint.deleted_at, endpoint.messages.filter(state=State.DROPPED).count()) == (None, 0)
    done = read(admin.post(path, follow=True))
    assert "The 3 messages it wasn’t sent are listed as not needed." in done.told
    assert done.headings("No webhooks yet")
    ended = endpoint.messages.filter(state=State.DROPPED).order_by("pk").values_list("last_error", flat=True)
    words = "The webhook was deleted."
    assert list(ended) == [f"{words} The endpoint answered 410.", f"{words} The endpoint answered 410.", words]
    assert endpoint.messages.filter(state=State.SENT).count() == 1
    rows = read(admin.get("/messages/")).table().rows
    assert [to for _, to, *_ in rows] == ["tickets Deleted webhook, JSON, signed"] * 4
    assert "Not needed The webhook was deleted." in [state for _, _, state, _ in rows]
    action, data = events()[-1]
    assert (action, json.loads(data)["messages_dropped"]) == ("webhook.deleted", 3)
    assert TOKEN not in asked.source + done.source + str(events())


def test_nothing_of_a_deleted_webhook_can_be_used_and_its_name_is_free(admin: Client) -> None:
    admin.post("/webhooks/new/", webhook_typed())
    endpoint = Endpoint.objects.get()
    key = endpoint.key
    admin.post(f"/webhooks/{endpoint.pk}/delete/")
    told = events()
    for verb in ("", "delete/", "key/", "try/"):
        assert admin.post(f"/webhooks/{endpoint.pk}/{verb}", webhook_typed(key="new")).status_code == 404, verb
    assert events() == told
    assert Message.objects.count() == 0
    endpoint.refresh_from_db()
    assert (endpoint.url, endpoint.enabled) == ("", False)
    assert endpoint.key != key
    assert admin.post("/webhooks/new/", webhook_typed()).status_code == 302
    assert admin.post("/webhooks/new/", webhook_typed()).status_code == 422


@pytest.mark.parametrize("verb", ["", "delete/", "key/", "try/"])
def test_a_webhook_deleted_between_looking_and_doing_stays_deleted(
    admin: Client, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    admin.post("/webhooks/new/", webhook_typed())
    stale = Endpoint.objects.get()
    admin.post(f"/webhooks/{stale.pk}/delete/")
    told = events()
    monkeypatch.setattr(webhooks, "_find", lambda pk: stale)
    assert admin.post(f"/webhooks/{stale.pk}/{verb}", webhook_typed(key="new")).status_code == 404
    assert not Endpoint.objects.existing().exists()
    assert events() == told


def test_a_trial_message_arrives_also_while_the_webhook_is_off(admin: Client, hooks: HookServer) -> None:
    endpoint = Endpoint.objects.create(name="tickets", sealed_url=seal(hooks.url), kinds=["ended"], enabled=False)
    assert "A trial message goes to tickets" in read(admin.post(f"/webhooks/{endpoint.pk}/try/", follow=True)).told
    tasks.send_due()
    ((_, _, body),) = hooks.requests
    assert json.loads(body)["type"] == "message.tested"


def test_a_trial_email_goes_to_whoever_asks(admin: Client, mailoutbox: list[object]) -> None:
    admin.post("/messages/test/")
    tasks.send_due()
    (email,) = mailoutbox
    assert "A trial message" in email.subject  # type: ignore[attr-defined]


def test_the_list_says_what_became_of_each_message_without_secrets(admin: Client) -> None:
    Endpoint.objects.create(name="tickets", sealed_url=seal(f"https://hooks.example/{TOKEN}"), kinds=["ended"])
    stored(State.FAILED, last_error="The endpoint answered 410.")
    stored(tries=2, last_error="The endpoint answered 503.", in_doubt=True)
    stored(State.SENT, sent_at=timezone.now())
    stored(State.DROPPED, last_error="Approved before this was sent.")
    page = read(admin.get("/messages/"))
    for words in ("answered 410", "Tried 2 times", "answered 503", "In doubt", "Approved before this was sent"):
        assert words in page.table().text
    assert TOKEN not in page.source
    assert len(read(admin.get("/messages/?view=failed")).table().rows) == 1
    assert len(read(admin.get("/messages/?view=nonsense&before=x")).table().rows) == 4
    oldest = Message.objects.earliest("pk").pk
    assert admin.get(f"/messages/?before={oldest}").status_code == 200


def test_what_was_given_up_is_tried_again_by_an_administrator(admin: Client) -> None:
    failed, over = stored(State.FAILED), stored(State.DROPPED)
    first = read(admin.post("/messages/retry/", {"message": failed.pk}, follow=True))
    assert "Nothing is left to try" not in first.source
    failed.refresh_from_db()
    assert failed.state == State.WAITING
    assert "Nothing is left to try" in read(admin.post("/messages/retry/", {"message": over.pk}, follow=True)).told
    assert admin.post("/messages/retry/", {"message": "x"}).status_code == 404
    assert "1 message is tried again" in read(admin.post("/messages/retry/", follow=True)).told


def test_trying_again_is_an_event_that_says_what_was_tried_and_no_secret(admin: Client) -> None:
    Endpoint.objects.create(name="tickets", sealed_url=seal(f"https://hooks.example/{TOKEN}"), kinds=["ended"])
    one, over = stored(State.FAILED), stored(State.DROPPED)
    stored(State.FAILED)
    admin.post("/messages/retry/", {"message": one.pk})
    admin.post("/messages/retry/", {"message": over.pk})
    admin.post("/messages/retry/")
    told = [(action, json.loads(data)) for action, data in events()]
    assert told == [
        ("message.retried", {"messages": 1, "message": one.pk, "to": "tickets", "request": 1}),
        ("message.retried", {"messages": 2}),
    ]
    assert TOKEN not in str(list(AuditEvent.objects.values_list("data", flat=True)))
    assert "Had messages tried again" in read(admin.get("/audit/")).table().text


def test_a_trial_is_an_event_without_address_and_key(admin: Client) -> None:
    endpoint = Endpoint.objects.create(
        name="tickets", sealed_url=seal(f"https://hooks.example/{TOKEN}"), kinds=["ended"]
    )
    admin.post(f"/webhooks/{endpoint.pk}/try/")
    admin.post("/messages/test/")
    told = [(action, json.loads(data)) for action, data in events()]
    assert told == [
        ("message.tested", {"id": endpoint.pk, "name": "tickets"}),
        ("message.tested", {"to": "administrator"}),
    ]


@pytest.mark.parametrize("verb", ["/messages/retry/", "/messages/test/", "/webhooks/{}/try/"])
def test_without_its_event_nothing_is_tried(admin: Client, monkeypatch: pytest.MonkeyPatch, verb: str) -> None:
    def fail(*args: object, **more: object) -> None:
        raise RuntimeError

    failed = stored(State.FAILED)
    monkeypatch.setattr(endpoints, "record", fail)
    with pytest.raises(RuntimeError):
        admin.post(verb.format(failed.endpoint_id))
    assert list(Message.objects.values_list("pk", "state")) == [(failed.pk, State.FAILED)]


@pytest.mark.parametrize("role", ["requester", "approver", "auditor"])
def test_messages_and_webhooks_are_for_administrators(signed_in: SignedIn, role: str) -> None:
    client, endpoint = (
        signed_in(role),
        Endpoint.objects.create(name="tickets", sealed_url=seal("https://hooks.example/"), kinds=[]),
    )
    stored(State.FAILED)
    for path in ("/messages/", "/webhooks/", "/webhooks/new/", f"/webhooks/{endpoint.pk}/"):
        assert client.get(path).status_code == 403, path
    for path in ("/messages/retry/", "/messages/test/", "/webhooks/new/", f"/webhooks/{endpoint.pk}/"):
        assert client.post(path, webhook_typed()).status_code == 403, path
    for path in (f"/webhooks/{endpoint.pk}/key/", f"/webhooks/{endpoint.pk}/try/"):
        assert client.post(path).status_code == 403, path
    assert "/messages/" not in read(client.get("/")).source
    assert events() == []
    assert Message.objects.get().state == State.FAILED


def test_a_webhook_that_does_not_exist_is_not_found(admin: Client) -> None:
    assert admin.get("/webhooks/99/").status_code == 404
    assert admin.get(f"/webhooks/{10**30}/").status_code == 404


def test_a_person_mutes_what_they_can_get_and_is_asked_about_nothing_else(signed_in: SignedIn) -> None:
    client = signed_in("requester")
    page = read(client.get("/settings/"))
    assert page.field("tell", "decision").is_on
    assert "asked" not in [field.value for field in page.fields()]
    client.post("/settings/", {"tell": ["ended", "stuck"]})
    assert list(Mute.objects.values_list("person__username", "kind")) == [("requester", "decision")]
    assert not read(client.get("/settings/")).field("tell", "decision").is_on
    client.post("/settings/", {"tell": ["ended", "stuck", "decision", "nonsense"]})
    assert Mute.objects.count() == 0


def test_what_one_person_mutes_another_still_hears(signed_in: SignedIn) -> None:
    signed_in("approver").post("/settings/", {})
    signed_in("approver", name="approver-2")
    User.objects.update(email=Concat("username", Value("@people.example")))
    signed_in("requester").post("/requests/new/", typed())
    assert list(Message.objects.values_list("person__username", flat=True)) == ["approver-2"]


def test_the_doctor_says_who_cannot_be_told(signed_in: SignedIn, settings: Settings) -> None:
    def said() -> str:
        return " ".join(finding.words for finding in findings() if finding.what in {"e-mail", "webhooks tickets"})

    assert "1 of those who decide have no address" in said()
    User.objects.update(email=Concat("username", Value("@people.example")))
    assert "Everybody who decides has an address" in said()
    stored(State.FAILED)
    assert "1 message couldn't be delivered" in said()
    settings.EMAIL_ON = False
    assert "Set EMAIL_HOST" in said()
