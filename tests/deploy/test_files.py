"""The files in deploy/ and .env.example are what the documents say, and what systemd takes."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.local.test_run import PRODUCTION, manage
from tests.test_readme import section

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = (ROOT / ".env.example").read_text()
# For trying amicopy on one machine; production has no use for them.
NOT_IN_PRODUCTION = {"DEBUG", "SAMPLE_PASSWORD", "SANDBOX_URL"}
UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))


def test_the_example_has_every_setting_of_the_readme() -> None:
    named = re.findall(r"^#?([A-Z0-9_]+)=", EXAMPLE, re.M)
    listed = set(re.findall(r"^\| `([A-Z0-9_]+)` \|", section("Settings"), re.M))
    assert sorted(named) == sorted(listed - NOT_IN_PRODUCTION)


def test_amicopy_takes_the_example_with_every_line_in_force() -> None:
    lines = re.findall(r"^#?([A-Z0-9_]+)=(.+)$", EXAMPLE, re.M)
    keys = {name: PRODUCTION[name] for name in ("SECRET_KEY", "AUDIT_SIGNING_KEY", "ENCRYPTION_KEYS")}
    answer = manage("check", **{**dict(lines), **keys})
    assert answer.returncode == 0, answer.stderr


def test_the_examples_defaults_are_those_of_the_settings() -> None:
    """What stands behind a # changes nothing when the # is taken away."""
    needed = dict(re.findall(r"^([A-Z0-9_]+)=(.+)$", EXAMPLE, re.M))
    keys = {name: PRODUCTION[name] for name in ("SECRET_KEY", "AUDIT_SIGNING_KEY", "ENCRYPTION_KEYS")}
    usual = dict(re.findall(r"^#([A-Z0-9_]+)=(.+)$", EXAMPLE, re.M))
    look = "from django.conf import settings; print(sorted(settings.AUDITED_SETTINGS.items()))"
    before, after = (manage("shell", "-v", "0", "-c", look, **{**needed, **keys, **changes}) for changes in ({}, usual))
    assert before.stdout == after.stdout


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_ends_by_its_main_process_first(unit: Path) -> None:
    said = unit.read_text()
    assert "\nKillMode=mixed\n" in said
    assert "\nRestart=always\n" in said
    if "celery" in said:
        words = re.search(r"^ExecStart=\S+/celery (.*)$", said, re.M)
        name, *_ = unit.stem.removeprefix("amicopy-").split("@")
        command = next(line for line in (ROOT / "Procfile").read_text().splitlines() if line.startswith(name))
        assert words
        of_one_queue = " --hostname %i@%H -Q ${CELERY_QUEUE}.%i" if "@" in unit.stem else ""
        assert words[1] == command.partition("celery ")[2].replace(":-4}", "}") + of_one_queue


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="Needs systemd-analyze.")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    """With commands that are there, since it looks for them."""
    paths = []
    for unit in UNITS:
        path = tmp_path / unit.name
        path.write_text(re.sub(r"/srv/amicopy/\.venv/bin/\w+", "/bin/true", unit.read_text()))
        paths.append(str(path))
    said = subprocess.run(["systemd-analyze", "verify", "--man=no", *paths], capture_output=True, text=True)
    assert (said.returncode, said.stderr) == (0, "")


def test_the_services_run_what_the_procfile_runs() -> None:
    services = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]
    procfile = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())
    for name, command in procfile.items():
        assert " ".join(services[name]["command"]) == command.replace("${WORKER_CONCURRENCY:-4}", "4")
        assert services[name]["stop_grace_period"] == "45s"
    proxy = services["proxy"]["networks"]["amicopy"]["ipv4_address"]
    assert services["web"]["environment"]["TRUSTED_PROXIES"] == proxy
