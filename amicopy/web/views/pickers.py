"""The lists of the form's fields, as fragments that htmx asks for: they wait for AWS no longer than the other look-ups,
see `views.lookups`, and the fields work without them."""

import re

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from amicopy.web.forms import pickers
from amicopy.web.views import lookups

FIELD = r"(?:destinations-([0-9]{1,3})-)?[A-Za-z]{1,64}"


@require_GET
def options(request: HttpRequest) -> HttpResponse:
    """What fits what is typed in the field of this name, for who may ask for copies in the account."""
    data = lookups.plain(request.GET)
    name = data.get("field", "")
    form, looks = lookups.form_of(request, data), lookups.looks_of(request)
    if re.fullmatch(FIELD, name) and pickers.kind_of(name):
        offer = pickers.offer(form, name, _regions(data, name), looks, until=0.0)
    else:
        name, offer = "", pickers.Offer(needed="This field has no list.")
    context = {"offer": offer, "name": name, "most": pickers.MOST, "about": pickers.inputs_about(name)}
    return render(request, "requests/new/_options.html", context | lookups.turn_after(request, looks))


def _regions(data: dict[str, str], name: str) -> list[str]:
    """The Regions that a field is about: the source's, its destination's, or those of all destinations."""
    if pickers.kind_of(name) == "sources":
        return [data.get("SourceRegion", "")]
    return [value for key, value in data.items() if key.endswith("-DestinationRegion")]
