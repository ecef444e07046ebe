"""Guessing passwords: how many are looked at, for whom it stops, whom it doesn't keep out, and what stays of it."""

import re
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from amicopy.audit.models import AuditEvent
from amicopy.web import sign_in_history, sign_in_limits
from amicopy.web.models import KnownPlace, SignInTries
from amicopy.web.sign_in_limits import BROWSER, LIMITS
from amicopy.web.tasks import sweep_tables
from tests.web.page import read

pytestmark = pytest.mark.django_db
PASSWORD = "a-long-password-1"
HOME, OFFICE = "203.0.113.10", "198.51.100.20"


class CountingHasher(MD5PasswordHasher):
    """A hasher that counts how often a password was hashed."""

    algorithm = "counting"
    count = 0

    def encode(self, password: str, salt: str) -> str:
        CountingHasher.count += 1
        return super().encode(password, salt)


@pytest.fixture(autouse=True)
def _people(settings: Settings, db: None) -> None:
    settings.PASSWORD_HASHERS = [f"{__name__}.CountingHasher"]
    for name in ("ada", "ben"):
        User.objects.create_user(name, password=PASSWORD)
    CountingHasher.count = 0


def attempt(name: str = "ada", password: str = "wrong", address: str = HOME, browser: Client | None = None) -> Any:
    client = browser or Client()
    return client.post("/sign-in/", {"username": name, "password": password}, REMOTE_ADDR=address)


def hashes(*tries: Any) -> int:
    before = CountingHasher.count
    for each in tries:
        each()
    return CountingHasher.count - before


def later(**passed: int) -> None:
    """Rows are as old as if so much time had passed."""
    for row in SignInTries.objects.all():
        row.ends_at -= timedelta(**passed)
        row.save()


def addresses(number: int) -> Iterator[str]:
    return (f"192.0.2.{each}" if each < 250 else f"203.0.{each // 250}.{each % 250}" for each in range(number))


def test_a_name_rests_for_an_address_after_five_wrong_passwords_and_says_until_when() -> None:
    statuses = [attempt().status_code for _ in range(5)]
    assert statuses == [422, 422, 422, 422, 429]
    answer = attempt()
    assert answer.status_code == 429
    assert 0 < int(answer["Retry-After"]) <= 15 * 60
    assert re.search(r"Too many tries.*You can try again in 15 minutes, at \d\d:\d\d:\d\d UTC", read(answer).text, re.S)
    # Elsewhere, and for others here, nothing rests.
    assert attempt(password=PASSWORD, address=OFFICE).status_code == 302
    assert attempt("ben", PASSWORD).status_code == 302


def test_the_page_says_how_many_tries_are_left() -> None:
    assert "You have 4 tries left" in read(attempt()).text
    for _ in range(2):
        attempt()
    assert "You have 1 try left" in read(attempt()).text


def test_no_password_is_hashed_during_a_rest() -> None:
    assert hashes(*[attempt] * 5) == 5
    assert hashes(*[attempt] * 20, lambda: attempt(password=PASSWORD)) == 0


def test_tries_during_a_rest_neither_lengthen_it_nor_write_anything() -> None:
    for _ in range(5):
        attempt()
    before = sorted(SignInTries.objects.values_list())
    events = AuditEvent.objects.count()
    for _ in range(30):
        attempt()
    assert sorted(SignInTries.objects.values_list()) == before
    assert AuditEvent.objects.count() == events


def test_a_rest_ends() -> None:
    for _ in range(6):
        attempt()
    later(minutes=15, seconds=1)
    assert attempt(password=PASSWORD).status_code == 302


def test_wrong_passwords_of_long_ago_are_forgotten() -> None:
    for _ in range(4):
        attempt()
    later(minutes=15, seconds=1)
    assert [attempt().status_code for _ in range(4)] == [422] * 4


def test_an_address_rests_whatever_the_names_and_before_anything_is_hashed() -> None:
    for number in range(LIMITS["address"].tries):
        attempt(f"name-{number}")
    assert hashes(lambda: attempt("ada", PASSWORD)) == 0
    assert attempt("ada", PASSWORD).status_code == 429
    assert attempt("ada", PASSWORD, address=OFFICE).status_code == 302


def test_a_name_rests_over_all_addresses() -> None:
    for address in addresses(LIMITS["name"].tries):
        attempt(address=address)
    assert hashes(lambda: attempt(password=PASSWORD, address=OFFICE)) == 0
    assert attempt(password=PASSWORD, address=OFFICE).status_code == 429
    assert attempt("ben", PASSWORD, address=OFFICE).status_code == 302


def test_a_name_that_is_nobodys_rests_just_the_same() -> None:
    answers = {name: [attempt(name, address=OFFICE) for _ in range(6)] for name in ("ada", "nobody-of-that-name")}
    pages = [[read(answer).text.replace(name, "") for answer in given] for name, given in answers.items()]
    assert [answer.status_code for answer in answers["ada"]] == [422] * 4 + [429] * 2
    assert pages[0][:4] == pages[1][:4]


