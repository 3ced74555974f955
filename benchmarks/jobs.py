"""What do jobs cost: to accept, to wait for, to hear of, and whose turn is it?

Each figure stands beside a peer of the same run. Clients that wait are measured on a backend whose
AI service is away, where jobs stay queued until they are cancelled.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sqlite3
import statistics
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import aiohttp
from measuring import (
    FORM,
    HERE,
    Service,
    ai_service,
    ai_stub,
    backend,
    folder,
    form,
    free_url,
    percentile,
    portrait,
    print_table,
)
from queues import add_jobs, sharing, turns

from cartoon_avatar.backend.db.session import open_database

ASYNC = {"Prefer": "respond-async"}
MANY = {"MAX_QUEUED_JOBS": "100000", "MAX_DEVICE_JOBS": "100000"}
Row = list[str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="a part: accepting, hearing, notify, beside, turns, sharing")
    parser.add_argument("--accepts", type=int, default=60, help="one after the other, 2 MB each")
    parser.add_argument("--seconds", type=float, default=10, help="of 20 accepted a second")
    parser.add_argument("--listeners", type=int, default=1000)
    parser.add_argument("--wakes", type=int, default=200)
    parser.add_argument("--drawings", type=int, default=15, help="with listeners and without")
    parser.add_argument("--jobs", type=int, default=10_000, help="of 100 devices")
    given = parser.parse_args()
    parts: dict[str, Callable[[], list[Row]]] = {
        "accepting": lambda: asyncio.run(accepting(given.accepts, given.seconds)),
        "hearing": lambda: asyncio.run(hearing(given.listeners, given.wakes)),
        "notify": lambda: by_notify(given.wakes),
        "beside": lambda: asyncio.run(beside(given.listeners, given.drawings)),
        "turns": lambda: asyncio.run(turns(given.jobs)),
        "sharing": lambda: asyncio.run(sharing()),
    }
    chosen = [given.only] if given.only else parts
    rows = [row for name in chosen for row in parts[name]()]
    print_table(["question", "figure to reach", "measured", "beside it"], rows)


# --- accepting


async def accepting(accepts: int, seconds: float) -> list[Row]:
    photo = portrait(2_000_000)
    body = form(photo)
    rows = []
    with folder() as data, backend(data, free_url(), ready="/healthz", **MANY) as service:
        async with _session(service) as http:
            durable = Durable(data, photo)
            took: dict[str, list[float]] = {"accept": [], "durable": []}
            for number in range(accepts + 3):
                took["accept"].append(await _accept(http, body, f"p-{number}"))
                took["durable"].append(durable.keep())
        accept, kept = (took[name][3:] for name in ("accept", "durable"))
        rows.append(
            [
                "accepted → 202, 2 MB, p50",
                "≤ 30 ms",
                _ms(accept, 0.5),
                f"a file of 2 MB and a row made durable: {_ms(kept, 0.5)}",
            ]
        )
    with folder() as data, ai_service() as ai, backend(data, ai.url, **MANY) as service:
        async with _session(service) as http:
            began = time.perf_counter()
            pending = []
            for number in range(int(20 * seconds)):
                await asyncio.sleep(max(0, began + number / 20 - time.perf_counter()))
                pending.append(asyncio.create_task(_accept(http, body, f"q-{number}")))
            together = await asyncio.gather(*pending)
            per_s = len(together) / (time.perf_counter() - began)
        drawn = _count(data, "jobs WHERE state = 'succeeded'")
    rows.append(
        [
            "20 accepted a second, SQLite, while drawing",
            "20 /s",
            f"{per_s:.1f} /s, p50 {_ms(together, 0.5)}, p95 {_ms(together, 0.95)}",
            f"{drawn / seconds:.1f} drawn a second meanwhile",
        ]
    )
    return rows


class Durable:
    """The least that a promise costs: a file and a row that survive a power cut."""

    def __init__(self, data: Path, photo: bytes) -> None:
        self._folder = data / "peer"
        self._folder.mkdir()
        self._photo = photo
        self._count = 0
        self._rows = sqlite3.connect(data / "peer.sqlite", isolation_level=None)
        self._rows.execute("PRAGMA journal_mode = WAL")
        self._rows.execute("PRAGMA synchronous = FULL")
        self._rows.execute("CREATE TABLE kept (name TEXT PRIMARY KEY)")

    def keep(self) -> float:
        began = time.perf_counter()
        self._count += 1
        with open(self._folder / f"{self._count}", "xb") as file:
            file.write(self._photo)
            file.flush()
            os.fsync(file.fileno())
        names = os.open(self._folder, os.O_RDONLY)
        os.fsync(names)
        os.close(names)
        self._rows.execute("INSERT INTO kept VALUES (?)", (str(self._count),))
        return time.perf_counter() - began


def _count(data: Path, what: str) -> int:
    database = sqlite3.connect(data / "avatars.sqlite")
    (count,) = database.execute(f"SELECT count(*) FROM {what}").fetchone()
    database.close()
    return count


async def _accept(http: aiohttp.ClientSession, body: bytes, device: str) -> float:
    headers = {**ASYNC, "X-Device-Id": device, "Content-Type": FORM}
    began = time.perf_counter()
    async with http.post("/api/upload", data=body, headers=headers) as answer:
        assert answer.status == 202, await answer.text()
    return time.perf_counter() - began


# --- waiting and hearing


async def hearing(listeners: int, wakes: int) -> list[Row]:
    with folder() as data:
        url = f"sqlite:///{data / 'avatars.sqlite'}"
        ids = await _queued(url, listeners + wakes, await _uploaded(data))
        with backend(data, free_url(), ready="/healthz", **MANY) as service:
            async with _session(service) as http:
                stream = await _listen(http, ids[-1])
                stream.close()
                before = service.memory_bytes()
                streams = [await _listen(http, job) for job in ids[wakes:]]
                reading = [asyncio.create_task(_read(stream)) for stream in streams]
                await asyncio.sleep(6)  # places in the queue are told meanwhile
                grown = service.memory_bytes() - before
                late, answered = await _wakes(http, http, ids[:wakes])
                for task in reading:
                    task.cancel()
                for stream in streams:
                    stream.close()
    return [
        [f"{listeners} clients that wait by events", "≤ 100 MB", f"{grown / 1e6:.1f} MB", ""],
        _wake_row("commit → event beside them, one process, p95", late, answered),
    ]


def by_notify(wakes: int) -> list[Row]:
    """Cancelled at one backend, heard at another."""
    sys.path.insert(0, str(HERE.parent))
    from tests.engines.postgres import running_postgres

    with folder() as data, running_postgres(durable=True) as server:
        server.run("CREATE DATABASE jobs")
        late, answered = asyncio.run(_heard_elsewhere(data, server.url("jobs"), wakes))
    return [_wake_row("commit → event by NOTIFY, two processes, p95", late, answered)]


async def _heard_elsewhere(data: Path, url: str, wakes: int) -> tuple[list[float], list[float]]:
    more = {**MANY, "DATABASE_URL": url}
    ids = await _queued(url, wakes, await _uploaded(data / "one", **more))
    away = free_url()
    with (
        backend(data / "one", away, ready="/healthz", **more) as one,
        backend(data / "other", away, ready="/healthz", **more) as other,
    ):
        async with _session(one) as asking, _session(other) as hearing:
            return await _wakes(asking, hearing, ids)


def _wake_row(name: str, late: Sequence[float], answered: Sequence[float]) -> Row:
    beside = f"an answer of /healthz, p95: {_ms(answered, 0.95)}"
    return [name, "≤ 50 ms", f"{_ms(late, 0.95)} (p50 {_ms(late, 0.5)})", beside]


async def _wakes(
    asking: aiohttp.ClientSession, hearing: aiohttp.ClientSession, ids: list[str]
) -> tuple[list[float], list[float]]:
    """Seconds from when the cancelling of a job began to be written until its event is here, and
    what a bare answer of the listener's backend takes, in turn."""
    late, answered = [], []
    for job in ids:
        stream = await _listen(hearing, job)
        cancelling = asyncio.create_task(_cancel(asking, job))
        while (said := await _next(stream))["state"] != "canceled":
            pass
        heard = time.time()
        stream.close()
        if await cancelling == 202:  # it was just being tried, and ended later
            continue
        written = datetime.fromisoformat(str(said["finishedAt"]))
        late.append(heard - written.timestamp())
        began = time.perf_counter()
        async with hearing.get("/healthz") as answer:
            assert answer.status == 200
        answered.append(time.perf_counter() - began)
    return late, answered


