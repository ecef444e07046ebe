"""Drawing the request form: one field from a row of the table of parameters."""

from typing import Any

from django import template

from amicopy.copies.parameters import Parameter
from amicopy.web.forms.request_form import RequestForm

register = template.Library()


@register.filter
def at(mapping: dict[str, Any], name: str) -> Any:
    """What a mapping holds under a name, or nothing."""
    return mapping.get(name, "")


@register.inclusion_tag("requests/_field.html")
def field(form: RequestForm, parameter: Parameter, row: int | None = None, options: str = "") -> dict[str, Any]:
    """A field of the request, or of destination number `row`; `options` is the id of a datalist."""
    if row is None:
        return {
            "form": form,
            "parameter": parameter,
            "name": parameter.name,
            "value": form.data.get(parameter.name, ""),
            "list": options,
        }
    return {
        "form": form,
        "parameter": parameter,
        "name": f"destinations-{row}-{parameter.name}",
        "value": form.destinations[row].get(parameter.name, ""),
        "list": options,
        "row": True,
    }
