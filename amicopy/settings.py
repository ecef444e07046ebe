"""All settings, all from the environment (or a `.env` file). The README's table is compared with this file by a test.

`AMICOPY_AWS` decides the mode: `sandbox` (an EC2 endpoint of our own on loopback, safe defaults for everything) or
`aws` (production: nothing that matters has a default, and start-up stops with the name of what is missing).
"""

import base64
import hashlib
import ipaddress
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from csp.constants import NONE, SELF
from django.contrib.messages import constants as message_levels
from environs import Env, EnvError, validate

from amicopy.audit import signing_keys

BASE_DIR = Path(__file__).resolve().parent.parent

env = Env()
env.read_env(str(BASE_DIR / ".env"), recurse=False)


def socket_path(directory: Path) -> Path:
    """Where the bundled broker listens: a socket's path may have about 100 bytes, so a deep folder gets a short one."""
    path = directory / "broker.sock"
    if len(str(path).encode()) < 100:
        return path
    digest = hashlib.sha256(str(directory).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"amicopy-{os.getuid()}-{digest}.sock"


def required_tags(entries: list[str]) -> dict[str, tuple[str, ...]]:
    """Keys with their allowed values, none for any, of entries such as `team` and `stage=dev|prod`. Raises EnvError for
    what can't be a tag of AWS."""
    tags = {}
    for entry in entries:
        key, equals, values = (part.strip() for part in entry.partition("="))
        allowed = tuple(value.strip() for value in values.split("|")) if equals else ()
        if not key or len(key) > 127 or key.lower().startswith("aws:") or key in tags or not all(allowed):
            raise EnvError(f"REQUIRED_TAGS must be keys such as team,stage=dev|prod, each once; {entry!r} is not")
        tags[key] = allowed
    return tags


def trusted_proxies(entries: list[str]) -> list[str]:
    """The networks of such entries. Raises EnvError for one that is none, or that is everybody."""
    for entry in entries:
        try:
            everybody = ipaddress.ip_network(entry).prefixlen == 0
        except ValueError as error:
            raise EnvError(f"TRUSTED_PROXIES must be addresses or networks, such as 10.0.1.0/24: {error}") from None
        if everybody:
            raise EnvError(f"TRUSTED_PROXIES must name your proxies; {entry} lets everybody say who they are")
    return entries


def head_keys(private: str, private_file: str, public: list[str]) -> tuple[str, list[str]]:
    """The private key for heads, or "", and the public keys, its own among them. Raises EnvError for what isn't one."""
    try:
        if private_file:
            private = private or Path(private_file).read_text(encoding="ascii")
        for text in public:
            signing_keys.public_key(text)
        if private and (own := signing_keys.public_text(signing_keys.private_key(private).public_key())) not in public:
            public = [own, *public]
    except OSError as error:
        raise EnvError(f"AUDIT_PRIVATE_KEY_FILE can't be read: {error.strerror}") from None
    except ValueError as error:
        raise EnvError(f"AUDIT_PRIVATE_KEY and AUDIT_PUBLIC_KEYS must be keys. {error}") from None
    return private, public


def encryption_keys(keys: list[str]) -> list[str]:
    """The keys for what is stored encrypted, the newest first. Raises EnvError for what isn't one, without repeating
    it."""
    try:
        for key in keys:
            Fernet(key)
    except ValueError:
        raise EnvError("ENCRYPTION_KEYS must be keys as manage.py make_encryption_key makes them") from None
    return keys


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
        database_url: dict[str, Any] = env.dj_db_url("DATABASE_URL", f"sqlite:///{VAR_DIR / 'amicopy.sqlite3'}")
        CELERY_BROKER_URL: str = env.str("CELERY_BROKER_URL", f"redis+socket://{socket_path(VAR_DIR)}")
        AUDIT_SIGNING_KEY: str = env.str("AUDIT_SIGNING_KEY", SECRET_KEY)
        own = base64.urlsafe_b64encode(hashlib.sha256(f"amicopy encryption {SECRET_KEY}".encode()).digest()).decode()
        ENCRYPTION_KEYS: list[str] = encryption_keys(env.list("ENCRYPTION_KEYS", [own]))
    else:
        SECRET_KEY = env.str("SECRET_KEY", validate=validate.Length(min=40))
        ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", validate=validate.Length(min=1))
        database_url = env.dj_db_url("DATABASE_URL")
        CELERY_BROKER_URL = env.str("CELERY_BROKER_URL")
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
    LOG_LEVEL: str = env.str("LOG_LEVEL", "INFO")
    # Seconds between two looks for work that is due, and between two rounds of tracking.
    SWEEP_SECONDS: float = env.float("SWEEP_SECONDS", 5.0)
    TRACK_SECONDS: float = env.float("TRACK_SECONDS", 5.0 if SANDBOX else 20.0)
    # The broker's queue; two installations on one broker need two.
    CELERY_QUEUE: str = env.str("CELERY_QUEUE", "amicopy")
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
    # --- the API ---
    API_ENABLED: bool = env.bool("API_ENABLED", True)
    # How many calls a token may make in a minute, in each web process.
    API_CALLS_PER_MINUTE: int = env.int("API_CALLS_PER_MINUTE", 600, validate=validate.Range(min=1))
    # For how many days a token holds at most.
    API_TOKEN_DAYS: int = env.int("API_TOKEN_DAYS", 365, validate=validate.Range(min=1))
    # --- telling people ---
    # Where people reach the pages; links in messages begin with it.
    SITE_URL: str = env.str("SITE_URL", "http://127.0.0.1:8000" if SANDBOX else f"https://{ALLOWED_HOSTS[0]}")
    # The mail server. Empty: no e-mail is sent; the sandbox then writes e-mails to files.
    EMAIL_HOST: str = env.str("EMAIL_HOST", "")
    EMAIL_PORT: int = env.int("EMAIL_PORT", 587)
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
        if name in {"MARK_TAG_KEY", "AUDIT_PUBLIC_KEYS"} or not re.search("KEY|SECRET|PASSWORD|TOKEN|URL", name)
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
if AUDIT_KEEP_DAYS and not AUDIT_ARCHIVE_DIR:
    refuse("AUDIT_KEEP_DAYS needs AUDIT_ARCHIVE_DIR: events are never removed without an archive.")
if AWS_ENDPOINT and urlsplit(AWS_ENDPOINT).hostname not in {"127.0.0.1", "localhost", "::1"}:
    refuse("SANDBOX_URL must be an address of this machine.")

SITE_URL = SITE_URL.rstrip("/")
if urlsplit(SITE_URL).scheme not in {"http", "https"} or not (urlsplit(SITE_URL).hostname or "").strip("."):
    refuse("SITE_URL must be the address people use, such as https://amicopy.example.")
if "*" in SITE_URL or "//." in SITE_URL:
    refuse("SITE_URL is needed when ALLOWED_HOSTS begins with a pattern.")

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_htmx",
    # As it is, without changing TEMPLATES at start: the loader stands below.
    "django_cotton.apps.SimpleAppConfig",
    "csp",
    "amicopy.audit",
    "amicopy.notify",
    "amicopy.copies",
    "amicopy.web",
    "amicopy.api",
    "amicopy.local",
]
if SANDBOX:
    INSTALLED_APPS.append("amicopy.sandbox")

