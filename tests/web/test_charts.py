"""Bars: their scale and size, and what the dashboard draws of the copies that arrived."""

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from django.test import Client
from django.utils import timezone

from amicopy.copies.core.models import ImageCopy
from amicopy.web.charts import BOTTOM, EDGE, LEFT, RIGHT, TOP, WIDEST, Bar, bars
from amicopy.web.views.dashboard import DAYS
from tests.copies.conftest import Submit, make_call, make_person
from tests.copies.conftest import approver as approver
from tests.copies.conftest import requester as requester
from tests.copies.conftest import submit as submit
from tests.web.conftest import SignedIn
from tests.web.page import Part, read

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def drawn(*values: float) -> list[tuple[float, float]]:
    """Where each of these bars begins from above, and how high it is."""
    return [(each.y, each.height) for each in bars([Bar(value, "") for value in values]).drawn]


@pytest.mark.parametrize(
    ("most", "ticks"),
    [
        (0, ["0", "1", "2"]),
        (2, ["0", "1", "2"]),
        (2.1, ["0", "2", "4"]),
        (5, ["0", "3", "6"]),
        (7, ["0", "5", "10"]),
        (13, ["0", "10", "20"]),
        (99, ["0", "50", "100"]),
        (601, ["0", "500", "1,000"]),
    ],
)
def test_the_scale_ends_at_the_next_round_number(most: float, ticks: list[str]) -> None:
    chart = bars([Bar(most, "most"), Bar(most / 3, "less")])
    assert [words for words, _, _ in chart.ticks] == ticks
    assert [y for _, y, _ in chart.ticks] == [BOTTOM, (TOP + BOTTOM) / 2, TOP]


def test_a_bar_is_as_high_as_its_value_and_stands_on_the_ground() -> None:
    height = BOTTOM - TOP
    assert drawn(20, 5) == [(TOP, height), (BOTTOM - height / 4, height / 4)]


def test_next_to_nothing_is_seen_and_nothing_is_not() -> None:
    assert [height for _, height in drawn(1000, 0.01, 0)] == [BOTTOM - TOP, 1.5, 0]


@pytest.mark.parametrize("number", [1, 2, 14, 60])
@pytest.mark.parametrize(("with_median", "end"), [(False, EDGE), (True, RIGHT)])
def test_bars_stand_side_by_side_within_the_chart(number: int, with_median: bool, end: float) -> None:
    chart = bars([Bar(1, "")] * number, with_median=with_median)
    assert len(chart.drawn) == number
    assert all(0 < each.width <= WIDEST for each in chart.drawn)
    edges = [edge for each in chart.drawn for edge in (each.x, each.x + each.width)]
    assert edges == sorted(edges)
    assert edges[0] >= LEFT
    assert edges[-1] <= end == chart.right


def test_the_median_is_a_line_of_its_own_only_where_it_is_asked_for() -> None:
    values = [Bar(value, "") for value in (1, 4, 10)]
    assert bars(values).middle is None
    assert bars([], with_median=True).middle is None
    assert bars(values, with_median=True).middle == (
        "4",
        BOTTOM - (BOTTOM - TOP) * 0.4,
        BOTTOM - (BOTTOM - TOP) * 0.4 + 4,
    )


# --- the dashboard: GiB copied per day ---


@pytest.fixture
def noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is noon, so that no day ends while a test runs."""
    monkeypatch.setattr(timezone, "now", lambda: NOW)


NUMBERS = count(1)


def arrived(submit: Submit, when: datetime, gib: int, *, state: str = "AVAILABLE", **options: object) -> ImageCopy:
    """A copy that ended then."""
    copy = submit(make_call(Name=f"golden-{next(NUMBERS)}"), **options).copies.get()
    copy.state, copy.finished_at, copy.called_at = state, when, when - timedelta(minutes=5)
    copy.ImageId, copy.progress = f"ami-{copy.pk:017x}", 100
    copy.snapshots = [{"SnapshotId": "snap-1", "DeviceName": "/dev/xvda", "VolumeSize": gib, "Progress": 100}]
    copy.save()
    return copy


def volume(client: Client) -> Part:
    """The panel of the GiB copied per day."""
    return read(client.get("/")).region("GiB copied per day")


def rows(panel: Part) -> list[tuple[str, str]]:
    """The chart's table: each day in words, with its number."""
    return [(words, number) for table in panel.tables() for words, number in table.rows]


