"""Names with placeholders: filled in before submission, so that what is frozen and approved is the finished name.

No character of a placeholder is allowed in an AMI's name, so one that can't be filled in never slips through.
"""

import re
from datetime import datetime

PLACEHOLDERS = ("{date}", "{source}", "{region}")
_BRACED = re.compile(r"\{[^{}]*\}")


def expand(name: str, *, now: datetime, source: str, region: str) -> str:
    """The name for one destination. `now` is in UTC, so that the date is everybody's; an unknown `source` stays as it
    is."""
    values = {"{date}": f"{now:%Y.%m.%d}", "{source}": source, "{region}": region}
    return _BRACED.sub(lambda match: values.get(match[0]) or match[0], name)


def problem(name: str, *, source: str) -> str:
    """What keeps a name's placeholders from being filled in, or empty."""
    unknown = [braced for braced in _BRACED.findall(name) if braced not in PLACEHOLDERS]
    if unknown:
        return f"Use {', '.join(PLACEHOLDERS[:-1])} or {PLACEHOLDERS[-1]}. {unknown[0][:40]} isn't a placeholder."
    if "{source}" in name and not source:
        return "Enter the name without {source}: AWS doesn't show the source's name right now."
    return ""
