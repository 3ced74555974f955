"""kill -9 in the middle of calls that cost money: what can be found again is not paid twice."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from aiohttp import web

from tests.ai.conftest import saved, scene
from tests.ai.engines.remote.conftest import written
from tests.engines import comfyui
from tests.engines.generators import DRAWING, data_uri
from tests.engines.ports import free_ports

PHOTO = saved(scene(640, 640), "PNG")
_PATIENCE_S = 300


@dataclass
class Till:
    """A provider that counts what it charges. Nothing is finished before ``free`` is set."""

    free: asyncio.Event = field(default_factory=asyncio.Event)
    begun: set[str] = field(default_factory=set)
    charged: dict[str, int] = field(default_factory=dict)
    drawings: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    predictions: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""

    def charge(self, what: str) -> None:
        self.charged[what] = self.charged.get(what, 0) + 1
        self.begun.add(what)

    async def edit(self, request: web.Request) -> web.Response:
        """As the draft on Idempotency-Key has it: 409 while the first is worked on."""
        what = request.match_info["what"]
        key = request.headers.get("Idempotency-Key")
        if key is None or key not in self.drawings:
            self.charge(what)
            drawing = asyncio.create_task(self.draw())
            self.drawings[key or str(len(self.drawings))] = drawing
        elif not (drawing := self.drawings[key]).done():
            return web.json_response({"error": {"code": "idempotency_in_use"}}, status=409)
        await asyncio.shield(drawing)
        picture = base64.b64encode(DRAWING).decode()
        return web.json_response({"data": [{"b64_json": picture}]})

    async def draw(self) -> None:
        await self.free.wait()

    async def predict(self, request: web.Request) -> web.Response:
        what = request.match_info["what"]
        body = await request.json()
        number = len(self.predictions)
        here = f"{self.url}/{what}/predictions/{number}"
        body["input"]["image"] = "https://replicate.delivery/a.jpg"  # as its list tells
        self.predictions.append(
            {
                "id": str(number),
                "status": "processing",
                "created_at": datetime.now(UTC).isoformat(),
                "input": body["input"],
                "urls": {"get": here, "cancel": f"{here}/cancel"},
            }
        )
        self.charge(what)
        if what == "unread":  # its answer never arrives
            await self.free.wait()
        return web.json_response(self.predictions[number], status=201)

    async def told(self, request: web.Request) -> web.Response:
        prediction = self.predictions[int(request.match_info["number"])]
        if self.free.is_set():
            prediction |= {"status": "succeeded", "output": data_uri()}
        return web.json_response(prediction)

    async def listed(self, request: web.Request) -> web.Response:
        others = [{**one, "input": {**one["input"], "seed": 1}} for one in self.predictions]
        return web.json_response({"results": [*others, *reversed(self.predictions)]})


@asynccontextmanager
async def running_till() -> AsyncIterator[Till]:
    till = Till()
    app = web.Application(client_max_size=50_000_000)
    app.add_routes(
        [
            web.post("/{what}/images/edits", till.edit),
            web.post("/{what}/predictions", till.predict),
            web.get("/{what}/predictions", till.listed),
            web.get("/{what}/predictions/{number}", till.told),
        ]
    )
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    till.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield till
    finally:
        till.free.set()
        await runner.cleanup()


@asynccontextmanager
async def running_ai(folder: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cartoon_avatar.cli", "ai", "--port", str(port),
        env={
            **os.environ, "AI_WORKERS": "1", "LOG_LEVEL": "error",
            "AI_ENGINES": str(folder / "engines.toml"), "AI_DATA_DIR": str(folder / "data"),
        },
    )  # fmt: skip
    try:
        async with asyncio.timeout(_PATIENCE_S), httpx.AsyncClient() as client:
            while not await is_ready(client, url):
                assert process.returncode is None
                await asyncio.sleep(0.1)
        yield process, url
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def is_ready(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(f"{url}/readyz")).status_code == 200
    except httpx.TransportError:
        return False


async def test_what_was_under_way_when_the_service_was_killed_is_paid_once(
    tmp_path: Path,
) -> None:
    async with AsyncExitStack() as stack:
        till = await stack.enter_async_context(running_till())
        comfy = await stack.enter_async_context(comfyui.serving(hold=True))
        seeded = {"version": "v1", "seed": "seed"}
        budget = {"daily_calls": 1}
        engines = [
            written("images-edits", f"{till.url}/keyed", "keyed", idempotency_key=True, **budget),
            written("images-edits", f"{till.url}/plain", "plain"),
            written("predictions", f"{till.url}/read", "read", **seeded, **budget),
            written("predictions", f"{till.url}/unread", "unread", **seeded, **budget),
            written("comfyui", comfy.url, "comfy", workflow="portrait.json", **budget),
        ]
        (tmp_path / "engines.toml").write_text("".join(engines))
        (tmp_path / "portrait.json").write_text(json.dumps(comfyui.WORKFLOW))
        styles = ["keyed", "plain", "read", "unread", "comfy"]

        async def draw(client: httpx.AsyncClient, url: str, style: str) -> httpx.Response:
            return await client.post(
                f"{url}/generate-cartoon",
                files={"image": PHOTO},
                data={"style": style, "seed": "4711", "size": "64"},
                headers={"X-Request-Id": f"job-{style}"},
            )

        client = await stack.enter_async_context(httpx.AsyncClient(timeout=_PATIENCE_S))
        async with running_ai(tmp_path) as (process, url):
            cut_off = [asyncio.create_task(draw(client, url, style)) for style in styles]
            async with asyncio.timeout(_PATIENCE_S):
                await comfy.held.wait()
                while len(till.begun) < 4:  # noqa: ASYNC110 (no event tells)
                    await asyncio.sleep(0.01)
                # Its address is asked for, so it has been kept.
                await until_kept(tmp_path)
            process.kill()
            await asyncio.wait(cut_off)
            assert all(isinstance(one.exception(), httpx.TransportError) for one in cut_off)

        async with running_ai(tmp_path) as (_, url):
            again = [asyncio.create_task(draw(client, url, style)) for style in styles]
            while till.charged["plain"] < 2:  # noqa: ASYNC110 (no event tells)
                await asyncio.sleep(0.01)
            till.free.set()
            comfy.hold = False
            comfy.free.set()
            answers = await asyncio.gather(*again)
            assert [answer.status_code for answer in answers] == [200] * 5, [
                answer.text[:200] for answer in answers if answer.status_code != 200
            ]
            items = (await client.get(f"{url}/engines")).json()["items"]

    assert till.charged == {"keyed": 1, "plain": 2, "read": 1, "unread": 1}
    assert len(comfy.queued) == 1
    # And one that cannot be found again is counted as often as it may have been charged.
    calls = {item["name"]: item["callsToday"] for item in items}
    assert calls == {"keyed": 1, "plain": 2, "read": 1, "unread": 1, "comfy": 1}


async def until_kept(folder: Path) -> None:
    def addresses() -> int:
        connection = sqlite3.connect(folder / "data" / "generators.sqlite")
        try:
            query = "SELECT count(*) FROM calls WHERE address IS NOT NULL"
            return connection.execute(query).fetchone()[0]
        finally:
            connection.close()

    while await asyncio.to_thread(addresses) < 1:  # noqa: ASYNC110 (no event tells)
        await asyncio.sleep(0.02)
