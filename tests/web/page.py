"""Pages read as people and their screen readers do: by role and name, whatever markup and white space carry them.

`read(answer)` reads an answer; `read(answer).button("Approve")` is the one button whose name has this in it. Singular
methods expect exactly one and say what there was instead, plural ones return all. Each also looks inside a part only:
`read(answer).region("Your decision").buttons()`.
"""

from dataclasses import dataclass
from typing import TypeVar

from django.http import HttpResponseBase
from selectolax.lexbor import LexborHTMLParser

from tests.web.element import Element, inside, of_id, the_one, tidy

ROLES = {
    "heading": "h1, h2, h3, h4, h5, h6",
    "button": "button, summary",
    "link": "a[href]",
    "region": "section, form, dialog, aside, article, [role=region]",
    "navigation": "nav",
    "group": "fieldset, details",
    "table": "table",
    "status": "[role=status]",
    "alert": "[role=alert]",
}
FIELDS = "input, select, textarea"
P = TypeVar("P", bound="Part")


class Part(Element):
    """An element of a page and what is in it."""

    def marked(self, attribute: str, value: str = "") -> "list[Part]":
        """The elements with an attribute such as `data-request`, with this value if one is given, in their order."""
        return inside(Part, self, f'[{attribute}="{value}"]' if value else f"[{attribute}]")

    def marks(self, attribute: str) -> list[str]:
        """The values of an attribute such as `data-request`, in their order."""
        return [part.attribute(attribute) for part in self.marked(attribute)]

    def by_id(self, id_: str) -> "Part":
        """The element of an id, for what has neither role nor name."""
        return the_one(inside(Part, self, of_id(id_)), f"element of the id {id_}")

    # --- by role ---

    def headings(self, name: str = "") -> "list[Part]":
        return _by_role(Part, self, "heading", name)

    def heading(self, name: str) -> "Part":
        return the_one(self.headings(name), f"heading “{name}”", self.headings())

    def buttons(self, name: str = "") -> "list[Part]":
        """What can be pressed; what opens something is a button too."""
        return _by_role(Part, self, "button", name)

    def button(self, name: str) -> "Part":
        return the_one(self.buttons(name), f"button “{name}”", self.buttons())

    def following(self, rel: str = "next") -> str:
        """The address of the next page of a list, or with `prev` of the one before; empty when there is none."""
        found = [link.address for link in self.links() if link.attribute("rel") == rel]
        assert len(found) < 2, found
        return found[0] if found else ""

    def links(self, name: str = "", *, to: str = "") -> "list[Link]":
        """The links with this in their name, to this address if one is given."""
        return [link for link in _by_role(Link, self, "link", name) if to in {"", link.address}]

    def link(self, name: str) -> "Link":
        return the_one(self.links(name), f"link “{name}”", self.links())

    def region(self, name: str) -> "Part":
        """A section, form or dialog."""
        return the_one(_by_role(Part, self, "region", name), f"region “{name}”", _by_role(Part, self, "region"))

    def navigation(self, name: str) -> "Part":
        return the_one(_by_role(Part, self, "navigation", name), f"navigation “{name}”")

    def group(self, name: str) -> "Part":
        """A set of fields, or what can be opened."""
        return the_one(_by_role(Part, self, "group", name), f"group “{name}”", _by_role(Part, self, "group"))

    def tables(self) -> "list[Table]":
        return _by_role(Table, self, "table")

    def table(self, name: str = "") -> "Table":
        return the_one(_by_role(Table, self, "table", name), f"table “{name}”", self.tables())

    def statuses(self) -> "list[Part]":
        """The messages about what was done; the strip says how amicopy does."""
        return [part for part in _by_role(Part, self, "status") if part.attribute("id") != "strip"]

    def status(self) -> "Part":
        return the_one(self.statuses(), "message about what was done", self.statuses())

    @property
    def told(self) -> str:
        """What all messages about what was done say."""
        return " ".join(status.text for status in self.statuses())

    def alert(self) -> "Part":
        """What is wrong with a form."""
        return the_one(_by_role(Part, self, "alert"), "alert")

    def bars(self) -> "list[Bar]":
        """The bars of its charts."""
        return inside(Bar, self, "rect.bar")

    def items(self) -> "list[Part]":
        """The items of its lists."""
        return inside(Part, self, "li")

    def facts(self) -> dict[str, str]:
        """What its lists of facts say, by their names."""
        names, values = inside(Part, self, "dt"), inside(Part, self, "dd")
        return {name.text: value.text for name, value in zip(names, values, strict=True)}

    # --- fields and forms ---

    def fields(self) -> "list[Field]":
        """All fields, hidden ones too, in their order."""
        return inside(Field, self, FIELDS)

    def field(self, name: str, value: str | None = None) -> "Field":
        """The field sent under a name, or else with these words in its label; of several boxes the one of a value."""
        fields = self.fields()
        found = [each for each in fields if each.sent_as == name] or [each for each in fields if name in each.label]
        found = [each for each in found if value in {None, each.attribute("value")}]
        return the_one(found, f"field {name}", fields)

    def corrections(self, words: str) -> "list[Link]":
        """The lines with these words in the summary of what is wrong, each of which leads to a place on the page."""
        links = self.alert().links(words)
        return [link for link in links if self.by_id(link.address.removeprefix("#"))]

    def has_field(self, name: str) -> bool:
        """Whether there is a field that is sent under this name."""
        return any(field.sent_as == name for field in self.fields())

    def forms(self, *, to: str = "") -> "list[Form]":
        """The forms, to this address if one is given."""
        return [form for form in inside(Form, self, "form") if to in {"", form.address}]

    def form(self, *, to: str = "") -> "Form":
        return the_one(self.forms(to=to), f"form to “{to}”", self.forms())


