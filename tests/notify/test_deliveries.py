"""Messages on their way: to real servers that work, fail and come back; once for each person and event."""

import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils import timezone

from amicopy.audit.log import record
from amicopy.backoff import pause
from amicopy.notify import endpoints, outbox, signatures, tasks
from amicopy.notify.deliveries import deliver
from amicopy.notify.models import FOR_WEBHOOKS, Endpoint, Kind, Message, State
from amicopy.notify.sealing import seal
from tests.copies.conftest import Submit, acting, approve, make_person
from tests.notify.conftest import send_all
from tests.notify.servers import HookServer, MailServer

pytestmark = pytest.mark.django_db
on_postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")


def only() -> Message:
    return Message.objects.get()


def test_an_email_has_a_clear_subject_a_link_and_its_thread(submit: Submit, mail: MailServer, approver: User) -> None:
    request = approve(approver, submit())
    send_all()
    (email,) = mail.emails
    assert email["Subject"] == f"[amicopy #{request.pk}] Approved by approver: golden-al2023-2026.11.24"
    assert email["To"] == "requester@people.example"
    assert email["Message-ID"] == f"<{Message.objects.get(state='sent').key}@amicopy.example>"
    assert email["References"] == email["In-Reply-To"] == f"<request-{request.pk}@amicopy.example>"
    assert email["Auto-Submitted"] == "auto-generated"
    assert email.get_content_type() == "text/plain"
    words = email.get_content()  # type: ignore[attr-defined]
    assert f"\nhttps://amicopy.example/requests/{request.pk}/\n" in words
    assert "https://amicopy.example/settings/" in words


def test_a_mail_server_that_is_away_costs_nothing_but_time(submit: Submit, mail: MailServer) -> None:
    mail.stop()
    submit()
    send_all()
    message = only()
    assert (message.state, message.tries, message.in_doubt) == ("waiting", 1, False)
    assert message.last_error == "The mail server can't be reached (ConnectionRefusedError)."
    assert message.next_try_at is not None
    assert message.next_try_at > timezone.now()
    tasks.send_due()
    assert only().tries == 1, "it waits for its time"
    mail.start()
    send_all()
    assert only().state == State.SENT
    assert len(mail.emails) == 1


def test_however_long_the_mail_server_was_away_mail_is_tried_within_a_minute(submit: Submit, mail: MailServer) -> None:
    mail.stop()
    for _ in range(20):
        submit()
    Message.objects.update(tries=40)
    send_all()
    latest = Message.objects.order_by("-next_try_at").values_list("next_try_at", flat=True)[0]
    assert latest is not None
    assert latest - timezone.now() <= timedelta(seconds=outbox.MAIL_PAUSE)


def test_one_failure_of_the_server_has_all_messages_wait(submit: Submit, mail: MailServer) -> None:
    mail.stop()
    for _ in range(3):
        submit()
    send_all()
    assert sorted(Message.objects.values_list("tries", flat=True)) == [0, 0, 1]
    assert not Message.objects.filter(outbox.due()).exists()
    mail.start()
    send_all()
    assert len(mail.emails) == 3


def test_a_mailbox_that_does_not_exist_is_given_up_until_an_administrator_says_otherwise(
    submit: Submit, mail: MailServer
) -> None:
    mail.refuse_address = "550 No such mailbox"
    submit()
    send_all()
    assert only().state == State.FAILED
    assert only().last_error == "The mail server refused the address: 550 No such mailbox"
    send_all()
    assert only().tries == 1
    mail.refuse_address = ""
    assert outbox.try_now(Message.objects.all()) == 1
    tasks.send_due()
    assert only().state == State.SENT
    assert len(mail.emails) == 1


def test_a_mailbox_that_is_full_is_tried_again(submit: Submit, mail: MailServer) -> None:
    mail.refuse_data = "452 Insufficient storage"
    submit()
    send_all()
    assert (only().state, only().in_doubt) == ("waiting", False)
    mail.refuse_data = ""
    send_all()
    assert len(mail.emails) == 1


