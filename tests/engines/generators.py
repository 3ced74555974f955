"""Servers that speak the protocols of generators, as their documentation says, failures too."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.ai.conftest import saved, scene

DRAWING = saved(scene(96, 96), "PNG")
KEY = "sk-canary-4711"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Server:
    """``handlers`` respond one after the other, the last for ever."""

    handlers: list[Handler] = field(default_factory=list)
    #: Of each request: its path, headers and form or JSON.
    asked: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    files: dict[str, bytes] = field(default_factory=dict)
    url: str = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request.path_qs, dict(request.headers), await _body(request)))
        handler = self.handlers.pop(0) if len(self.handlers) > 1 else self.handlers[0]
        try:
            return await handler(request)
        except asyncio.CancelledError:  # the client closed its connection
            self.cancelled.set()
            raise

    async def file(self, request: web.Request) -> web.Response:
        data = self.files.get(request.match_info["name"])
        assert "Authorization" not in request.headers
        return web.Response(status=403) if data is None else web.Response(body=data)


async def _body(request: web.Request) -> dict[str, Any]:
    if request.content_type == "multipart/form-data":
        form: dict[str, Any] = {}
        for name, value in (await request.post()).items():
            form[name] = value
            if isinstance(value, web.FileField):
                with value.file as file:
                    form[name] = file.read()
        return form
    return await request.json() if request.can_read_body else {}


@asynccontextmanager
async def serving(*paths: str) -> AsyncIterator[Server]:
    """``paths`` are those that the handlers are for."""
    server = Server()
    app = web.Application(client_max_size=50_000_000)
    for path in paths:
        app.router.add_route("*", path, server.handle)
    app.router.add_get("/files/{name}", server.file)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()


# --- what any of them may do


def status(code: int, said: object = None, **headers: str) -> Handler:
    async def respond(request: web.Request) -> web.Response:
        return web.json_response(said or {}, status=code, headers=headers)

    return respond


async def html(request: web.Request) -> web.Response:
    return web.Response(text="<!doctype html><title>Down for maintenance</title>")


async def endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b" " * 1_000_000)


async def never(request: web.Request) -> web.Response:
    await asyncio.sleep(3600)
    raise AssertionError


async def broken(request: web.Request) -> web.StreamResponse:
    """Begins well, and dies."""
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"data": [')
    assert request.transport is not None
    request.transport.abort()
    return response


def bare(picture: bytes, kind: str = "text/html") -> Handler:
    """As servers of the original design answer, with a type that lies."""

    async def respond(request: web.Request) -> web.Response:
        return web.Response(body=picture, content_type=kind)

    return respond


# --- POST /v1/images/edits


def edited(picture: bytes = DRAWING) -> Handler:
    return status(200, {"created": 1, "data": [{"b64_json": base64.b64encode(picture).decode()}]})


def linked(url: str) -> Handler:
    return status(200, {"created": 1, "data": [{"url": url}]})


def refused(code: str = "moderation_blocked") -> Handler:
    error = {"type": "image_generation_user_error", "code": code, "message": "No."}
    return status(400, {"error": error})


def streamed(partial: int = 2, *, completed: bool = True, error: object = None) -> Handler:
    picture = base64.b64encode(DRAWING).decode()

    async def respond(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        events: list[dict[str, Any]] = [
            {"type": "image_edit.partial_image", "partial_image_index": at, "b64_json": picture}
            for at in range(partial)
        ]
        if error is not None:
            events.append({"type": "error", "error": error})
        if completed:
            events.append({"type": "image_edit.completed", "b64_json": picture})
        for event in events:
            text = f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()
            await response.write(text[:50])
            await response.write(text[50:])
        return response

    return respond


# --- POST /predictions


def prediction(server: Server, state: str, output: object = None, error: object = None) -> Handler:
    """As Replicate tells of one."""

    async def respond(request: web.Request) -> web.Response:
        here = f"{server.url}/v1/predictions/abc"
        said = {
            "id": "abc",
            "status": state,
            "output": output,
            "error": error,
            "urls": {"get": here, "cancel": f"{here}/cancel"},
        }
        return web.json_response(said, status=201 if request.method == "POST" else 200)

    return respond


def data_uri(picture: bytes = DRAWING) -> str:
    return "data:image/png;base64," + base64.b64encode(picture).decode()
