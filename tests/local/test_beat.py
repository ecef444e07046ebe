"""Beat goes on after its broker was away."""

import pytest
from celery import Celery
from celery.beat import Scheduler
from django.conf import settings
from kombu import Connection


@pytest.mark.parametrize("name", sorted(settings.CELERY_BEAT_SCHEDULE))
def test_beat_connects_anew_when_its_connection_was_cut(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Celery would rather take the broker of the environment.
    monkeypatch.delenv("CELERY_BROKER_URL", raising=False)
    app = Celery(broker="memory://", set_as_current=False)
    app.conf.update(task_publish_retry=False, task_default_queue=name)
    app.conf.beat_schedule = {name: settings.CELERY_BEAT_SCHEDULE[name]}
    scheduler = Scheduler(app, lazy=True)
    scheduler.setup_schedule()
    connection: Connection = scheduler.connection
    cut = iter([True])

    def publish(*_args: object, **_values: object) -> None:
        if next(cut, False):
            raise connection.recoverable_connection_errors[0]("cut off")
        sent.append(name)

    sent: list[str] = []
    monkeypatch.setattr(scheduler.producer, "_publish", publish)
    with connection:
        scheduler.apply_async(scheduler.schedule[name], producer=scheduler.producer, advance=False)
    assert sent == [name]
