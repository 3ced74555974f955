"""A host's moderation: a real HTTP server that judges pictures."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

Judge = Callable[[web.Request], Awaitable[web.StreamResponse]]


def says(decision: str) -> Judge:
    async def judge(request: web.Request) -> web.StreamResponse:
        return web.json_response({"decision": decision})

    return judge


@dataclass
class Moderator:
    """``judges`` by purpose; what nobody judges is allowed."""

    url: str = ""
    judges: dict[str, Judge] = field(default_factory=dict)
    #: Of each picture: its headers and bytes.
    asked: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((dict(request.headers), await request.read()))
        judge = self.judges.get(request.headers["X-Purpose"], says("allow"))
        return await judge(request)

    def purposes(self) -> list[str]:
        return [headers["X-Purpose"] for headers, _ in self.asked]


@asynccontextmanager
async def moderating() -> AsyncIterator[Moderator]:
    moderator = Moderator()
    app = web.Application(client_max_size=20_000_000)
    app.router.add_post("/judge", moderator.handle)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    moderator.url = f"http://{host}:{port}/judge"
    try:
        yield moderator
    finally:
        await runner.cleanup()
