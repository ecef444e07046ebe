"""The Celery application: `celery -A amicopy worker`, `celery -A amicopy beat`; see `settings/celery.py`."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "amicopy.settings")
app = Celery("amicopy")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
