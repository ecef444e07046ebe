"""The words a request is found by: its names and tags, as one text that an index of trigrams is kept of.

PostgreSQL has the index in `pg_trgm`, SQLite in FTS5; where neither may be had, migrating says so, and a search reads
all texts. Stored whenever calls are frozen.
"""

import contextlib
from collections.abc import Iterable, Sequence

from django.conf import settings
from django.db import DatabaseError, connection, models

from amicopy.copies.core.calls import Call
from amicopy.copies.core.request_models import CopyRequest

# The shortest text that trigrams find.
SHORTEST = 3


class RequestWords(models.Model):
    """One request's words, in small letters, one name or tag a line."""

    request = models.OneToOneField(CopyRequest, on_delete=models.PROTECT, primary_key=True, related_name="words")
    # Of this round of the request; what a process of the version before made again is of a later one.
    round = models.PositiveIntegerField()
    words = models.TextField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"words of #{self.request_id}"


def store(request: CopyRequest, calls: Sequence[Call]) -> None:
    """Keeps what a request with these calls is found by."""
    lines = dict.fromkeys([request.Name, *(line for call in calls for line in _lines(call))])
    row = RequestWords(request=request, round=request.round, words="\n".join(lines).lower())
    RequestWords.objects.bulk_create(
        [row], update_conflicts=True, unique_fields=["request"], update_fields=["round", "words"]
    )


def _lines(call: Call) -> Iterable[str]:
    """A call's name and its tags, but for amicopy's own mark."""
    yield call.name
    for specification in call.parameters.get("TagSpecifications") or ():
        for tag in specification["Tags"]:
            if tag["Key"] != settings.MARK_TAG_KEY:
                yield f"{tag['Key']}={tag.get('Value', '')}"


def newest_with(text: str, most: int) -> list[int] | None:
    """The newest requests with a text in their words, at most so many; None where no index says it."""
    if len(text) < SHORTEST:
        return None
    if connection.vendor == "postgresql":
        # By a plan that reads the index: for a common text PostgreSQL would rather read requests from the newest on.
        rows = RequestWords.objects.filter(words__contains=text.lower()).values_list("request", flat=True)
        return sorted(rows[:most], reverse=True)
    with contextlib.suppress(DatabaseError), connection.cursor() as cursor:
        quoted = '"' + text.lower().replace('"', '""') + '"'
        sql = "SELECT rowid FROM copies_requestwords_index WHERE words MATCH %s ORDER BY rowid DESC LIMIT %s"
        cursor.execute(sql, [quoted, most])
        return [number for (number,) in cursor.fetchall()]
    return None
