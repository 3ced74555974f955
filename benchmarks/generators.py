"""What do slow drawings at generators of others cost: memory, our own styles' time, cancelling?

A server that takes --seconds for a drawing stands in for the provider. Two AI services run: at one
--drawings photos of 2 MB are under way or wait, the other is idle, and in the next turn they have
changed places. Memory is what all processes of the first hold beyond what they held after a warm-up
of the same kind. Our own style is drawn by both in turn, one drawing at a time, so that whatever
else the machine does meets both alike. A cancel is timed from the client's hanging up until the
provider notices.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import io
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from aiohttp import web
from measuring import FORM, Service, ai_service, folder, form, portrait, print_table
from PIL import Image

ENGINES = """
[[engine]]
name = "slow"
kind = "images-edits"
url = "{url}"
private = true
places = {places}
queue = 1000
expected_s = {seconds}
deadline_s = 3600
[[engine.style]]
name = "slow"
title = "Slow"
sentence = "Takes its time."
prompt = "as clay"
"""


@dataclass
class Provider:
    """``under_way`` are being drawn; ``left`` has when each client that hung up was noticed."""

    seconds: float
    under_way: int = 0
    left: list[float] = field(default_factory=list)
    url: str = ""

    async def edit(self, request: web.Request) -> web.Response:
        await request.post()
        self.under_way += 1
        try:
            await asyncio.sleep(self.seconds)
        except asyncio.CancelledError:
            self.left.append(time.perf_counter())
            raise
        finally:
            self.under_way -= 1
        picture = io.BytesIO()
        Image.new("RGB", (1024, 1024), (200, 120, 90)).save(picture, "PNG")
        data = base64.b64encode(picture.getvalue()).decode()
        return web.json_response({"data": [{"b64_json": data}]})


@asynccontextmanager
async def serving(seconds: float) -> AsyncIterator[Provider]:
    provider = Provider(seconds)
    app = web.Application(client_max_size=50_000_000)
    app.router.add_post("/images/edits", provider.edit)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    provider.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield provider
    finally:
        await runner.cleanup()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--drawings", type=int, default=50)
    parser.add_argument("--places", type=int, default=50, help="of them asked for at once")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--own", type=int, default=15, help="of our own by each, in each turn")
    parser.add_argument("--turns", type=int, default=4)
    parser.add_argument("--fallback", action="store_true", help="as an app asks for any style")
    print_table(*asyncio.run(measured(parser.parse_args())))


async def measured(given: argparse.Namespace) -> tuple[list[str], list[list[str]]]:
    async with AsyncExitStack() as stack:
        provider = await stack.enter_async_context(serving(given.seconds))
        services = []
        for _ in range(2):
            place = Path(stack.enter_context(folder()))
            engines = place / "engines.toml"
            engines.write_text(
                ENGINES.format(url=provider.url, places=given.places, seconds=given.seconds)
            )
            service = stack.enter_context(
                ai_service(
                    AI_ENGINES=str(engines),
                    AI_DATA_DIR=str(place),
                    AI_QUEUE="100",
                    AI_TASK_TIMEOUT_S="600",  # on a busy machine
                )
            )
            http = await stack.enter_async_context(
                aiohttp.ClientSession(service.url, connector=aiohttp.TCPConnector(limit=0))
            )
            services.append(Asked(service, http, provider, given))
        return await _figures(given, provider, services)


@dataclass
class Asked:
    """An AI service and who asks it."""

    service: Service
    http: aiohttp.ClientSession
    provider: Provider
    given: argparse.Namespace

    def __post_init__(self) -> None:
        photo = portrait(2_000_000)
        slow = {"style": "slow", "size": 1024} | ({"fallback": 1} if self.given.fallback else {})
        self.bodies = {
            "slow": form(photo, **slow),
            "own": form(photo, style="painted", seed=1, size=1024),
        }

    async def draw(self, kind: str) -> float:
        started = time.perf_counter()
        asked = {"data": self.bodies[kind], "headers": {"Content-Type": FORM}}
        async with self.http.post("/generate-cartoon", **asked) as got:
            assert got.status == 200, await got.text()
            await got.read()
        return time.perf_counter() - started

    async def draw_own(self) -> tuple[float, float]:
        """Seconds, and processor seconds."""
        before_s = self.service.cpu_s()
        took_s = await self.draw("own")
        return took_s, self.service.cpu_s() - before_s

    async def under_way(self, count: int) -> list[asyncio.Task[float]]:
        """So many slow ones, once each is at the provider or in line."""
        tasks = []
        for number in range(1, count + 1):
            tasks.append(asyncio.create_task(self.draw("slow")))
            while await _held(self.http) < number:  # noqa: ASYNC110 (so that they come by turns)
                await asyncio.sleep(0.02)
        while self.provider.under_way < min(count, self.given.places):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        return tasks

    async def hang_up(self, tasks: list[asyncio.Task[float]]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        while await _held(self.http) or self.provider.under_way:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def _figures(
    given: argparse.Namespace, provider: Provider, services: list[Asked]
) -> tuple[list[str], list[list[str]]]:
    provider.seconds, seconds = 3600, provider.seconds
    for asked in services:
        for _ in range(3):
            await asked.draw("own")

    own: dict[str, list[tuple[float, float]]] = {"idle": [], "busy": []}
    grown = []
    for turn in range(given.turns):
        busy, idle = services if turn % 2 else reversed(services)
        # As many as its workers hold photos of at once.
        await busy.hang_up(await busy.under_way(4))
        before = busy.service.memory_bytes()
        tasks = await busy.under_way(given.drawings)
        grown.append((busy.service.memory_bytes() - before) / 1e6)
        for pair in range(given.own):
            order = [("idle", idle), ("busy", busy)]
            for name, asked in order if pair % 2 else reversed(order):
                own[name].append(await asked.draw_own())
        await busy.hang_up(tasks)

    cancels = []
    for _ in range(10):
        (task,) = await busy.under_way(1)
        provider.left.clear()
        task.cancel()
        hung_up = time.perf_counter()
        while not provider.left:  # noqa: ASYNC110
            await asyncio.sleep(0.002)
        cancels.append(provider.left[0] - hung_up)
        await busy.hang_up([task])

    provider.seconds = seconds
    started = time.perf_counter()
    await asyncio.gather(*(busy.draw("slow") for _ in range(given.drawings)))
    whole_s = time.perf_counter() - started

    def ratio(which: int) -> str:
        beside, alone = (
            statistics.median(pair[which] for pair in own[name]) for name in ("busy", "idle")
        )
        return f"{beside / alone:.3f} ({alone * 1000:.0f} → {beside * 1000:.0f} ms)"

    return ["question", "figure to reach", "measured"], [
        [
            f"memory of {given.drawings} slow drawings, {given.places} at once",
            "≤ 60 MB",
            f"{statistics.median(grown):.0f} MB ({min(grown):.0f} to {max(grown):.0f})",
        ],
        ["our own style beside them, over an idle service", "≤ 1.05", ratio(0)],
        ["the same, processor time", "", ratio(1)],
        [
            "a cancel reaches the provider within",
            "≤ 1 s",
            f"{statistics.median(cancels) * 1000:.0f} ms, at most {max(cancels) * 1000:.0f}",
        ],
        [f"all {given.drawings} at {seconds:g} s each", "", f"{whole_s:.0f} s"],
    ]


async def _held(http: aiohttp.ClientSession) -> int:
    """How many drawings the engine is asked for or has in line."""
    async with http.get("/engines") as got:
        (engine,) = (await got.json())["items"]
        return engine["atWork"] + engine["waiting"]


if __name__ == "__main__":
    main()
