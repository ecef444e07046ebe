"""How pages hold at their edges: on paper, at twice the size, on a very wide screen; rows that open, and words that
stay whole."""

import re

from playwright.sync_api import Page, expect

from tests.journey.browsing import MARKS, Windows
from tests.journey.conftest import Person, Running, until
from tests.journey.test_browser_barriers import barriers

pytestmark = MARKS
REGIONS = ("eu-west-1", "eu-central-1", "us-west-2", "sa-east-1")
# The lines that an element's words take.
LINES = """element => { const tops = new Set(); const range = document.createRange(); range.selectNodeContents(element);
  for (const box of range.getClientRects()) if (box.width > 1) tops.add(Math.round(box.top / 4)); return tops.size }"""


def asked(running: Running, name: str, *to: str) -> int:
    """A request to several Regions, approved and done; returns its number."""
    requester, approver = Person(running.url, "requester"), Person(running.url, "approver")
    places = {f"destinations-{row}-DestinationRegion": region for row, region in enumerate(to)}
    number = requester.submit(Name=name, reason="PLAT-1: week 47 image", **places)
    approver.approve(number)
    assert until(lambda: 'data-state="COMPLETED"' in requester.get(f"/requests/{number}/"), seconds=60)
    return number


def height(page: Page, selector: str) -> float:
    box = page.locator(selector).first.bounding_box()
    assert box
    return box["height"]


