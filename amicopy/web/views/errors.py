"""The pages for what went wrong. Django's own look for a token in the body first, for which they read it: one that is
broken or too large would make an error of the server out of each of them."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400, without a word of what was sent."""
    return HttpResponse(render_to_string("400.html"), status=400)


def not_allowed(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403, with the words of whoever refused."""
    return render(request, "403.html", {"exception": str(exception)}, status=403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404."""
    return render(request, "404.html", status=404)


def broken(request: HttpRequest) -> HttpResponse:
    """500, of nothing that could be broken as well."""
    return HttpResponse(render_to_string("500.html"), status=500)
