"""What the API and the EC2 endpoint ask of every body: a size, not too much of it, and UTF-8."""

from django.http import HttpRequest

# A request with fifty destinations and as many tags is a tenth of it.
MOST_BYTES = 262_144


def too_large(request: HttpRequest) -> bool:
    """Whether a body has more bytes than is taken, or says a length that is none."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    return not length.isascii() or not length.isdecimal() or len(length) > 9 or int(length) > MOST_BYTES


def in_utf8(request: HttpRequest) -> bool:
    """Whether a body is in UTF-8, by its own word; without a word it is."""
    return (request.content_params or {}).get("charset", "utf-8").strip('"').lower() in {"utf-8", "utf8"}
