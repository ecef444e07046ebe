"""amicopy's web application with the bare page of `bare_urls` beside its own."""

from django.conf import settings

from amicopy.rsgi import application

settings.ROOT_URLCONF = "benchmarks.bare_urls"
__all__ = ("application",)
