"""What is read from the environment (or a `.env` file), and what is refused of it. A test compares the README's table
with this file.

`AMICOPY_AWS` decides the mode: `sandbox` (an EC2 endpoint of our own on loopback, safe defaults for everything) or
`aws` (production: nothing that matters has a default, and start-up stops with the name of what is missing).
"""

import base64
import hashlib
import os
import re
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from environs import Env, EnvError, validate

from amicopy.audit import signing_keys
from amicopy.providers import Provider
from amicopy.settings.sign_on import password_names, providers
from amicopy.settings.values import (
    broker_url,
    database,
    encryption_keys,
    head_keys,
    metrics_addresses,
    required_tags,
    roles,
    socket_path,
    trusted_proxies,
)

BASE_DIR = Path(__file__).resolve().parents[2]

env = Env()
env.read_env(str(BASE_DIR / ".env"), recurse=False)


def refuse(message: str) -> None:
    """Ends start-up with one line that names the variable; a traceback would bury it."""
    sys.exit(f"amicopy: {message} See the settings table in README.md.")


try:
    AMICOPY_AWS: str = env.str("AMICOPY_AWS", validate=validate.OneOf(["sandbox", "aws"]))
    SANDBOX = AMICOPY_AWS == "sandbox"
    VAR_DIR = Path(env.str("AMICOPY_VAR_DIR", str(BASE_DIR / "var")))

    # --- needed in production, with a local default in the sandbox ---
    if SANDBOX:
        SECRET_KEY: str = env.str("SECRET_KEY", "sandbox-only-" + "0" * 40)
        ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
        database_url: dict[str, Any] = database(
            env.dj_db_url("DATABASE_URL", f"sqlite:///{VAR_DIR / 'amicopy.sqlite3'}")
        )
        CELERY_BROKER_URL: str = broker_url(env.str("CELERY_BROKER_URL", f"redis+socket://{socket_path(VAR_DIR)}"))
        AUDIT_SIGNING_KEY: str = env.str("AUDIT_SIGNING_KEY", SECRET_KEY)
        own = base64.urlsafe_b64encode(hashlib.sha256(f"amicopy encryption {SECRET_KEY}".encode()).digest()).decode()
        ENCRYPTION_KEYS: list[str] = encryption_keys(env.list("ENCRYPTION_KEYS", [own]))
    else:
        SECRET_KEY = env.str("SECRET_KEY", validate=validate.Length(min=40))
        ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", validate=validate.Length(min=1))
        database_url = database(env.dj_db_url("DATABASE_URL"))
        CELERY_BROKER_URL = broker_url(env.str("CELERY_BROKER_URL"))
        AUDIT_SIGNING_KEY = env.str("AUDIT_SIGNING_KEY", validate=validate.Length(min=40))
        ENCRYPTION_KEYS = encryption_keys(env.list("ENCRYPTION_KEYS", validate=validate.Length(min=1)))

    # --- optional ---
    DEBUG: bool = env.bool("DEBUG", False)
    CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", [])
    HTTPS_ONLY: bool = env.bool("HTTPS_ONLY", not SANDBOX)
    # Whose X-Forwarded-For and X-Forwarded-Proto count; nobody's when empty.
    TRUSTED_PROXIES: list[str] = trusted_proxies(env.list("TRUSTED_PROXIES", []))
    # How long a request may take to arrive, head and body.
    REQUEST_SECONDS: float = env.float("REQUEST_SECONDS", 15.0, validate=validate.Range(min=1, max=60))
    # How long a page may take to be made, before whoever waits for it is told that it isn't there.
    ANSWER_SECONDS: float = env.float("ANSWER_SECONDS", 30.0, validate=validate.Range(min=1, max=600))
    # How long PostgreSQL may take to take a connection, to carry out a statement, and to get a lock; 0: for ever.
    DATABASE_CONNECT_SECONDS: int = env.int("DATABASE_CONNECT_SECONDS", 5, validate=validate.Range(min=1, max=60))
    DATABASE_STATEMENT_SECONDS: int = env.int("DATABASE_STATEMENT_SECONDS", 20, validate=validate.Range(min=0))
    DATABASE_LOCK_SECONDS: int = env.int("DATABASE_LOCK_SECONDS", 10, validate=validate.Range(min=0))
    LOG_LEVEL: str = env.str(
        "LOG_LEVEL", "INFO", validate=validate.OneOf(["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"])
    )
    # Lines for people, or of JSON for programs.
    LOG_FORMAT: str = env.str("LOG_FORMAT", "text", validate=validate.OneOf(["text", "json"]))
    # Seconds between two looks for work that is due, and between two rounds of tracking.
    SWEEP_SECONDS: float = env.float("SWEEP_SECONDS", 5.0, validate=validate.Range(min=0.1, max=60))
    TRACK_SECONDS: float = env.float(
        "TRACK_SECONDS", 5.0 if SANDBOX else 20.0, validate=validate.Range(min=0.1, max=300)
    )
    # The broker's queue; two installations on one broker need two.
    CELERY_QUEUE: str = env.str("CELERY_QUEUE", "amicopy", validate=validate.Length(min=1, max=200))
    # How long a worker may hold a piece of work before another takes it over; tasks are ended well before.
    LEASE_SECONDS: int = env.int("LEASE_SECONDS", 150, validate=validate.Range(min=20))
    # How long something that AWS showed or promised must stay away before it counts as gone; AWS's lists lag.
    ABSENT_SECONDS: int = env.int("ABSENT_SECONDS", 600, validate=validate.Range(min=1))
    # The tag that everything amicopy makes is marked with; empty: nothing is marked.
    MARK_TAG_KEY: str = env.str("MARK_TAG_KEY", "amicopy:copy")
    # How many copies may be in flight at once into one Region of one account (AWS allows 300).
    COPIES_AT_ONCE: int = env.int("COPIES_AT_ONCE", 100, validate=validate.Range(min=1))
    # amicopy's share of AWS's token bucket for CopyImage, per account and Region (AWS: 100 tokens, 1 a second).
    COPY_CALLS_BURST: int = env.int("COPY_CALLS_BURST", 100, validate=validate.Range(min=1))
    COPY_CALLS_PER_SECOND: float = env.float("COPY_CALLS_PER_SECOND", 1.0, validate=validate.Range(min=0.01))
    # How many tasks at once make CopyImage calls when many copies are due.
    START_WORKERS: int = env.int("START_WORKERS", 4, validate=validate.Range(min=1))
    # How many of them one task makes at the same time, each in a thread.
    CALLS_AT_ONCE: int = env.int("CALLS_AT_ONCE", 32, validate=validate.Range(min=1, max=100))
    # SQS queues with EC2's AMI State Change events, if there are any; `manage.py listen` hears them.
    EVENTS_QUEUES: list[str] = env.list("AMICOPY_EVENTS_QUEUE_URL", [])
    # The sample people's password; made up when empty. Read in sandbox mode only.
    SAMPLE_PASSWORD: str = env.str("SAMPLE_PASSWORD", "") if SANDBOX else ""
    # --- audit ---
    # Keys of the past: heads and archives signed with them stay valid.
    AUDIT_SIGNING_KEY_FALLBACKS: list[str] = env.list("AUDIT_SIGNING_KEY_FALLBACKS", [])
    # Ed25519 keys for the heads of the chain: the private one only where workers run, the public ones everywhere, those
    # of the past too. The sandbox makes its own.
    AUDIT_PRIVATE_KEY, AUDIT_PUBLIC_KEYS = head_keys(
        env.str("AUDIT_PRIVATE_KEY", ""), env.str("AUDIT_PRIVATE_KEY_FILE", ""), env.list("AUDIT_PUBLIC_KEYS", [])
    )
    if SANDBOX and not AUDIT_PUBLIC_KEYS:
        AUDIT_PRIVATE_KEY, AUDIT_PUBLIC_KEYS = head_keys(signing_keys.derived(SECRET_KEY), "", [])
    # Folder for the signed heads of the chain; best on a store that keeps what it was given. Empty: none are written.
    AUDIT_HEAD_DIR: str = env.str("AUDIT_HEAD_DIR", "")
    AUDIT_HEAD_SECONDS: float = env.float("AUDIT_HEAD_SECONDS", 3600.0, validate=validate.Range(min=1))
    # An S3 bucket for the same heads, and for how long each is locked there; 0: as the bucket itself says.
    AUDIT_HEAD_BUCKET: str = env.str("AUDIT_HEAD_BUCKET", "")
    AUDIT_HEAD_BUCKET_REGION: str = env.str("AUDIT_HEAD_BUCKET_REGION", "us-east-1")
    AUDIT_HEAD_LOCK_DAYS: int = env.int("AUDIT_HEAD_LOCK_DAYS", 0, validate=validate.Range(min=0))
    AUDIT_VERIFY_SECONDS: float = env.float("AUDIT_VERIFY_SECONDS", 300.0, validate=validate.Range(min=1))
    # Days an event stays in the database before it is archived to a file in AUDIT_ARCHIVE_DIR; 0: for ever.
    AUDIT_KEEP_DAYS: int = env.int("AUDIT_KEEP_DAYS", 0, validate=validate.Range(min=0))
    AUDIT_ARCHIVE_DIR: str = env.str("AUDIT_ARCHIVE_DIR", "")
    # Each event also as a line of JSON on standard error.
    AUDIT_LOG_STREAM: bool = env.bool("AUDIT_LOG_STREAM", False)
    # So long an approval can be taken back, and nothing starts by it; 0: it starts at once.
    APPROVAL_UNDO_SECONDS: float = env.float("APPROVAL_UNDO_SECONDS", 10.0, validate=validate.Range(min=0, max=300))
    # Tags, as key=value with stars for any letters, that approvers are shown.
    SENSITIVE_TAGS: list[str] = env.list("SENSITIVE_TAGS", ["*confidential*", "*restricted*", "*secret*", "*pii*"])
    # Watermarks, as account:name, and AMIs or owners that sources descend from, with stars for any letters: they speak
    # for a request, and rules can ask for more where a source has none.
    TRUSTED_WATERMARKS: list[str] = env.list("TRUSTED_WATERMARKS", ["*"])
    TRUSTED_ANCESTORS: list[str] = env.list("TRUSTED_ANCESTORS", ["amazon"])
    # Days for which a scan of the source counts.
    SCAN_COUNTS_DAYS: int = env.int("SCAN_COUNTS_DAYS", 7, validate=validate.Range(min=1))
    # Days until an undecided request expires, and how many days before that its approvers are reminded.
    REQUEST_EXPIRES_DAYS: int = env.int("REQUEST_EXPIRES_DAYS", 7, validate=validate.Range(min=1))
    REQUEST_REMIND_DAYS: int = env.int("REQUEST_REMIND_DAYS", 2, validate=validate.Range(min=0))
    # An image of the new name is in the destination already: refuse the request, warn, or allow it silently.
    NAME_CLASH: str = env.str("NAME_CLASH", "warn", validate=validate.OneOf(["refuse", "warn", "allow"]))
    # --- power and sessions ---
    # Rules, roles and accounts change by two people, where there are two.
    TWO_PERSON_CHANGES: bool = env.bool("TWO_PERSON_CHANGES", True)
    # How long a session lasts without a click, and at most.
    SESSION_IDLE_MINUTES: int = env.int("SESSION_IDLE_MINUTES", 120, validate=validate.Range(min=1))
    SESSION_HOURS: int = env.int("SESSION_HOURS", 12, validate=validate.Range(min=1))
    # How long a password counts before what needs one asks again.
    PASSWORD_AGAIN_MINUTES: int = env.int("PASSWORD_AGAIN_MINUTES", 15, validate=validate.Range(min=1))
    # --- single sign-on ---
    # Providers of OpenID Connect with what their groups give, and the secret that each gave amicopy.
    OIDC_PROVIDERS: dict[str, Provider] = providers(
        env.json("OIDC_PROVIDERS", []), env.json("OIDC_CLIENT_SECRETS", {}), sandbox=SANDBOX
    )
    # How old a sign-on may be before the provider is asked again; 0: never.
    SIGN_ON_CHECK_MINUTES: int = env.int("SIGN_ON_CHECK_MINUTES", 60, validate=validate.Range(min=0))
    # For how many days what a provider's groups gave lasts without another sign-on; 0: for ever.
    SIGN_ON_ROLE_DAYS: int = env.int("SIGN_ON_ROLE_DAYS", 14, validate=validate.Range(min=0))
    # Who alone may sign in with a password, so that one administrator stays when a provider fails; none: everybody.
    PASSWORD_SIGN_IN: list[str] = password_names(env.list("PASSWORD_SIGN_IN", []), OIDC_PROVIDERS)
    # Whose sign-in needs a second factor: roles, comma-separated.
    SECOND_FACTOR_ROLES: list[str] = roles(env.list("SECOND_FACTOR_ROLES", []))
    # --- the API ---
    API_ENABLED: bool = env.bool("API_ENABLED", True)
    # How many calls a token may make in a minute.
    API_CALLS_PER_MINUTE: int = env.int("API_CALLS_PER_MINUTE", 600, validate=validate.Range(min=1))
    # For how many days a token holds at most.
    API_TOKEN_DAYS: int = env.int("API_TOKEN_DAYS", 365, validate=validate.Range(min=1))
    # Whether /ec2 takes CopyImage, signed with access keys that people make.
    EC2_DOOR: bool = env.bool("EC2_DOOR", False)
    # --- watching ---
    # Who may read /metrics: whoever has the token, or comes from one of these addresses or networks.
    METRICS_TOKEN: str = env.str("METRICS_TOKEN", "")
    METRICS_ADDRESSES: list[str] = metrics_addresses(env.list("METRICS_ADDRESSES", []))
    # --- telling people ---
    # Where people reach the pages; links in messages begin with it.
    SITE_URL: str = env.str("SITE_URL", "http://127.0.0.1:8000" if SANDBOX else f"https://{ALLOWED_HOSTS[0]}")
    # The mail server. Empty: no e-mail is sent; the sandbox then writes e-mails to files.
    EMAIL_HOST: str = env.str("EMAIL_HOST", "")
    EMAIL_PORT: int = env.int("EMAIL_PORT", 587, validate=validate.Range(min=1, max=65535))
    EMAIL_HOST_USER: str = env.str("EMAIL_HOST_USER", "")
    EMAIL_HOST_PASSWORD: str = env.str("EMAIL_HOST_PASSWORD", "")
    EMAIL_SECURITY: str = env.str("EMAIL_SECURITY", "starttls", validate=validate.OneOf(["starttls", "tls", "none"]))
    DEFAULT_FROM_EMAIL: str = env.str("EMAIL_FROM", f"amicopy@{urlsplit(SITE_URL).hostname or 'localhost'}")
    # Hosts of webhooks that may have private addresses.
    WEBHOOK_PRIVATE_HOSTS: list[str] = env.list("WEBHOOK_PRIVATE_HOSTS", ["localhost", "127.0.0.1"] if SANDBOX else [])
    # --- copies ---
    # Tags that every copy must have: keys, comma-separated, each with its allowed values if need be.
    REQUIRED_TAGS: dict[str, tuple[str, ...]] = required_tags(env.list("REQUIRED_TAGS", []))
    # Only sandbox mode has an endpoint of its own; it must be on loopback.
    AWS_ENDPOINT: str | None = env.str("SANDBOX_URL", "http://127.0.0.1:18000") if SANDBOX else None
    # What the history keeps of these at start-up: nothing that is a secret or may hold one.
    AUDITED_SETTINGS: dict[str, Any] = {
        name: value
        for name, value in env.dump().items()
        if name in {"MARK_TAG_KEY", "AUDIT_PUBLIC_KEYS", "PASSWORD_SIGN_IN"}
        or not re.search("KEY|SECRET|PASSWORD|TOKEN|URL", name)
    }
