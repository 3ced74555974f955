"""Whose turn is it? Fairness of the queues, for ``jobs.py``."""

from __future__ import annotations

import asyncio
import time
from asyncio import gather
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
from aiohttp import web
from measuring import FORM, backend, folder, form, free_url, percentile, port_of, portrait
from peers.ai_stub import DRAWING, THUMBNAIL

from cartoon_avatar.backend.ai.requests import DrawingOptions
from cartoon_avatar.backend.db import jobs, queue
from cartoon_avatar.backend.db.migrate import migrate
from cartoon_avatar.backend.db.session import Database, open_database
from cartoon_avatar.backend.flows.jobs import JobRequest, new_claim, new_job

_DEVICES = 100
# A stub's picture, and how many of them at once.
_PICTURE_S, _WORKERS = 0.2, 2


async def add_jobs(
    database: Database,
    asked: Sequence[tuple[str, str]],
    *,
    subject: str = "x",
    running: bool = False,
    added_s: list[float] | None = None,
) -> list[str]:
    """Queue a job for each device and engine of ``asked``; returns their ids."""
    await migrate(database)
    job_request = JobRequest("regenerate", subject, DrawingOptions(style="slow", seed=1))

    def add(connection: Any) -> list[str]:
        ids = []
        for device, engine in asked:
            began = time.perf_counter()
            now = datetime.now(UTC)
            job = new_job(device, job_request, engine, None, "", now)
            job.accepted = True
            job.turn = queue.next_turn(connection, device, engine)
            if running:
                job.state, job.claim, job.lease_until = "running", new_claim(), now + _FOR_LONG
            jobs.add_job(connection, job)
            ids.append(job.id)
            if added_s is not None:
                added_s.append(time.perf_counter() - began)
        return ids

    return await database.write(add)


_FOR_LONG = timedelta(hours=1)


