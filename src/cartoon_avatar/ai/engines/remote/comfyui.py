"""A ComfyUI server of one's own: a workflow is queued, its progress followed by a WebSocket.

Protocol: https://docs.comfy.org/development/comfyui-server/comms_routes and its messages,
…/comms_messages. The id of what is queued is ours, so that a drawing is found again after
whatever died; a server that is too old for that gives one of its own.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from cartoon_avatar.ai.engines.drawing import Report
from cartoon_avatar.ai.engines.remote.config import ComfyUiConfig
from cartoon_avatar.ai.engines.remote.generation import Call, Generation, GenerationLost
from cartoon_avatar.ai.engines.remote.http import (
    MOST_JSON_BYTES,
    MOST_PICTURE_BYTES,
    ProviderHttp,
    bounded,
    json_in,
)

# In its input folder: what we send lies in a folder of its own.
_FOLDER = "cartoon-avatar"
_FIRST_POLL_S, _LONGEST_POLL_S = 0.1, 5.0
_CANCEL_S = 1.0
_ENDED = ("execution_success", "execution_error", "execution_interrupted")


@dataclass(frozen=True, slots=True)
class ComfyUi:
    config: ComfyUiConfig
    http: ProviderHttp

    async def generate(self, generation: Generation, call: Call, report: Report) -> bytes:
        report("starting", None)
        drawing = str(uuid.UUID(generation.key))
        # Whose messages come is decided by the id, so it is the same for every attempt.
        async with self._messages(generation.key) as messages:
            try:
                if call.begun_at is None or not await self._knows(drawing):
                    drawing = await self._queued(drawing, generation)
                entry = await self._ended(drawing, messages, report)
            except asyncio.CancelledError:
                if not call.is_stopping():
                    await self._cancel(drawing)
                raise
        return await self._picture_in(entry)

    async def _knows(self, drawing: str) -> bool:
        """Whether an earlier attempt has queued it; one that failed is forgotten there."""
        entry = await self._history(drawing)
        match entry:
            case {"status": {"status_str": "error"}}:
                url, body = self.http.url("history"), {"delete": [drawing]}
                async with self.http.ask("POST", url, json_body=body, idempotent=True):
                    return False
        if entry is not None or await self._is_queued(drawing):
            return True
        return await self._history(drawing) is not None  # it ended between the two questions

    async def _queued(self, drawing: str, generation: Generation) -> str:
        graph = self.config.workflow.filled(
            await self._uploaded(generation), generation.prompt, generation.seed
        )
        body = {"prompt": graph, "prompt_id": drawing, "client_id": generation.key}
        url = self.http.url("prompt")
        try:
            # A repetition costs nothing but time of the operator's own machine.
            queued = await self.http.json("POST", url, json_body=body, idempotent=True)
        except GenerationLost as lost:
            if (wrong := _wrong_in(lost.body)) is not None:
                reason = "it does not take the workflow"
                raise GenerationLost(reason, charged=False, detail=wrong) from lost
            raise
        return str(queued.get("prompt_id", drawing))

    async def _uploaded(self, generation: Generation) -> str:
        """The photo's name, as a LoadImage node has it."""
        form = aiohttp.FormData()
        name = f"{generation.key}.jpg"
        form.add_field("image", generation.photo, filename=name, content_type="image/jpeg")
        for field_name, value in {
            "type": "input",
            "subfolder": _FOLDER,
            "overwrite": "true",
        }.items():
            form.add_field(field_name, value)
        url = self.http.url("upload/image")
        async with self.http.ask("POST", url, data=form, idempotent=True) as response:
            match json_in(await bounded(response, MOST_JSON_BYTES)):
                case {"name": str(stored), "subfolder": str(folder)}:
                    return f"{folder}/{stored}" if folder else stored
        raise GenerationLost("it took the photo and does not say its name", charged=False)

    async def _ended(self, drawing: str, messages: _Messages, report: Report) -> dict[str, Any]:
        """The history's entry of the drawing, once there is one."""
        progress = _Progress(self.config.workflow.steps())
        pause_s = _FIRST_POLL_S
        while True:
            with suppress(GenerationLost):  # for a moment; the deadline ends it for good
                if entry := await self._history(drawing):
                    return entry
                if not await self._is_queued(drawing) and not await self._history(drawing):
                    break
            message = await messages.next_of(drawing, pause_s)
            pause_s = min(_LONGEST_POLL_S, 1.5 * pause_s)
            while message is not None:
                if message["type"] in _ENDED:
                    # The message comes a moment before the entry is in the history.
                    pause_s = _FIRST_POLL_S
                    break
                if (share := progress.of(message)) is not None:
                    report("generating", share)
                message = await messages.next_of(drawing, _LONGEST_POLL_S)
        raise GenerationLost("it no longer knows of the drawing", charged=True)

    async def _history(self, drawing: str) -> dict[str, Any] | None:
        url = self.http.url(f"history/{drawing}")
        entry = (await self.http.json("GET", url, idempotent=True)).get(drawing)
        return entry if isinstance(entry, dict) else None

    async def _is_queued(self, drawing: str) -> bool:
        queue = await self.http.json("GET", self.http.url("queue"), idempotent=True)
        waiting = [*queue.get("queue_running", []), *queue.get("queue_pending", [])]
        return any(drawing in item for item in waiting if isinstance(item, list))

    async def _cancel(self, drawing: str) -> None:
        async def ask() -> None:
            with suppress(GenerationLost, TimeoutError):
                async with asyncio.timeout(_CANCEL_S):
                    body: dict[str, Any] = {"delete": [drawing]}
                    async with self.http.ask("POST", self.http.url("queue"), json_body=body):
                        pass
                    # An old server would interrupt whatever it draws.
                    queue = await self.http.json("GET", self.http.url("queue"))
                    running = queue.get("queue_running", [])
                    if any(drawing in item for item in running if isinstance(item, list)):
                        url, body = self.http.url("interrupt"), {"prompt_id": drawing}
                        async with self.http.ask("POST", url, json_body=body):
                            pass

        await asyncio.shield(asyncio.ensure_future(ask()))

    async def _picture_in(self, entry: dict[str, Any]) -> bytes:
        match entry:
            case {"status": {"status_str": "error", "messages": [*messages]}}:
                raise _failed(messages)
            case {"outputs": dict(outputs)}:
                if (file := _file_in(outputs, self.config.output)) is not None:
                    url = self.http.url("view").with_query(file)
                    async with self.http.ask("GET", url, idempotent=True) as response:
                        return await bounded(response, MOST_PICTURE_BYTES)
        raise GenerationLost("its workflow saved no picture", charged=True)

    @asynccontextmanager
    async def _messages(self, client_id: str) -> AsyncGenerator[_Messages]:
        url = self.http.url("ws").with_query(clientId=client_id)
        try:
            socket = await self.http.own.ws_connect(url, headers=dict(self.http.headers))
        except (aiohttp.ClientError, OSError):
            # The history tells when it is done, if not how far it is.
            yield _Messages(None)
            return
        async with socket:
            with suppress(ConnectionError, aiohttp.ClientError):
                await socket.send_json({"type": "feature_flags", "data": {}})
            yield _Messages(socket)