MIDDLEWARE = [
    "amicopy.web.door.permissions_policy",
    "amicopy.web.door.behind_proxies",
    "amicopy.web.door.only_utf8",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    # Closed by default; also answers polls that change nothing.
    "amicopy.web.sign_in_required.SignInRequired",
    "amicopy.web.sessions.KeepsSessions",
    "amicopy.web.password_again.AsksAgain",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "amicopy.web.preferences.own_time_zone",
]

ROOT_URLCONF = "amicopy.urls"
WSGI_APPLICATION = "amicopy.wsgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": False,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    # The first compiles components, `<c-…>`; what it doesn't find, it passes on.
                    ["django_cotton.cotton_loader.Loader", "django.template.loaders.filesystem.Loader"],
                ),
            ],
            "builtins": ["django_cotton.templatetags.cotton", "amicopy.web.templatetags.amicopy"],
        },
    }
]
# Components live in templates/_components/ and see nothing but their parameters and what every page has.
COTTON_DIR = "_components"
COTTON_ISOLATE_BY_DEFAULT = True

# --- database: PostgreSQL, or SQLite tuned so that writers wait for each other instead of failing ---
DATABASES: dict[str, Any] = {"default": database_url}
if database_url["ENGINE"] == "django.db.backends.sqlite3":
    database_url["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        # FULL: an audit event that was answered for survives a power cut. recursive_triggers: REPLACE fires the
        # triggers that keep the audit history append-only.
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA recursive_triggers=ON;",
    }
    database_url["CONN_MAX_AGE"] = 60
