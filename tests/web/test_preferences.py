"""What a person chose for this browser."""

import pytest
from django.test import Client

from tests.web.conftest import SignedIn
from tests.web.page import read

pytestmark = pytest.mark.django_db


def zone_of(client: Client) -> str:
    """The zone that counts as the browser's, in words of the first option."""
    words = read(client.get("/settings/")).field("Time zone").option("").text
    return words.partition("Like this browser (")[2].partition(")")[0]


def test_times_are_in_the_browsers_zone_unless_another_is_chosen(signed_in: SignedIn) -> None:
    client = signed_in("requester")
    assert zone_of(client) == "UTC"
    client.cookies["browser-time-zone"] = "Europe/Berlin"
    assert zone_of(client) == "Europe/Berlin"
    client.post("/settings/", {"time-zone": "UTC", "shortcuts": "on"})
    assert read(client.get("/settings/")).field("Time zone").value == "UTC"
    client.post("/settings/", {"time-zone": "", "shortcuts": "on"})
    assert zone_of(client) == "Europe/Berlin"


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../etc/passwd", "", "UTC0"])
def test_a_zone_nobody_knows_counts_as_none(signed_in: SignedIn, zone: str) -> None:
    client = signed_in("requester")
    client.cookies["browser-time-zone"] = zone
    assert zone_of(client) == "UTC"