@pytest.mark.django_db
def test_each_day_has_a_bar_of_the_gib_that_arrived_on_it(noon: None, signed_in: SignedIn, submit: Submit) -> None:
    arrived(submit, NOW - timedelta(hours=1), 10)
    arrived(submit, NOW - timedelta(hours=11), 5)
    arrived(submit, NOW - timedelta(hours=13), 7)
    arrived(submit, NOW - timedelta(days=DAYS - 1), 3)
    arrived(submit, NOW - timedelta(days=DAYS), 100)
    arrived(submit, NOW - timedelta(hours=1), 100, state="FAILED")
    panel = volume(signed_in("requester"))
    found = dict(rows(panel))
    assert len(found) == DAYS
    assert {words: number for words, number in found.items() if number != "0"} == {
        "11 Nov: 3 GiB": "3",
        "23 Nov: 7 GiB": "7",
        "24 Nov: 15 GiB": "15",
    }
    assert f"GiB that arrived on each of the last {DAYS} days: 25 in all, at most 15" in panel.text
    assert [words for words, _ in rows(panel)][-1] == "24 Nov: 15 GiB"


@pytest.mark.django_db
def test_a_bar_is_drawn_with_the_words_of_its_day(noon: None, signed_in: SignedIn, submit: Submit) -> None:
    arrived(submit, NOW, 20)
    arrived(submit, NOW - timedelta(days=1), 5)
    rects = [(each.attribute("height"), each.title) for each in volume(signed_in("requester")).bars()]
    height = BOTTOM - TOP
    assert len(rects) == DAYS
    assert rects[-2:] == [(str(height / 4), "23 Nov: 5 GiB"), (str(height), "24 Nov: 20 GiB")]
    assert {float(each) for each, _ in rects[:-2]} == {0}


@pytest.mark.django_db
def test_a_bar_leads_to_the_requests_whose_copies_arrived_on_its_day(
    noon: None, signed_in: SignedIn, submit: Submit
) -> None:
    today, before = arrived(submit, NOW, 10), arrived(submit, NOW - timedelta(days=1), 5)
    client = signed_in("requester")
    links = volume(client).table().links()
    assert [link.name for link in links] == ["23 Nov: 5 GiB", "24 Nov: 10 GiB"]
    page = read(client.get(links[1].address))
    assert page.links(today.request.Name)
    assert before.request.Name not in page.source


@pytest.mark.django_db
def test_a_day_is_one_of_the_persons_time_zone(noon: None, signed_in: SignedIn, submit: Submit) -> None:
    arrived(submit, datetime(2026, 11, 23, 20, 0, tzinfo=UTC), 10)
    client = signed_in("requester")
    assert ("23 Nov: 10 GiB", "10") in rows(volume(client))
    client.cookies["time-zone"] = "Asia/Tokyo"
    assert ("24 Nov: 10 GiB", "10") in rows(volume(client))


@pytest.mark.django_db
def test_what_the_person_may_not_see_is_in_no_bar(noon: None, signed_in: SignedIn, submit: Submit) -> None:
    arrived(submit, NOW, 10, by=make_person("requester-2", "requester"))
    client = signed_in("requester")
    assert "A bar for each day, once a copy has arrived." in volume(client).text
    assert rows(volume(client)) == []
    assert ("24 Nov: 10 GiB", "10") in rows(volume(signed_in("auditor")))