else:
    database_url["CONN_MAX_AGE"] = 60
    database_url["CONN_HEALTH_CHECKS"] = True
# In each process: answers of look-ups, counts of them, how fast copies are. Bounded, and all of it can be found anew.
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": {"MAX_ENTRIES": 10_000}},
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- people ---
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "sign-in"

# --- web ---
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False
STATIC_URL = "/static/"
# In the sandbox files are served from where they are; production collects them first.
STATIC_ROOT = None if SANDBOX else BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = SANDBOX
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if not SANDBOX
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
# htmx needs no eval and no inline style: see `htmx-config` in templates/base.html.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}
# The colours of the interface, see design tokens in static/amicopy.css.
MESSAGE_TAGS = {message_levels.SUCCESS: "ok", message_levels.WARNING: "warn", message_levels.ERROR: "fail"}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SESSION_ENGINE = "amicopy.web.session_store"
# Of a session in which nobody has signed in yet; of others see amicopy/web/sessions.py.
SESSION_COOKIE_AGE = SESSION_IDLE_MINUTES * 60
SESSION_COOKIE_HTTPONLY = True
CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS_ONLY
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS_ONLY else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS_ONLY
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz)$"]
# The header is there only when a trusted proxy sent it: see `behind_proxies` in amicopy/web/door.py.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000
# What a form that is filled to its limits has, and then some; longer requests aren't read.
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_500_000
# No page takes files, so none is read, kept in memory or written to disk.
FILE_UPLOAD_HANDLERS = ["amicopy.web.uploads.NoUploads"]

# --- e-mail: see amicopy/notify/mail.py ---
EMAIL_ON = bool(EMAIL_HOST) or SANDBOX
EMAIL_BACKEND = (
    f"django.core.mail.backends.{'smtp' if EMAIL_HOST else 'filebased' if SANDBOX else 'dummy'}.EmailBackend"
)
EMAIL_FILE_PATH = VAR_DIR / "mail"
EMAIL_USE_TLS, EMAIL_USE_SSL = EMAIL_SECURITY == "starttls", EMAIL_SECURITY == "tls"
# Of each step. A message takes nine at most, which stays below a lease.
EMAIL_TIMEOUT = 10

