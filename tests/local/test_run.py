"""The one-command start: samples, settings that are missing, a port in use."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.request import HTTPCookieProcessor, build_opener

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from amicopy.copies.core.models import Account
from amicopy.local import processes, samples
from amicopy.web.management.commands import serve
from tests.ports import free_port
from tests.web.page import read

pytestmark = [pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
PRODUCTION = {
    "AMICOPY_AWS": "aws",
    "SECRET_KEY": "x" * 50,
    "AUDIT_SIGNING_KEY": "y" * 50,
    "ENCRYPTION_KEYS": "k" * 43 + "=",
    "ALLOWED_HOSTS": "amicopy.example",
    "DATABASE_URL": "sqlite://:memory:",
    "CELERY_BROKER_URL": "amqp://127.0.0.1//",
}


def manage(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    base = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=ROOT, env={**base, **environ}, capture_output=True, text=True
    )


@pytest.mark.parametrize("name", sorted(PRODUCTION))
def test_a_missing_setting_is_named_in_one_line(name: str) -> None:
    environ = {key: value for key, value in PRODUCTION.items() if key != name}
    answer = manage("check", **environ)
    assert answer.returncode != 0
    assert name in answer.stderr
    assert "Traceback" not in answer.stderr
    assert len(answer.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [("DEBUG", "on"), ("SECRET_KEY", "sandbox-only-" + "0" * 40), ("SECRET_KEY", "short"), ("AMICOPY_AWS", "both")],
)
def test_an_unsafe_setting_is_refused(name: str, value: str) -> None:
    answer = manage("check", **{**PRODUCTION, name: value})
    assert answer.returncode != 0
    assert name in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize(
    ("name", "value", "cure"),
    [
        ("CELERY_BROKER_URL", "", "amqp"),
        ("CELERY_BROKER_URL", "http://broker.example/", "amqp"),
        ("CELERY_BROKER_URL", "amqp://", "amqp://broker.example//"),
        ("DATABASE_URL", "mysql://db.example/amicopy", "postgres://"),
        ("DATABASE_URL", "postgres://db.example", "postgres://amicopy@db.example/amicopy"),
        ("SWEEP_SECONDS", "0", "0.1"),
        ("TRACK_SECONDS", "-1", "0.1"),
        ("ANSWER_SECONDS", "0", "1"),
        ("DATABASE_CONNECT_SECONDS", "0", "1"),
        ("DATABASE_LOCK_SECONDS", "-5", "0"),
        ("CELERY_QUEUE", "", "1"),
        ("EMAIL_PORT", "0", "1"),
        ("LOG_LEVEL", "loud", "WARNING"),
    ],
)
def test_what_cannot_work_is_refused_with_its_cure(name: str, value: str, cure: str) -> None:
    answer = manage("check", **{**PRODUCTION, name: value})
    assert answer.returncode != 0
    assert name in answer.stderr
    assert cure in answer.stderr
    assert len(answer.stderr.strip().splitlines()) == 1


def test_keys_that_are_the_same_are_refused() -> None:
    key = PRODUCTION["ENCRYPTION_KEYS"]
    for changes in (
        {"AUDIT_SIGNING_KEY": PRODUCTION["SECRET_KEY"]},
        {"SECRET_KEY": key},
        {"ENCRYPTION_KEYS": f"{key},{key}"},
    ):
        answer = manage("check", **{**PRODUCTION, **changes})
        assert answer.returncode != 0
        assert "must differ" in answer.stderr


@pytest.mark.parametrize(
    "name", ["AUDIT_PRIVATE_KEY", "AUDIT_PUBLIC_KEYS", "AUDIT_PRIVATE_KEY_FILE", "ENCRYPTION_KEYS"]
)
def test_what_is_no_key_is_refused_without_repeating_it(name: str) -> None:
    answer = manage("check", **{**PRODUCTION, name: "/no/such-key"})
    assert answer.returncode != 0
    assert name in answer.stderr
    assert "such-key" not in answer.stderr
    assert len(answer.stderr.strip().splitlines()) == 1


def test_the_private_key_may_stand_in_a_file_and_be_kept_from_others(tmp_path: Path) -> None:
    made = manage("make_audit_key", "--private-key-file", str(tmp_path / "key.pem"), **PRODUCTION)
    keys = dict(line.split("=", 1) for line in made.stdout.splitlines())
    look = "from django.conf import settings; print(bool(settings.AUDIT_PRIVATE_KEY), *settings.AUDIT_PUBLIC_KEYS)"
    worker = manage("shell", "-v", "0", "-c", look, **PRODUCTION, AUDIT_PRIVATE_KEY_FILE=keys["AUDIT_PRIVATE_KEY_FILE"])
    web = manage("shell", "-v", "0", "-c", look, **PRODUCTION, AUDIT_PUBLIC_KEYS=keys["AUDIT_PUBLIC_KEYS"])
    assert worker.stdout.split() == ["True", keys["AUDIT_PUBLIC_KEYS"]]
    assert web.stdout.split() == ["False", keys["AUDIT_PUBLIC_KEYS"]]


def test_a_production_whose_history_convinces_no_outsider_is_warned_of() -> None:
    said = manage("check", "--deploy", **PRODUCTION).stderr
    assert "amicopy.W001" in said
    assert "amicopy.W002" in said
    keys = dict(line.split("=", 1) for line in manage("make_audit_key", **PRODUCTION).stdout.splitlines())
    said = manage("check", "--deploy", **PRODUCTION, **keys, AUDIT_HEAD_DIR="heads", TRUSTED_PROXIES="127.0.0.1").stderr
    assert "amicopy.W" not in said


def test_web_does_not_start_to_redirect_in_a_circle() -> None:
    answer = manage("serve", **PRODUCTION)
    assert answer.returncode != 0
    assert answer.stderr.startswith("CommandError: TRUSTED_PROXIES is empty while HTTPS_ONLY is on"), answer.stderr


def test_the_sandbox_must_be_on_this_machine() -> None:
    answer = manage("check", AMICOPY_AWS="sandbox", SANDBOX_URL="http://ec2.example/")
    assert answer.returncode != 0
    assert "SANDBOX_URL" in answer.stderr


def test_production_knows_no_sandbox_and_no_samples() -> None:
    assert "Unknown command" in manage("sandbox", **PRODUCTION).stderr
    answer = manage("samples", **PRODUCTION)
    assert answer.returncode != 0
    assert "sandbox mode only" in answer.stderr


def test_a_port_in_use_gives_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        answer = manage("run", AMICOPY_AWS="sandbox", AMICOPY_VAR_DIR=str(tmp_path), PORT=port)
    assert answer.returncode != 0
    assert answer.stderr.strip() == f"CommandError: Port {port} is in use. Choose another with PORT=8001."


@pytest.mark.processes
def test_it_starts_a_provider_and_offers_it_beside_the_sample_people(tmp_path: Path) -> None:
    port = next(port for port in iter(free_port, None) if all(map(unused, (port + 10_000, port + 20_000))))
    log = tmp_path / "said"
    base = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    environ = {**base, "AMICOPY_AWS": "sandbox", "AMICOPY_VAR_DIR": str(tmp_path / "var"), "PORT": str(port)}
    with log.open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "run"], cwd=ROOT, env=environ, stdout=said, stderr=said
        )
    try:
        assert processes.wait_for(f"http://127.0.0.1:{port}/healthz", {"run": process}, seconds=300) == ""
        page = read(fetched(f"http://127.0.0.1:{port}/sign-in/"))
        assert page.field("password")
        (way,) = page.links("Sign in with the sample provider")
        assert "provider-requester" in fetched(f"http://127.0.0.1:{port}{way.address}")
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
    assert f"Sign in as {', '.join(samples.PEOPLE)}." in log.read_text()
    assert "sign in with the sample provider" in log.read_text()
    # All of it ended, the provider too.
    assert all(map(unused, (port, port + 10_000, port + 20_000)))


def unused(port: int) -> bool:
    return processes.port_is_free("127.0.0.1", port)


def fetched(address: str) -> str:
    with build_opener(HTTPCookieProcessor()).open(address, timeout=30) as answer:
        return str(answer.read().decode())


def test_samples_are_made_once_with_their_roles(db: None) -> None:
    for _ in range(2):
        samples.make("sample-password-1")
    assert sorted(User.objects.values_list("username", flat=True)) == ["admin", "approver", "auditor", "requester"]
    assert User.objects.get(username="approver").has_perm("copies.decide_request")
    assert not User.objects.get(username="requester").has_perm("copies.decide_request")
    assert Account.objects.count() == 2


def test_samples_are_refused_in_production(db: None, settings: Settings) -> None:
    settings.SANDBOX = False
    with pytest.raises(samples.SamplesRefused):
        samples.make("sample-password-1")
    assert User.objects.count() == 0


def test_the_procfile_is_filled_in_from_the_environment() -> None:
    commands = processes.commands(ROOT / "Procfile", {"WORKER_CONCURRENCY": "3"})
    assert list(commands) == ["web", "worker", "beat"]
    assert commands["web"][1:] == ["manage.py", "serve"]
    assert commands["worker"][commands["worker"].index("--concurrency") + 1] == "3"
    assert "4" in processes.commands(ROOT / "Procfile", {})["worker"]


def test_the_web_server_listens_where_the_environment_says() -> None:
    said = serve.arguments({"PORT": "8001"})
    assert {"--port=8001", "--host=127.0.0.1", "--workers=1"} <= set(said)
    assert said[-1] == "amicopy.rsgi:application"


OKTA = '{"name": "okta", "issuer": "https://okta.example", "client_id": "x"%s}'


@pytest.mark.parametrize(
    ("providers", "secrets", "cure"),
    [
        ("{}", "{}", "JSON list"),
        (f"[{OKTA % ''}, {OKTA % ''}]", "{}", "twice"),
        ('[{"name": "Okta!"}]', "{}", "small letters"),
        ('[{"name": "okta", "client_id": "x", "issuer": "http://okta.example"}]', "{}", "https"),
        ('[{"name": "okta", "issuer": "https://okta.example"}]', "{}", "client_id"),
        (f"""[{OKTA % ', "client_secret": "hush-hush"'}]""", "{}", "OIDC_CLIENT_SECRETS"),
        (f"""[{OKTA % ', "rolls": {}'}]""", "{}", "rolls"),
        (f"""[{OKTA % ', "roles": {"a": "approver"}'}]""", "{}", "a list of what it gives"),
        (f"""[{OKTA % ', "scope": "profile"'}]""", "{}", "openid"),
        (f"""[{OKTA % ', "groups_claim": []'}]""", "{}", "groups_claim"),
        (f"[{OKTA % ''}]", '{"other": "hush-hush"}', "doesn't name"),
        (f"""[{OKTA % ', "roles": {"a": ["boss"]}'}]""", "{}", "boss"),
        (f"""[{OKTA % ', "teams": {"a": ["approver"]}'}]""", "{}", "among its teams"),
    ],
)
def test_a_provider_that_cannot_be_one_is_refused_with_its_cure(providers: str, secrets: str, cure: str) -> None:
    answer = manage("check", **{**PRODUCTION, "OIDC_PROVIDERS": providers, "OIDC_CLIENT_SECRETS": secrets})
    assert answer.returncode != 0
    assert "OIDC_" in answer.stderr
    assert cure in answer.stderr
    assert "hush-hush" not in answer.stderr
    assert "Traceback" not in answer.stderr


def test_hiding_passwords_needs_a_provider() -> None:
    answer = manage("check", **{**PRODUCTION, "PASSWORD_SIGN_IN": "admin"})
    assert "PASSWORD_SIGN_IN" in answer.stderr
    assert (
        manage("check", **{**PRODUCTION, "PASSWORD_SIGN_IN": "admin", "OIDC_PROVIDERS": f"[{OKTA % ''}]"}).returncode
        == 0
    )