except EnvError as error:
    refuse(str(error).rstrip(".") + ".")

if len(MARK_TAG_KEY) > 127 or MARK_TAG_KEY.lower().startswith("aws:") or MARK_TAG_KEY in REQUIRED_TAGS:
    refuse("MARK_TAG_KEY must be a tag's key of its own, such as amicopy:copy, or empty.")
if os.environ.get("BEHIND_PROXY"):
    refuse("BEHIND_PROXY is no setting any more: name the proxy in TRUSTED_PROXIES, such as 127.0.0.1.")
if not SANDBOX and DEBUG:
    refuse("DEBUG must not be on with AMICOPY_AWS=aws.")
if not SANDBOX and SECRET_KEY.startswith("sandbox-only-"):
    refuse("SECRET_KEY is the sandbox's own; production needs one of its own.")
secret_keys = [SECRET_KEY, AUDIT_SIGNING_KEY, AUDIT_PRIVATE_KEY, *ENCRYPTION_KEYS]
if not SANDBOX and len(set(secret_keys)) < len(secret_keys):
    # A former AUDIT_SIGNING_KEY may be one of them: an installation of before has to get away from it.
    refuse("SECRET_KEY, AUDIT_SIGNING_KEY, AUDIT_PRIVATE_KEY and each of ENCRYPTION_KEYS must differ.")
if METRICS_TOKEN and len(METRICS_TOKEN) < 20:
    refuse("METRICS_TOKEN must have 20 characters or more.")
if AUDIT_KEEP_DAYS and not AUDIT_ARCHIVE_DIR:
    refuse("AUDIT_KEEP_DAYS needs AUDIT_ARCHIVE_DIR: events are never removed without an archive.")
if AWS_ENDPOINT and urlsplit(AWS_ENDPOINT).hostname not in {"127.0.0.1", "localhost", "::1"}:
    refuse("SANDBOX_URL must be an address of this machine.")

SITE_URL = SITE_URL.rstrip("/")
if urlsplit(SITE_URL).scheme not in {"http", "https"} or not (urlsplit(SITE_URL).hostname or "").strip("."):
    refuse("SITE_URL must be the address people use, such as https://amicopy.example.")
if "*" in SITE_URL or "//." in SITE_URL:
    refuse("SITE_URL is needed when ALLOWED_HOSTS begins with a pattern.")
