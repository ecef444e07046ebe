"""The header Idempotency-Key: the same call under the same key does nothing twice.

As in https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/. Only what was done is kept: after a
refusal the key is free, for nothing happened.
"""

from datetime import timedelta
from hashlib import sha256

from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone

from amicopy.api.models import KeptAnswer
from amicopy.api.problems import Problem
from amicopy.copies.core.token_models import ApiToken

HEADER = "Idempotency-Key"
# A call whose process ended without an answer is taken over after this.
TAKEN_OVER_AFTER = timedelta(seconds=60)


class Answered(Exception):
    """The call was answered before; `response` says the same again."""

    def __init__(self, response: HttpResponse) -> None:
        super().__init__()
        self.response = response


def claim(request: HttpRequest, token: ApiToken) -> KeptAnswer | None:
    """The row to keep the answer in, None for a call without a key. Raises Answered, and Problem where the key is none,
    names another call, or is under way."""
    key = request.headers.get(HEADER)
    if key is None or request.method != "POST":
        return None
    if not 1 <= len(key) <= 200 or not (key.isascii() and key.isprintable()):
        raise Problem(400, "idempotency-key-wrong", f"{HEADER} must have 1 to 200 printable ASCII characters.")
    row, mine = _row(token, key, _fingerprint(request, token))
    if row.fingerprint != _fingerprint(request, token):
        words = f"Another call was made under this {HEADER}. Use a new key for a new call."
        raise Problem(422, "idempotency-key-reused", words)
    if row.status is not None:
        raise Answered(_again(row))
    if not mine and not _taken_over(row):
        words = "The same call is under way. Ask again in a moment."
        raise Problem(409, "idempotency-key-busy", words, headers={"Retry-After": "1"})
    return row


def keep(row: KeptAnswer, response: HttpResponseBase) -> None:
    """Keeps the answer of a call that did something, and frees the key of one that was refused. After an error of the
    server nobody knows which it was: the row stays, and whoever takes the call over submits the same."""
    if isinstance(response, HttpResponse) and response.status_code < 300:
        content = {"content": response.content.decode(), "location": response.get("Location", "")}
        KeptAnswer.objects.filter(pk=row.pk).update(status=response.status_code, **content)
    elif response.status_code < 500:
        KeptAnswer.objects.filter(pk=row.pk, status=None).delete()


def _row(token: ApiToken, key: str, fingerprint: str) -> tuple[KeptAnswer, bool]:
    """The row of the key, and whether this call made it."""
    now = timezone.now()
    KeptAnswer.objects.filter(person=token.person, started_at__lt=now - KeptAnswer.KEPT).delete()
    try:
        with transaction.atomic():
            made = KeptAnswer.objects.create(person=token.person, key=key, fingerprint=fingerprint, started_at=now)
        return made, True
    except IntegrityError:
        found = KeptAnswer.objects.filter(person=token.person, key=key).first()
        if found is None:
            # Freed meanwhile, by a call that was refused.
            return _row(token, key, fingerprint)
        return found, False


def _taken_over(row: KeptAnswer) -> bool:
    """Whether the call seemed to have died, and this one is the one that goes on with it."""
    now = timezone.now()
    stale = KeptAnswer.objects.filter(pk=row.pk, status=None, started_at=row.started_at)
    return bool(stale.filter(started_at__lt=now - TAKEN_OVER_AFTER).update(started_at=now))


def _again(row: KeptAnswer) -> HttpResponse:
    response = HttpResponse(row.content, status=row.status, content_type="application/json; charset=utf-8")
    response["Idempotency-Replayed"] = "true"
    if row.location:
        response["Location"] = row.location
    return response


def _fingerprint(request: HttpRequest, token: ApiToken) -> str:
    parts = (request.method, request.get_full_path(), request.headers.get("If-Match", ""), *token.accounts)
    return sha256("\n".join(map(str, parts)).encode(errors="replace") + b"\n" + request.body).hexdigest()
