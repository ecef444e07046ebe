"""Each alert of docs/prometheus/alerts.yml, tried by Prometheus' own `promtool test rules`: which numbers raise it,
after how long, and in which words."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
import yaml

ALERTS = Path(__file__).resolve().parents[2] / "docs" / "prometheus" / "alerts.yml"
WEB = 'job="amicopy", instance="amicopy.example"'


class Try(NamedTuple):
    """An alert; the numbers that raise it, by series, and some that don't; after how many minutes; and the labels it
    takes from them."""

    alert: str
    raised: dict[str, float]
    quiet: dict[str, float]
    minutes: int
    labels: Mapping[str, str] = MappingProxyType({})


TRIES = [
    Try("AmicopyUnreachable", {f"up{{{WEB}}}": 0}, {f"up{{{WEB}}}": 1}, 2, {"instance": "amicopy.example"}),
    Try(
        "AmicopyNothingRuns",
        {
            f'amicopy_last_sign_seconds{{{WEB}, process="sweep"}}': 61,
            f'amicopy_last_sign_seconds{{{WEB}, process="work"}}': 90,
        },
        {
            f'amicopy_last_sign_seconds{{{WEB}, process="sweep"}}': 61,
            f'amicopy_last_sign_seconds{{{WEB}, process="work"}}': 5,
        },
        1,
    ),
    Try(
        "AmicopyPartDown",
        {f'amicopy_findings{{{WEB}, part="broker", state="down"}}': 1},
        {f'amicopy_findings{{{WEB}, part="broker", state="look"}}': 1},
        5,
        {"part": "broker"},
    ),
    Try(
        "AmicopyPartNeedsALook",
        {f'amicopy_findings{{{WEB}, part="heads", state="look"}}': 2},
        {f'amicopy_findings{{{WEB}, part="heads", state="look"}}': 0},
        60,
        {"part": "heads"},
    ),
    Try(
        "AmicopyQueueLate",
        {f'amicopy_queue_oldest_seconds{{{WEB}, queue="track"}}': 301},
        {f'amicopy_queue_oldest_seconds{{{WEB}, queue="e-mail"}}': 301},
        5,
        {"queue": "track"},
    ),
    Try(
        "AmicopyCopiesWaitForPerson",
        {f'amicopy_copies_waiting_for_person{{{WEB}, code="UnclearImage"}}': 1},
        {f'amicopy_copies_waiting_for_person{{{WEB}, code="UnclearImage"}}': 0},
        15,
        {"code": "UnclearImage"},
    ),
    Try(
        "AmicopySlowToCall",
        {
            f'amicopy_approval_to_call_seconds_bucket{{{WEB}, le="900.0"}}': 18,
            f'amicopy_approval_to_call_seconds_bucket{{{WEB}, le="1800.0"}}': 20,
            f'amicopy_approval_to_call_seconds_bucket{{{WEB}, le="+Inf"}}': 20,
        },
        {
            f'amicopy_approval_to_call_seconds_bucket{{{WEB}, le="900.0"}}': 19,
            f'amicopy_approval_to_call_seconds_bucket{{{WEB}, le="1800.0"}}': 20,
            f'amicopy_approval_to_call_seconds_bucket{{{WEB}, le="+Inf"}}': 20,
        },
        15,
    ),
    Try(
        "AmicopyThrottled",
        {f"amicopy_aws_throttles_lately{{{WEB}}}": 101},
        {f"amicopy_aws_throttles_lately{{{WEB}}}": 100},
        15,
    ),
    Try(
        "AmicopyAccountShut",
        {f'amicopy_account_entered{{{WEB}, account="sandbox"}}': 0},
        {f'amicopy_account_entered{{{WEB}, account="sandbox"}}': 1},
        10,
        {"account": "sandbox"},
    ),
    Try(
        "AmicopyHistoryNotVerified",
        {f"amicopy_audit_verified_seconds{{{WEB}}}": 3601},
        {f"amicopy_audit_verified_seconds{{{WEB}}}": 3600},
        10,
    ),
    Try(
        "AmicopyHeadLate",
        {f'amicopy_audit_head_seconds{{{WEB}, store="folder"}}': 10801},
        {f'amicopy_audit_head_seconds{{{WEB}, store="folder"}}': 10800},
        10,
        {"store": "folder"},
    ),
]
RULES = {rule["alert"]: rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]}


def case(tried: Try, numbers: dict[str, float], expected: dict[int, bool]) -> dict[str, Any]:
    """A test of promtool: numbers that stay, and whether the alert is raised at each minute."""
    rule = RULES[tried.alert]
    summary = rule["annotations"]["summary"]
    for name, value in tried.labels.items():
        summary = summary.replace(f"{{{{ $labels.{name} }}}}", value)
    raised = {
        "exp_labels": {**rule["labels"], "job": "amicopy", **tried.labels},
        "exp_annotations": {"summary": summary},
    }
    # Prometheus gives no name to what is absent.
    series = {**({} if tried.alert == "AmicopyUnreachable" else {f"up{{{WEB}}}": 1.0}), **numbers}
    return {
        "interval": "30s",
        "input_series": [{"series": name, "values": f"{value:g}x{120 * 3}"} for name, value in series.items()],
        "alert_rule_test": [
            {"eval_time": f"{minute}m", "alertname": tried.alert, "exp_alerts": [raised] if there else []}
            for minute, there in expected.items()
        ],
    }


def test_each_alert_is_tried() -> None:
    assert [tried.alert for tried in TRIES] == list(RULES)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="Needs Debian's prometheus.")
def test_each_alert_is_raised_in_time_and_by_nothing_else(tmp_path: Path) -> None:
    """Not a minute early, with its labels in its words; and never by numbers that are just well enough."""
    cases = []
    for tried in TRIES:
        cases.append(case(tried, tried.raised, {tried.minutes - 1: False, tried.minutes: True}))
        cases.append(case(tried, tried.quiet, {tried.minutes + 30: False}))
    path = tmp_path / "tests.yml"
    path.write_text(yaml.safe_dump({"rule_files": [str(ALERTS)], "evaluation_interval": "30s", "tests": cases}))
    done = subprocess.run(["promtool", "test", "rules", str(path)], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
