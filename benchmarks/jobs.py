"""What do jobs cost: to accept, to wait for, to hear of, and whose turn is it?

Accepting is measured beside a stub of the AI service that answers at once, so that jobs are
carried out all the while. Waiting and hearing are measured on a backend whose AI service is away:
there jobs stay queued until they are cancelled. Fairness is the queue's own, on the database alone.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
from measuring import (
    FORM,
    ai_stub,
    backend,
    folder,
    form,
    free_url,
    percentile,
    portrait,
    print_table,
)

from cartoon_avatar.backend.ai.client import DrawingOptions
from cartoon_avatar.backend.db import jobs, queue
from cartoon_avatar.backend.db.migrate import migrate
from cartoon_avatar.backend.db.session import open_database
from cartoon_avatar.backend.flows.jobs import JobRequest, new_claim, new_job

ASYNC = {"Prefer": "respond-async"}
MANY = {"MAX_QUEUED_JOBS": "100000", "MAX_DEVICE_JOBS": "100000"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--accepts", type=int, default=40, help="one after the other, 2 MB each")
    parser.add_argument("--seconds", type=float, default=5, help="of 20 accepted a second")
    parser.add_argument("--listeners", type=int, default=1000)
    parser.add_argument("--wakes", type=int, default=40)
    parser.add_argument("--jobs", type=int, default=10_000, help="of 100 devices")
    arguments = parser.parse_args()
    rows = [*asyncio.run(accepting(arguments.accepts, arguments.seconds))]
    rows += asyncio.run(hearing(arguments.listeners, arguments.wakes))
    rows += asyncio.run(turns(arguments.jobs))
    print_table(["question", "figure to reach", "measured"], rows)


async def accepting(accepts: int, seconds: float) -> list[list[str]]:
    photo = form(portrait(2_000_000))
    with folder() as data, ai_stub() as ai, backend(data, ai.url, **MANY) as service:
        async with aiohttp.ClientSession(service.url) as http:
            await _accept(http, photo, "warm")
            alone = [await _accept(http, photo, f"p-{n}") for n in range(accepts)]
            began = time.perf_counter()
            pending = []
            for number in range(int(20 * seconds)):
                await asyncio.sleep(max(0, began + number / 20 - time.perf_counter()))
                pending.append(asyncio.create_task(_accept(http, photo, f"q-{number}")))
            together = await asyncio.gather(*pending)
            per_s = len(together) / (time.perf_counter() - began)
    return [
        ["accepted → 202, 2 MB, p50", "≤ 30 ms", f"{percentile(alone, 0.5) * 1000:.1f} ms"],
        [
            "20 accepted a second, SQLite, while drawing",
            "20 /s",
            f"{per_s:.1f} /s, p95 {percentile(together, 0.95) * 1000:.0f} ms",
        ],
    ]


async def _accept(http: aiohttp.ClientSession, photo: bytes, device: str) -> float:
    headers = {**ASYNC, "X-Device-Id": device, "Content-Type": FORM}
    began = time.perf_counter()
    async with http.post("/api/upload", data=photo, headers=headers) as answer:
        assert answer.status == 202, await answer.text()
    return time.perf_counter() - began


async def hearing(listeners: int, wakes: int) -> list[list[str]]:
    photo = form(portrait(20_000))
    away = free_url()
    with folder() as data, backend(data, away, ready="/healthz", **MANY) as service:
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(service.url, connector=connector) as http:
            ids = [await _promised(http, photo, "phone") for _ in range(wakes + 1)]
            before = service.memory_bytes()
            streams = [await _listen(http, ids[0]) for _ in range(listeners)]
            await asyncio.sleep(6)  # a place in the queue is told meanwhile
            grown = service.memory_bytes() - before
            late = [await _wake(http, job) for job in ids[1:]]
            for stream in streams:
                stream.close()
    return [
        [f"{listeners} clients that wait by events", "≤ 100 MB", f"{grown / 1e6:.1f} MB"],
        [
            "cancelled → its event, beside them, p95",
            "≤ 50 ms",
            f"{percentile(late, 0.95) * 1000:.1f} ms (p50 {percentile(late, 0.5) * 1000:.1f})",
        ],
    ]


async def _promised(http: aiohttp.ClientSession, photo: bytes, device: str) -> str:
    headers = {**ASYNC, "X-Device-Id": device, "Content-Type": FORM}
    async with http.post("/api/upload", data=photo, headers=headers) as answer:
        return (await answer.json())["job"]["id"]


async def _listen(http: aiohttp.ClientSession, job: str) -> aiohttp.ClientResponse:
    headers = {"X-Device-Id": "phone", "Accept": "text/event-stream"}
    timeout = aiohttp.ClientTimeout(total=None)
    stream = await http.get(f"/api/jobs/{job}", headers=headers, timeout=timeout)
    await _next(stream)
    return stream


async def _next(stream: aiohttp.ClientResponse) -> dict[str, object]:
    while not (line := await stream.content.readline()).startswith(b"data: "):
        assert line, "the stream ended"
    return json.loads(line.removeprefix(b"data: "))


async def _wake(http: aiohttp.ClientSession, job: str) -> float:
    """From the cancel's being asked for, which holds its commit, to the event."""
    stream = await _listen(http, job)
    began = time.perf_counter()
    async with http.delete(f"/api/jobs/{job}", headers={"X-Device-Id": "phone"}) as answer:
        assert answer.status == 200
        while (await _next(stream))["state"] != "canceled":
            pass
    return time.perf_counter() - began


async def turns(count: int) -> list[list[str]]:
    """Each of 100 devices asks for all of its jobs at once, one device after the other."""
    devices = 100
    with folder() as data:
        async with open_database(f"sqlite:///{Path(data) / 'avatars.sqlite'}") as database:
            await migrate(database)
            job_request = JobRequest("regenerate", "x", DrawingOptions())
            added: list[float] = []

            def add(connection, device: str) -> None:
                for _ in range(count // devices):
                    began = time.perf_counter()
                    job = new_job(device, job_request, "painted", None, "", datetime.now(UTC))
                    job.turn = queue.next_turn(connection, device, "painted")
                    jobs.add_job(connection, job)
                    added.append(time.perf_counter() - began)

            for number in range(devices):
                await database.write(lambda c, d=f"phone-{number}": add(c, d))

            served: dict[str, list[int]] = defaultdict(list)
            claimed: list[float] = []

            def claim(connection) -> None:
                for _ in range(200):
                    began = time.perf_counter()
                    job = queue.claim_next(connection, "painted", new_claim(), datetime.now(UTC))
                    claimed.append(time.perf_counter() - began)
                    if job is None:
                        return
                    served[job.device_id].append(len(claimed))

            while len(claimed) < count:
                await database.write(claim)
    shares = [
        place / (devices * turn)
        for places in served.values()
        for turn, place in enumerate(places, start=1)
    ]
    return [
        [
            f"{count} jobs of {devices} devices: longest wait over the fair share",
            "≤ 2",
            f"{max(shares):.2f}",
        ],
        [
            "the same: adding one, claiming one, p50 (without its fsync)",
            "—",
            f"{percentile(added, 0.5) * 1e6:.0f} µs, {percentile(claimed, 0.5) * 1e6:.0f} µs",
        ],
    ]


if __name__ == "__main__":
    main()
