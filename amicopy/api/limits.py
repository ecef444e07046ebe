"""How many calls a token may make in a minute, over all web processes."""

import time
from collections.abc import Mapping

from django.conf import settings

from amicopy.api.problems import Problem
from amicopy.copies.core import minute_counts
from amicopy.copies.core.minute_counts import WINDOW
from amicopy.copies.core.token_models import ApiToken


def count(token: ApiToken, *, again: bool = False) -> Mapping[str, str]:
    """Counts a call, unless the same was counted before, and returns the headers that say what is left. Raises Problem
    when nothing is."""
    most, reset = settings.API_CALLS_PER_MINUTE, WINDOW - int(time.time()) % WINDOW
    key = f"token:{token.pk}"
    used = minute_counts.last(key) if again else minute_counts.number(key, most=most)
    headers = {
        "RateLimit-Limit": str(most),
        "RateLimit-Remaining": str(max(0, most - used)),
        "RateLimit-Reset": str(reset),
    }
    if used > most:
        words = f"This token may make {most} calls a minute. Go on in {reset} seconds."
        raise Problem(429, "too-many-calls", words, headers={**headers, "Retry-After": str(reset)})
    return headers