async def beside(listeners: int, drawings: int) -> list[Row]:
    """The same upload at two backends of one AI service, in turn; at one, clients wait."""
    body = form(portrait(2_000_000), style="comic", seed=7)
    with folder() as quiet, folder() as listened_to, ai_service() as ai:
        # Carried out elsewhere, as far as this backend knows: nobody draws them.
        ids = await _queued(f"sqlite:///{listened_to / 'avatars.sqlite'}", listeners, running=True)
        with backend(quiet, ai.url) as alone, backend(listened_to, ai.url, **MANY) as beside:
            async with _session(alone) as first, _session(beside) as second:
                streams = [await _listen(second, job) for job in ids]
                took: dict[str, list[float]] = {"alone": [], "beside": []}
                for number in range(drawings + 2):
                    for name, http in (("alone", first), ("beside", second)):
                        took[name].append(await _upload(http, body, f"{name}-{number}"))
                for stream in streams:
                    stream.close()
    alone_s, beside_s = (statistics.median(took[name][2:]) for name in ("alone", "beside"))
    return [
        [
            f"an upload beside {listeners} clients that wait ÷ one alone",
            "≤ 1.05",
            f"{beside_s / alone_s:.3f}",
            f"alone {1000 * alone_s:.0f} ms",
        ]
    ]


