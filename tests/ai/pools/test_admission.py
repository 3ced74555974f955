from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from cartoon_avatar.ai.errors import AiBusy
from cartoon_avatar.ai.pools.admission import Line, OnPosition, Places


def test_each_in_a_line_is_notified_when_it_moves_up() -> None:
    line, told = Line(), {name: [] for name in "abc"}
    waits = {name: line.waiting(told[name].append) for name in told}
    for wait in waits.values():
        wait.__enter__()
    waits["b"].__exit__(None, None, None)
    waits["a"].__exit__(None, None, None)
    assert told == {"a": [1], "b": [2], "c": [3, 2, 1]}
    assert len(line) == 1
    assert line.oldest_s() > 0


@asynccontextmanager
async def drawing(places: Places, on_position: OnPosition | None = None) -> AsyncIterator[None]:
    with places.place():
        async with places.turn(on_position):
            yield


async def hold(places: Places, begun: asyncio.Event, end: asyncio.Event) -> None:
    async with drawing(places):
        begun.set()
        await end.wait()


async def test_an_engine_has_so_many_at_once_so_many_wait_and_more_are_refused() -> None:
    places = Places(at_once=1, queue=1, expected_s=20, wait_s=60)
    begun, end = asyncio.Event(), asyncio.Event()
    first = asyncio.create_task(hold(places, begun, end))
    await begun.wait()
    told: list[int] = []

    async def second() -> None:
        async with drawing(places, told.append):
            pass

    waiting = asyncio.create_task(second())
    while not told:  # noqa: ASYNC110 (no event tells)
        await asyncio.sleep(0)
    with pytest.raises(AiBusy) as busy, places.place():
        pass
    assert busy.value.retry_after_s == 40

    end.set()
    await asyncio.gather(first, waiting)
    assert told == [1]
    assert (places.taken, len(places.line)) == (0, 0)


async def test_who_waits_too_long_or_leaves_gives_the_place_back() -> None:
    places = Places(at_once=1, queue=5, expected_s=1, wait_s=0.01)
    begun, end = asyncio.Event(), asyncio.Event()
    first = asyncio.create_task(hold(places, begun, end))
    await begun.wait()
    with pytest.raises(AiBusy):
        async with drawing(places):
            pass
    assert places.taken == 1
    first.cancel()
    await asyncio.wait([first])
    assert places.taken == 0
    async with drawing(places):
        pass
