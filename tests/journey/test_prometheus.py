"""A real Prometheus, set up as docs/metrics.md says, scrapes a running amicopy: it takes every rule and answers every
query of the dashboard, and says when amicopy doesn't answer."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode, urlsplit
from urllib.request import urlopen

import pytest
import yaml

from amicopy.local import processes
from tests.journey.conftest import ROOT, Person, Running, everything, until
from tests.ports import free_port

pytestmark = [
    pytest.mark.slow,
    pytest.mark.processes,
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="Needs Debian's prometheus."),
]

TOKEN = "a-token-for-scraping-1"
CHANGED = {"METRICS_TOKEN": TOKEN, "AUDIT_VERIFY_SECONDS": "1"}
ALERTS = ROOT / "docs" / "prometheus" / "alerts.yml"
DASHBOARD = ROOT / "docs" / "prometheus" / "dashboard.json"
# Nothing of these happens here, or it is over before numbers are read anew: no copy waits for a person, and no mail or
# webhook is set up.
EMPTY = {"Wait for a person", "Messages", "Copies under way by Region"}


class Prometheus:
    """A running Prometheus, asked over HTTP."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def ask(self, path: str, **asked: str) -> Any:
        """What it answers with; raises URLError where it refuses."""
        with urlopen(f"{self.url}/api/v1/{path}?{urlencode(asked)}", timeout=30) as answer:
            said = json.load(answer)
        assert said["status"] == "success"
        return said["data"]

    def value(self, query: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("query", query=query)["result"]
        return found

    def rules(self) -> dict[str, dict[str, Any]]:
        return {rule["name"]: rule for group in self.ask("rules")["groups"] for rule in group["rules"]}

    def is_up(self) -> bool:
        try:
            return bool(self.value("up == 1"))
        except URLError:
            return False


@pytest.fixture(scope="module")
def amicopy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    var = tmp_path_factory.mktemp("var")
    with everything(var, "amicopy_prometheus", log=var / "log", changed=CHANGED) as running:
        yield running


@pytest.fixture(scope="module")
def prometheus(amicopy: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Set up with what the document shows, but for scheme, place and pace."""
    folder = tmp_path_factory.mktemp("prometheus")
    shown = (ROOT / "docs" / "metrics.md").read_text().partition("```yaml\n")[2].partition("```")[0]
    config = yaml.safe_load(shown)
    (scrape,) = config["scrape_configs"]
    scrape |= {"scheme": "http", "scrape_interval": "1s", "scrape_timeout": "1s"}
    scrape["static_configs"] = [{"targets": [urlsplit(amicopy.url).netloc]}]
    (folder / "token").write_text(TOKEN)
    scrape["authorization"] = {"credentials_file": str(folder / "token")}
    config |= {"global": {"evaluation_interval": "1s"}, "rule_files": [str(ALERTS)]}
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    port = free_port()
    command = ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log, start_new_session=True
        )
    try:
        asked = Prometheus(port)
        until(asked.is_up)
        yield asked
    finally:
        processes.stop(process)


def queries() -> list[tuple[str, str]]:
    """Each query of the dashboard, with the title of its panel."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return [(panel["title"], target["expr"]) for panel in panels for target in panel["targets"]]


def test_it_answers_every_query_of_the_dashboard_once_a_copy_was_made(amicopy: Running, prometheus: Prometheus) -> None:
    requester, approver = Person(amicopy.url, "requester"), Person(amicopy.url, "approver")
    number = requester.submit(Name="for-prometheus")
    approver.approve(number)
    until(lambda: requester.state(number) == "COMPLETED")
    until(lambda: prometheus.value('amicopy_copies{state="AVAILABLE"} > 0'))

    def silent() -> set[str]:
        titles = {title for title, query in queries() if prometheus.value(query)}
        return {title for title, _ in queries()} - titles - EMPTY

    until(lambda: not silent())
    (image,) = prometheus.value("histogram_quantile(0.5, max by (le) (amicopy_approval_to_available_seconds_bucket))")
    assert 0 < float(image["value"][1]) < 600


def test_it_takes_every_rule_and_says_when_amicopy_does_not_answer(amicopy: Running, prometheus: Prometheus) -> None:
    written = yaml.safe_load(Path(ALERTS).read_text())["groups"][0]["rules"]
    until(lambda: all(rule["health"] == "ok" for rule in prometheus.rules().values()))
    rules = prometheus.rules()
    assert list(rules) == [rule["alert"] for rule in written]
    assert rules["AmicopyUnreachable"]["state"] == rules["AmicopyNothingRuns"]["state"] == "inactive"
    amicopy.kill("web")
    until(lambda: prometheus.rules()["AmicopyUnreachable"]["state"] == "pending")
