"""Nothing secret stands in the log, whatever wrote it, in either format."""

import io
import json
import logging

import pytest
from django.conf import settings

from amicopy.copies.core import token_models
from amicopy.logs import secrets
from amicopy.logs.lines import JsonLine, OneLine
from amicopy.notify import signatures

FORMATTERS = {"text": lambda: OneLine("%(levelname)s %(name)s: %(message)s"), "json": JsonLine}
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


def _samples() -> dict[str, tuple[str, str]]:
    """What may come to be written, and which part of it must not."""
    token, key = token_models.new_text(), signatures.new_key()
    return {
        "own key": (f"refused {settings.SECRET_KEY}", settings.SECRET_KEY),
        "encryption key": (f"can't read with {settings.ENCRYPTION_KEYS[0]}", settings.ENCRYPTION_KEYS[0]),
        "broker": ("amqp://guest:a-word-of-ours@broker:5672//", "a-word-of-ours"),
        "database": ("postgres://amicopy:sesame-open@db/amicopy is away", "sesame-open"),
        "token": (f"called with {token}.", token[14:]),
        "bearer": ("Authorization: Bearer abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnop"),
        "signed": (f"https://ec2?X-Amz-Signature={'ab' * 32}&x=1", "ab" * 32),
        "session": ("X-Amz-Security-Token: IQoJb3JpZ2luX2VjEJr/long+text==", "IQoJb3JpZ2luX2VjEJr"),
        "answer of STS": (f"<SecretAccessKey>{SECRET}</SecretAccessKey>", SECRET),
        "environment": (f"aws_secret_access_key={SECRET}", SECRET),
        "webhook": (f"signed with {key}", key.removeprefix("whsec_")),
        "cookie": ("Cookie: sessionid=abcdefgh12345678; theme=dark", "abcdefgh12345678"),
        "form": ("username=requester&password=correct-horse&next=/", "correct-horse"),
        "way back": ("GET /sign-on/okta/return?state=x&code=SplxlOBeZQQYbYS6WxSbIA", "SplxlOBeZQQYbYS6WxSbIA"),
        "id token": ("id_token_hint=eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln", "eyJhbGciOiJSUzI1NiJ9"),
        "client": ("client_secret=of-a-provider", "of-a-provider"),
        "link": ("GET /set-password/Mg/c8z1ab-0123456789abcdef/ HTTP/1.1", "c8z1ab-0123456789abcdef"),
    }


@pytest.mark.parametrize("form", FORMATTERS)
@pytest.mark.parametrize("name", _samples())
def test_a_secret_is_hidden(form: str, name: str) -> None:
    words, secret = _samples()[name]
    line = _written(FORMATTERS[form](), words)
    assert secret in words
    assert secret not in line
    assert secrets.HIDDEN in line


@pytest.mark.parametrize("form", FORMATTERS)
def test_a_secret_in_a_traceback_is_hidden(form: str) -> None:
    try:
        raise ValueError(f"bad key {settings.SECRET_KEY}")
    except ValueError:
        line = _written(FORMATTERS[form](), "Failed", exc_info=True)
    assert "ValueError" in line
    assert settings.SECRET_KEY not in line


def test_ordinary_words_stay() -> None:
    words = "The password of requester was changed; token amic_abcdefgh is theirs, request 1f0e8c3a-0000 to eu-west-1."
    assert _written(FORMATTERS["text"](), words).endswith(words)


def test_a_line_of_json_says_what_it_is_about() -> None:
    entry = json.loads(_written(JsonLine(), "a\n“b”", extra={"request": 31, "aws_request_id": "x-1"}))
    assert (entry["message"], entry["level"], entry["logger"]) == ("a\n“b”", "ERROR", "amicopy.test")
    assert (entry["request"], entry["aws_request_id"]) == (31, "x-1")
    assert entry["time"].endswith("+00:00")


def _written(formatter: logging.Formatter, words: str, **more: object) -> str:
    logger, written = logging.getLogger("amicopy.test"), io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(formatter)
    logger.addHandler(handler)
    try:
        logger.error("%s", words, **more)  # type: ignore[arg-type]  # as logging takes them
    finally:
        logger.removeHandler(handler)
    text = written.getvalue().removesuffix("\n")
    if isinstance(formatter, JsonLine):
        assert "\n" not in text
        assert text.isascii()
    return text
