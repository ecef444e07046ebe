"""Django's forms of CopyImage's members, made from the rows of their table: one for what a request has once, and one
for each destination.

A value that can't be turned into its type is an error here; whether it is a good one is the rules' to say.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from amicopy.copies.core.parameters import Parameter
from amicopy.copies.lookups.places import RegionPlace

TRUE = {"on", "true", "1", "yes"}
# A destination's own answer where the default for all is another.
AS_SOURCE = "source"
TYPED = {"autocomplete": "off"}
MONO = {"class": "mono", "spellcheck": "false"}


class Ticked(forms.CheckboxInput):
    """A box that is ticked by a word for yes only, not by any text."""

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> bool:
        return str(data.get(name, "")).strip().lower() in TRUE


class Typed(forms.TextInput):
    """A line to type in. An empty one says so: a page that is changed in place empties an input by its value only."""

    def format_value(self, value: Any) -> str:
        return super().format_value(value) or ""


class KeepingSelect(forms.Select):
    """A list that offers what was typed, too, when that isn't one of its choices; `rare` are words for such values."""

    def __init__(self, choices: Sequence[tuple[str, str]], rare: Mapping[str, str] | None = None) -> None:
        super().__init__(choices=choices)
        self.rare = rare or {}

    def optgroups(self, name: str, value: list[Any], attrs: dict[str, Any] | None = None) -> list[Any]:
        offered = {str(choice) for choice, _ in self.choices}
        missing = [(typed, self.rare.get(typed, typed)) for typed in map(str, value) if typed not in offered]
        self.choices = [*self.choices, *missing]
        return super().optgroups(name, value, attrs)


class RegionSelect(KeepingSelect):
    """The Regions of an account, those it can't use only if one is chosen already. Who draws it sets `regions`."""

    def __init__(self) -> None:
        super().__init__([("", "Choose a Region")])
        # For the script that tells later which of them the account can't use.
        self.attrs["data-regions"] = True
        self.unusable: set[str] = set()

    def offer(self, regions: Sequence[RegionPlace]) -> None:
        """Takes the Regions to choose from."""
        self.choices = [*self.choices, *((region.name, region_words(region)) for region in regions)]
        self.unusable = {region.name for region in regions if not region.usable}

    def create_option(
        self, name: str, value: Any, label: Any, selected: Any, index: int, *args: Any, **kwargs: Any
    ) -> dict[str, Any]:
        option = super().create_option(name, value, label, selected, index, *args, **kwargs)
        if value in self.unusable and not selected:
            option["attrs"]["disabled"] = True
        return option


class Text(forms.CharField):
    """Text as it is sent to AWS. Browsers end a line with two characters."""

    def to_python(self, value: Any) -> str:
        return (super().to_python(value) or "").replace("\r\n", "\n")


class Flag(forms.BooleanField):
    """True, or None for a member that isn't sent."""

    widget = Ticked

    def to_python(self, value: Any) -> Any:
        return super().to_python(value) or None


class WholeNumber(forms.CharField):
    """A number of ASCII digits and nothing else; None when empty."""

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        if not text:
            return None
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            raise ValidationError(f"Enter a whole number. {text[:20]!r} isn't one.")
        return int(text)


class ThreeWay(forms.CharField):
    """True, False, or None for a member that isn't sent."""

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        if text not in {"", AS_SOURCE, "true", "false"}:
            raise ValidationError("Choose one of the answers.")
        return text == "true" if text in {"true", "false"} else None


class MemberForm(forms.Form):
    """A form of members. Their inputs' names are theirs, after a prefix such as `destinations-0` if there is one."""

    use_required_attribute = False

    def errors_of(self, parameter: Parameter) -> list[str]:
        """Why the member's value can't be turned into its type."""
        return [str(message) for message in self.errors.get(parameter.name, ())]

    def filled(self, parameters: Iterable[Parameter]) -> dict[str, Any]:
        """These members as CopyImage takes them, those left out that are empty or wrong."""
        values = {
            parameter.name: self.cleaned_data.get(parameter.name)
            for parameter in parameters
            if not self.errors_of(parameter)
        }
        return {name: value for name, value in values.items() if value is not None and value != ""}


def member_form(parameters: Iterable[Parameter], data: Mapping[str, str], prefix: str = "") -> MemberForm:
    """The form of these members with what was typed. With a prefix it is a destination's."""
    drawn = tuple(parameter for parameter in parameters if parameter.kind != "tags")
    typed = {f"{prefix}-{name}": value for name, value in data.items()} if prefix else data
    made: MemberForm = _form_class(drawn, own=bool(prefix))(typed, prefix=prefix or None, auto_id="f-%s")
    return made


def region_words(region: RegionPlace) -> str:
    """A Region as lists of them say it."""
    return f"{region.name}: {region.title}{f' ({region.reason})' if region.reason else ''}"


@cache
def _form_class(parameters: tuple[Parameter, ...], *, own: bool) -> type[MemberForm]:
    fields = {parameter.name: _field(parameter, own=own) for parameter in parameters}
    return type("MembersForm", (MemberForm,), fields)


def _field(parameter: Parameter, *, own: bool) -> forms.Field:
    """The field of a member: of the whole request, or a destination's own."""
    common: dict[str, Any] = {"required": False, "label": parameter.label}
    attrs = {**TYPED, **(MONO if parameter.mono else {})}
    if parameter.kind == "flag":
        return Flag(**common)
    if parameter.kind == "three-way":
        return ThreeWay(widget=_answers(parameter, own=own), **common)
    if parameter.kind == "number":
        return WholeNumber(widget=Typed({**attrs, "inputmode": "numeric"}), **common)
    if parameter.kind == "long text":
        return Text(widget=forms.Textarea({"rows": 2, "cols": False}), strip=not parameter.spaces, **common)
    widget = RegionSelect() if parameter.options == "regions" else Typed(attrs)
    return Text(widget=widget, strip=not parameter.spaces, **common)


def _answers(parameter: Parameter, *, own: bool) -> KeepingSelect:
    """The answers to a three-way. No is offered to nobody: it stands there when somebody sent it."""
    left_out, yes, no = parameter.answers
    choices = [("", "As set for all"), (AS_SOURCE, left_out), ("true", yes)] if own else [("", left_out), ("true", yes)]
    return KeepingSelect(choices, {"false": no, AS_SOURCE: left_out})
