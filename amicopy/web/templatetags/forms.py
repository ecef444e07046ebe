"""Drawing the request form: one field from a row of the table of members."""

from collections.abc import Mapping
from typing import Any

from django import template

from amicopy.copies.core.parameters import Parameter, of_section
from amicopy.web.forms.context import Slot
from amicopy.web.forms.member_forms import RegionSelect, region_words
from amicopy.web.forms.pickers import inputs_about, kind_of
from amicopy.web.forms.request_form import RequestForm

register = template.Library()
register.filter("of_section", of_section)
register.filter("region_words", region_words)


@register.filter
def at(items: Any, key: Any) -> Any:
    """What a mapping holds under a name, or a list at a place; nothing where it isn't."""
    try:
        return items[key]
    except (KeyError, IndexError):
        return ""


@register.filter
def wrong(slots: Mapping[str, Slot], name: str) -> bool:
    """Whether anything is wrong with an input."""
    return name in slots and bool(slots[name].errors)


@register.inclusion_tag("requests/new/_slot.html")
def slot(slots: Mapping[str, Slot], name: str, *, oob: bool = False) -> dict[str, Any]:
    """The messages below an input; `oob` for a fragment that brings them to where they belong."""
    return {"slot": slots.get(name), "name": name, "oob": oob}


@register.inclusion_tag("requests/new/_field.html", takes_context=True)
def field(
    context: Mapping[str, Any], parameter: Parameter, row: int | None = None, stacked: bool = False
) -> dict[str, Any]:
    """The field of a member for the whole request, or of destination number `row`. It stands in columns unless it is
    `stacked`, the only one on its line."""
    form: RequestForm = context["form"]
    slots: Mapping[str, Slot] = context["slots"]
    bound = (form.shared if row is None else form.own[row])[parameter.name]
    place = parameter.place if row is None else parameter.own
    widget = bound.field.widget
    if isinstance(widget, RegionSelect):
        widget.offer(context["regions"])
    name, id_ = bound.html_name, bound.auto_id
    listed = kind_of(parameter.name) != ""
    attrs = {
        **({"role": "combobox", "aria-expanded": "false", "aria-autocomplete": "list"} if listed else {}),
        # Several sources are one text, an ID each.
        "data-many": parameter.options == "sources",
        "aria-describedby": f"{id_}-hint {id_}-err" if place.help and parameter.help else f"{id_}-err",
        "aria-invalid": "true" if name in slots and slots[name].errors else False,
        "autofocus": context.get("focus") == name,
    }
    classes = [
        f"only k-{parameter.of_kind}" if row is not None and parameter.of_kind else "",
        "" if stacked else f"c-{place.width}",
    ]
    return {
        "parameter": parameter,
        "name": name,
        "checked": bound.value(),
        "control": bound.as_widget(attrs=attrs) if parameter.kind != "flag" else "",
        "help": parameter.help if place.help else "",
        "width": " ".join(filter(None, classes)),
        "slots": slots,
        "listed": listed,
        "over": parameter.options != "sources",
        "about": inputs_about(name),
        "optional": parameter.kind != "three-way"
        and (not parameter.required or (row is not None and parameter.scope == "both")),
    }
