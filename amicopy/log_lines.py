"""Lines of the log that say what they seem to: what somebody sends can't begin one of its own, and what was refused
needs no traceback."""

import logging
import re
from typing import Any

# Everything that ends a line somewhere, moves the cursor or colours the screen.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class OneLine(logging.Formatter):
    """An entry is one line that begins with its time, control characters escaped. A traceback follows, moved in: its
    last line may hold what somebody sent."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        return CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", super().formatMessage(record))

    def formatException(self, ei: Any) -> str:
        return "\t" + super().formatException(ei).replace("\r", "\\x0d").replace("\n", "\n\t")


class WithoutTraceback(logging.Filter):
    """Lets everything through, what was refused without its traceback: there is no more to know, and anybody can send
    as many such requests as they like."""

    def filter(self, record: logging.LogRecord) -> bool:
        below_error = record.levelno < logging.ERROR
        if record.name.startswith("django.security") or (record.name == "django.request" and below_error):
            record.exc_info = record.exc_text = None
        return True
