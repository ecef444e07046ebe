"""Django as a WSGI application; `amicopy.rsgi` serves it."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "amicopy.settings")
django.setup(set_prefix=False)

from amicopy.web.utf8_request import Handler  # noqa: E402, needs the settings

application = Handler()
