"""Every address amicopy answers. Nouns first, then verbs."""

from django.urls import URLPattern, URLResolver

urlpatterns: list[URLPattern | URLResolver] = []
