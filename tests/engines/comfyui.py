"""A server that speaks ComfyUI's protocol, as its documentation and server.py have it.

It keeps one queue and works it off one by one, a message a step, and draws nothing. What
``comfy-api-proxy`` brings as a stand-in (demo/fake_comfyui.py) knows neither /interrupt nor a
queue and is in no wheel.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.engines.generators import DRAWING

# A workflow as the editor exports it for the API, but for its places.
WORKFLOW: dict[str, Any] = {
    "3": {
        "class_type": "KSampler",
        "inputs": {
            "seed": "{seed}",
            "steps": 4,
            "denoise": 0.6,
            "positive": ["6", 0],
            "latent_image": ["12", 0],
        },
    },
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "portrait, {prompt}"}},
    "9": {"class_type": "SaveImage", "inputs": {"images": ["3", 0], "filename_prefix": "avatar"}},
    "10": {"class_type": "LoadImage", "inputs": {"image": "{picture}"}},
    "12": {"class_type": "VAEEncode", "inputs": {"pixels": ["10", 0]}},
}


@dataclass
class ComfyUi:
    """``hold`` keeps the sampler from its last step while it is set; ``fails`` is what it raises.
    A picture is sent once ``viewers`` have asked for it.
    ``asked`` are the paths of all requests, ``keys`` what they were authorized by, ``queued`` the
    ids of all prompts."""

    drawing: bytes = DRAWING
    fails: str | None = None
    hold: bool = False
    has_socket: bool = True
    gives_ids: bool = False
    loses: bool = False
    saves: bool = True
    viewers: int = 1
    asked: list[str] = field(default_factory=list)
    keys: set[str | None] = field(default_factory=set)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    queued: list[str] = field(default_factory=list)
    uploads: dict[str, bytes] = field(default_factory=dict)
    pending: list[list[Any]] = field(default_factory=list)
    running: list[list[Any]] = field(default_factory=list)
    history: dict[str, Any] = field(default_factory=dict)
    interrupted: asyncio.Event = field(default_factory=asyncio.Event)
    held: asyncio.Event = field(default_factory=asyncio.Event)
    free: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    all_viewers: asyncio.Event = field(default_factory=asyncio.Event)
    sockets: dict[str, web.WebSocketResponse] = field(default_factory=dict)
    url: str = ""

    @web.middleware
    async def note(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path}")
        self.keys.add(request.headers.get("Authorization"))
        return await handler(request)

    async def upload(self, request: web.Request) -> web.Response:
        form = await request.post()
        image, folder = form["image"], str(form.get("subfolder", ""))
        assert isinstance(image, web.FileField)
        with image.file as file:
            self.uploads[f"{folder}/{image.filename}"] = file.read()
        return web.json_response({"name": image.filename, "subfolder": folder, "type": "input"})

    async def prompt(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.bodies.append(body)
        graph = body["prompt"]
        for node, given in graph.items():
            if given["class_type"] == "LoadImage" and given["inputs"]["image"] not in self.uploads:
                error = {
                    "type": "custom_validation_failed",
                    "message": "Custom validation failed for node",
                    "details": f"image - Invalid image file: {given['inputs']['image']}",
                }
                return web.json_response(
                    {
                        "error": {
                            "type": "prompt_outputs_failed_validation",
                            "message": "Prompt outputs failed validation",
                            "details": "",
                            "extra_info": {},
                        },
                        "node_errors": {node: {"errors": [error], "class_type": "LoadImage"}},
                    },
                    status=400,
                )
        drawing = body.get("prompt_id", "")
        if self.gives_ids:  # before the middle of 2025
            drawing = str(uuid.uuid4())
        assert str(uuid.UUID(drawing)) == drawing
        extra = {"client_id": body["client_id"]}
        self.queued.append(drawing)
        self.pending.append([len(self.queued), drawing, graph, extra, ["9"]])
        self.changed.set()
        return web.json_response(
            {"prompt_id": drawing, "number": len(self.queued), "node_errors": {}}
        )

    async def work(self) -> None:
        while True:
            await self.changed.wait()
            self.changed.clear()
            while self.pending:
                self.running.append(self.pending.pop(0))
                await self._execute(self.running[0])
                self.running.clear()

    async def _execute(self, item: list[Any]) -> None:
        _, drawing, graph, extra, _ = item
        about = {"prompt_id": drawing}
        messages: list[list[Any]] = []

        async def tell(kind: str, kept: bool = False, **data: Any) -> None:
            if kept:
                messages.append([kind, {**about, **data}])
            socket = self.sockets.get(extra["client_id"])
            if socket is not None:
                with suppress(ConnectionError):
                    await socket.send_json({"type": kind, "data": {**about, **data}})

        async def state(node: str, value: float, most: float, name: str) -> None:
            nodes[node] = {"value": value, "max": most, "state": name, "node_id": node, **about}
            await tell("progress_state", nodes=nodes)

        nodes: dict[str, Any] = {}
        saved: dict[str, Any] = {}
        ended = "execution_success"
        why: dict[str, Any] = {}
        self.interrupted.clear()
        await tell("execution_start", kept=True)
        await tell("execution_cached", kept=True, nodes=[])
        for node in _in_order(graph):
            await tell("executing", node=node)
            steps = graph[node]["inputs"].get("steps", 1)
            for step in range(steps):
                await state(node, step, steps, "running")
                await asyncio.sleep(0)
            if graph[node]["class_type"] == "KSampler":
                await self._hold()
                socket = self.sockets.get(extra["client_id"])
                if socket is not None:
                    with suppress(ConnectionError):
                        await socket.send_bytes(b"\0\0\0\1\0\0\0\2" + self.drawing)  # a preview
                if self.interrupted.is_set():
                    ended = "execution_interrupted"
                    break
                if self.fails is not None:
                    ended = "execution_error"
                    why = {
                        "exception_message": self.fails,
                        "node_type": "KSampler",
                        "node_id": node,
                    }
                    break
            await state(node, steps, steps, "finished")
        if ended == "execution_success" and self.saves:
            image = {"filename": "avatar_00001_.png", "subfolder": "", "type": "output"}
            saved = {"9": {"images": [image]}}
            await tell("executed", node="9", output=saved["9"])
        await tell(ended, kept=True, **why)
        # Told before it is in the history, as the real one does.
        await asyncio.sleep(0.02)
        if not self.loses:
            good = ended == "execution_success"
            self.history[drawing] = {
                "prompt": item,
                "outputs": saved,
                "status": {
                    "status_str": "success" if good else "error",
                    "completed": good,
                    "messages": messages,
                },
                "meta": {},
            }

    async def _hold(self) -> None:
        if self.hold:
            self.held.set()
            waits = [asyncio.create_task(one.wait()) for one in (self.interrupted, self.free)]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()

    async def queue(self, request: web.Request) -> web.Response:
        return web.json_response({"queue_running": self.running, "queue_pending": self.pending})

    async def change_queue(self, request: web.Request) -> web.Response:
        gone = (await request.json()).get("delete", [])
        self.pending = [item for item in self.pending if item[1] not in gone]
        return web.Response()

    async def interrupt(self, request: web.Request) -> web.Response:
        wanted = (await request.json()).get("prompt_id")
        if any(wanted in (None, item[1]) for item in self.running):
            self.interrupted.set()
        return web.Response()

    async def past(self, request: web.Request) -> web.Response:
        drawing = request.match_info["id"]
        found = {drawing: self.history[drawing]} if drawing in self.history else {}
        return web.json_response(found)

    async def view(self, request: web.Request) -> web.Response:
        if (
            request.query.get("filename") != "avatar_00001_.png"
            or request.query["type"] != "output"
        ):
            return web.Response(status=404)
        if self.asked.count("GET /view") >= self.viewers:
            self.all_viewers.set()
        await self.all_viewers.wait()
        return web.Response(body=self.drawing, content_type="image/png")

    async def stats(self, request: web.Request) -> web.Response:
        return web.json_response({"system": {"comfyui_version": "0.3.60"}, "devices": []})

    async def nodes(self, request: web.Request) -> web.Response:
        kinds = {given["class_type"] for given in WORKFLOW.values()}
        return web.json_response({kind: {"name": kind} for kind in kinds})

    async def socket(self, request: web.Request) -> web.StreamResponse:
        if not self.has_socket:
            return web.Response(status=404)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        client = request.query.get("clientId") or uuid.uuid4().hex
        self.sockets[client] = socket
        status = {"status": {"exec_info": {"queue_remaining": len(self.pending)}}, "sid": client}
        await socket.send_json({"type": "status", "data": status})
        try:
            async for message in socket:
                json.loads(message.data)
        finally:
            self.sockets.pop(client, None)
        return socket


def _in_order(graph: dict[str, Any]) -> list[str]:
    """The nodes that what is saved is made of, each after those whose outputs it takes."""
    order: list[str] = []

    def visit(node: str) -> None:
        for value in graph[node]["inputs"].values():
            if isinstance(value, list):
                visit(value[0])
        if node not in order:
            order.append(node)

    for node, given in graph.items():
        if given["class_type"] == "SaveImage":
            visit(node)
    return order


@asynccontextmanager
async def serving(**how: Any) -> AsyncIterator[ComfyUi]:
    comfy = ComfyUi(**how)
    app = web.Application(client_max_size=50_000_000, middlewares=[comfy.note])
    app.add_routes(
        [
            web.post("/upload/image", comfy.upload),
            web.post("/prompt", comfy.prompt),
            web.get("/queue", comfy.queue),
            web.post("/queue", comfy.change_queue),
            web.post("/interrupt", comfy.interrupt),
            web.get("/history/{id}", comfy.past),
            web.get("/view", comfy.view),
            web.get("/system_stats", comfy.stats),
            web.get("/object_info", comfy.nodes),
            web.get("/ws", comfy.socket),
        ]
    )
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    comfy.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    working = asyncio.create_task(comfy.work())
    try:
        yield comfy
    finally:
        working.cancel()
        await asyncio.wait([working])
        await runner.cleanup()
