"""amicopy's addresses and one more, whose page does nothing but know who asks: what the others are compared with."""

from django.http import HttpRequest, HttpResponse
from django.urls import path

from amicopy.urls import urlpatterns as pages


def bare(request: HttpRequest) -> HttpResponse:
    """Whoever gets this far is signed in."""
    return HttpResponse("ok\n", content_type="text/plain")


urlpatterns = [*pages, path("bare/", bare, name="bare")]