def test_a_lost_answer_is_a_second_try_under_the_same_message_id(submit: Submit, mail: MailServer) -> None:
    mail.hang_up = True
    submit()
    send_all()
    assert (only().state, only().in_doubt) == ("waiting", True)
    mail.hang_up = False
    send_all()
    assert (only().state, only().in_doubt) == ("sent", False)
    assert len({email["Message-ID"] for email in mail.emails}) == 1


def test_a_worker_that_died_while_sending_leaves_the_message_to_another(submit: Submit, mail: MailServer) -> None:
    submit()
    dead = outbox.claim_next()
    assert dead is not None
    send_all()
    assert mail.emails == [], "its lease still runs"
    Message.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    tasks.send_due()
    assert (only().state, only().tries, len(mail.emails)) == ("sent", 2, 1)
    deliver(dead)
    assert len(mail.emails) == 1, "what it comes back with counts no more"


def test_whoever_lost_the_lease_while_sending_cannot_say_how_it_ended(submit: Submit) -> None:
    submit()
    first = outbox.claim_next()
    assert first is not None
    Message.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    second = outbox.claim_next()
    assert second is not None
    assert (first.in_doubt, second.in_doubt) == (False, True), "the first may have sent it"
    assert not outbox.sent(first)
    assert not outbox.put_off(first, outbox.Unsent("late"))
    assert only().state == State.SENDING
    assert outbox.sent(second)
    assert only().state == State.SENT


def test_after_days_of_failing_a_message_is_given_up_and_kept(submit: Submit, mail: MailServer) -> None:
    mail.stop()
    submit()
    Message.objects.update(trying_since=timezone.now() - timedelta(days=4))
    send_all()
    assert only().state == State.FAILED


def test_pauses_have_full_jitter_under_a_cap() -> None:
    for tries, cap in ((1, 10), (3, 40), (50, 3600)):
        pauses = [pause(base=outbox.FIRST_PAUSE, cap=outbox.LONGEST_PAUSE, failures=tries) for _ in range(200)]
        assert 1 <= min(pauses) < cap / 3
        assert cap * 2 / 3 < max(pauses) <= cap


def test_somebody_without_an_address_by_now_is_not_written_to(submit: Submit, mail: MailServer) -> None:
    submit()
    User.objects.update(email="")
    send_all()
    assert (only().state, mail.emails) == ("dropped", [])


def test_a_line_break_in_a_name_stays_out_of_the_headers(approver: User, mail: MailServer) -> None:
    outbox.put(outbox.Notice(1, Kind.ASKED, 1, 1, "one\r\nBcc: o@people.example", "text", "/"), people=[approver.pk])
    send_all()
    assert mail.emails[0]["Subject"] == "one Bcc: o@people.example"
    assert mail.emails[0]["Bcc"] is None


def test_the_same_event_is_told_to_one_person_once(approver: User, mail: MailServer, endpoint: Endpoint) -> None:
    notice = outbox.Notice(7, Kind.ASKED, 1, 1, "subject", "text", "/")
    for _ in range(2):
        outbox.put(notice, people=[approver.pk, approver.pk])
    assert Message.objects.count() == 2
    send_all()
    assert len(mail.emails) == 1


def test_a_webhook_is_signed_over_its_id_time_and_body(submit: Submit, hooks: HookServer, endpoint: Endpoint) -> None:
    request = submit()
    send_all()
    ((path, headers, body),) = hooks.requests
    assert path == "/hook"
    message = Message.objects.get(endpoint=endpoint)
    assert headers["webhook-id"] == str(message.key)
    assert abs(int(headers["webhook-timestamp"]) - timezone.now().timestamp()) < 10
    expected = signatures.signature(
        endpoint.key,
        message_id=headers["webhook-id"],
        timestamp=int(headers["webhook-timestamp"]),
        body=body,
    )
    assert headers["webhook-signature"] == expected
    content = json.loads(body)
    assert content["type"] == "request.submitted"
    assert content["request"]["number"] == request.pk
    assert content["request"]["copies"] == [{"destination": "eu-west-1", "state": "HELD", "ImageId": ""}]
    assert content["url"].endswith(f"/requests/{request.pk}/")