@dataclass(frozen=True)
class Page(Part):
    """A whole answer: a page, or a part of one. `source` is as it was sent, to look for what must be nowhere in it."""

    source: str

    @property
    def title(self) -> str:
        """The title in the browser's tab."""
        return the_one(inside(Part, self, "title"), "title").text

    @property
    def is_whole(self) -> bool:
        """Whether it is a page and not a part that one fetched."""
        return "<html" in self.source

    @property
    def polled(self) -> "Poll | None":
        """What the page keeps asking for, if anything."""
        asking = inside(Poll, self, '[hx-get][hx-trigger^="every"]')
        assert len(asking) < 2, asking
        return asking[0] if asking else None


class Link(Part):
    @property
    def address(self) -> str:
        return self.attribute("href")


class Poll(Part):
    """What asks again by itself."""

    @property
    def address(self) -> str:
        return self.attribute("hx-get")

    @property
    def tag(self) -> str:
        return self.attribute("data-tag")


class Bar(Part):
    @property
    def title(self) -> str:
        """The words that a pointer on it shows."""
        return the_one(inside(Part, self, "title"), "title").text


class Table(Part):
    @property
    def rows(self) -> list[list[str]]:
        """The words of each cell of the rows below the head."""
        return [[cell.text for cell in inside(Part, row, "th, td")] for row in inside(Part, self, "tbody tr")]

    @property
    def heads(self) -> list[Part]:
        """The cells of the head."""
        return inside(Part, self, "thead th")

    def row(self, words: str) -> Part:
        """The row with these words in it."""
        rows = inside(Part, self, "tbody tr")
        return the_one([row for row in rows if words in row.text], f"row “{words}”", rows)


class Field(Part):
    @property
    def sent_as(self) -> str:
        """The name it is sent under."""
        return self.attribute("name")

    @property
    def label(self) -> str:
        """What the field is called."""
        labels = inside(Part, self.whole, f'label[for="{self.attribute("id")}"]')
        above = self.node.parent
        while not labels and above is not None:
            labels, above = [Part(above)] if above.tag == "label" else [], above.parent
        return labels[0].own_words if labels else self.attribute("aria-label")

    @property
    def value(self) -> str:
        """What would be sent of it."""
        if self.node.tag == "textarea":
            return self.node.text()
        if self.node.tag == "select":
            chosen = self.chosen or self.options[:1]
            return chosen[0] if chosen else ""
        return self.attribute("value") or ("on" if self.is_box else "")

    @property
    def is_box(self) -> bool:
        return self.attribute("type") in {"checkbox", "radio"}

    @property
    def is_on(self) -> bool:
        """Whether a box is ticked or chosen."""
        return self.has("checked")

    @property
    def options(self) -> list[str]:
        """The values one can choose from."""
        return [_value(option) for option in inside(Part, self, "option:not([disabled])")]

    def option(self, value: str) -> Part:
        """The option of a value, also one that can't be chosen."""
        options = inside(Part, self, "option")
        return the_one([option for option in options if _value(option) == value], f"option {value}", options)

    @property
    def chosen(self) -> list[str]:
        """The values that are chosen on purpose."""
        return [_value(option) for option in inside(Part, self, "option[selected]")]

    @property
    def said(self) -> str:
        """What is said at it, errors and notes; empty without any. What explains it is part of `described` alone."""
        return tidy(
            " ".join(part.text for part in self._described_by if part.attribute("id").endswith(("err", "error")))
        )

    @property
    def described(self) -> str:
        """All that a screen reader adds to its label."""
        return tidy(" ".join(part.text for part in self._described_by))

    @property
    def _described_by(self) -> list[Element]:
        return self.referred_to_by("aria-describedby")


class Form(Part):
    @property
    def address(self) -> str:
        return self.attribute("action")

    @property
    def values(self) -> dict[str, str]:
        """What a browser would send of it, by the fields' names, without its buttons and Django's token."""
        sent = [field for field in self.fields() if field.sent_as and (field.is_on or not field.is_box)]
        return {field.sent_as: field.value for field in sent if field.sent_as != "csrfmiddlewaretoken"}


def read(answer: HttpResponseBase | str) -> Page:
    """The page in an answer, or in HTML."""
    source = answer if isinstance(answer, str) else answer.getvalue().decode()
    root = LexborHTMLParser(source).root
    assert root is not None
    return Page(root, source)


def _by_role(kind: type[P], part: Part, role: str, name: str = "") -> list[P]:
    """The elements of a role with this in their names; with exactly this, if there are any."""
    found = inside(kind, part, ROLES[role])
    if not name:
        return found
    found = [each for each in found if name in each.name]
    return [each for each in found if each.name == name] or found


def _value(option: Part) -> str:
    return option.attribute("value") if option.has("value") else option.text
