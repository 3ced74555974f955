"""What do slow drawings at generators of others cost: memory, our own styles' time, cancelling?

A server that takes --seconds for a drawing stands in for the provider. --drawings photos of 2 MB
are under way there or wait, by one AI service. Memory is what all its processes hold beyond what
they held after a warm-up of the same kind; our own style is drawn one after the other, by turns
with and without the slow ones beside it; a cancel is timed from the client's hanging up until the
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
from contextlib import asynccontextmanager
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
    parser.add_argument("--own", type=int, default=10, help="of our own, in each turn")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--fallback", action="store_true", help="as an app asks for any style")
    print_table(*asyncio.run(measured(parser.parse_args())))


async def measured(given: argparse.Namespace) -> tuple[list[str], list[list[str]]]:
    photo = portrait(2_000_000)
    with folder() as place:
        async with serving(given.seconds) as provider:
            engines = Path(place) / "engines.toml"
            engines.write_text(
                ENGINES.format(url=provider.url, places=given.places, seconds=given.seconds)
            )
            with ai_service(
                AI_ENGINES=str(engines), AI_DATA_DIR=str(place), AI_QUEUE="100"
            ) as service:
                return await _figures(given, photo, provider, service)


async def _figures(
    given: argparse.Namespace, photo: bytes, provider: Provider, service: Service
) -> tuple[list[str], list[list[str]]]:
    slow = {"style": "slow", "size": 1024} | ({"fallback": 1} if given.fallback else {})
    bodies = {"slow": form(photo, **slow), "own": form(photo, style="painted", seed=1, size=1024)}
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(service.url, connector=connector) as http:

        async def draw(kind: str) -> float:
            started = time.perf_counter()
            headers = {"Content-Type": FORM}
            async with http.post("/generate-cartoon", data=bodies[kind], headers=headers) as got:
                assert got.status == 200, await got.text()
                await got.read()
            return time.perf_counter() - started

        async def under_way(count: int) -> list[asyncio.Task[float]]:
            """So many slow ones, once each is at the provider or in line."""
            tasks = []
            for number in range(1, count + 1):
                tasks.append(asyncio.create_task(draw("slow")))
                while await _held(http) < number:  # noqa: ASYNC110 (so that they come by turns)
                    await asyncio.sleep(0.02)
            while provider.under_way < min(count, given.places):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            return tasks

        async def hang_up(tasks: list[asyncio.Task[float]]) -> None:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            while await _held(http):  # noqa: ASYNC110
                await asyncio.sleep(0.02)

        for _ in range(3):
            await draw("own")
        await hang_up(await under_way(4))

        provider.seconds, seconds = 3600, provider.seconds
        own: dict[str, list[float]] = {"alone": [], "beside": []}
        grown = []
        for _ in range(given.turns):
            own["alone"] += [await draw("own") for _ in range(given.own)]
            before = service.memory_bytes()
            tasks = await under_way(given.drawings)
            grown.append((service.memory_bytes() - before) / 1e6)
            own["beside"] += [await draw("own") for _ in range(given.own)]
            await hang_up(tasks)

        cancels = []
        for _ in range(10):
            (task,) = await under_way(1)
            while not provider.under_way:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            provider.left.clear()
            task.cancel()
            hung_up = time.perf_counter()
            while not provider.left:  # noqa: ASYNC110
                await asyncio.sleep(0.002)
            cancels.append(provider.left[0] - hung_up)
            await hang_up([task])

        provider.seconds = seconds
        started = time.perf_counter()
        await asyncio.gather(*(draw("slow") for _ in range(given.drawings)))
        whole_s = time.perf_counter() - started

    alone, beside = (statistics.median(own[name]) for name in ("alone", "beside"))
    return ["question", "figure to reach", "measured"], [
        [
            f"memory of {given.drawings} slow drawings, {given.places} at once",
            "≤ 60 MB",
            f"{statistics.median(grown):.0f} MB ({min(grown):.0f} to {max(grown):.0f})",
        ],
        [
            "our own style beside them, over alone",
            "≤ 1.05",
            f"{beside / alone:.3f} ({alone * 1000:.0f} → {beside * 1000:.0f} ms)",
        ],
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
