"""A link that opens the form filled in, for wikis and tickets: fields are parameters of the address, by AWS's names.

Opening it submits nothing. A destination or a tag may be written short: `DestinationRegion=eu-west-1` for each Region,
`TagSpecifications=team=web` for each tag. Whatever else an address says is left out.
"""

import re
from collections.abc import Mapping
from urllib.parse import urlencode

from amicopy.copies.core.parameters import DESTINATION_REGION, of_destination, of_scope
from amicopy.web.forms import step_inputs, tag_lines
from amicopy.web.forms.region_ticks import with_ticks
from amicopy.web.forms.request_form import SOURCE
from amicopy.web.forms.rows import MOST, rows_of, written

TAGS = "TagSpecifications"
# The form's own inputs, beside CopyImage's members; a token works once, so no link has one.
_OWN = ("account", "reason", "start_not_before")
_SHARED = frozenset(
    {parameter.name for parameter in of_scope("request", "both")} - {"ClientToken", TAGS} | {*_OWN} | step_inputs.NAMES
)
_ROWS = {
    "destinations": frozenset({parameter.name for parameter in of_destination()} | {"kind"} | step_inputs.NAMES),
    "tags": frozenset({"Key", "Value", "image", "snapshot"}),
}


def fields_of(query: Mapping[str, str]) -> dict[str, str]:
    """The form's data that an address says; empty where it says nothing of the form."""
    data = {name: value for name, value in query.items() if name in _SHARED and value}
    for prefix, names in _ROWS.items():
        rows = [{name: value for name, value in row.items() if name in names} for row in rows_of(query, prefix)]
        data = written(data, prefix, [row for row in rows if row][: MOST + 1])
    if regions := query.get(DESTINATION_REGION.name, "").split():
        data = with_ticks(data, more=regions)
    if text := query.get(TAGS, "").strip():
        pasted = tag_lines.read(text)
        data = written(data, "tags", tag_lines.added(rows_of(data, "tags"), pasted.tags))
        if pasted.left:
            data["paste"] = "\n".join(pasted.left)
    return data


def query_of(data: Mapping[str, str]) -> str:
    """The query string of an address that opens the form with this data."""
    found = [(name, value) for name, value in data.items() if name in _SHARED and name != SOURCE and value.strip()]
    found += [(SOURCE, image) for image in re.split(r"[\s,;]+", data.get(SOURCE, "").strip()) if image]
    for prefix, names in _ROWS.items():
        for index, row in enumerate(rows_of(data, prefix)):
            own = {name: value for name, value in row.items() if name in names and value.strip()}
            if own.keys() - {"kind", "image", "snapshot"}:
                found += [(f"{prefix}-{index}-{name}", value) for name, value in own.items()]
    return urlencode(found)