def test_a_destination_is_a_row_that_opens_by_a_link(windows: Windows, running: Running) -> None:
    number = asked(running, "rows-golden", *REGIONS)
    for width, tallest in ((1920, 64), (1280, 130), (390, 175)):
        window = windows("requester", viewport={"width": width, "height": 900})
        page = window.page
        page.goto(f"/requests/{number}/")
        rows = page.locator(".destinations tbody")
        expect(rows).to_have_count(len(REGIONS))
        assert [rows.nth(at).locator(".sub.mono").first.inner_text() for at in range(4)] == list(REGIONS)
        for at in range(len(REGIONS)):
            box = rows.nth(at).bounding_box()
            assert box
            assert box["height"] <= tallest, (width, box)
            assert rows.nth(at).locator(".of-ami .mono").first.evaluate(LINES) == 1, width
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        page.get_by_role("link", name="US West (Oregon)").click()
        expect(page).to_have_url(re.compile(r"\?open=us-west-2#copy-\d+$"))
        expect(page.get_by_role("link", name="US West (Oregon)")).to_have_attribute("aria-expanded", "true")
        expect(page.get_by_role("link", name="Record of this copy")).to_have_count(1)
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_what_was_found_comes_before_the_map_while_somebody_decides(windows: Windows, running: Running) -> None:
    places = {f"destinations-{row}-DestinationRegion": region for row, region in enumerate(REGIONS[:2])}
    waiting = Person(running.url, "requester").submit(Name="order-golden", reason="PLAT-1: week 47 image", **places)
    done = asked(running, "order-done-golden", *REGIONS[:2])
    page = windows("approver").page
    for width in (1920, 1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        for number, first, second in ((waiting, "#found", "#charts"), (done, "#charts", "#found")):
            page.goto(f"/requests/{number}/")
            tops = [page.locator(each).evaluate("each => each.getBoundingClientRect().top") for each in (first, second)]
            assert tops[0] < tops[1], (width, first, tops)


def test_rows_open_without_any_script(windows: Windows, running: Running) -> None:
    number = asked(running, "plain-golden", *REGIONS[:2])
    page = windows("requester", java_script_enabled=False).page
    page.goto(f"/requests/{number}/")
    page.get_by_role("link", name="Europe (Frankfurt)").click()
    expect(page.get_by_text("2 snapshots")).to_be_visible()
    page.get_by_role("link", name="Record of this copy").click()
    expect(page.locator(".answer")).to_contain_text("Asked by requester, approved by approver, sent once by amicopy")


def test_records_have_no_barrier_and_show_bars_and_map(windows: Windows, running: Running) -> None:
    number = asked(running, "record-golden", *REGIONS)
    page = windows("auditor").page
    for place in (f"/requests/{number}/copies/eu-west-1/", f"/requests/{number}/", "/audit/?q=record-golden"):
        page.goto(place)
        assert barriers(page, place) == []
    page.goto(f"/requests/{number}/")
    assert page.locator(".gantt rect.done").count() == len(REGIONS)
    world = page.locator("svg.world")
    expect(world).to_have_attribute("aria-label", re.compile("From us-east-1 to 4 destinations: 4 available"))
    assert world.locator("[tabindex], a").count() == 0
    assert page.locator(".lanes li").count() == len(REGIONS)


def test_paper_has_the_whole_timeline(windows: Windows, running: Running) -> None:
    number = asked(running, "paper-golden", *REGIONS, "ap-southeast-2", "eu-west-2", "ap-northeast-1")
    page = windows("requester").page
    page.goto(f"/requests/{number}/")
    listed = page.locator(".timeline .what").count()
    assert listed > 14
    page.emulate_media(media="print")
    panel = page.locator(".history .panel-body")
    assert panel.evaluate("element => element.scrollHeight - element.clientHeight") <= 1
    seen = page.evaluate(
        """[...document.querySelectorAll(".timeline > li")].filter(each => {
          const own = each.getBoundingClientRect(), box = each.closest(".panel").getBoundingClientRect();
          return own.height > 0 && own.bottom <= box.bottom + 1;
        }).length"""
    )
    assert seen == listed
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_figures_stand_four_in_a_row_or_two_and_two(windows: Windows) -> None:
    page = windows("approver").page
    # 1280 px enlarged to 200 % are 640; with the menu beside the page there is as little room at 920.
    for width in (390, 640, 760, 920, 1000, 1280, 2560):
        page.set_viewport_size({"width": width, "height": 900})
        page.goto("/")
        tops = page.evaluate("[...document.querySelectorAll('.tiles > *')].map(each => each.offsetTop)")
        assert len(tops) == 4
        assert sorted(tops.count(top) for top in set(tops)) in ([4], [2, 2]), (width, tops)


def test_prose_stays_readable_on_a_very_wide_screen(windows: Windows, running: Running) -> None:
    number = asked(running, "wide-golden", *REGIONS[:2])
    page = windows("admin", viewport={"width": 2560, "height": 1300}).page
    places = ("/freezes/", "/rules/", "/accounts/1/", "/help/", "/requests/new/", f"/requests/{number}/")
    for place in (*places, f"/requests/{number}/copies/eu-west-1/"):
        page.goto(place)
        long = page.evaluate(
            """[...document.querySelectorAll("main p")].filter(each => {
              const range = document.createRange(); range.selectNodeContents(each);
              const size = parseFloat(getComputedStyle(each).fontSize);
              return each.children.length < 3 && each.innerText.length > 120
                && range.getBoundingClientRect().width > 52 * size;
            }).map(each => each.innerText)"""
        )
        assert long == [], place


def test_all_parts_of_a_page_begin_at_one_edge(windows: Windows) -> None:
    page = windows("admin", viewport={"width": 2560, "height": 1300}).page
    lists = (
        "/budgets/",
        "/rules/",
        "/freezes/",
        "/people/",
        "/people/services/",
        "/changes/",
        "/accounts/",
        "/requests/",
    )
    for place in (*lists, "/leftovers/", "/messages/", "/webhooks/new/", "/freezes/new/", "/accounts/1/edit/"):
        page.goto(place)
        edges = page.evaluate(
            """[...document.querySelectorAll("main > :not(.visually-hidden)")].filter(each => each.offsetHeight)
              .map(each => Math.round(each.getBoundingClientRect().left))"""
        )
        assert len(set(edges)) == 1, (place, edges)


def test_words_that_belong_together_stay_together(windows: Windows) -> None:
    page = windows("requester", viewport={"width": 1280, "height": 900}).page
    page.goto("/requests/new/")
    page.locator("[name=SourceRegion]").select_option("us-east-1")
    page.locator("[name=SourceImageId]").fill("ami-0a7f3c92d41be6058")
    page.locator("[name=Name]").fill("words-golden")
    page.locator("[name=destinations-0-DestinationRegion]").select_option("eu-west-1")
    value = page.locator(".cmd .value", has_text=re.compile("^ami-0a7f3c92d41be6058$"))
    expect(value).to_be_visible()
    assert value.evaluate(LINES) == 1
    button = page.get_by_role("button", name="Check permissions")
    assert button.evaluate(LINES) == 1


def test_long_tags_are_broken_into_lines_and_not_into_letters(windows: Windows, running: Running) -> None:
    number = asked(running, "tags-golden", "eu-west-1")
    page = windows("auditor", viewport={"width": 390, "height": 900}).page
    page.goto(f"/requests/{number}/copies/eu-west-1/")
    for tag in page.locator(".params .tag, .kv .tag").all():
        assert tag.evaluate(LINES) <= 5, tag.inner_text()
        on = tag.locator(".muted")
        if on.count():
            assert on.evaluate(LINES) == 1


def test_names_of_teams_and_roles_stay_in_one_piece(windows: Windows, running: Running) -> None:
    admin = Person(running.url, "admin")
    path, _ = admin.post("/people/teams/", name="platform", description="Builds the images of the week")
    admin.post(f"{path}join/", page=admin.get(path), username="requester")
    page = windows("admin").page
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto("/people/")
    assert page.get_by_role("row", name="requester").get_by_role("link", name="platform").evaluate(LINES) == 1
    page.goto("/people/teams/")
    owners = page.get_by_role("row", name="platform").get_by_role("cell").last
    expect(owners).to_have_text("administrators")
    assert owners.evaluate(LINES) == 1


def test_the_freeze_form_has_a_label_in_words_above_each_field(windows: Windows) -> None:
    page = windows("admin").page
    for width in (390, 1280, 2560):
        page.set_viewport_size({"width": width, "height": 900})
        page.goto("/freezes/new/")
        fields = page.locator("main form .field")
        expect(fields).to_have_count(5)
        said, tops = [], []
        for field in fields.all():
            label, given = field.locator("label"), field.locator("input, select")
            words, box = label.bounding_box(), given.bounding_box()
            assert words
            assert box
            said.append(label.inner_text())
            tops.append(box["y"])
            assert label.evaluate(LINES) == 1, (width, said)
            assert words["x"] == box["x"], (width, said, words, box)
            assert words["y"] + words["height"] <= box["y"] <= words["y"] + words["height"] + 70, (width, said)
            assert given.evaluate("each => each.labels.length") == 1
        assert said == ["Name", "Starts", "Ends", "Account optional", "Destination Region optional"]
        # Beginning and end are one line where there is room.
        assert (tops[1] == tops[2]) is (width > 390)


def test_inputs_stay_in_their_columns_and_numbers_beside_their_headings(windows: Windows) -> None:
    page = windows("requester").page
    fields = (
        "account=sandbox&SourceRegion=us-east-1&SourceImageId=ami-0a7f3c92d41be6058&ImageDeprecation-DaysAfterCopy=90"
    )
    regions = "&".join(f"DestinationRegion={region}" for region in (*REGIONS, "ap-southeast-2", "eu-west-2"))
    page.goto(f"/requests/new/?{fields}&{regions}&TagSpecifications=team%3Dplatform")
    expect(page.locator(".after-step").first).to_be_visible()
    for width in (390, 1280, 1920, 2560):
        page.set_viewport_size({"width": width, "height": 900})
        wider = page.evaluate(
            """[...document.querySelectorAll(".after-step .field")].filter(each => {
              const input = each.querySelector("input, textarea, select");
              return input.getBoundingClientRect().right > each.getBoundingClientRect().right + 1;
            }).map(each => each.innerText)"""
        )
        assert wider == [], width
        apart = page.evaluate(
            """[...document.querySelectorAll(".panel-head .step")].filter(each => {
              const own = each.getBoundingClientRect(), head = each.nextElementSibling.getBoundingClientRect();
              return own.height && Math.abs(own.top + own.height / 2 - head.top - head.height / 2) > 4;
            }).map(each => each.nextElementSibling.innerText)"""
        )
        assert apart == [], width