@dataclass(slots=True)
class _Messages:
    """Messages of the server's WebSocket; none once it is closed."""

    socket: aiohttp.ClientWebSocketResponse | None

    async def next_of(self, drawing: str, within_s: float) -> dict[str, Any] | None:
        """The next message on ``drawing``, None where there is none within ``within_s``."""
        if self.socket is None:
            await asyncio.sleep(within_s)
            return None
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while True:
                    received = await self.socket.receive()
                    if received.type is aiohttp.WSMsgType.TEXT:
                        match _json_or_none(received.data):
                            case {"type": str(), "data": {"prompt_id": about}} as message:
                                if about == drawing:
                                    return message
                    elif received.type is not aiohttp.WSMsgType.BINARY:  # previews
                        self.socket = None
                        return None
        return None


@dataclass(slots=True)
class _Progress:
    """``steps`` are those of each node; ``done`` how many of them are."""

    steps: dict[str, float]
    done: dict[str, float] = field(default_factory=dict)

    def of(self, message: dict[str, Any]) -> float | None:
        """The share of all steps that are done, where the message tells of some."""
        match message:
            case {"type": "execution_cached", "data": {"nodes": [*nodes]}}:
                for node in nodes:
                    self._note(str(node), 1.0)
            case {"type": "progress_state", "data": {"nodes": dict(nodes)}}:
                for node, state in nodes.items():
                    match state:
                        case {"value": int() | float() as value, "max": int() | float() as most}:
                            self._note(node, value / most if most > 0 else 0.0)
            case {"type": "progress", "data": {"node": node, "value": value, "max": most}}:
                if isinstance(value, int | float) and isinstance(most, int | float) and most > 0:
                    self._note(str(node), value / most)
            case {"type": "executed", "data": {"node": node}}:
                self._note(str(node), 1.0)
            case {"type": "execution_start"}:
                pass
            case _:
                return None
        return sum(self.done.values()) / sum(self.steps.values())

    def _note(self, node: str, share: float) -> None:
        if node in self.steps:
            self.done[node] = self.steps[node] * min(1.0, max(0.0, share))


def _json_or_none(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _file_in(outputs: dict[str, Any], node: str | None) -> dict[str, str] | None:
    """The query by which the first picture of ``node`` is fetched; of any node if None, one that
    is saved before one that is only previewed."""
    files = [
        {"filename": name, "subfolder": folder, "type": kind}
        for saved_by, output in outputs.items()
        if node in (None, saved_by) and isinstance(output, dict)
        for image in output.get("images", [])
        if isinstance(image, dict)
        and isinstance(name := image.get("filename"), str)
        and isinstance(folder := image.get("subfolder", ""), str)
        and isinstance(kind := image.get("type", "output"), str)
    ]
    return min(files, key=lambda file: file["type"] != "output", default=None)


def _failed(messages: list[Any]) -> GenerationLost:
    for message in messages:
        match message:
            case ["execution_interrupted", *_]:
                return GenerationLost("it was interrupted there", charged=True)
            case ["execution_error", {"exception_message": str(why), "node_type": str(node)}]:
                reason = f"its {_short(node)} node failed"
                return GenerationLost(reason, charged=True, detail=_short(why))
    return GenerationLost("its workflow failed", charged=True)


def _wrong_in(body: Any) -> str | None:
    """What a ComfyUI server says against a workflow."""
    match body:
        case {"node_errors": dict(nodes), "error": {"message": str(message)}}:
            for node, given in nodes.items():
                match given:
                    case {"errors": [{"message": str(first), "details": str(details)}, *_]}:
                        return f"node {node}: {_short(f'{first}: {details}')}"
            return _short(message)
    return None


def _short(text: str) -> str:
    return " ".join(text.split())[:160]
