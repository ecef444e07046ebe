"""Small parts of pages: icons, sizes, statuses; times are in `times`."""

import re
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from typing import Any

from django import template
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse
from django.utils.html import conditional_escape, escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from amicopy.audit.models import AuditEvent
from amicopy.aws.partitions import console_url, region_title
from amicopy.copies.core.explanations import is_ours
from amicopy.copies.core.models import Attempt, CopyRequest, ImageCopy
from amicopy.copies.core.parameters import BY_NAME, DESTINATION_REGION
from amicopy.copies.core.permissions import named
from amicopy.copies.core.progress import overall
from amicopy.copies.core.states import CopyState, RequestState
from amicopy.copies.operations import copy_records
from amicopy.web import preferences
from amicopy.web.navigation import Navigation, navigation_of
from amicopy.web.status import Status, copy_status, current, request_status, without_percent
from amicopy.web.strip import context_of as strip_of
from amicopy.web.templatetags.times import moment
from amicopy.web.undo_links import undo_of

# Of what is drawn from a few words only, so many are kept: polls draw the same again and again.
KEPT = 2000

register = template.Library()
register.filter("region_title", region_title)
register.filter("current", current)
register.filter("overall", overall)
register.filter("without_percent", without_percent)
register.filter("undo", undo_of)
register.filter("named", named)


@register.simple_tag
@cache
def icon(name: str, extra: str = "") -> SafeString:
    """One of `static/icons.svg`, in the colour of the text; decoration only."""
    return format_html(
        '<svg class="i{}" aria-hidden="true"><use href="{}#i-{}"/></svg>',
        f" {extra}" if extra else "",
        static("icons.svg"),
        name,
    )


@register.inclusion_tag("_strip.html", takes_context=True)
def strip(context: Mapping[str, Any]) -> dict[str, Any]:
    """What is wrong with amicopy itself, if anything is."""
    return strip_of(context["request"])


@register.simple_tag
def status_icon(name: str) -> SafeString:
    """The icon of a status or a step; that of what is under way turns."""
    return icon(name, "spin" if name == "run" else "")


@register.simple_tag
@lru_cache(KEPT)
def button_classes(kind: str, small: bool, more: str) -> str:
    """The classes of a button: `kind` is primary, danger or quiet, or empty; `more` are further ones."""
    return " ".join(filter(None, ("btn", kind and f"btn-{kind}", "btn-small" if small else "", more)))


@register.simple_tag
def theme_attribute(request: HttpRequest | None) -> SafeString | str:
    """The chosen theme for `<html>`; nothing where the system's counts."""
    theme = preferences.theme_of(request) if request else ""
    return format_html(' data-theme="{}"', theme) if theme else ""


@register.filter
def said_by(error_code: str) -> str:
    """Whose words an error's are, as a heading."""
    return "What amicopy found" if is_ours(error_code) else "What AWS said"


@register.filter
def label(member: str) -> str:
    """A member of CopyImage as the form calls it; anything else is said as it is."""
    if member == DESTINATION_REGION.name:
        return DESTINATION_REGION.label
    return BY_NAME[member].label if member in BY_NAME else member


@register.filter
def properties(checks: Iterable[Mapping[str, Any]]) -> str:
    """What was compared with what was approved, as the form calls it."""
    return ", ".join(label(check["property"]) for check in checks)


@register.filter
def as_pairs(attempt: Attempt) -> list[tuple[str, SafeString | str, str]]:
    """What is said of one try at a copy: names, values, and the classes of these."""
    code = '<span class="mono small">{}</span>'
    outcome: SafeString | str = "Nothing was made" if attempt.first_called_at else "–"
    if attempt.in_doubt:
        outcome = "Not known yet: a call is out, or its answer was lost"
    elif attempt.error_code or attempt.ImageId:
        outcome = format_html(code, attempt.error_code or attempt.ImageId)
    pairs = [
        ("Called", moment(attempt.first_called_at) or "Not yet", ""),
        ("Outcome", outcome, ""),
        ("ClientToken", attempt.ClientToken, "mono small wrap-any"),
    ]
    if attempt.aws_request_id:
        pairs.append(("AWS request ID", attempt.aws_request_id, "mono small wrap-any"))
    return pairs