async def _upload(http: aiohttp.ClientSession, body: bytes, device: str) -> float:
    headers = {"X-Device-Id": device, "Content-Type": FORM}
    began = time.perf_counter()
    async with http.post("/api/upload", data=body, headers=headers) as answer:
        assert answer.status == 201, await answer.text()
    return time.perf_counter() - began


async def _uploaded(data: Path, **more: str) -> str:
    """A photo of the device whose jobs are waited for."""
    with ai_stub() as ai, backend(data, ai.url, **more) as service:
        async with _session(service) as http:
            headers = {"X-Device-Id": "phone", "Content-Type": FORM}
            body = form(portrait(20_000))
            async with http.post("/api/upload", data=body, headers=headers) as answer:
                return (await answer.json())["original"]["id"]


async def _queued(url: str, count: int, original: str = "x", *, running: bool = False) -> list[str]:
    async with open_database(url, 5) as database:
        asked = [("phone", "painted")] * count
        return await add_jobs(database, asked, subject=original, running=running)


@asynccontextmanager
async def _session(service: Service) -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(service.url, connector=connector) as http:
        yield http


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


async def _read(stream: aiohttp.ClientResponse) -> None:
    async for _ in stream.content:
        pass


async def _cancel(http: aiohttp.ClientSession, job: str) -> int:
    async with http.delete(f"/api/jobs/{job}", headers={"X-Device-Id": "phone"}) as answer:
        assert answer.status in (200, 202), await answer.text()
        return answer.status


def _ms(seconds: Sequence[float], share: float) -> str:
    return f"{1000 * percentile(seconds, share):.1f} ms"


if __name__ == "__main__":
    main()
