"""Small parts of pages: icons, times, sizes, statuses."""

from datetime import datetime
from typing import Any

from django import template
from django.contrib.auth.models import User
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from amicopy.aws.partitions import console_url, region_title
from amicopy.copies import permissions
from amicopy.copies.models import CopyRequest, ImageCopy
from amicopy.copies.states import RequestState
from amicopy.web.status import Status, copy_status, request_status

register = template.Library()
register.filter("region_title", region_title)


@register.simple_tag
def icon(name: str, extra: str = "") -> SafeString:
    """One of `static/icons.svg`, in the colour of the text; decoration only."""
    return format_html(
        '<svg class="i {}" aria-hidden="true"><use href="{}#i-{}"/></svg>', extra, static("icons.svg"), name
    )


@register.filter
def ago(when: datetime | None) -> SafeString:
    """A time as people say it, with the exact one for whoever looks closer."""
    if when is None:
        return SafeString("")
    seconds = int((timezone.now() - when).total_seconds())
    words = f"{when:%-d %b %Y}"
    for limit, unit, name in ((60, 1, ""), (3600, 60, "min"), (86400, 3600, "h"), (7 * 86400, 86400, "d")):
        if seconds < limit:
            words = "just now" if not name else f"{max(1, seconds // unit)} {name} ago"
            break
    return format_html('<time datetime="{}" title="{}">{}</time>', when.isoformat(), exact(when), words)


@register.filter
def utc(when: datetime | None) -> SafeString:
    """The full date and time in UTC."""
    if when is None:
        return SafeString("")
    return format_html('<time datetime="{}">{}</time>', when.isoformat(), exact(when))


def exact(when: datetime) -> str:
    return f"{when:%-d %b %Y, %H:%M:%S} UTC"


@register.filter
def duration(seconds: float | None) -> str:
    """Seconds as the two largest units people use."""
    if seconds is None:
        return ""
    minutes = int(seconds // 60)
    if minutes < 1:
        return f"{int(seconds)} s"
    if minutes < 60:
        return f"{minutes} min"
    return (
        f"{minutes // 60} h {minutes % 60} min" if minutes < 1440 else f"{minutes // 1440} d {minutes % 1440 // 60} h"
    )


@register.filter
def status(thing: CopyRequest | ImageCopy) -> Status:
    """Icon, colour and words of a request or a copy."""
    return request_status(thing) if isinstance(thing, CopyRequest) else copy_status(thing)


@register.simple_tag
def status_mark(thing: Status, pill: bool = False) -> SafeString:
    """A status with its icon; the colour only repeats the words."""
    small = format_html("<small>{}</small>", thing.detail) if thing.detail else ""
    return format_html(
        '<span class="status{}" data-state="{}">{}<span>{}{}</span></span>',
        " pill" if pill else "",
        thing.colour,
        icon(thing.icon, "spin" if thing.icon == "run" else ""),
        thing.words,
        small,
    )


@register.simple_tag
def console(kind: str, region: str, resource_id: str) -> str:
    """The address of a thing in AWS's console, or empty."""
    return console_url("image" if kind == "image" else "snapshot", region=region, resource_id=resource_id)


@register.filter
def may_decide(user: User, request: CopyRequest) -> bool:
    return request.state == RequestState.PENDING and permissions.may_decide(user, request)


@register.filter
def plain(value: Any) -> SafeString | str:
    """A parameter's value for people: yes and no, tags as tags, everything else as it is."""
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, list):
        parts = [
            format_html(
                '<span class="tag">{}={} <span class="muted">({})</span></span>', tag["Key"], tag["Value"], where
            )
            for specification in value
            for where in [specification["ResourceType"]]
            for tag in specification["Tags"]
        ]
        return mark_safe('<span class="tags">' + "".join(parts) + "</span>")  # noqa: S308, every part is escaped
    return str(value)
