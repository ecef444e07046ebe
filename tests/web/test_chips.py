"""Chips: the facts of a request in a few words."""

from pathlib import Path

from django.conf import settings

from amicopy.copies.voting import fact_table
from amicopy.web import chips


def test_every_fact_has_an_icon_that_is_there() -> None:
    assert set(chips.ICONS) == set(fact_table.BY_CODE)
    drawn = (Path(settings.BASE_DIR) / "static" / "icons.svg").read_text()
    assert all(f'id="i-{icon}"' in drawn for icon in chips.ICONS.values())
