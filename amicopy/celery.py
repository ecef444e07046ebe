"""The Celery application: `celery -A amicopy worker`, `celery -A amicopy beat`; see `settings/celery.py`."""

import os
from typing import Any

from celery import Celery
from celery import Task as CeleryTask

from amicopy.logs import correlation

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "amicopy.settings")


class Task(CeleryTask):  # type: ignore[type-arg]  # the stubs alone have arguments
    """A task that goes on under the id its message carries; beat's carry none, and begin one."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with correlation.under(correlation.read((self.request.headers or {}).get(correlation.HEADER))):
            return super().__call__(*args, **kwargs)


app = Celery("amicopy", task_cls=Task)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
