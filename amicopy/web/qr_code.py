"""QR codes as SVG for a page: dark on light in either theme, which is what cameras read."""

import segno
from django.utils.safestring import SafeString, mark_safe


def svg(text: str) -> SafeString:
    """The picture of a text; whoever can't see it isn't told of it, so the text has to stand beside it."""
    picture = segno.make_qr(text, error="m").svg_inline(scale=4, dark="#000", light="#fff", omitsize=True)
    return mark_safe(picture.replace("<svg ", '<svg aria-hidden="true" ', 1))  # noqa: S308, a library's, of no markup
