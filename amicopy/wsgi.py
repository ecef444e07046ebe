"""What the web server runs: `manage.py serve`, which is granian with `amicopy.wsgi:application`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "amicopy.settings")
application = get_wsgi_application()
