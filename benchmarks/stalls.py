"""How long does anything keep the backend's event loop from its next task?

Bombs are refused, photos stored with fsync and long lists read, while a task in the same
loop sleeps 2 ms at a time and notes by how much it overslept. A loop that does nothing
oversleeps too, on a busy machine; it is measured beside, at the same time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import struct
import time
import zlib
from itertools import count
from multiprocessing import get_context
from multiprocessing.connection import Connection

import uvloop
from measuring import (
    Client,
    Load,
    ai_stub,
    backend,
    folder,
    form,
    percentile,
    portrait,
    print_table,
    spread,
)

from cartoon_avatar.backend.app import create_app
from cartoon_avatar.backend.settings import settings_from_environment

PAUSE_S = 0.002


async def oversleep(noted_ms: list[float]) -> None:
    while True:
        started = time.perf_counter()
        await asyncio.sleep(PAUSE_S)
        noted_ms.append(1000 * (time.perf_counter() - started - PAUSE_S))


def app():
    """The backend, with a path more that tells what its loop overslept since last asked."""
    ours, noted_ms, tasks = create_app(settings_from_environment()), [], []

    async def watched(scope, receive, send) -> None:
        if scope.get("path") != "/overslept":
            return await ours(scope, receive, send)
        if not tasks:
            tasks.append(asyncio.create_task(oversleep(noted_ms)))
        body = json.dumps(noted_ms).encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})
        noted_ms.clear()

    return watched


def idle(pipe: Connection) -> None:
    """A loop that does nothing; sends what it overslept whenever it is asked."""

    async def watch() -> None:
        noted_ms: list[float] = []
        task = asyncio.create_task(oversleep(noted_ms))

        def told() -> None:
            if pipe.recv() == "end":
                task.cancel()
            else:
                pipe.send(noted_ms)
                noted_ms.clear()

        asyncio.get_running_loop().add_reader(pipe.fileno(), told)
        await asyncio.gather(task, return_exceptions=True)

    uvloop.run(watch())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--requests", type=int, default=400, help="in each run")
    arguments = parser.parse_args()

    bomb, photo, large = form(_bomb()), form(portrait(200_000)), form(portrait(9_000_000))
    turns = count()

    def something(client: Client):
        turn = next(turns) % 10
        if turn == 0:
            return client.upload(large)
        if turn < 4:
            return client.upload(bomb)
        if turn < 7:
            return client.upload(photo)
        return client.ask("GET", "/api/originals?limit=100")

    loops: dict[str, dict[str, list[float]]] = {"the backend's": {}, "one that does nothing": {}}
    pipe, theirs = get_context("spawn").Pipe()
    beside = get_context("spawn").Process(target=idle, args=(theirs,), daemon=True)
    beside.start()
    with (
        folder() as data,
        ai_stub() as ai,
        backend(data, ai.url, factory="stalls:app") as service,
        Client(service.url) as client,
    ):
        for run in range(-1, arguments.runs):
            client.ask("GET", "/overslept")
            pipe.send("more"), pipe.recv()
            load = Load(4, arguments.requests).run(service.url, something)
            assert set(load.statuses) == {200, 201, 400}, load.statuses
            pipe.send("more")
            seen_ms = json.loads(client.ask("GET", "/overslept").data), pipe.recv()
            for loop, overslept_ms in zip(loops.values(), seen_ms, strict=True):
                for name, share in (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("worst", 1)):
                    if run >= 0:
                        loop.setdefault(name, []).append(percentile(overslept_ms, share))
    pipe.send("end")
    beside.join()
    columns = ["loop", *(f"{name} ms" for name in loops["the backend's"])]
    print_table(columns, [[name, *map(spread, loop.values())] for name, loop in loops.items()])


def _bomb() -> bytes:
    """A PNG that claims 60,000 × 60,000 pixels; the stub takes every PNG for one."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + checksum

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(bytes(10**8), 9))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + chunk(b"IEND", b"")


if __name__ == "__main__":
    main()
