"""kill -9 in the middle of calls that cost money: what can be found again is not paid twice."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sqlite3
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web

from tests.ai.conftest import saved, scene
from tests.ai.engines.remote.conftest import written
from tests.engines import comfyui
from tests.engines.generators import DRAWING, data_uri
from tests.engines.ports import free_ports
from tests.patience import PATIENCE_S

PHOTO = saved(scene(640, 640), "PNG")


@dataclass
class Till:
    """A provider that counts what it charges. Nothing is finished before ``free`` is set."""

    free: asyncio.Event = field(default_factory=asyncio.Event)
    begun: set[str] = field(default_factory=set)
    charged: dict[str, int] = field(default_factory=dict)
    drawings: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    predictions: list[dict[str, Any]] = field(default_factory=list)
    #: By "what", from /predictions/…/cancel or a connection that was closed.
    cancelled: dict[str, asyncio.Event] = field(default_factory=lambda: defaultdict(asyncio.Event))
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
        try:
            await asyncio.shield(drawing)
        except asyncio.CancelledError:
            self.cancelled[what].set()
            raise
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
        if what == "unread":  # its response never arrives
            await self.free.wait()
        return web.json_response(self.predictions[number], status=201)

    async def cancel(self, request: web.Request) -> web.Response:
        prediction = self.predictions[int(request.match_info["number"])]
        prediction |= {"status": "canceled"}
        self.cancelled[request.match_info["what"]].set()
        return web.json_response(prediction)

    async def told(self, request: web.Request) -> web.Response:
        prediction = self.predictions[int(request.match_info["number"])]
        if self.free.is_set() and prediction["status"] == "processing":
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
            web.post("/{what}/predictions/{number}/cancel", till.cancel),
        ]
    )
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    till.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield till
    finally:
        till.free.set()
        await runner.cleanup()


@asynccontextmanager
async def running(
    command: str, *options: str, **settings: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """``cartoon-avatar COMMAND`` as a process of its own, and its URL."""
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cartoon_avatar.cli", command, "--port", str(port), *options,
        env={**os.environ, "LOG_LEVEL": "error", **settings},
    )  # fmt: skip
    try:
        async with asyncio.timeout(PATIENCE_S), httpx.AsyncClient() as client:
            while not await is_ready(client, url):
                assert process.returncode is None
                await asyncio.sleep(0.1)
        yield process, url
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def running_ai(
    folder: Path,
) -> AbstractAsyncContextManager[tuple[asyncio.subprocess.Process, str]]:
    return running(
        "ai",
        AI_WORKERS="1",
        AI_ENGINES=str(folder / "engines.toml"),
        AI_DATA_DIR=str(folder / "data"),
    )


def running_backend(
    folder: Path, ai: str
) -> AbstractAsyncContextManager[tuple[asyncio.subprocess.Process, str]]:
    return running("backend", "--data", str(folder / "backend"), AI_URL=ai, MIN_FREE_BYTES="0")


async def is_ready(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(f"{url}/readyz")).status_code == 200
    except httpx.TransportError:
        return False


STYLES = ("keyed", "plain", "read", "unread", "comfy")


@asynccontextmanager
async def running_providers(folder: Path) -> AsyncIterator[tuple[Till, comfyui.ComfyUi]]:
    """And engines.toml in ``folder``, with an engine for each of STYLES."""
    async with running_till() as till, comfyui.serving(hold=True) as comfy:
        seeded = {"version": "v1", "seed": "seed"}
        budget = {"daily_calls": 1}
        engines = [
            written("images-edits", f"{till.url}/keyed", "keyed", idempotency_key=True, **budget),
            written("images-edits", f"{till.url}/plain", "plain"),
            written("predictions", f"{till.url}/read", "read", **seeded, **budget),
            written("predictions", f"{till.url}/unread", "unread", **seeded, **budget),
            written("comfyui", comfy.url, "comfy", workflow="portrait.json", **budget),
        ]
        (folder / "engines.toml").write_text("".join(engines))
        (folder / "portrait.json").write_text(json.dumps(comfyui.WORKFLOW))
        yield till, comfy


async def until_begun(till: Till, comfy: comfyui.ComfyUi, folder: Path) -> None:
    async with asyncio.timeout(PATIENCE_S):
        await comfy.held.wait()
        while len(till.begun) < 4:  # noqa: ASYNC110 (no event tells)
            await asyncio.sleep(0.01)
        # Its address is asked for, so it has been kept.
        await until_kept(folder)


def finish(till: Till, comfy: comfyui.ComfyUi) -> None:
    till.free.set()
    comfy.hold = False
    comfy.free.set()


async def test_what_was_under_way_when_the_service_was_killed_is_paid_once(
    tmp_path: Path,
) -> None:
    async with AsyncExitStack() as stack:
        till, comfy = await stack.enter_async_context(running_providers(tmp_path))

        async def draw(client: httpx.AsyncClient, url: str, style: str) -> httpx.Response:
            return await client.post(
                f"{url}/generate-cartoon",
                files={"image": PHOTO},
                data={"style": style, "seed": "4711", "size": "64"},
                headers={"X-Request-Id": f"job-{style}"},
            )

        client = await stack.enter_async_context(httpx.AsyncClient(timeout=PATIENCE_S))
        async with running_ai(tmp_path) as (process, url):
            cut_off = [asyncio.create_task(draw(client, url, style)) for style in STYLES]
            await until_begun(till, comfy, tmp_path)
            process.kill()
            await asyncio.wait(cut_off)
            assert all(isinstance(one.exception(), httpx.TransportError) for one in cut_off)

        async with running_ai(tmp_path) as (_, url):
            again = [asyncio.create_task(draw(client, url, style)) for style in STYLES]
            while till.charged["plain"] < 2:  # noqa: ASYNC110 (no event tells)
                await asyncio.sleep(0.01)
            finish(till, comfy)
            responses = await asyncio.gather(*again)
            assert [response.status_code for response in responses] == [200] * 5, [
                response.text[:200] for response in responses if response.status_code != 200
            ]
            items = (await client.get(f"{url}/engines")).json()["items"]

    assert till.charged == {"keyed": 1, "plain": 2, "read": 1, "unread": 1}
    assert len(comfy.queued) == 1
    # And one that cannot be found again is counted as often as it may have been charged.
    calls = {item["name"]: item["callsToday"] for item in items}
    assert calls == {"keyed": 1, "plain": 2, "read": 1, "unread": 1, "comfy": 1}


ONCE = {"keyed": 1, "plain": 1, "read": 1, "unread": 1}


def phone(url: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=url, timeout=PATIENCE_S, headers={"X-Device-Id": "phone"})


async def upload(app: httpx.AsyncClient, style: str, **sent: str) -> httpx.Response:
    return await app.post(
        "/api/upload", files={"image": PHOTO}, data={"style": style, "size": "64"}, headers=sent
    )


async def ended(app: httpx.AsyncClient, job: str) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            told = (await app.get(f"/api/jobs/{job}?wait=20")).json()
            if told["state"] not in ("queued", "running"):
                return told


async def accepted(app: httpx.AsyncClient) -> dict[str, str]:
    """A job for each of STYLES."""
    return {
        style: (await upload(app, style, Prefer="respond-async")).json()["job"]["id"]
        for style in STYLES
    }


async def test_when_the_backend_alone_is_killed_nothing_is_paid_twice(tmp_path: Path) -> None:
    async with (
        running_providers(tmp_path) as (till, comfy),
        running_ai(tmp_path) as (_, ai),
    ):
        async with running_backend(tmp_path, ai) as (process, url), phone(url) as app:
            jobs = await accepted(app)
            await until_begun(till, comfy, tmp_path)
            process.kill()
            await process.wait()
        async with running_backend(tmp_path, ai) as (_, url), phone(url) as app:
            await until_asked_again(ai)
            finish(till, comfy)
            done = [await ended(app, job) for job in jobs.values()]
        assert [job["state"] for job in done] == ["succeeded"] * 5, done
        assert [job["result"]["cartoon"]["engine"] for job in done] == list(STYLES)
        async with httpx.AsyncClient() as client:
            items = (await client.get(f"{ai}/engines")).json()["items"]
    assert till.charged == ONCE
    assert len(comfy.queued) == 1
    assert {item["callsToday"] for item in items} == {1}
    assert not any(event.is_set() for event in till.cancelled.values())


async def test_a_client_that_waits_and_sends_its_key_again_pays_once_too(tmp_path: Path) -> None:
    key = {"Idempotency-Key": "k"}
    async with (
        running_providers(tmp_path) as (till, _),
        running_ai(tmp_path) as (_, ai),
    ):
        async with running_backend(tmp_path, ai) as (process, url), phone(url) as app:
            cut_off = asyncio.create_task(upload(app, "plain", **key))
            async with asyncio.timeout(PATIENCE_S):
                while not till.charged:  # noqa: ASYNC110 (no event tells)
                    await asyncio.sleep(0.01)
            process.kill()
            with pytest.raises(httpx.TransportError):
                await cut_off
        async with running_backend(tmp_path, ai) as (_, url), phone(url) as app:
            till.free.set()
            async with asyncio.timeout(PATIENCE_S):
                # Until the claim of the first has lapsed.
                while True:
                    response = await upload(app, "plain", **key)
                    if response.status_code != 409:
                        break
                    await asyncio.sleep(0.2)
            assert response.status_code == 201, response.text
    assert till.charged == {"plain": 1}


async def test_an_ai_service_that_is_stopped_leaves_what_can_be_found_again(
    tmp_path: Path,
) -> None:
    """And what is cancelled is cancelled there, whoever is asked to."""
    async with running_providers(tmp_path) as (till, comfy):
        async with AsyncExitStack() as stack:
            process, ai = await stack.enter_async_context(running_ai(tmp_path))
            _, url = await stack.enter_async_context(running_backend(tmp_path, ai))
            app = await stack.enter_async_context(phone(url))
            jobs = await accepted(app)
            await until_begun(till, comfy, tmp_path)
            process.terminate()
            assert await process.wait() == 0
            assert not till.cancelled["read"].is_set()
        async with running_ai(tmp_path) as (_, ai):
            async with running_backend(tmp_path, ai) as (_, url), phone(url) as app:
                async with asyncio.timeout(PATIENCE_S):
                    while till.charged["plain"] < 2:  # noqa: ASYNC110 (no event tells)
                        await asyncio.sleep(0.01)
                cancelling = await app.delete(f"/api/jobs/{jobs['plain']}")
                assert cancelling.status_code == 202
                await asyncio.wait_for(till.cancelled["plain"].wait(), PATIENCE_S)
                assert (await ended(app, jobs.pop("plain")))["state"] == "canceled"
                finish(till, comfy)
                done = [await ended(app, job) for job in jobs.values()]
        assert [job["state"] for job in done] == ["succeeded"] * 4, done
    assert till.charged == {**ONCE, "plain": 2}
    assert len(comfy.queued) == 1


async def until_asked_again(ai: str) -> None:
    """Once their leases have lapsed: each is at its provider, and waited for by another request."""
    async with asyncio.timeout(PATIENCE_S), httpx.AsyncClient() as client:
        while True:
            items = (await client.get(f"{ai}/engines")).json()["items"]
            if all(item["atWork"] == 2 for item in items):
                return
            await asyncio.sleep(0.1)


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