async def turns(count: int) -> list[list[str]]:
    """Each of 100 devices asks for all of its jobs at once, one device after the other."""
    with folder() as data:
        async with open_database(f"sqlite:///{data / 'avatars.sqlite'}", 5) as database:
            added_s: list[float] = []
            for number in range(_DEVICES):
                asked = [(f"phone-{number}", "painted")] * (count // _DEVICES)
                await add_jobs(database, asked, added_s=added_s)
            served: dict[str, list[int]] = defaultdict(list)
            claimed_s: list[float] = []

            def claim(connection: Any) -> None:
                for _ in range(200):
                    began = time.perf_counter()
                    job = queue.claim_next(connection, "painted", new_claim(), datetime.now(UTC))
                    claimed_s.append(time.perf_counter() - began)
                    if job is None:
                        return
                    served[job.device_id].append(len(claimed_s))

            while len(claimed_s) < count:
                await database.write(claim)
    shares = [
        place / (_DEVICES * turn)
        for places in served.values()
        for turn, place in enumerate(places, start=1)
    ]
    return [
        [
            f"{count} jobs of {_DEVICES} devices: longest wait over the fair share",
            "≤ 2",
            f"{max(shares):.2f}",
            f"adding one {percentile(added_s, 0.5) * 1e6:.0f} µs, claiming one"
            f" {percentile(claimed_s, 0.5) * 1e6:.0f} µs (p50, without fsync)",
        ],
    ]


async def sharing() -> list[list[str]]:
    """One device has a thousand jobs at one engine; then another asks for ten at another engine.
    Both engines draw in the same two workers, so that each is due one of them."""
    few = 10
    with folder() as data:
        async with _shared_pool() as url:
            more = {"MAX_QUEUED_JOBS": "100000", "MAX_DEVICE_JOBS": "100000"}
            with backend(data, url, ready="/healthz", **more) as service:
                async with aiohttp.ClientSession(service.url) as http:
                    many, other = await _uploaded(http, "many"), await _uploaded(http, "few")
                    async with open_database(f"sqlite:///{data / 'avatars.sqlite'}", 5) as database:
                        await add_jobs(database, [("many", "slow")] * 1000, subject=many)
                    await asyncio.sleep(4)  # they are seen, and being drawn
                    asked = [_promised(http, "few", other) for _ in range(few)]
                    spans = [await _carried_out(http, "few", job) for job in await gather(*asked)]
                    left = await _left(http, "many")
    assert left > 100, "the other engine had nothing to do any more"
    # After those of the device that were there before it, by one worker.
    due_s = [
        _PICTURE_S * (1 + sum(came < begun < ended for came, ended in spans)) for begun, _ in spans
    ]
    waited_s = [ended - begun for begun, ended in spans]
    # The first wait for pictures that were begun before them.
    ratios = [
        waited / due for waited, due in zip(waited_s, due_s, strict=True) if due > 2 * _PICTURE_S
    ]
    return [
        [
            f"{few} jobs of an engine beside 1000 of another: longest wait over the fair share",
            "≤ 2",
            f"{max(ratios):.2f}",
            f"the longest was due after {max(due_s):.2f} s and took {max(waited_s):.2f} s",
        ]
    ]


async def _uploaded(http: aiohttp.ClientSession, device: str) -> str:
    headers = {"X-Device-Id": device, "Content-Type": FORM}
    body = form(portrait(20_000), style="quick")
    async with http.post("/api/upload", data=body, headers=headers) as answer:
        assert answer.status == 201, await answer.text()
        return (await answer.json())["original"]["id"]


async def _promised(http: aiohttp.ClientSession, device: str, original: str) -> str:
    headers = {"X-Device-Id": device, "Prefer": "respond-async"}
    path, options = f"/api/regenerate/{original}", {"style": "quick"}
    async with http.post(path, json=options, headers=headers) as answer:
        assert answer.status == 202, await answer.text()
        return (await answer.json())["job"]["id"]


async def _carried_out(http: aiohttp.ClientSession, device: str, job: str) -> tuple[float, float]:
    """When it was accepted and when it was done, in seconds since 1970."""
    path, headers = f"/api/jobs/{job}?wait=60", {"X-Device-Id": device}
    async with http.get(path, headers=headers) as answer:
        said = await answer.json()
    assert said["state"] == "succeeded", said
    times = (datetime.fromisoformat(said[name]) for name in ("createdAt", "finishedAt"))
    begun, ended = (moment.timestamp() for moment in times)
    return begun, ended


async def _left(http: aiohttp.ClientSession, device: str) -> int:
    """How many jobs wait, up to a page of them."""
    path, headers = "/api/jobs?state=queued&limit=100", {"X-Device-Id": device}
    async with http.get(path, headers=headers) as answer:
        listed = await answer.json()
        return len(listed["items"]) + (listed["nextCursor"] is not None)


@asynccontextmanager
async def _shared_pool() -> AsyncIterator[str]:
    """An AI service of two engines with a style each, which draw in the same workers."""
    workers = asyncio.Semaphore(_WORKERS)  # first come, first served

    async def generate(request: web.Request) -> web.Response:
        fields = await request.post()
        async with workers:
            await asyncio.sleep(_PICTURE_S)
        sizes = dict.fromkeys(
            ("X-Image-Width", "X-Image-Height", "X-Photo-Width", "X-Photo-Height"), "420"
        )
        said = {"X-Style": str(fields["style"]), "X-Seed": str(fields["seed"]), "X-Face-Count": "1"}
        return web.Response(body=DRAWING, content_type="image/jpeg", headers={**sizes, **said})

    async def thumbnail(request: web.Request) -> web.Response:
        await request.post()
        sizes = {"X-Image-Width": "110", "X-Image-Height": "110"}
        return web.Response(body=THUMBNAIL, content_type="image/webp", headers=sizes)

    async def styles(request: web.Request) -> web.Response:
        about = {"title": "", "description": "", "preview": None, "places": _WORKERS}
        names = ("quick", "slow")
        return web.json_response({"items": [{"name": n, "engine": n, **about} for n in names]})

    async def ready(request: web.Request) -> web.Response:
        return web.json_response({"status": "ready"})

    app = web.Application(client_max_size=20_000_000)
    app.add_routes(
        [
            web.post("/generate-cartoon", generate),
            web.post("/thumbnail", thumbnail),
            web.get("/styles", styles),
            web.get("/readyz", ready),
        ]
    )
    runner = web.AppRunner(app)
    await runner.setup()
    url = free_url()
    await web.TCPSite(runner, "127.0.0.1", int(port_of(url))).start()
    try:
        yield url
    finally:
        await runner.cleanup()
