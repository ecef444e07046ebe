"""The form's buttons that change its rows: what a script does in place and a plain form does by drawing the page again.

Each takes the form's data and returns it changed; nothing that was typed is lost but what is taken away.
"""

from collections.abc import Mapping, Sequence

from amicopy.copies.core.models import Account
from amicopy.copies.core.parameters import DESTINATION_REGION, Parameter, of_destination, of_scope
from amicopy.web.forms import destination_lines, region_sets, step_inputs, tag_lines
from amicopy.web.forms.context import is_picked, regions_for
from amicopy.web.forms.region_ticks import continent_of, with_ticks
from amicopy.web.forms.request_form import PASTED, SOURCE, RequestForm
from amicopy.web.forms.rows import MOST, Row, written

# `tick`: every Region of this continent; or the boxes as they stand, or none of them.
AS_TICKED, NONE = "1", "none"


def pressed(
    data: Mapping[str, str], account: Account | None, more: Sequence[str] = ()
) -> tuple[dict[str, str], str, bool]:
    """The data after the button that was pressed, the input that the person goes on with, and whether the page is only
    to be drawn again. The boxes of Regions count whatever was pressed; `more` are those of a set that is ticked."""
    tick = data.get("tick", "")
    continent = [each.name for each in regions_for(account) if each.usable and continent_of(each.name) == tick]
    ticked = with_ticks(data, more=[*continent, *more], none=tick == NONE)
    form = RequestForm.of(ticked, [])
    rows = {"destinations": form.destinations, "tags": form.tags}
    focus = ""
    if ticked.get("add") == "destination":
        if len(form.destinations) < MOST:
            rows["destinations"] = [*form.destinations, {"kind": "region", "picked": "on"}]
        focus = f"destinations-{len(form.destinations)}-{DESTINATION_REGION.name}"
    elif ticked.get("add") == "tag":
        if len(form.tags) < MOST:
            rows["tags"] = [*form.tags, {"image": "on", "snapshot": "on"}]
        focus = "tag"
    elif ticked.get("add") == "pasted":
        pasted = tag_lines.read(ticked.get("paste", ""))
        rows["tags"], ticked = tag_lines.added(form.tags, pasted.tags), {**ticked, "paste": "\n".join(pasted.left)}
        focus = "paste" if pasted.left else "add-tag"
    elif ticked.get("add") == "pasted-destinations":
        listed = destination_lines.read(ticked.get(PASTED, ""))
        rows["destinations"] = destination_lines.added(form.destinations, listed.rows)
        ticked = {**ticked, PASTED: "\n".join(listed.left)}
        focus = PASTED if listed.left else "add-destination"
    elif "remove-destination" in ticked:
        rows["destinations"], focus = _without(form.destinations, ticked["remove-destination"]), "add-destination"
    elif "remove-tag" in ticked:
        rows["tags"], focus = _without(form.tags, ticked["remove-tag"]), "add-tag"
    elif "remove-source" in ticked:
        left = [source for source in form.sources if source != ticked["remove-source"]]
        return {**ticked, SOURCE: " ".join(left)}, SOURCE, True
    elif "open-destination" in ticked:
        number = ticked["open-destination"]
        rows["destinations"] = [
            {**row, "open": "1"} if str(index) == number else row for index, row in enumerate(form.destinations)
        ]
        focus = f"destinations-{number}-{DESTINATION_REGION.name}"
    elif "open-steps" in ticked:
        number = ticked["open-steps"]
        rows["destinations"] = [
            {**row, step_inputs.UNFOLDED: "1"} if str(index) == number else row
            for index, row in enumerate(form.destinations)
        ]
        focus = f"destinations-{number}-{step_inputs.FIRST}"
    elif "apply" in ticked:
        rows["destinations"], ticked = _applied(form), _cleared(ticked)
    elif not {"add", "tick", region_sets.BUTTON, "restore"} & set(ticked):
        return ticked, "", False
    for prefix, changed in rows.items():
        ticked = written(ticked, prefix, changed)
    return ticked, focus, True


def _applied(form: RequestForm) -> list[Row]:
    """The rows, with what is filled in for all written into those that are ticked."""
    values = {parameter.name: form.data.get(parameter.name, "") for parameter in _for_all()}
    return [
        {
            **row,
            **{
                parameter.name: values[parameter.name]
                for parameter in of_destination(row["kind"])
                if values.get(parameter.name) and is_picked(form, row)
            },
        }
        for row in form.destinations
    ]


def _cleared(data: Mapping[str, str]) -> dict[str, str]:
    """The data without what was written into rows: a row that wasn't ticked doesn't take it either."""
    names = {parameter.name for parameter in _for_all()}
    return {name: value for name, value in data.items() if name not in names}


def _for_all() -> list[Parameter]:
    return [parameter for parameter in of_scope("both") if parameter.section == "Destinations"]


def _without(rows: list[Row], index: str) -> list[Row]:
    if not (index.isascii() and index.isdecimal()) or len(index) > 4:
        return rows
    return [row for number, row in enumerate(rows) if number != int(index)]
