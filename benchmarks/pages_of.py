"""A house of so many requests, and what each of its pages takes: `python -m benchmarks.pages_of 1000`."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "amicopy.settings")
django.setup()

from benchmarks import pages  # noqa: E402, models need Django to be set up

if __name__ == "__main__":
    pages.main()
