"""Answers that aren't AWS's, as a proxy on the way or a broken connection gives them: fault rules of the kinds
`answer` (nothing was done) and `answer-after` (the call was carried out).

`body` says which, `status` (default 200) goes with it, and `text` is sent in place of what stands here:

    html     a proxy's page
    json     another service's error
    text     a line of plain text
    empty    nothing at all
    cut      the first half of AWS's own XML
    no-id    AWS's own answer without its imageId

Only the last two carry AWS's request id.
"""

import re
from typing import Any

from werkzeug.wrappers import Response

from amicopy.sandbox.faults import Rule

PAGE = (
    "<!DOCTYPE html>\n<html><head><title>Request blocked</title></head>"
    "<body><h1>Request blocked</h1><p>The proxy could not complete your request.</p></body></html>\n"
)
BODIES = {
    "html": ("text/html", PAGE),
    "json": ("application/json", '{"message": "Forbidden"}'),
    "text": ("text/plain", "Denied by the outbound proxy.\n"),
    "empty": ("text/xml;charset=UTF-8", ""),
}
IMAGE_ID = re.compile(r"\s*<imageId>[^<]*</imageId>")


def answer(rule: Rule, call: dict[str, Any], real: Response | None = None) -> Response:
    """What `rule` says in place of AWS. `real` is the answer it replaces; without one, nothing was done."""
    call["answer"] = rule.body
    status = rule.status or 200
    if rule.body in BODIES:
        content_type, text = BODIES[rule.body]
    else:
        content_type = "text/xml;charset=UTF-8"
        text = real.get_data(as_text=True) if real else success(call)
        text = text[: len(text) // 2] if rule.body == "cut" else IMAGE_ID.sub("", text)
    return Response(text if rule.text is None else rule.text, status=status, content_type=content_type)


def success(call: dict[str, Any]) -> str:
    """The bare frame of a good answer in EC2's protocol."""
    return (
        f'<{call["action"]}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">\n'
        f"<requestId>{call['request_id']}</requestId></{call['action']}Response>"
    )