def test_the_signature_is_that_of_the_published_example() -> None:
    found = signatures.signature(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=1614265330,
        body=b'{"test": 2432232314}',
    )
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_slack_gets_its_format_with_what_people_typed_as_text(submit: Submit, hooks: HookServer) -> None:
    Endpoint.objects.create(name="slack", format="slack", sealed_url=seal(hooks.url), kinds=[Kind.ASKED])
    outbox.put(outbox.Notice(1, Kind.ASKED, 3, 1, "<!channel> *now* & then", "why", "/requests/3/"))
    send_all()
    ((_, headers, body),) = hooks.requests
    text = json.loads(body)["text"]
    assert text.startswith("*&lt;!channel&gt; ∗now∗ &amp; then*\nwhy\n")
    assert "/requests/3/|Open in amicopy>" in text
    assert "webhook-signature" not in headers


def test_an_endpoint_that_fails_gets_the_same_id_again_and_its_answer_is_not_kept(
    submit: Submit, hooks: HookServer, endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint.url += "/T00/token-in-the-path"
    endpoint.save()
    hooks.status, hooks.headers = 503, {"Retry-After": "120"}
    submit()
    with caplog.at_level(logging.DEBUG):
        send_all()
    message = Message.objects.get(endpoint=endpoint)
    assert message.last_error == "The endpoint answered 503."
    assert message.next_try_at is not None
    assert message.next_try_at > timezone.now() + timedelta(seconds=110)
    hooks.status = 200
    send_all()
    assert len({headers["webhook-id"] for _, headers, _ in hooks.requests}) == 1
    assert len(hooks.requests) == 2
    shown = str(list(Message.objects.values())) + caplog.text + endpoint.shown + str(endpoint.as_dict())
    for secret in ("secret words", "token-in-the-path", endpoint.key):
        assert secret not in shown


def test_an_endpoint_that_is_gone_is_given_up(submit: Submit, hooks: HookServer, endpoint: Endpoint) -> None:
    hooks.status = 410
    submit()
    send_all()
    assert Message.objects.get(endpoint=endpoint).state == State.FAILED


def test_a_redirect_is_not_followed(submit: Submit, hooks: HookServer, endpoint: Endpoint) -> None:
    hooks.status, hooks.headers = 307, {"Location": hooks.url + "/elsewhere"}
    submit()
    send_all()
    assert [path for path, _, _ in hooks.requests] == ["/hook"]
    assert "aren't followed" in Message.objects.get(endpoint=endpoint).last_error


def test_a_lost_answer_of_an_endpoint_is_in_doubt(submit: Submit, hooks: HookServer, endpoint: Endpoint) -> None:
    hooks.hang_up = True
    submit()
    send_all()
    message = Message.objects.get(endpoint=endpoint)
    assert (message.state, message.in_doubt) == ("waiting", True)


def test_a_slow_endpoint_is_left_after_a_time(
    submit: Submit, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amicopy.notify.webhooks.WHOLE_SECONDS", 0.2)
    with _trickling() as url:
        endpoint.url = url
        endpoint.save()
        submit()
        send_all()
    message = Message.objects.get(endpoint=endpoint)
    assert (message.state, message.in_doubt) == ("waiting", True)


def test_a_webhook_switched_off_gets_nothing_more(submit: Submit, hooks: HookServer, endpoint: Endpoint) -> None:
    submit()
    Endpoint.objects.update(enabled=False)
    send_all()
    assert hooks.requests == []
    submit()
    assert Message.objects.filter(endpoint=endpoint).count() == 1


@pytest.mark.parametrize(("status", "ended"), [(200, State.SENT), (503, State.DROPPED)])
def test_a_message_on_its_way_while_its_webhook_is_deleted_ends_as_it_ends_and_is_not_sent_again(
    submit: Submit, hooks: HookServer, endpoint: Endpoint, status: int, ended: State
) -> None:
    admin = make_person("boss", "administrator")
    hooks.status = status
    submit()
    message = outbox.claim_next()
    while message is not None and message.endpoint_id != endpoint.pk:
        message = outbox.claim_next()
    assert message is not None
    assert endpoints.delete(acting(admin), endpoint.pk) == 0
    deliver(message)
    hooks.status = 200
    send_all()
    message.refresh_from_db()
    assert message.state == ended
    assert len(hooks.requests) == 1
    assert message.last_error == ("" if ended == State.SENT else "The webhook was deleted.")
    submit()
    assert Message.objects.filter(endpoint=endpoint).count() == 1, "it gets nothing more"


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_a_webhook_is_deleted_while_messages_are_written_for_it(submit: Submit, endpoint: Endpoint) -> None:
    """Whoever writes a message holds the chain and needs the webhook's row; the other way round would be a deadlock."""
    admin = make_person("boss", "administrator")
    holds = threading.Event()

    def write() -> None:
        with transaction.atomic():
            event = record("message.tested", actor=acting(admin))
            holds.set()
            while not _somebody_waits_for_the_chain():
                pass
            outbox.put(outbox.Notice(event.pk, Kind.ENDED, 1, 1, "subject", "text", "/"))

    def delete() -> None:
        assert holds.wait(timeout=10)
        endpoints.delete(acting(admin), endpoint.pk)

    verbs = iter((write, delete))
    _at_once(2, lambda: next(verbs)())
    send_all()
    (message,) = Message.objects.filter(endpoint=endpoint)
    assert (message.state, message.last_error) == (State.DROPPED, "The webhook was deleted.")


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_send_each_message_once(mail: MailServer, hooks: HookServer, approver: User) -> None:
    Endpoint.objects.create(name="tickets", sealed_url=seal(hooks.url), kinds=list(FOR_WEBHOOKS))
    for event in range(20):
        outbox.put(outbox.Notice(event, Kind.ASKED, event, 1, f"{event}", "text", "/"), people=[approver.pk])
    _at_once(4, tasks.send_due)
    while Message.objects.exclude(state=State.SENT).exists():
        tasks.send_due()
    assert sorted(int(email["Subject"]) for email in mail.emails) == list(range(20))
    assert len({headers["webhook-id"] for _, headers, _ in hooks.requests}) == len(hooks.requests) == 20
    assert set(Message.objects.values_list("tries", flat=True)) == {1}


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_the_same_event_told_at_the_same_instant_is_one_message(approver: User) -> None:
    notice = outbox.Notice(7, Kind.ASKED, 1, 1, "subject", "text", "/")

    def tell() -> None:
        with transaction.atomic():
            outbox.put(notice, people=[approver.pk])

    _at_once(4, tell)
    assert Message.objects.count() == 1


def _somebody_waits_for_the_chain() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks JOIN pg_database ON pg_database.oid = database"
            " WHERE datname = current_database() AND locktype = 'advisory' AND NOT granted)"
        )
        return bool(cursor.fetchone()[0])


def _at_once(workers: int, work: Callable[[], None]) -> None:
    """Runs the work in threads that begin together, each with a database connection of its own."""
    gate, failures = threading.Barrier(workers), list[BaseException]()

    def run() -> None:
        try:
            gate.wait(timeout=10)
            work()
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert failures == []


@contextmanager
def _trickling() -> Iterator[str]:
    """The address of a server that answers a letter at a time, for as long as anybody listens."""
    stop = threading.Event()
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        client, _ = listening.accept()
        with client:
            while not stop.wait(0.02):
                try:
                    client.sendall(b"H")
                except OSError:
                    return

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
    stop.set()
    thread.join(timeout=10)
    listening.close()
