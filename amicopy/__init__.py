"""amicopy: copy Amazon Machine Images under control."""

from amicopy.celery import app as celery_app

__all__ = ["celery_app"]
