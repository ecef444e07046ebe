"""/metrics: who may read it, what it says, and that documents, alerts and dashboard speak of what is there."""

import json
import re
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from amicopy.audit.models import AuditCheck, HeadStore
from amicopy.copies.core.attempts import Attempt
from amicopy.copies.core.engine_models import AccountCheck, Pulse
from amicopy.copies.core.models import Account, ImageCopy
from tests.copies.conftest import Submit, approve
from tests.copies.conftest import approver as approver
from tests.copies.conftest import requester as requester
from tests.copies.conftest import submit as submit

pytestmark = pytest.mark.django_db
DOCS = Path(__file__).resolve().parents[2] / "docs"
TOKEN = "a-token-for-scraping-1"
ALERTS = DOCS / "prometheus" / "alerts.yml"
DASHBOARD = DOCS / "prometheus" / "dashboard.json"
# What a metric is called in a rule: a histogram's buckets have a name of their own.
NAME = re.compile(r"\bamicopy_[a-z_]+?(?=_bucket\b|[^a-z_]|$)")


@pytest.fixture
def scraper(settings: Settings) -> Client:
    settings.METRICS_TOKEN = TOKEN
    return Client(headers={"Authorization": f"Bearer {TOKEN}"})


@pytest.fixture
def busy(submit: Submit, approver: User, account: Account) -> ImageCopy:
    """An installation in which there is something of everything."""
    row, now = submit(), timezone.now()
    approve(approver, row)
    copy = row.copies.get()
    ImageCopy.objects.filter(pk=copy.pk).update(
        state="AVAILABLE",
        ImageId="ami-0a7f3c92d41be6058",
        queued_at=now - timedelta(seconds=400),
        called_at=now - timedelta(seconds=388),
        finished_at=now,
    )
    Attempt.objects.filter(copy=copy).update(last_called_at=now, error_code="RequestLimitExceeded")
    submit()
    AccountCheck.objects.create(account=account, checked_at=now, error="No.")
    AuditCheck.objects.create(full=False, outcome="good", head_id=0, head_hash="", events=0)
    HeadStore.objects.create(kind="folder", name="x", tried_at=now, written_at=now)
    for name in ("beat", "worker", "web", "work"):
        Pulse.mark(name)
    waits = submit().copies.get()
    ImageCopy.objects.filter(pk=waits.pk).update(state="STARTING", wait_code="throttled", next_step_at=now)
    return copy


def samples(answer: bytes) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.decode())
        for sample in family.samples
    }


def test_it_is_closed_until_a_setting_opens_it(client: Client, settings: Settings) -> None:
    assert client.get("/metrics").status_code == 404
    settings.METRICS_TOKEN = TOKEN
    refused = client.get("/metrics")
    assert (refused.status_code, refused["WWW-Authenticate"]) == (401, "Bearer")
    for given in ("", "Bearer", f"Bearer {TOKEN}x", f"Basic {TOKEN}", "Bearer \u00e9"):
        assert client.get("/metrics", headers={"Authorization": given}).status_code == 401
    assert client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    settings.METRICS_TOKEN, settings.METRICS_ADDRESSES = "", ["10.0.1.0/24"]
    assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 401
    assert client.get("/metrics", REMOTE_ADDR="10.0.2.1").status_code == 401
    # Nobody says for themselves where they are.
    assert client.get("/metrics", headers={"X-Forwarded-For": "10.0.1.7"}).status_code == 401
    assert client.get("/metrics", REMOTE_ADDR="10.0.1.7").status_code == 200
    assert client.post("/metrics", REMOTE_ADDR="10.0.1.7").status_code == 405


