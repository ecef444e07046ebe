"""How many calls a token may make in a minute. Counted in each web process, by its clock."""

import time
from collections.abc import Mapping

from django.conf import settings
from django.core.cache import cache

from amicopy.api.problems import Problem
from amicopy.copies.core.token_models import ApiToken

WINDOW = 60


def count(token: ApiToken) -> Mapping[str, str]:
    """Counts a call, and returns the headers that say what is left. Raises Problem when nothing is."""
    most, now = settings.API_CALLS_PER_MINUTE, int(time.time())
    key, reset = f"api-calls:{token.pk}:{now // WINDOW}", WINDOW - now % WINDOW
    cache.add(key, 0, 2 * WINDOW)
    used = cache.incr(key)
    headers = {
        "RateLimit-Limit": str(most),
        "RateLimit-Remaining": str(max(0, most - used)),
        "RateLimit-Reset": str(reset),
    }
    if used > most:
        words = f"This token may make {most} calls a minute. Go on in {reset} seconds."
        raise Problem(429, "too-many-calls", words, headers={**headers, "Retry-After": str(reset)})
    return headers