# --- Celery: a message is a hint, the database is the truth ---
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CONSUMER = "amicopy.consumer:Consumer"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_TIME_LIMIT = LEASE_SECONDS * 0.8
CELERY_TASK_SOFT_TIME_LIMIT = LEASE_SECONDS * 0.6
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_DEFAULT_QUEUE = CELERY_QUEUE
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 4.0 if SANDBOX else 20.0
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_CONNECTION_TIMEOUT = 2
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {}
# For what only wakes workers, see `copies.lifecycle.wakeup`: a person waits for it.
BROKER_HINT_OPTIONS: dict[str, Any] = {}
if CELERY_BROKER_URL.startswith(("amqp", "pyamqp")):
    CELERY_TASK_DEFAULT_QUEUE_TYPE = "quorum"
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "confirm_publish": True,
        "connect_timeout": 2,
        "read_timeout": 10,
        "write_timeout": 2,
    }
    # RabbitMQ that stalls costs up to three of these reads: an answer, and the ends of channel and connection.
    BROKER_HINT_OPTIONS = CELERY_BROKER_TRANSPORT_OPTIONS | {"confirm_publish": False, "read_timeout": 0.6}
elif CELERY_BROKER_URL.startswith(("redis", "rediss", "valkey")):
    # Twice the hard time limit and more: a message that is still being worked on is not delivered again.
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "visibility_timeout": 300,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        "socket_timeout": 2,
        "socket_connect_timeout": 2,
    }
    BROKER_HINT_OPTIONS = CELERY_BROKER_TRANSPORT_OPTIONS
# In memory: the shelve file of the default scheduler breaks after a hard kill and then stops beat from starting.
CELERY_BEAT_SCHEDULER = "amicopy.beat:Scheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 1
CELERY_BEAT_SCHEDULE: dict[str, Any] = {
    "sweep": {
        "task": "amicopy.copies.tasks.sweep",
        "schedule": SWEEP_SECONDS,
    },
    "send-messages": {
        "task": "amicopy.notify.tasks.send_due",
        "schedule": SWEEP_SECONDS,
    },
    "sweep-tables": {
        "task": "amicopy.web.tasks.sweep_tables",
        "schedule": 600.0,
    },
    # audit
    "notice-changes": {
        "task": "amicopy.copies.tasks.notice_changes",
        "schedule": 3600.0,
    },
    "audit-verify": {
        "task": "amicopy.audit.tasks.verify",
        "schedule": AUDIT_VERIFY_SECONDS,
    },
    "audit-archive": {
        "task": "amicopy.audit.tasks.archive",
        "schedule": 3600.0,
    },
    "audit-write-head": {
        "task": "amicopy.audit.tasks.write_head",
        # More often than a head is written: the store is looked after, and a failure tried again.
        "schedule": min(AUDIT_HEAD_SECONDS, 60.0),
    },
    "audit-deposit-head": {
        "task": "amicopy.copies.tasks.deposit_head",
        "schedule": min(AUDIT_HEAD_SECONDS, 60.0),
    },
}
for entry in CELERY_BEAT_SCHEDULE.values():
    entry["options"] = {
        # Beat keeps one connection for ever; without a retry it never makes a new one after RabbitMQ was restarted.
        "retry": True,
        "retry_policy": {"max_retries": 2, "interval_start": 0, "interval_step": 0.5},
        # The next one does as well. RabbitMQ counts by its own clock; Celery's `expires` would compare those of two
        # hosts, and a worker whose clock is ahead would do nothing.
        "expiration": entry["schedule"],
    }

# --- log: one line an entry on standard error; AWS's own libraries stay quiet, their debug lines carry signatures ---
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "amicopy.log_lines.OneLine", "fmt": "%(asctime)s %(levelname)s %(name)s: %(message)s"},
        "bare": {"format": "%(message)s"},
    },
    "filters": {"without_traceback": {"()": "amicopy.log_lines.WithoutTraceback"}},
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["without_traceback"]},
        "bare": {"class": "logging.StreamHandler", "formatter": "bare"},
    },
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "botocore": {"level": "WARNING"},
        "boto3": {"level": "WARNING"},
        "urllib3": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},
        # audit: lines of JSON and nothing else, whatever LOG_LEVEL says
        "amicopy.audit.stream": {"handlers": ["bare"], "level": "INFO", "propagate": False},
    },
}
