"""When more is asked for than the AI service can do: refused at once, and nobody starves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import httpx
import pytest

from tests.backend.conftest import FakeAi, Handler, Service, Start, problem
from tests.patience import PATIENCE_S

PLACES = 4


class SmallAi(FakeAi):
    """An AI service of four places; its drawings end when told, and well unless told otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self.at_work = 0
        self.end = asyncio.Semaphore(0)
        self.ending: Handler = FakeAi().generate_cartoon
        self.handlers["/generate-cartoon"] = self.draw

    async def draw(self, request: httpx.Request) -> httpx.Response:
        if self.at_work == PLACES:
            return problem(503, "ai_busy", **{"retry-after": "3"})(request)
        self.at_work += 1
        try:
            await self.end.acquire()
        finally:
            self.at_work -= 1
        return self.ending(request)


@pytest.fixture
async def full(start: Start) -> AsyncIterator[tuple[Service, list[asyncio.Task]]]:
    """A service whose places one phone has taken, and that has heard so."""
    ai = SmallAi()
    async with start(ai=ai, cors_origins=["https://app.example"]) as service:
        greedy = service.another_phone("greedy")
        drawings = [asyncio.create_task(greedy.upload()) for _ in range(PLACES)]
        async with asyncio.timeout(PATIENCE_S):
            while ai.at_work < PLACES:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert (await greedy.upload()).headers["retry-after"] == "3"
        yield service, drawings
        for _ in drawings:
            ai.end.release()
        await asyncio.gather(*drawings, return_exceptions=True)


async def test_what_is_in_vain_is_refused_before_the_photo_is_read(full):
    service, _ = full
    asked = len(service.ai.requests)

    refused = await service.phone.post(
        "/api/upload",
        content=b"not read, or the response would be that this is no form",
        headers={"Content-Type": "multipart/form-data; boundary=b"},
    )

    assert (refused.status_code, refused.json()["code"]) == (503, "ai_unavailable")
    assert refused.headers["retry-after"] == "3"
    assert len(service.ai.requests) == asked


async def test_a_refused_upload_is_answered_counted_and_read_by_pages_as_any_other(full):
    service, _ = full

    refused = await service.phone.post("/api/upload", headers={"Origin": "https://app.example"})
    two = await service.phone.post("/api/upload?deviceId=another")

    assert refused.status_code == 503
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.headers["cache-control"] == "no-store"
    assert refused.headers["x-request-id"] == refused.json()["requestId"]
    assert refused.headers["access-control-allow-origin"] == "https://app.example"
    assert (two.status_code, two.json()["code"]) == (400, "invalid_device_id")
    counted = (await service.http.get("/metrics")).text
    # One more than here: the one that told how many places there are.
    assert 'requests_total{method="POST",route="/api/upload",status="503"} 2.0' in counted
    assert 'requests_total{method="POST",route="/api/upload",status="400"} 1.0' in counted


async def test_a_place_that_gets_free_goes_to_who_has_none(full):
    service, drawings = full
    modest, greedy = service.another_phone("modest"), service.another_phone("greedy")
    assert (await modest.upload()).status_code == 503
    service.ai.end.release()
    await asyncio.wait(drawings, return_when=asyncio.FIRST_COMPLETED)

    assert (await greedy.upload()).status_code == 503
    mine = asyncio.create_task(modest.upload())

    for _ in range(PLACES):
        service.ai.end.release()
    assert (await mine).status_code == 201


def _cut_off(request: httpx.Request) -> httpx.Response:
    raise aiohttp.ClientConnectionError("cut off")


@pytest.mark.parametrize(
    ("ending", "heard"),
    [(_cut_off, 503), (problem(500, "generation_failed"), 500), (None, None)],
    ids=["AI service cut off", "AI service failed", "client gone"],
)
async def test_a_place_is_free_again_however_its_request_ended(full, ending, heard):
    service, drawings = full
    modest = service.another_phone("modest")
    if ending is None:
        drawings[0].cancel()
    else:
        service.ai.ending = ending
        service.ai.end.release()
    ended, _ = await asyncio.wait(drawings, return_when=asyncio.FIRST_COMPLETED)
    assert heard is None or [task.result().status_code for task in ended] == [heard]
    service.ai.ending = FakeAi().generate_cartoon

    mine = asyncio.create_task(modest.upload())

    for _ in range(PLACES):
        service.ai.end.release()
    assert (await mine).status_code == 201


async def test_what_needs_no_place_is_answered_all_the_same(start):
    ai = SmallAi()
    async with start(ai=ai) as service:
        ai.end.release()
        uploaded = (await service.phone.upload()).json()
        path = f"/api/download/{uploaded['cartoon']['id']}"
        face = (await service.phone.post(path)).json()
        drawings = [asyncio.create_task(service.phone.upload()) for _ in range(PLACES + 1)]
        await asyncio.wait(drawings, return_when=asyncio.FIRST_COMPLETED)  # one was refused
        refused = await service.phone.post(f"/api/regenerate/{uploaded['original']['id']}")

        again = await service.phone.post(path)
        listed = await service.phone.get("/api/originals")

        assert refused.status_code == 503
        assert (again.status_code, again.json()["face"]["id"]) == (200, face["face"]["id"])
        assert listed.status_code == 200
        for _ in drawings:
            ai.end.release()
        await asyncio.gather(*drawings)


async def test_a_refused_regeneration_does_not_spend_its_turn_in_the_styles(full):
    service, drawings = full
    for _ in range(PLACES):
        service.ai.end.release()
    uploaded = [(await drawing).json() for drawing in drawings]
    greedy = service.another_phone("greedy")
    path = f"/api/regenerate/{uploaded[0]['original']['id']}"
    more = [asyncio.create_task(greedy.upload()) for _ in range(PLACES + 1)]
    await asyncio.wait(more, return_when=asyncio.FIRST_COMPLETED)

    assert (await greedy.post(path)).status_code == 503
    for _ in range(PLACES + 1):
        service.ai.end.release()
    await asyncio.gather(*more)

    assert (await greedy.post(path)).json()["cartoon"]["style"] == "anime"


async def test_what_was_accepted_is_answered_and_then_everything_is_as_before(full):
    service, drawings = full
    for _ in range(2 * PLACES):
        service.ai.end.release()

    assert [response.status_code for response in await asyncio.gather(*drawings)] == [201] * PLACES
    responses = await asyncio.gather(*(service.phone.upload() for _ in range(PLACES)))
    assert 201 in {response.status_code for response in responses}
    service.ai.end.release()
    assert (await service.phone.upload()).status_code == 201
