"""What load balancers and deployments are answered."""

import socket
import time
from collections.abc import Callable

import pytest
from celery import current_app
from django.core.cache import cache
from django.core.checks import run_checks
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from amicopy.audit.models import HeadStore
from amicopy.web.views import health

pytestmark = pytest.mark.django_db
OK = {"ready": True, "database": "ok", "migrations": "ok", "broker": "ok", "history": "ok"}


@pytest.fixture
def broker(db: None, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Callable[[str], None]:
    """Says where the broker is."""

    def at(url: str) -> None:
        cache.delete(health.BROKER)
        monkeypatch.setattr(current_app.conf, "broker_write_url", url)

    at("memory://")
    settings.AUDIT_HEAD_DIR = "/nowhere/heads"
    HeadStore.objects.create(kind="folder", name="x", content="{}", tried_at=timezone.now(), written_at=timezone.now())
    return at


@pytest.mark.parametrize("address", ["/healthz", "/readyz"])
def test_both_answer_without_signing_in_with_a_body_and_without(
    address: str, client: Client, broker: Callable[[str], None]
) -> None:
    assert client.get(address).status_code == 200
    head = client.head(address)
    assert (head.status_code, head.content) == (200, b"")
    assert client.post(address).status_code == 405


def test_readiness_says_what_the_history_lacks_and_names_no_place(
    client: Client, broker: Callable[[str], None]
) -> None:
    assert client.get("/readyz").json() == OK
    HeadStore.objects.all().delete()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, OK | {"history": "heads aren't kept as they should be"})


@pytest.mark.parametrize("host", ["10.0.0.7:8000", "[fd00::7]", "localhost", "web-1.pods.example"])
def test_each_process_is_asked_by_its_own_address(
    host: str, client: Client, broker: Callable[[str], None], settings: Settings
) -> None:
    settings.ALLOWED_HOSTS, settings.METRICS_ADDRESSES = ["amicopy.example"], ["127.0.0.1"]
    for address in ("/healthz", "/readyz", "/metrics"):
        answer = client.get(address, headers={"Host": host})
        assert answer.status_code == 200, address
    assert client.get("/sign-in/", headers={"Host": host}).status_code == 400, "pages have the names they are given"


def test_without_a_database_the_process_answers_and_is_not_ready(client: Client, broker: Callable[[str], None]) -> None:
    def gone(*args: object) -> None:
        raise OperationalError

    with connection.execute_wrapper(gone):
        assert client.get("/healthz").status_code == 200, "starting it anew would help nobody"
        answer = client.get("/readyz")
    missing = {"ready": False, "database": "unreachable", "migrations": "unknown", "history": "unknown"}
    assert (answer.status_code, answer.json()) == (503, OK | missing)


def test_without_a_migration_it_is_not_ready(client: Client, broker: Callable[[str], None]) -> None:
    health._seen_migrated.clear()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'notify'")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == OK | {"ready": False, "migrations": "missing", "history": "unknown"}


def test_without_a_broker_it_is_not_ready_and_says_no_address(client: Client, broker: Callable[[str], None]) -> None:
    broker("amqp://somebody:a-secret@127.0.0.1:9//")
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, OK | {"ready": False, "broker": "unreachable"})
    assert client.get("/healthz").status_code == 200, "pages go on without it"


def test_a_broker_that_says_nothing_costs_a_second_or_two_once(client: Client, broker: Callable[[str], None]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        broker(f"amqp://127.0.0.1:{server.getsockname()[1]}//")
        before = time.monotonic()
        assert client.get("/readyz").json()["broker"] == "unreachable"
        # Far from the minutes that a connection takes to give up by itself.
        assert time.monotonic() - before < 15
        server.listen(0)
        with health._asks_broker:
            assert client.get("/readyz").json()["broker"] == "unreachable", "known, and nobody waits"


def test_https_without_a_proxy_is_warned_of(settings: Settings) -> None:
    settings.HTTPS_ONLY, settings.TRUSTED_PROXIES = True, []
    assert "amicopy.W004" in {str(found.id) for found in run_checks(include_deployment_checks=True)}
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    assert "amicopy.W004" not in {str(found.id) for found in run_checks(include_deployment_checks=True)}
    settings.HTTPS_ONLY, settings.TRUSTED_PROXIES = False, []
    assert "amicopy.W004" not in {str(found.id) for found in run_checks(include_deployment_checks=True)}
