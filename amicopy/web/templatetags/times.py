"""Times on pages: as people say them, with the exact one for whoever looks closer."""

from datetime import UTC, datetime

from django import template
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html
from django.utils.safestring import SafeString

from amicopy.web.status import duration

register = template.Library()
register.filter("duration", duration)


@register.filter
def ago(when: datetime | None) -> SafeString | str:
    """A time as people say it, with the exact one for whoever looks closer."""
    if when is None:
        return ""
    return format_html(
        '<time datetime="{}" title="{}" data-ago>{}</time>', when.isoformat(), exact(when), ago_words(when)
    )


def ago_words(when: datetime) -> str:
    """`static/amicopy.js` says the same words while a page stays open."""
    seconds = int((timezone.now() - when).total_seconds())
    for limit, unit, name in ((60, 1, ""), (3600, 60, "min"), (86400, 3600, "h"), (7 * 86400, 86400, "d")):
        if seconds < limit:
            return "just now" if not name else f"{seconds // unit} {name} ago"
    local = timezone.localtime(when)
    return f"{local:%-d %b}" if local.year == timezone.localtime().year else f"{local:%-d %b %Y}"


@register.filter
def until(when: datetime | None) -> SafeString | str:
    """A time to come as people say it."""
    if when is None:
        return ""
    seconds = int((when - timezone.now()).total_seconds())
    words = "now" if seconds < 60 else f"in {duration(seconds)}"
    return format_html('<time datetime="{}" title="{}">{}</time>', when.isoformat(), exact(when), words)


@register.filter
def moment(when: datetime | None) -> SafeString | str:
    """The full date and time in the person's time zone."""
    if when is None:
        return ""
    return format_html('<time datetime="{}">{}</time>', when.isoformat(), exact(when))


@register.filter
def clock(when: datetime | None) -> SafeString | str:
    """The time of day in the person's time zone, to the second."""
    if when is None:
        return ""
    return format_html('<time datetime="{}">{}</time>', when.isoformat(), f"{timezone.localtime(when):%H:%M:%S %Z}")


@register.filter
def hour(when: datetime | None) -> SafeString | str:
    """The time of day in the person's time zone, to the minute; with the day where that was another."""
    if when is None:
        return ""
    local = timezone.localtime(when)
    words = f"{local:%H:%M}" if local.date() == timezone.localdate() else f"{local:%-d %b, %H:%M}"
    return format_html('<time datetime="{}">{}</time>', when.isoformat(), words)


@register.filter
def utc(when: datetime | None) -> SafeString | str:
    """The full date and time in UTC, for history and evidence."""
    if when is None:
        return ""
    words = f"{when.astimezone(UTC):%-d %b %Y, %H:%M:%S} UTC"
    return format_html('<time datetime="{}">{}</time>', when.isoformat(), words)


@register.filter
def from_stamp(text: str) -> datetime | None:
    """A time that is kept as text in ISO 8601, for the other filters."""
    return parse_datetime(text) if text else None


def exact(when: datetime) -> str:
    return f"{timezone.localtime(when):%-d %b %Y, %H:%M:%S %Z}"
