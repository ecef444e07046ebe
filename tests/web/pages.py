"""Pages as tests read them: without the line breaks and indentation that templates have for who writes them."""

import re
from typing import Any

from django.http import HttpResponse
from django.test import Client

# Their text is as it is.
_AS_IT_IS = re.compile(r"(<(?:textarea|pre)\b.*?</(?:textarea|pre)>)", re.DOTALL)
# Stands for a line break in a value.
_BREAK = "\0"
_TAG = re.compile(r"<[a-zA-Z!/](?:[^<>\"']|\"[^\"]*\"|'[^']*')*>")


def tight(page: str) -> str:
    """The page as a browser shows it: a line break is a space between words, and nothing beside an element's edge."""
    parts = _AS_IT_IS.split(page)
    return "".join(part if at % 2 else _tight(part) for at, part in enumerate(parts))


def _tight(html: str) -> str:
    html = _TAG.sub(lambda tag: _in_one_line(tag[0]), html)
    html = re.sub(r"\s*\n\s*(?=<svg)", "", html)
    html = re.sub(r">\s*\n\s*<", "><", html)
    html = re.sub(r"(<[a-zA-Z][^>]*>|</svg>)\s*\n\s*", r"\1", html)
    html = re.sub(r"\s*\n\s*(</)", r"\1", html)
    return re.sub(r"\s*\n\s*", " ", html).replace(_BREAK, "\n")


def _in_one_line(tag: str) -> str:
    """A tag with a space between its attributes; what their values hold is left alone."""
    parts = re.split(r"(\"[^\"]*\"|'[^']*')", tag)
    kept = [part.replace("\n", _BREAK) if at % 2 else re.sub(r"\s+", " ", part) for at, part in enumerate(parts)]
    return "".join(kept).replace(" >", ">")


class Reader(Client):
    """A client whose pages are tight."""

    def request(self, **request: Any) -> HttpResponse:  # type: ignore[override]  # the test client's own is wider
        answer = super().request(**request)
        if answer.get("Content-Type", "").startswith("text/html") and not answer.streaming:
            answer.content = tight(answer.content.decode()).encode()
        return answer  # type: ignore[return-value]
