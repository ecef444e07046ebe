"""Files and long forms: refused in words, whoever sends them, and nothing is written to disk."""

import tempfile
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import Settings

pytestmark = pytest.mark.django_db


def test_a_file_is_refused_before_it_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    file = SimpleUploadedFile("a.bin", b"x" * 3_000_000)
    answer = Client().post("/sign-in/", {"username": "requester", "password": file})
    assert answer.status_code == 400
    assert list(tmp_path.iterdir()) == []


def test_a_form_that_is_longer_than_any_form_is_refused(settings: Settings) -> None:
    long = {"username": "x" * settings.DATA_UPLOAD_MAX_MEMORY_SIZE, "password": "x"}
    assert Client().post("/sign-in/", long).status_code == 400
