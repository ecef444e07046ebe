"""Drawing the request form: one field from a row of the table of parameters."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import template

from amicopy.copies.core.parameters import Parameter
from amicopy.copies.lookups.places import RegionPlace
from amicopy.web.forms.context import Slot
from amicopy.web.forms.request_form import RequestForm

register = template.Library()


@register.filter
def at(items: Any, key: Any) -> Any:
    """What a mapping holds under a name, or a list at a place; nothing where it isn't."""
    try:
        return items[key]
    except (KeyError, IndexError):
        return ""


@register.inclusion_tag("requests/new/_slot.html")
def slot(slots: Mapping[str, Slot], name: str, *, oob: bool = False) -> dict[str, Any]:
    """The messages below an input; `oob` for a fragment that brings them to where they belong."""
    return {"slot": slots.get(name), "name": name, "oob": oob}


@register.inclusion_tag("requests/new/_field.html", takes_context=True)
def field(
    context: Mapping[str, Any],
    parameter: Parameter,
    row: int | None = None,
    options: str = "",
    width: str = "",
    brief: bool = False,
) -> dict[str, Any]:
    """A field of the request, or of destination number `row`. `options` is the id of a datalist, `width` a class of the
    columns; `brief` leaves the help out, where the same field is explained elsewhere."""
    form: RequestForm = context["form"]
    slots: Mapping[str, Slot] = context["slots"]
    name = parameter.name if row is None else f"destinations-{row}-{parameter.name}"
    data = form.data if row is None else form.destinations[row]
    value = data.get(parameter.name, "")
    regions: Sequence[RegionPlace] = context["regions"] if parameter.name.endswith("Region") else ()
    help_text = "" if brief else parameter.help
    return {
        "parameter": parameter,
        "name": name,
        "value": value,
        "help": help_text,
        "described_by": f"f-{name}-hint f-{name}-err" if help_text else f"f-{name}-err",
        "list": options,
        "row": row is not None,
        "width": width,
        "slots": slots,
        "invalid": bool(slots[name].errors) if name in slots else False,
        "regions": regions,
        "listed": any(region.name == value for region in regions),
        "optional": parameter.kind != "three-way"
        and (not parameter.required or (row is not None and parameter.scope == "both")),
        "focus": context.get("focus") == name,
    }