def test_the_addresses_of_one_ipv6_network_are_one() -> None:
    for number in range(5):
        attempt(address=f"2001:db8:5:6::{number}")
    assert attempt(address="2001:db8:5:6:ffff::1").status_code == 429
    assert attempt(password=PASSWORD, address="2001:db8:5:7::1").status_code == 302


def test_nobody_is_locked_out_where_they_signed_in_before() -> None:
    assert attempt(password=PASSWORD, address=OFFICE).status_code == 302
    for address in addresses(LIMITS["name"].tries):
        attempt(address=address)
    for number in range(LIMITS["address"].tries):
        attempt(f"name-{number}", address=OFFICE)
    assert attempt("ben", PASSWORD, address=OFFICE).status_code == 429
    assert attempt(password=PASSWORD, address=OFFICE).status_code == 302


def test_a_colleague_behind_the_same_address_stops_nobody_in_their_own_browser() -> None:
    own = Client()
    assert attempt(password=PASSWORD, address=OFFICE, browser=own).status_code == 302
    own.post("/sign-out/")
    for _ in range(LIMITS["known"].tries):
        attempt(address=OFFICE)
    answer = attempt(password=PASSWORD, address=OFFICE)
    # Without the browser it is a minute at most.
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) <= 60
    assert attempt(password=PASSWORD, address=OFFICE, browser=own).status_code == 302
    assert attempt(password=PASSWORD, address=HOME, browser=own).status_code == 302


def test_guessing_where_somebody_signed_in_is_slow_too() -> None:
    attempt(password=PASSWORD, address=OFFICE)
    assert hashes(*[lambda: attempt(address=OFFICE)] * 40) == LIMITS["known"].tries


@pytest.mark.parametrize("said", ["", "x", "x" * 43, "'; DROP TABLE", "é" * 43, "0" * 5000])
def test_a_browser_that_says_something_else_is_nobodys(said: str) -> None:
    own = Client()
    attempt(password=PASSWORD, address=OFFICE, browser=own)
    assert len(own.cookies[BROWSER].value) > 40
    assert own.cookies[BROWSER]["httponly"]
    other = Client()
    other.cookies[BROWSER] = said
    for _ in range(5):
        answer = attempt(browser=other)
    assert answer.status_code == 429


def test_an_own_account_in_between_takes_back_no_more_than_its_own_tries() -> None:
    for number in range(LIMITS["address"].tries - 1):
        attempt(f"name-{number}")
        if number % 5 == 0:
            assert attempt("ben", PASSWORD).status_code == 302
    attempt("name-x")
    assert attempt("ada", PASSWORD).status_code == 429


def test_a_right_password_forgets_the_wrong_ones_before_it() -> None:
    for _ in range(4):
        attempt()
    assert attempt(password=PASSWORD).status_code == 302
    assert SignInTries.objects.get(key__startswith="place:").tries == 0
    assert list(SignInTries.objects.filter(key__regex="^(name|address):").values_list("tries", flat=True)) == [4, 4]


def test_whoever_is_switched_off_is_told_nothing_else() -> None:
    User.objects.filter(username="ben").update(is_active=False)
    assert attempt("ben", PASSWORD).status_code == 422
    assert not KnownPlace.objects.exists()


def everything_stored() -> str:
    with connection.cursor() as cursor:
        found = []
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            found.append(repr(cursor.fetchall()))
    return "\n".join(found)


def test_a_password_typed_as_a_name_stays_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    typed = "correct-horse-battery-9"
    for _ in range(8):
        attempt(typed)
    assert typed not in everything_stored()
    assert typed not in caplog.text
    events = AuditEvent.objects.filter(action="person.sign_in_failed")
    digests = {event.data["unknown_name"] for event in events}
    assert len(digests) == 1
    assert re.fullmatch("[0-9a-f]{8}", digests.pop())
    # The name of a person is no secret.
    attempt("ada", address=OFFICE)
    assert AuditEvent.objects.latest("id").data == {"username": "ada"}


