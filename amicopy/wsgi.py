"""What the web server runs: `manage.py serve`, which is granian with `amicopy.wsgi:application`."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "amicopy.settings")
django.setup(set_prefix=False)

from amicopy.web.utf8_request import Handler  # noqa: E402, needs the settings

application = Handler()
