"""Django's request, which lets nobody choose how it is read: a charset may be any codec of Python's, `hex` and `zlib`
too, and Django decodes with it before any middleware could refuse it. `door.only_utf8` does."""

from typing import Any

from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.utils.http import parse_header_parameters


class Utf8Request(WSGIRequest):
    """A request that is UTF-8 whatever it says."""

    def _set_content_type_params(self, meta: Any) -> None:
        try:
            self.content_type, self.content_params = parse_header_parameters(meta.get("CONTENT_TYPE", ""))
        except ValueError:
            # A parameter in an encoding of its own (RFC 2231), which isn't one.
            self.content_type, self.content_params = "", {"charset": ""}


class Handler(WSGIHandler):
    """Django's, with such requests."""

    request_class = Utf8Request
