"""What the web server runs: `granian --interface wsgi amicopy.wsgi:application`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "amicopy.settings")
application = get_wsgi_application()

from amicopy.copies.upkeep.noticing import notice  # noqa: E402, models need Django to be set up

notice("web")
