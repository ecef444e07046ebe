"""How long to wait before another try: full jitter under a ceiling that doubles with every failure."""

import random


def pause(*, base: float, cap: float, failures: int) -> float:
    """Seconds until the next try, after `failures` in a row (at least 1): anything up to `base` doubled with each, but
    never more than `cap`, so that many that failed together don't come back together."""
    ceiling = min(cap, base * 2.0 ** min(failures - 1, 16))
    return random.uniform(min(1.0, ceiling), ceiling)  # noqa: S311, jitter is no secret