def test_a_rest_is_an_event_and_a_line_in_the_log_with_the_clients_address(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.1"]
    for _ in range(7):
        Client(REMOTE_ADDR="10.0.0.1", headers={"X-Forwarded-For": f"1.1.1.1, {HOME}"}).post(
            "/sign-in/", {"username": "ada", "password": "wrong"}
        )
    event = AuditEvent.objects.get(action="person.locked_out")
    assert (event.address, event.data) == (HOME, {"username": "ada", "limit": "place"})
    assert [record.getMessage() for record in caplog.records if record.name.endswith("sign_in_limits")] == [
        f"Signing in rests for a while: place, address {HOME}"
    ]


def test_behind_a_proxy_nobody_locks_out_somebody_else(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.0/24"]

    def through(client: str, password: str) -> HttpResponse:
        browser = Client(REMOTE_ADDR="10.0.0.1", headers={"X-Forwarded-For": f"{OFFICE}, {client}"})
        return browser.post("/sign-in/", {"username": "ada", "password": password})  # type: ignore[return-value]

    for _ in range(6):
        last = through("192.0.2.66", "wrong")
    assert last.status_code == 429
    assert through(OFFICE, PASSWORD).status_code == 302


def test_a_flood_of_names_and_addresses_fills_no_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in_limits, "MOST_ROWS", 60)
    monkeypatch.setattr(sign_in_history, "MOST_EVENTS", 10)
    for _ in range(3):
        attempt("ada")
    for number, address in enumerate(addresses(90)):
        attempt(f"flood-{number}", address=address)
        assert SignInTries.objects.count() <= 60 + 3 + 2
    assert AuditEvent.objects.filter(action="person.sign_in_failed").count() == 3 + 10
    # What has more tries than the flood's is still counted.
    assert [attempt("ada").status_code for _ in range(2)] == [422, 429]


def test_what_was_only_counted_is_summed_up_in_one_event(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in_history, "MOST_EVENTS", 2)
    for number, address in enumerate(addresses(7)):
        attempt(f"flood-{number}", address=address)
    attempt("ada")
    assert AuditEvent.objects.filter(data__username="ada").count() == 1
    sweep_tables()
    assert not AuditEvent.objects.filter(action="person.sign_ins_failed").exists()
    later(hours=1, seconds=1)
    sweep_tables()
    event = AuditEvent.objects.get(action="person.sign_ins_failed")
    assert (event.data["count"], event.data["names"]) == (5, "others")
    assert event.data["since"] < event.data["until"]
    assert not SignInTries.objects.exists()


def test_the_next_hour_sums_up_the_one_before_where_nothing_sweeps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in_history, "MOST_EVENTS", 1)
    for number in range(3):
        attempt(f"name-{number}")
    later(hours=2)
    attempt("name-9")
    assert AuditEvent.objects.get(action="person.sign_ins_failed").data["count"] == 2
    assert AuditEvent.objects.filter(action="person.sign_in_failed").count() == 2


def test_places_nobody_came_back_to_are_forgotten() -> None:
    attempt(password=PASSWORD)
    KnownPlace.objects.update(last_at=timezone.now() - timedelta(days=181))
    sweep_tables()
    assert not KnownPlace.objects.exists()


def test_a_person_has_no_more_places_than_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in_limits, "MOST_PLACES", 6)
    for address in addresses(8):
        assert attempt(password=PASSWORD, address=address).status_code == 302
    assert KnownPlace.objects.count() == 6


def at_once(*jobs: Callable[[], Any]) -> list[int]:
    """The statuses of answers to what is sent by several threads that begin together."""
    answers: list[int] = []
    gate = threading.Barrier(len(jobs))

    def run(job: Callable[[], Any]) -> None:
        gate.wait()
        try:
            answers.append(job().status_code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return sorted(answers)


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL was left out: DATABASE_URL names none.")
def test_many_tries_at_once_are_no_more_than_one_after_the_other() -> None:
    assert at_once(*[attempt] * 16) == [422] * 4 + [429] * 12
    assert CountingHasher.count == 5


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL was left out: DATABASE_URL names none.")
def test_signing_in_twice_at_once_and_sweeping_meanwhile_is_no_error() -> None:
    def right() -> Any:
        return attempt(password=PASSWORD)

    def swept() -> HttpResponse:
        sweep_tables()
        return HttpResponse()

    for _ in range(5):
        assert at_once(right, right, right, lambda: attempt("ben"), swept) == [200, 302, 302, 302, 422]
        KnownPlace.objects.all().delete()
        later(minutes=20)


@pytest.mark.django_db(transaction=True)
def test_what_django_axes_kept_is_dropped() -> None:
    ContentType.objects.create(app_label="axes", model="accessattempt")
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE axes_accessattempt (username varchar(255))")
        cursor.execute("INSERT INTO axes_accessattempt VALUES ('a-password-typed-as-a-name')")
        cursor.execute(
            "INSERT INTO django_migrations (app, name, applied) VALUES ('axes', '0001_initial', CURRENT_TIMESTAMP)"
        )
    executor = MigrationExecutor(connection)
    executor.migrate([("web", "0003_sign_in_limits")])
    executor.loader.build_graph()
    executor.migrate(executor.loader.graph.leaf_nodes())
    assert "axes_accessattempt" not in connection.introspection.table_names()
    assert not ContentType.objects.filter(app_label="axes").exists()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM django_migrations WHERE app = 'axes'")
        assert cursor.fetchone() == (0,)
