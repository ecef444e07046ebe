"""amicopy's web application with the bare page of `bare_urls` beside its own."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "amicopy.settings")
settings.ROOT_URLCONF = "benchmarks.bare_urls"
application = get_wsgi_application()
