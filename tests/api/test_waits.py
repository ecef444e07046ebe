"""Waiting for a change, as far as no server is needed: who is asked to hold an answer, and how many may wait."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest

from amicopy.api import waits
from amicopy.api.waits import HELD, POSSIBLE, WANTED, Wait, Waits, preferred
from amicopy.copies.core.models import CopyRequest
from tests.api.conftest import Programs
from tests.copies.conftest import Submit


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("wait=30", 30),
        ("respond-async, wait=10", 10),
        ('Wait="5"; x=1', 5),
        ("wait=9999999", 60),
        ("wait=0", 0),
        ("wait", 0),
        ("wait=-1", 0),
        ("wait=1.5", 0),
        ("wait=" + "9" * 5000, 0),
        ("wait=٣", 0),
        ("await=30", 0),
        ("", 0),
    ],
)
def test_a_preference_is_read_as_the_standard_has_it(header: str, seconds: int) -> None:
    assert preferred(header) == seconds


@pytest.mark.django_db
def test_a_server_that_cannot_hold_answers_at_once(program: Programs, submit: Submit) -> None:
    answer = program("requester").get(f"/requests/{submit().pk}/status", Prefer="wait=30")
    assert answer.status_code == 200
    assert "Preference-Applied" not in answer
    assert "Prefer" in answer["Vary"]


@pytest.mark.django_db
def test_a_server_that_can_is_asked_once(program: Programs, submit: Submit) -> None:
    row, caller = submit(), program("requester")
    path = f"/api/v1/requests/{row.pk}/status"
    headers = {"HTTP_AUTHORIZATION": f"Bearer {caller.token}", "HTTP_PREFER": "wait=30"}

    def asked(**more: Any) -> Any:
        return caller.client.get(path, **{**headers, POSSIBLE: True, **more}).wsgi_request.META.get(WANTED)

    version = CopyRequest.objects.get().version
    assert asked() == Wait(row.pk, version, 30)
    assert asked(HTTP_IF_NONE_MATCH=f'"{row.pk}.{version}"') == Wait(row.pk, version, 30)
    assert asked(HTTP_IF_NONE_MATCH=f'"{row.pk}.0"') is None, "it changed already"
    assert asked(**{POSSIBLE: False}) is None
    assert asked(**{HELD: 30}) is None
    CopyRequest.objects.update(state="REJECTED")
    assert asked() is None, "nothing more is to come"


async def _stays() -> None:
    await asyncio.get_running_loop().create_future()


def test_only_so_many_wait_and_all_are_let_go_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "MOST", 3)

    async def run() -> list[bool]:
        async def look(_versions: Any, numbers: set[int]) -> dict[int, int]:
            return dict.fromkeys(numbers, 1)

        held = Waits(look)
        tasks: list[Awaitable[bool]] = [
            asyncio.ensure_future(held.until_changed(Wait(number, 1, 60), _stays)) for number in range(3)
        ]
        await asyncio.sleep(0)
        assert not held.room
        held.end()
        told = await asyncio.gather(*tasks)
        assert not held.waiting
        assert not held.room, "nobody begins to wait any more"
        assert await held.until_changed(Wait(4, 1, 60), _stays), "nor does who was looked at meanwhile"
        return told

    assert asyncio.run(run()) == [True, True, True]
