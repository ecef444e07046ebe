"""Says, in one line each, which real servers this run used and which it left out."""

import os

import pytest

DATABASE = os.environ.get("DATABASE_URL", "")
BROKER = os.environ.get("CELERY_BROKER_URL", "")


@pytest.mark.skipif(not DATABASE.startswith("postgres"), reason="PostgreSQL was left out: DATABASE_URL names none.")
def test_this_run_used_postgresql() -> None:
    assert DATABASE.startswith("postgres")


@pytest.mark.skipif(not BROKER.startswith("amqp"), reason="RabbitMQ was left out: CELERY_BROKER_URL names none.")
def test_this_run_used_rabbitmq() -> None:
    assert BROKER.startswith("amqp")


@pytest.mark.skipif(not BROKER.startswith("redis://"), reason="Redis was left out: CELERY_BROKER_URL names none.")
def test_this_run_used_redis() -> None:
    assert BROKER.startswith("redis://")
