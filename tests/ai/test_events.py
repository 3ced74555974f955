"""Progress and cancelling over a real socket: server-sent events before the picture."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import psutil
import pytest

from cartoon_avatar.ai.seeing.models import models_folder
from cartoon_avatar.contract import headers, paths
from cartoon_avatar.contract.media_types import EVENT_STREAM, PROBLEM_JSON
from tests.engines.ai_service import running_ai_service, stopped_worker

GENERATE, CUT = paths.GENERATE_CARTOON, paths.PROCESS_FACE_CUT
ACCEPT = {"Accept": EVENT_STREAM}
# Generous: the machine may have other work.
WITHIN_S = 240

Event = tuple[str, dict[str, Any]]


@pytest.fixture(scope="module")
def service() -> Iterator[tuple[psutil.Process, str]]:
    with running_ai_service(models_folder(None), AI_QUEUE="2") as (process, url, _):
        yield process, url


@pytest.fixture
async def client(service: tuple[psutil.Process, str]) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=service[1], timeout=WITHIN_S) as client:
        yield client


@asynccontextmanager
async def held_up(
    client: httpx.AsyncClient, service: tuple[psutil.Process, str]
) -> AsyncIterator[None]:
    """Nothing is drawn meanwhile, and nobody from before is being drawn or waits."""
    await until(client, "places_taken", 0)
    with stopped_worker(service[0]):
        yield


@asynccontextmanager
async def events(
    client: httpx.AsyncClient, path: str, **request: Any
) -> AsyncIterator[AsyncIterator[Event]]:
    async with client.stream("POST", path, headers=ACCEPT, **request) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].partition(";")[0] == EVENT_STREAM
        assert response.headers["cache-control"] == "no-store"
        assert response.headers[headers.REQUEST_ID]
        yield _events(response)


async def _events(response: httpx.Response) -> AsyncIterator[Event]:
    name = ""
    async for line in response.aiter_lines():
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield name, json.loads(value)


async def metric(client: httpx.AsyncClient, name: str) -> float:
    found = re.search(rf"^{name} (.*)$", (await client.get(paths.METRICS)).text, re.MULTILINE)
    assert found
    return float(found[1])


async def until(client: httpx.AsyncClient, name: str, value: float) -> None:
    async with asyncio.timeout(WITHIN_S):
        while await metric(client, name) != value:  # noqa: ASYNC110 (over HTTP)
            await asyncio.sleep(0.05)


async def test_a_drawing_tells_its_stages_and_ends_with_what_the_plain_response_is(
    client: httpx.AsyncClient, astronaut: bytes
) -> None:
    asked = {"seed": "7", "size": "256", "style": "painted", "thumbnail": "1"}
    plain = await client.post(GENERATE, files={"image": astronaut}, data=asked)
    async with events(client, GENERATE, files={"image": astronaut}, data=asked) as stream:
        *before, (name, result) = [event async for event in stream]

    assert {name for name, _ in before} == {"progress"}
    told = [(data["stage"], data["progress"]) for _, data in before]
    stages = list(dict.fromkeys(stage for stage, _ in told))
    assert stages[:3] == ["decode", "faces", "masks"]
    assert {"hair", "features", "encode"} < set(stages)
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0, 1)

    assert name == "result"
    assert result["mediaType"] == plain.headers["content-type"]
    assert base64.b64decode(result["image"]) == plain.content
    for header, value in result["headers"].items():
        if header != headers.SERVER_TIMING:
            assert plain.headers[header] == value
    assert {headers.STYLE, headers.SEED, headers.FACES, headers.THUMBNAIL_BYTES} < set(
        result["headers"]
    )


@pytest.mark.parametrize("style", ["ink", "comic", "watercolour"])
async def test_each_room_of_the_engine_tells_its_own_stages(
    client: httpx.AsyncClient, astronaut: bytes, style: str
) -> None:
    asked = {"size": "256", "style": style}
    async with events(client, GENERATE, files={"image": astronaut}, data=asked) as stream:
        *before, (name, _) = [event async for event in stream]
    assert name == "result"
    own = {"ink": "render", "comic": "ink", "watercolour": "medium"}[style]
    assert own in {data["stage"] for _, data in before}
    assert [data["progress"] for _, data in before][-1] == 1


async def test_a_head_and_an_svg_come_with_events_too(
    client: httpx.AsyncClient, astronaut: bytes
) -> None:
    async with events(client, CUT, files={"image": astronaut}, data={"size": "96"}) as stream:
        *before, (name, result) = [event async for event in stream]
    assert [data["stage"] for _, data in before] == ["decode", "cut", "encode", "encode"]
    assert (name, result["mediaType"]) == ("result", "image/png")

    asked = {"style": "ink", "format": "svg"}
    async with events(client, GENERATE, files={"image": astronaut}, data=asked) as stream:
        *_, (name, result) = [event async for event in stream]
    assert (name, result["mediaType"]) == ("result", "image/svg+xml")
    assert base64.b64decode(result["image"]).startswith(b"<svg")


async def test_what_is_refused_before_work_begins_is_an_ordinary_problem(
    client: httpx.AsyncClient, astronaut: bytes
) -> None:
    for files, data, code in (
        ({"image": astronaut}, {"style": "no-such-style"}, "unknown_style"),
        ({"image": b"no picture"}, {}, "invalid_image"),
    ):
        response = await client.post(GENERATE, headers=ACCEPT, files=files, data=data)
        assert response.status_code == 400
        assert response.headers["content-type"] == PROBLEM_JSON
        assert response.json()["code"] == code


async def test_what_goes_wrong_later_is_the_last_event(
    client: httpx.AsyncClient, coffee: bytes
) -> None:
    asked = {"style": "ink", "size": "128"}
    async with events(client, GENERATE, files={"image": coffee}, data=asked) as stream:
        *before, (name, problem) = [event async for event in stream]
    assert {name for name, _ in before} == {"progress"}
    assert name == "problem"
    assert (problem["status"], problem["code"]) == (422, "no_face")
    assert problem["requestId"]


async def test_places_in_the_queue_move_up_when_somebody_before_leaves(
    client: httpx.AsyncClient, service: tuple[psutil.Process, str], astronaut: bytes
) -> None:
    request: dict[str, Any] = {"files": {"image": astronaut}, "data": {"size": "64"}}
    async with AsyncExitStack() as staying, AsyncExitStack() as leaving:
        async with held_up(client, service):
            first = await staying.enter_async_context(events(client, GENERATE, **request))
            second = await leaving.enter_async_context(events(client, GENERATE, **request))
            assert await anext(second) == ("queued", {"position": 1})
            third = await staying.enter_async_context(events(client, GENERATE, **request))
            assert await anext(third) == ("queued", {"position": 2})

            full = await client.post(GENERATE, headers=ACCEPT, **request)
            assert (full.status_code, full.json()["code"]) == (503, "ai_busy")
            assert full.headers["retry-after"]

            await leaving.aclose()
            assert await anext(third) == ("queued", {"position": 1})
        for stream in (first, third):
            assert [name async for name, _ in stream][-1] == "result"
    assert await metric(client, "queue_depth") == 0


async def test_who_leaves_ends_a_drawing_at_its_next_stage_and_the_worker_goes_on(
    client: httpx.AsyncClient, service: tuple[psutil.Process, str], astronaut: bytes
) -> None:
    request: dict[str, Any] = {"files": {"image": astronaut}, "data": {"size": "64"}}
    before = await metric(client, "jobs_cancelled")
    async with held_up(client, service):
        async with events(client, GENERATE, **request):
            pass
        await until(client, "jobs_cancelled", before + 1)

    async with held_up(client, service):
        plain = asyncio.ensure_future(client.post(GENERATE, **request))
        await until(client, "places_taken", 1)
        async with events(client, GENERATE, **request) as waiting:
            assert await anext(waiting) == ("queued", {"position": 1})
            plain.cancel()
            await asyncio.wait([plain])
            await until(client, "jobs_cancelled", before + 2)

    assert (await client.post(GENERATE, **request)).status_code == 200
    assert await metric(client, "workers_lost") == 0


async def test_a_long_silence_is_broken_by_comments(
    client: httpx.AsyncClient, service: tuple[psutil.Process, str], astronaut: bytes
) -> None:
    request: dict[str, Any] = {"files": {"image": astronaut}, "data": {"size": "64"}}
    async with held_up(client, service):
        async with client.stream("POST", GENERATE, headers=ACCEPT, **request) as response:
            assert await anext(response.aiter_lines()) == ": keep-alive"