@register.filter
def gib(size: float | None) -> str:
    """A size in GiB, from 1,024 on in TiB."""
    if size is None:
        return ""
    if size >= 1024:
        return f"{size / 1024:.1f} TiB"
    return f"{size:,.0f} GiB"


@register.filter
def snapshot_size(snapshot: dict[str, Any]) -> str:
    """How much of a snapshot is copied, in whole GiB."""
    size, percent = snapshot["VolumeSize"], snapshot["Progress"]
    return f"{size} GiB" if percent == 100 else f"{size * percent // 100:,} of {size} GiB"


@register.simple_tag
@lru_cache(KEPT)
def meter(percent: int, what: str, name: str = "", state: str = "", beside: str = "", thin: bool = False) -> SafeString:
    """How far something is; `what` and `name` say what. `state` is run or ok, as the percent says unless given.
    `beside` stands next to the bar instead of the percent."""
    return format_html(
        '<{tag} class="meter-row"><progress class="{look}" max="100" value="{percent}" data-state="{state}"'
        ' aria-label="{label}"></progress>{beside}</{tag}>',
        tag="span" if thin else "div",
        look="thin" if thin else "",
        percent=percent,
        state=state or ("ok" if percent == 100 else "run"),
        label=f"{what} {name}".strip(),
        beside=format_html("<span>{}</span>", beside)
        if beside
        else format_html('<span aria-hidden="true">{}%</span>', percent),
    )


@register.filter
def at_most_1000(count: int) -> str:
    """A number as far as lists are counted."""
    return "1000+" if count > 1000 else str(count)


@register.filter
def place(copy: ImageCopy) -> str:
    """Where a copy goes, short enough for a line: the Region, the Local Zone, or the end of an Outpost's ARN."""
    return place_name(copy.destination)


@register.filter
def option_and_value(line: str) -> SafeString | str:
    """A line of a command, with its value in one piece as far as it fits in a line."""
    option, space, value = line.partition(" ")
    if not option.startswith("--") or not value:
        return line
    return format_html('{}{}<b class="value">{}</b>', option, space, value)


# As AWS writes the IDs of images, keys and snapshots.
AWS_IDS = re.compile(r"\b(?:ami|snap)-[0-9a-f]{8,17}\b")


@register.filter
def ids_whole(words: str) -> SafeString:
    """A sentence whose IDs aren't broken at their hyphen."""
    found, at = [], 0
    for match in AWS_IDS.finditer(words):
        found += [escape(words[at : match.start()]), format_html('<span class="mono nowrap">{}</span>', match[0])]
        at = match.end()
    return mark_safe("".join([*found, escape(words[at:])]))  # noqa: S308, each part is escaped


@register.filter
def found(value: Any) -> SafeString | str:
    """A property's value as `plain` says it, with its IDs unbroken."""
    return ids_whole(value) if isinstance(value, str) else plain(value)


@register.filter
def slug(copy: ImageCopy) -> str:
    """A copy's destination in the address of its record."""
    return copy_records.slug(copy.destination)


@register.filter
def place_name(destination: str) -> str:
    """A destination short enough for a line."""
    return f"Outpost {destination.rpartition('/')[2]}" if destination.startswith("arn:") else destination


@register.filter
def account_number(account_id: str) -> str:
    """12 digits in three groups, as AWS's console writes them."""
    return f"{account_id[:4]}-{account_id[4:8]}-{account_id[8:]}" if len(account_id) == 12 else account_id


@register.filter
def flash(message: object) -> SafeString:
    """A message with its first sentence in bold; the rest is the next step."""
    first, full_stop, rest = str(message).partition(". ")
    return format_html("<strong>{}{}</strong> {}", first, full_stop.strip(), rest)


