"""All settings. What an installation may choose is read in `environment`; the rest is amicopy's own."""

from typing import Any

from amicopy.settings.celery import *  # noqa: F403, what Django reads here
from amicopy.settings.environment import *  # noqa: F403, what Django reads here
from amicopy.settings.environment import (
    DATABASE_CONNECT_SECONDS,
    DATABASE_LOCK_SECONDS,
    DATABASE_STATEMENT_SECONDS,
    EMAIL_HOST,
    EMAIL_SECURITY,
    LOG_FORMAT,
    LOG_LEVEL,
    SANDBOX,
    VAR_DIR,
    database_url,
)
from amicopy.settings.web import *  # noqa: F403, what Django reads here


def postgresql_options() -> dict[str, Any]:
    """What connections to PostgreSQL are opened with, so that nobody waits for ever for a server that hangs or is gone.

    https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
    """
    limits = {"statement_timeout": DATABASE_STATEMENT_SECONDS, "lock_timeout": DATABASE_LOCK_SECONDS}
    said = " ".join(f"-c {name}={seconds}s" for name, seconds in limits.items() if seconds)
    # A host that has vanished without a word is given up after 25 seconds.
    found = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 25_000}
    return {"connect_timeout": DATABASE_CONNECT_SECONDS, **found, **({"options": said} if said else {})}


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
    database_url["OPTIONS"] = {**database_url.get("OPTIONS", {}), **postgresql_options()}
# In each process: answers of look-ups, counts of them, how fast copies are. Bounded, and all of it can be found anew.
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": {"MAX_ENTRIES": 10_000}},
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- e-mail: see amicopy/notify/mail.py ---
EMAIL_ON = bool(EMAIL_HOST) or SANDBOX
EMAIL_BACKEND = (
    f"django.core.mail.backends.{'smtp' if EMAIL_HOST else 'filebased' if SANDBOX else 'dummy'}.EmailBackend"
)
EMAIL_FILE_PATH = VAR_DIR / "mail"
EMAIL_USE_TLS, EMAIL_USE_SSL = EMAIL_SECURITY == "starttls", EMAIL_SECURITY == "tls"
# Of each step. A message takes nine at most, which stays below a lease.
EMAIL_TIMEOUT = 10

# --- log: one line an entry on standard error; AWS's own libraries stay quiet, their debug lines carry signatures ---
LOG_FILTERS = ["without_traceback", "outages_in_short", "with_correlation"]
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "amicopy.logs.lines.OneLine", "fmt": "%(asctime)s %(levelname)s %(name)s: %(message)s"},
        "json": {"()": "amicopy.logs.lines.JsonLine"},
        "bare": {"format": "%(message)s"},
    },
    "filters": {
        "without_traceback": {"()": "amicopy.logs.lines.WithoutTraceback"},
        "outages_in_short": {"()": "amicopy.logs.outages.InShort"},
        "with_correlation": {"()": "amicopy.logs.correlation.WithCorrelation"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "json" if LOG_FORMAT == "json" else "line",
            "filters": LOG_FILTERS,
        },
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
        # A worker's processes; Celery would give them a handler of its own, with another format and every secret.
        "multiprocessing": {"handlers": ["console"], "level": "ERROR", "propagate": False},
        # audit: lines of JSON and nothing else, whatever LOG_LEVEL says
        "amicopy.audit.stream": {"handlers": ["bare"], "level": "INFO", "propagate": False},
    },
}
