"""Templates people can read: an element to a line, what recurs in components, and nothing decided in them."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

FOLDER = Path(settings.BASE_DIR) / "templates"
COMPONENTS = FOLDER / settings.COTTON_DIR
FILES = sorted([*FOLDER.rglob("*.html"), *FOLDER.rglob("*.svg")])
LONGEST = 120
BLOCKS = (
    *("article", "aside", "body", "dd", "details", "div", "dl", "dt", "fieldset", "form", "h1", "h2", "h3", "h4"),
    *("head", "header", "legend", "li", "main", "nav", "ol", "p", "pre", "section", "select", "summary", "table"),
    *("tbody", "td", "th", "thead", "tr", "ul"),
)
OPENED = re.compile(rf"<(?:{'|'.join(BLOCKS)})(?=[\s>])")
# What a class makes of an element, and the component that is the one place to say so.
OF_COMPONENTS = {
    "btn": ("button.html", "link_button.html"),
    "callout": ("callout.html",),
    "check": ("check.html", "input.html"),
    "clip": ("copy_button.html",),
    "crumbs": ("crumbs/index.html",),
    "empty": ("empty.html",),
    "error": ("error.html",),
    "errors": ("errors.html", "error_box.html"),
    "field": ("field.html", "fieldset.html", "input.html"),
    "flash": ("alert.html",),
    "kv": ("kv/index.html",),
    "more": ("more.html",),
    "note": ("note.html",),
    "page-head": ("page_head.html",),
    "pager": ("pager.html",),
    "panel": ("panel.html",),
    "panel-head": ("panel.html",),
    "search": ("filters/search.html",),
    "status": ("status.html",),
    "views": ("tabs/index.html",),
    "warnlist": ("warnings.html",),
}
# Where such a class stands on an element that its component can't be, and why.
EXCEPTIONS = {
    ("_components/ask.html", "btn"): "the button is the summary of what it opens",
    ("_components/ask.html", "callout"): "the callout is the form that is sent",
    ("_dashboard.html", "page-head"): "what keeps the page current stands at its end, and is no action",
    ("system/_system.html", "page-head"): "what keeps the page current stands at its end, and is no action",
    ("requests/_overall.html", "status"): "a link to the first copy in that state",
    ("requests/list.html", "more"): "a disclosure within the filter bar, whose arrow is the bar's own icon",
    ("requests/new/_check.html", "callout"): "its title names it, and is no heading between the form's",
    ("requests/new/_tag_rows.html", "field"): "a group of inputs, which has a name but no label",
    ("rules/_requirements.html", "field"): "a group of rows, named by the panel",
}


def name_of(path: Path) -> str:
    return str(path.relative_to(FOLDER))


def without_comments(text: str) -> str:
    return re.sub(r"{#.*?#}|{% comment.*?endcomment %}", "", text, flags=re.DOTALL)


def classes(text: str) -> Iterator[str]:
    """Every class that is written out, on elements only: what is handed to a component is its business."""
    static = re.sub(r"{%.*?%}|{{.*?}}", " ", without_comments(text))
    for tag in re.finditer(r"<(?!c-)[^<>]*?\bclass=\"([^\"]*)\"", static):
        yield from tag[1].split()


def component(name: str) -> Path:
    """The file of `<c-name>`."""
    path = COMPONENTS / (name.replace(".", "/").replace("-", "_") + ".html")
    return path if path.exists() else path.with_suffix("") / "index.html"


def used(text: str) -> set[str]:
    return set(re.findall(r"<c-([a-z][a-z.-]*)", without_comments(text))) - {"vars", "slot"}


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_line_is_short_and_opens_one_element(path: Path) -> None:
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        assert len(line) <= LONGEST, f"line {number}"
        assert len(OPENED.findall(line)) <= 1, f"line {number}: {line.strip()}"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_templates_decide_nothing_about_permissions_or_states(path: Path) -> None:
    assert re.findall(r"\bperms\.|\.state (?:==|!=|in|not in)\b.*?%}", path.read_text()) == []


def test_every_component_is_used_and_there() -> None:
    everywhere = {name for path in FILES for name in used(path.read_text())}
    assert {component(name) for name in everywhere} == set(COMPONENTS.rglob("*.html"))


@pytest.mark.parametrize("path", sorted(COMPONENTS.rglob("*.html")), ids=name_of)
def test_every_component_begins_with_what_it_is(path: Path) -> None:
    text = path.read_text()
    assert text.startswith("{# ")
    said = " ".join(re.findall(r"{#.*?#}", text))
    declared = re.search(r"<c-vars(.*?)/>", text, re.DOTALL)
    names = re.findall(r"(?:^|\s):?([a-z_]+)(?==|\s|$)", declared[1]) if declared else []
    assert [name for name in names if name not in said] == [], "parameters that nothing is said about"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_what_is_a_component_is_written_out_nowhere_else(path: Path) -> None:
    found = {
        (name_of(path), each)
        for each in classes(path.read_text())
        if each in OF_COMPONENTS and path not in {COMPONENTS / name for name in OF_COMPONENTS[each]}
    }
    assert found - EXCEPTIONS.keys() == set()


def test_every_exception_is_still_one() -> None:
    there = {(name_of(path), each) for path in FILES for each in classes(path.read_text())}
    assert EXCEPTIONS.keys() - there == set()


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_values_are_handed_over_only_as_declared_parameters(path: Path) -> None:
    """A component writes its other attributes as they come: what somebody typed would not be escaped there."""
    for name, attributes in re.findall(
        r"<c-(?!vars|slot)([a-z.-]+)((?:[^<>\"']|\"[^\"]*\"|'[^']*')*)>", path.read_text()
    ):
        declared = re.search(r"<c-vars(.*?)/>", component(name).read_text(), re.DOTALL)
        names = set(re.findall(r"[a-z_]+", declared[1])) if declared else set()
        handed = set(re.findall(r"(?:^|\s):([a-z_-]+)=", attributes)) - {"attrs"}
        assert handed <= names, f"<c-{name}>"
