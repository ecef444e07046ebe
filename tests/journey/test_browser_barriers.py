"""Every page there is, found by its links: no barrier, no sideways scrolling, in both themes and at both widths."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from django.urls import Resolver404, resolve, reverse
from django.urls.resolvers import URLPattern
from playwright.sync_api import Page

from amicopy.urls import urlpatterns
from tests.journey.browsing import MARKS, Windows
from tests.journey.screens import THEMES, WIDTHS

pytestmark = MARKS
# As many pages of one kind are looked at: the first that links lead to.
OF_ONE_KIND = 2


def test_no_page_has_a_barrier_or_scrolls_sideways(windows: Windows) -> None:
    window = windows("admin")
    window.expected.append("404")
    page = window.page
    window.submit("axe-golden")
    todo, seen = ["/", *_without_arguments(), "/nothing/"], dict[str, int]()
    found: list[object] = []
    for place in todo:
        kind = _kind(place)
        if seen.get(kind, 0) >= OF_ONE_KIND:
            continue
        answer = page.request.get(place)
        assert answer.status < 500, place
        # What isn't a page: files, addresses that only take a POST, and parts of pages, which are looked at in these.
        if answer.status == 405 or not answer.body().lstrip().lower().startswith(b"<!doctype html>"):
            continue
        page.goto(place)
        seen[kind] = seen.get(kind, 0) + 1
        found += barriers(page, place)
        todo += _links(page)
    assert not found, "\n".join(map(str, found))
    assert {"dashboard", "request", "audit-event", "approvals", "request-evidence"} <= seen.keys()


def test_the_way_in_has_no_barrier(windows: Windows) -> None:
    window = windows("")
    assert window.page.goto("/sign-in/")
    assert barriers(window.page, "/sign-in/") == []


def barriers(page: Page, place: str) -> list[object]:
    found: list[object] = []
    for theme in THEMES:
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]  # one of the two
        for width, height in WIDTHS.items():
            page.set_viewport_size({"width": width, "height": height})
            where = f"{place} {width} {theme}"
            for rule in Axe().run(page).response["violations"]:
                found += [(where, rule["id"], node["html"][:160]) for node in rule["nodes"]]
            too_wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            if too_wide > 0:
                found.append((where, "scrolls sideways", too_wide))
    return found


def _without_arguments() -> Iterator[str]:
    for pattern in urlpatterns:
        if isinstance(pattern, URLPattern) and not pattern.pattern.converters:
            yield reverse(str(pattern.name))


def _kind(place: str) -> str:
    try:
        return str(resolve(urlsplit(place).path).url_name)
    except Resolver404:
        return ""


def _links(page: Page) -> list[str]:
    """The addresses of this site that the page links to, without their fragments."""
    links: list[str] = page.evaluate("[...document.links].filter(a => a.origin === location.origin).map(a => a.href)")
    paths = [urlsplit(link)._replace(scheme="", netloc="", fragment="").geturl() for link in links]
    return [path for path in dict.fromkeys(paths) if _kind(path)]
