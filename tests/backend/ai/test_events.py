"""Progress and cancelling, with a real server that tells of its drawings by events."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from aiohttp import web

from cartoon_avatar.backend.settings import BackendSettings
from tests.backend.conftest import FakeAi, Phone, Service, running
from tests.backend.test_jobs import ASYNC, ended, events_of
from tests.patience import PATIENCE_S

Draw = Callable[["Drawing"], Awaitable[None]]


class Drawing:
    """A request that is answered by events."""

    def __init__(self, response: web.StreamResponse, request: httpx.Request) -> None:
        self.response = response
        self.request = request

    async def send(self, name: str, data: object, end: str = "\n") -> None:
        event = f"event: {name}{end}data: {json.dumps(data)}{end}{end}"
        await self.response.write(event.encode())

    async def send_result(self) -> None:
        plain = FakeAi().generate_cartoon(self.request)
        kind = plain.headers.pop("content-type")
        image = base64.b64encode(plain.content).decode()
        said = dict(plain.headers)
        await self.send("result", {"headers": said, "mediaType": kind, "image": image})


class EventAi:
    """A real server. What it draws is ``draw``'s to say; ``left`` counts who hung up on it."""

    def __init__(self) -> None:
        self.draw: Draw = Drawing.send_result
        self.fake = FakeAi()
        self.asked: list[str] = []
        self.begun = asyncio.Event()
        self.left = asyncio.Event()

    async def respond(self, request: web.Request) -> web.StreamResponse:
        asked = httpx.Request(
            request.method, f"http://ai{request.path}", content=await request.read()
        )
        if request.path != "/generate-cartoon":
            plain = await self.fake(asked)
            return web.Response(
                body=plain.content, status=plain.status_code, headers=dict(plain.headers)
            )
        self.asked.append(request.headers.get("accept", ""))
        if not self.asked[-1].startswith("text/event-stream"):
            self.begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                self.left.set()
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        self.begun.set()
        try:
            await self.draw(Drawing(response, asked))
        except (ConnectionResetError, asyncio.CancelledError):
            self.left.set()
            raise
        return response


@pytest.fixture
async def ai() -> EventAi:
    return EventAi()


@pytest.fixture
async def service(ai: EventAi, tmp_path: Path) -> AsyncIterator[Service]:
    async with _serving(ai) as url:
        settings = BackendSettings(data_dir=tmp_path / "data", ai_url=url, min_free_bytes=0)
        async with running(settings, None) as service:
            yield service


@asynccontextmanager
async def _serving(ai: EventAi) -> AsyncIterator[str]:
    app = web.Application(client_max_size=20_000_000)
    app.router.add_route("*", "/{path:.*}", ai.respond)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def promised(phone: Phone) -> str:
    return (await phone.upload(headers=ASYNC)).json()["job"]["id"]


async def test_stages_and_shares_are_reported_as_the_engine_reports_them(
    ai: EventAi, service: Service
):
    phone = service.phone
    heard, go_on = asyncio.Event(), asyncio.Event()

    async def draw(drawing: Drawing) -> None:
        await heard.wait()
        await drawing.send("queued", {"position": 1})
        await drawing.response.write(b": keep-alive\n\n")
        await drawing.send("progress", {"stage": "faces", "progress": None}, end="\r\n")
        await drawing.send("progress", {"stage": "masks", "progress": 0.35})
        await go_on.wait()
        await drawing.send_result()

    ai.draw = draw
    job = await promised(phone)
    await asyncio.wait_for(ai.begun.wait(), PATIENCE_S)
    async with asyncio.timeout(PATIENCE_S), service.events_of(job) as (first, rest):
        heard.set()
        while (seen := (await phone.get(f"/api/jobs/{job}")).json()).get("progress") is None:
            pass  # until it says more than that it has begun
        while "masks" not in first:
            first += await anext(rest)
        go_on.set()
        streamed = events_of(first + "".join([more async for more in rest]))

    assert (seen["state"], seen["stage"], seen["progress"]) == ("running", "masks", 0.35)
    assert ("masks", 0.35) in [(one.get("stage"), one.get("progress")) for one in streamed]
    assert streamed[-1]["state"] == "succeeded"
    assert streamed[-1]["result"]["cartoon"]["width"] == 48
    assert ai.asked == ["text/event-stream"]


async def test_a_problem_after_the_stream_began_is_the_job_s(ai: EventAi, phone: Phone):
    async def draw(drawing: Drawing) -> None:
        await drawing.send("progress", {"stage": "faces", "progress": 0.1})
        await drawing.send("problem", {"status": 422, "code": "no_face", "detail": "Nobody."})

    ai.draw = draw
    failed = await ended(phone, await promised(phone))
    assert (failed["state"], failed["error"]["code"]) == ("failed", "no_face")
    assert "stage" not in failed


async def test_a_stream_that_breaks_off_is_asked_for_again(ai: EventAi, phone: Phone):
    async def draw(drawing: Drawing) -> None:
        await drawing.send("progress", {"stage": "faces", "progress": 0.1})
        ai.draw = Drawing.send_result

    ai.draw = draw
    done = await ended(phone, await promised(phone))
    assert done["state"] == "succeeded"
    assert len(ai.asked) == 2


async def test_an_engine_that_is_full_is_asked_again_and_costs_no_attempt(
    ai: EventAi, phone: Phone
):
    refused = 0

    async def draw(drawing: Drawing) -> None:
        nonlocal refused
        refused += 1
        if refused == 7:  # more than there are attempts
            ai.draw = Drawing.send_result
        busy = {"status": 503, "code": "ai_busy", "detail": "full", "retryAfter": 0}
        await drawing.send("problem", busy)

    ai.draw = draw
    assert (await ended(phone, await promised(phone)))["state"] == "succeeded"


@pytest.mark.parametrize(
    "event",
    [
        ("result", {"headers": {}, "mediaType": "image/png", "image": "no base64"}),
        ("result", {"headers": {}, "mediaType": "image/png", "image": "YWJj"}),
        ("result", {}),
        ("progress", []),
        ("problem", {"code": "no_status"}),
    ],
)
async def test_garbage_in_a_stream_fails_the_job(ai: EventAi, phone: Phone, event: tuple):
    async def draw(drawing: Drawing) -> None:
        await drawing.send(*event)

    ai.draw = draw
    failed = await ended(phone, await promised(phone))
    assert (failed["state"], failed["error"]["code"]) == ("failed", "generation_failed")
    assert (await phone.get("/api/originals")).json()["items"] == []


async def test_cancelling_a_job_ends_the_drawing_itself(ai: EventAi, phone: Phone):
    async def draw(drawing: Drawing) -> None:
        await drawing.send("progress", {"stage": "faces", "progress": 0.1})
        await asyncio.Event().wait()

    ai.draw = draw
    job = await promised(phone)
    await asyncio.wait_for(ai.begun.wait(), PATIENCE_S)
    await phone.delete(f"/api/jobs/{job}")

    await asyncio.wait_for(ai.left.wait(), PATIENCE_S)
    assert (await ended(phone, job))["state"] == "canceled"


async def test_hanging_up_without_a_key_ends_the_drawing_itself(ai: EventAi, phone: Phone):
    uploading = asyncio.create_task(phone.upload())
    await asyncio.wait_for(ai.begun.wait(), PATIENCE_S)
    uploading.cancel()
    await asyncio.wait_for(ai.left.wait(), PATIENCE_S)
    assert (await phone.get("/api/originals")).json()["items"] == []
    assert ai.asked == [""] or not ai.asked[0].startswith("text/event-stream")
