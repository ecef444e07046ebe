"""Lines of the log that say what they seem to: what somebody sends can't begin one of its own, what was refused needs
no traceback, and nothing secret is in any.

`LOG_FORMAT` says whether they are for people, or JSON for programs.
"""

import logging
import re
from typing import Any

from pythonjsonlogger.json import JsonFormatter

from amicopy.logs.secrets import redacted

# Everything that ends a line somewhere, moves the cursor or colours the screen.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class OneLine(logging.Formatter):
    """An entry is one line that begins with its time, control characters escaped, and ends with its correlation id. A
    traceback follows, moved in: its last line may hold what somebody sent."""

    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:
        line = CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", super().formatMessage(record))
        correlation = getattr(record, "correlation", "")
        return f"{line} [{correlation}]" if correlation else line

    def formatException(self, ei: Any) -> str:
        return "\t" + super().formatException(ei).replace("\r", "\\x0d").replace("\n", "\n\t")


class JsonLine(JsonFormatter):
    """An entry is one line of JSON in ASCII: `time` (UTC), `level`, `logger`, `message`, `correlation`, `traceback` of
    an error, and what an entry says besides, such as `request`, `copy`, `region` and `aws_request_id`."""

    def __init__(self) -> None:
        super().__init__(
            ["levelname", "name", "message", "correlation"],
            rename_fields={"levelname": "level", "name": "logger", "exc_info": "traceback"},
            timestamp="time",
            json_ensure_ascii=True,
        )

    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record))


class WithoutTraceback(logging.Filter):
    """Lets everything through, what was refused without its traceback: there is no more to know, and anybody can send
    as many such requests as they like."""

    def filter(self, record: logging.LogRecord) -> bool:
        below_error = record.levelno < logging.ERROR
        if record.name.startswith("django.security") or (record.name == "django.request" and below_error):
            record.exc_info = record.exc_text = None
        return True
