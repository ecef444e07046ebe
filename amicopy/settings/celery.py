"""Celery: a message is a hint, the database is the truth."""

from typing import Any

from amicopy import queues
from amicopy.settings.environment import (
    AUDIT_HEAD_SECONDS,
    AUDIT_VERIFY_SECONDS,
    CELERY_BROKER_URL,
    CELERY_QUEUE,
    LEASE_SECONDS,
    SANDBOX,
    SWEEP_SECONDS,
)

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
RABBITMQ = CELERY_BROKER_URL.startswith(("amqp", "pyamqp"))
CELERY_TASK_QUEUES = queues.declared(CELERY_QUEUE, kind="quorum" if RABBITMQ else "")
CELERY_TASK_ROUTES = queues.routes(CELERY_QUEUE)
# A name with a mistake in it, after -Q, ends the worker instead of making a queue that nobody sends to.
CELERY_TASK_CREATE_MISSING_QUEUES = False
if RABBITMQ:
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
    "look-at-full-places": {
        "task": "amicopy.copies.tasks.look_at_full_places",
        "schedule": 60.0,
    },
    "send-messages": {
        "task": "amicopy.notify.tasks.send_due",
        "schedule": SWEEP_SECONDS,
    },
    "sweep-tables": {
        "task": "amicopy.web.tasks.sweep_tables",
        "schedule": 600.0,
    },
    # A little more often than each place is looked at.
    "look-for-drift": {
        "task": "amicopy.copies.tasks.look_for_drift",
        "schedule": 1200.0,
    },
    "trace-drift": {
        "task": "amicopy.copies.tasks.trace_drift",
        "schedule": 60.0,
    },
    # audit
    "notice-changes": {
        "task": "amicopy.copies.tasks.notice_changes",
        "schedule": 3600.0,
    },
    "take-back-groups": {
        "task": "amicopy.copies.tasks.take_back_groups",
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
