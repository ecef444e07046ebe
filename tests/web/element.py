"""One element of a page: its words, its name, its attributes, and the elements inside of it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from selectolax.lexbor import LexborNode

# What holds no words for people, or those of a field, which are read from it.
UNREAD = {"script", "style", "template", "title", "textarea", "select", "datalist", "-comment"}
# What names an element whose own words don't: a part of it, or nothing but a label (no element is called "none").
NAMED_BY = {"table": "caption", "fieldset": "legend", "details": "summary"}
NAMED_BY |= dict.fromkeys(("section", "form", "dialog", "aside", "article", "div", "nav"), "none")
E = TypeVar("E", bound="Element")


@dataclass(frozen=True)
class Element:
    """An element, of which others are kinds."""

    node: LexborNode

    @property
    def text(self) -> str:
        """All words in it, on one line. What fields hold is read from `field`."""
        return tidy("".join(_words(self.node, named=False)))

    @property
    def name(self) -> str:
        """What a screen reader calls it: its label, or its words."""
        labels = " ".join(part.own_words for part in self.referred_to_by("aria-labelledby"))
        tag = self.node.tag or ""
        named_by = [self] if tag not in NAMED_BY else inside(Element, self, NAMED_BY[tag])[:1]
        words = "".join(part.own_words for part in named_by)
        return labels or self.attribute("aria-label") or words or self.attribute("title")

    @property
    def own_words(self) -> str:
        """Its words but for those that are for the eye only."""
        return tidy("".join(_words(self.node, named=True)))

    def referred_to_by(self, attribute: str) -> "list[Element]":
        """The elements whose ids an attribute lists."""
        return [part for id_ in self.attribute(attribute).split() for part in inside(Element, self.whole, of_id(id_))]

    @property
    def whole(self) -> "Element":
        """The page it is in."""
        root = self.node.parser.root
        assert root is not None
        return Element(root)

    def attribute(self, name: str) -> str:
        """An attribute's value; empty when it has none."""
        return self.node.attributes.get(name) or ""

    def has(self, name: str) -> bool:
        """Whether it has an attribute."""
        return name in self.node.attributes


def inside(kind: type[E], element: Element, selector: str) -> list[E]:
    """The elements inside another that fit a selector, in their order."""
    return [kind(node) for node in element.node.css(selector) if node.mem_id != element.node.mem_id]


def the_one(found: list[E], what: str, instead: Sequence[Element] = ()) -> E:
    """The only one of them; fails with what there is instead."""
    there = [each.name or each.attribute("name") or each.attribute("action") for each in instead]
    assert len(found) == 1, f"{len(found)} times {what}; there is {there}"
    return found[0]


def tidy(text: str) -> str:
    """Text on one line, with single spaces and none before punctuation."""
    return re.sub(r" (?=[.,:;!?)])", "", " ".join(text.split()))


def _words(node: LexborNode, *, named: bool) -> Iterator[str]:
    """The text in an element, piece by piece; `named`: without what is for the eye only."""
    for child in node.iter(include_text=True):
        if child.tag == "-text":
            yield child.text_content or ""
        elif child.tag not in UNREAD and not (named and child.attributes.get("aria-hidden") == "true"):
            # The bound of an element reads as a space: whether the template has one there is nobody's concern.
            yield from (" ", *_words(child, named=named), " ")


def of_id(id_: str) -> str:
    """The selector of an id, whatever characters it has."""
    return f'[id="{id_}"]'