def test_what_it_says_is_what_the_database_says(scraper: Client, busy: ImageCopy) -> None:
    found = samples(scraper.get("/metrics").content)
    region = ("region", busy.DestinationRegion)
    assert found["amicopy_copies", (region, ("state", "AVAILABLE"))] == 1
    assert found["amicopy_copies_throttled", (region,)] == 1
    assert found["amicopy_decisions_lately", (("outcome", "approve"),)] == 1
    assert found["amicopy_requests_pending", ()] == 2
    code = ("code", "RequestLimitExceeded")
    assert found["amicopy_aws_calls_lately", (("action", "CopyImage"), code)] == 1
    assert found["amicopy_aws_throttles_lately", ()] == 1
    assert found["amicopy_account_entered", (("account", "sandbox"),)] == 0
    assert found["amicopy_approval_to_call_seconds_bucket", (("le", "5.0"),)] == 0
    assert found["amicopy_approval_to_call_seconds_bucket", (("le", "15.0"),)] == 1
    assert found["amicopy_approval_to_available_seconds_bucket", (("le", "300.0"),)] == 0
    assert found["amicopy_approval_to_available_seconds_bucket", (("le", "600.0"),)] == 1
    assert found["amicopy_queue_entries", (("queue", "start"),)] == 1
    assert found["amicopy_last_sign_seconds", (("process", "worker"),)] < 60


def test_no_label_names_a_person_an_image_or_a_request(scraper: Client, busy: ImageCopy) -> None:
    said = str(scraper.get("/metrics").content, "utf-8")
    assert "ami-" not in said
    assert not {name for name, labels in samples(said.encode()) for label, _ in labels if label in {"user", "image"}}
    for person in User.objects.all():
        assert f'"{person.username}"' not in said


def test_scrapes_within_moments_cost_one_look(scraper: Client, busy: ImageCopy) -> None:
    before = scraper.get("/metrics").content
    ImageCopy.objects.all().update(DestinationRegion="eu-central-1")
    assert scraper.get("/metrics").content == before
    cache.clear()
    assert scraper.get("/metrics").content != before


def test_without_a_database_it_says_so(scraper: Client) -> None:
    def gone(*args: object) -> None:
        raise OperationalError

    with connection.execute_wrapper(gone):
        assert scraper.get("/metrics").status_code == 503


def listed() -> dict[str, list[str]]:
    """The metrics of the document, with their labels."""
    rows = re.findall(r"^\| `(amicopy_\w+)` \| (.*?) \|", (DOCS / "metrics.md").read_text(), re.M)
    return {name: re.findall(r"`(\w+)`", labels) for name, labels in rows}


def test_the_document_lists_exactly_the_metrics_there_are(scraper: Client, busy: ImageCopy) -> None:
    there: dict[str, set[str]] = {}
    for name, labels in samples(scraper.get("/metrics").content):
        bare = re.sub(r"_(bucket|gsum|gcount)$", "", name)
        there.setdefault(bare, set()).update(label for label, _ in labels if label != "le")
    # Where nothing waits for a person there is a nought.
    assert {name: set(labels) for name, labels in listed().items()} == there


def test_alerts_and_dashboard_ask_for_what_is_there() -> None:
    rules = [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]
    panels = json.loads(DASHBOARD.read_text())["panels"]
    asked = [rule["expr"] for rule in rules] + [target["expr"] for panel in panels for target in panel["targets"]]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert {name for expr in asked for name in NAME.findall(expr)} <= set(listed())


def test_every_alert_stands_in_the_document_with_what_to_do() -> None:
    rules = [rule["alert"] for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]
    section = (DOCS / "operating.md").read_text().partition("\n## Every alert")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.M) == rules


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool isn't installed")
def test_prometheus_itself_takes_rules_and_queries() -> None:
    subprocess.run(["promtool", "check", "rules", str(ALERTS)], check=True, capture_output=True)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool isn't installed")
def test_prometheus_itself_takes_the_format(scraper: Client, busy: ImageCopy) -> None:
    answer = scraper.get("/metrics").content
    done = subprocess.run(["promtool", "check", "metrics"], input=answer, check=False, capture_output=True)
    assert b"error while linting" not in done.stderr, done.stderr