@register.filter
def status(thing: CopyRequest | ImageCopy) -> Status:
    """Icon, colour and words of a request or a copy."""
    return request_status(thing) if isinstance(thing, CopyRequest) else copy_status(thing)


@register.simple_tag
@lru_cache(KEPT)
def status_mark(thing: Status, pill: bool = False, short: bool = False) -> SafeString:
    """A status with its icon; the colour only repeats the words. `short` leaves the second line out."""
    small = format_html("<small>{}</small>", thing.detail) if thing.detail and not short else ""
    return format_html(
        '<span class="status{}" data-state="{}">{}<span>{}{}</span></span>',
        " pill" if pill else "",
        thing.colour,
        status_icon(thing.icon),
        thing.words,
        small,
    )


@register.filter
def who(event: AuditEvent) -> str:
    """Who did it. A worker's name in the history says which of its tasks it was, which means nothing to people."""
    return "amicopy" if event.source == "worker" else event.actor


# What an event keeps of a state is its name in the database.
STATES = {state.value: state.label for state in (*CopyState, *RequestState)}


@register.filter
def steps(event: AuditEvent) -> str:
    """From which state to which, in words; empty for an event of something else."""
    old, new = (STATES.get(state, state) for state in (event.old, event.new))
    return f"{old} → {new}" if new and old and old != new else new


@register.simple_tag
def console(kind: str, region: str, resource_id: str) -> str:
    """The address of a thing in AWS's console, or empty."""
    return console_url("image" if kind == "image" else "snapshot", region=region, resource_id=resource_id)


@register.simple_tag
@lru_cache(KEPT)
def resource(kind: str, region: str, resource_id: str, where: str = "") -> SafeString:
    """An ID in full, with a link to AWS's console where there is one, and a button that copies it.

    `where` makes the element's id unique when a page shows the same resource twice.
    """
    element, address = f"{where or kind}-{resource_id}", console(kind, region, resource_id) if resource_id else ""
    link = '<a class="mono" id="{}" href="{}" rel="noreferrer" title="Open in the AWS console">{}</a>'
    return format_html(
        '<span class="res">{}<button type="button" class="clip" id="clip-{}" data-clip="{}">{}'
        '<span class="visually-hidden">Copy {}</span></button></span>',
        format_html(link, element, address, resource_id)
        if address
        else format_html('<span class="mono">{}</span>', resource_id),
        element,
        resource_id,
        icon("copy"),
        resource_id,
    )


@register.simple_tag(takes_context=True)
def navigation(context: Mapping[str, Any]) -> Navigation:
    """The menu of the person on the page that is drawn."""
    request: HttpRequest | None = context.get("request")
    match = request.resolver_match if request else None
    return navigation_of(request, (match and match.url_name) or "")


@register.simple_tag
def progress_icon(percent: int | None) -> str:
    """The address of the tab's icon: how far a request is, or amicopy's own."""
    return static("favicon.svg") if percent is None else reverse("progress-icon", args=[percent])


@register.filter
def plain(value: Any) -> SafeString | str:
    """A parameter's value for people: yes and no, tags as tags, everything else as it is."""
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return conditional_escape(", ".join(value))
    if isinstance(value, list):
        tags = format_html_join(
            "",
            '<span class="tag">{}={} <span class="muted">({})</span></span>',
            (
                (tag["Key"], tag["Value"], specification["ResourceType"])
                for specification in value
                for tag in specification["Tags"]
            ),
        )
        return format_html('<span class="tags">{}</span>', tags)
    if isinstance(value, dict):
        tags = format_html_join(
            "", '<span class="tag">{}={}</span>', ((name, plain(each)) for name, each in sorted(value.items()))
        )
        return format_html('<span class="tags">{}</span>', tags) if value else "none"
    return conditional_escape(str(value))
