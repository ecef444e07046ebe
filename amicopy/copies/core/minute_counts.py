"""How often something was done in this minute, over all processes, for what people may do only so often.

One row for each key, changed by one statement. A process takes a few numbers at once and gives them out, so that most
calls cost no statement; numbers that it doesn't use up are lost with the minute. Keys are of people, accounts and
tokens, never of whoever isn't signed in.
"""

import threading
import time
from datetime import UTC, datetime
from typing import cast

from django.core.cache import cache
from django.db import connection, models

WINDOW = 60
# A process takes this share of what may be done in a minute at once.
SHARE = 60
_lock = threading.Lock()

# A process whose clock is behind counts to the minute of the one that is ahead.
TAKE = """
INSERT INTO copies_minutecount AS kept (key, minute, count) VALUES (%s, %s, %s)
ON CONFLICT (key) DO UPDATE SET
  count = CASE WHEN kept.minute >= excluded.minute THEN kept.count + excluded.count ELSE excluded.count END,
  minute = CASE WHEN kept.minute >= excluded.minute THEN kept.minute ELSE excluded.minute END
RETURNING count
"""


class MinuteCount(models.Model):
    """How many numbers of a minute were taken for a key."""

    key = models.CharField(max_length=80, primary_key=True)
    minute = models.DateTimeField()
    count = models.BigIntegerField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.key}: {self.count}"


def number(key: str, *, most: int) -> int:
    """Counts one of at most so many a minute, and returns the how manieth it is over all processes; more than `most`
    says that it is one too many, and then nothing more is stored for it."""
    minute = int(time.time()) // WINDOW
    held = f"minute:{key}:{minute}"
    with _lock:
        first, last = cache.get(held) or (1, 0)
        if first > most:
            return int(first)
        if first > last:
            # Under the lock: who takes numbers at the same moment would lose the others' rest.
            taken = max(1, most // SHARE)
            last = _take(key, minute, taken)
            first = last - taken + 1
        cache.set(held, (first, last) if first > most else (first + 1, last), 2 * WINDOW)
        return int(first)


def last(key: str) -> int:
    """The number that this process gave out last in this minute, without counting; 0 without one."""
    first, _ = cache.get(f"minute:{key}:{int(time.time()) // WINDOW}") or (1, 0)
    return int(first) - 1


def _take(key: str, minute: int, taken: int) -> int:
    """Takes so many numbers; returns the last of them."""
    began = connection.ops.adapt_datetimefield_value(datetime.fromtimestamp(minute * WINDOW, UTC))
    with connection.cursor() as cursor:
        cursor.execute(TAKE, [key, began, taken])
        return cast(int, cursor.fetchone()[0])
