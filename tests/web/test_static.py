"""Static files as production serves them: fingerprinted, compressed, kept for ever, and few."""

import gzip
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.handlers.wsgi import WSGIHandler
from django.core.management import call_command
from django.test import Client, RequestFactory
from django.utils.module_loading import import_string
from pytest_django import Settings

from amicopy.web.templatetags.amicopy import icon, resource, status_mark
from tests.web.conftest import SignedIn
from tests.web.page import read

pytestmark = pytest.mark.django_db
# What a first page may weigh over the wire, itself included.
MOST_BYTES = 120_000


@pytest.fixture
def collected(settings: Settings, tmp_path: Path) -> Iterator[Path]:
    """The static files collected as with AMICOPY_AWS=aws; what was drawn before, or is after, has other addresses."""
    settings.STATIC_ROOT = str(tmp_path)
    settings.WHITENOISE_USE_FINDERS = settings.WHITENOISE_AUTOREFRESH = False
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
    }
    call_command("collectstatic", interactive=False, verbosity=0)
    _forget_drawn()
    yield tmp_path
    _forget_drawn()


def _forget_drawn() -> None:
    for tag in (icon, status_mark, resource):
        tag.cache_clear()


def test_production_collects_with_fingerprints_and_compression() -> None:
    key = "k" * 60
    environ = {
        **os.environ,
        "AMICOPY_AWS": "aws",
        "SECRET_KEY": key,
        "AUDIT_SIGNING_KEY": key[::-1] + "a",
        "ENCRYPTION_KEYS": "k" * 43 + "=",
        "ALLOWED_HOSTS": "amicopy.example",
        "DATABASE_URL": "postgres://amicopy@127.0.0.1/amicopy",
        "CELERY_BROKER_URL": "amqp://127.0.0.1//",
    }
    look = "from amicopy import settings; print(settings.STORAGES['staticfiles']['BACKEND'])"
    said = subprocess.run([sys.executable, "-c", look], env=environ, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "whitenoise.storage.CompressedManifestStaticFilesStorage"


def test_static_files_are_fingerprinted_compressed_and_kept_for_ever(collected: Path) -> None:
    serve = import_string("whitenoise.middleware.WhiteNoiseMiddleware")(WSGIHandler().get_response)
    for name in ("amicopy.css", "amicopy.js", "django_htmx/htmx-4.min.js", "icons.svg"):
        address = staticfiles_storage.url(name)
        assert re.search(r"\.[0-9a-f]{12}\.", address), name
        answer = serve(RequestFactory().get(address, headers={"Accept-Encoding": "gzip"}))
        assert answer["Cache-Control"] == "max-age=315360000, public, immutable"
        assert answer["Content-Encoding"] == "gzip"
        answer.close()


@pytest.mark.parametrize("place", ["/", "/requests/", "/requests/new/", "/approvals/", "/audit/", "/sign-in/"])
def test_a_cold_first_page_is_light(collected: Path, signed_in: SignedIn, place: str) -> None:
    answer = signed_in("administrator").get(place, follow=True, headers={"Accept-Encoding": "gzip"})
    page = answer.content
    shown = gzip.decompress(page) if answer.get("Content-Encoding") == "gzip" else page
    names = set(re.findall(r'(?:href|src)="(/static/[^"#]+)', shown.decode()))
    sizes = {name: (collected / (name.removeprefix("/static/") + ".gz")) for name in names}
    bytes_ = len(page) + sum(path.stat().st_size for path in sizes.values())
    assert len(names) + 1 <= 8
    assert bytes_ <= MOST_BYTES, (bytes_, names)


def test_htmx_is_where_the_page_says(client: Client) -> None:
    scripts = [each.removeprefix("/static/") for each in read(client.get("/sign-in/")).marks("src")]
    assert len(scripts) >= 2
    assert all(finders.find(name) for name in scripts)
