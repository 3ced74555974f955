"""Pictures as responses: plain, or as server-sent events with the progress first."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import structlog
from fastapi import Request, Response
from starlette.types import Receive, Scope, Send

from cartoon_avatar.ai.engines.drawing import Report
from cartoon_avatar.ai.errors import ClientGone
from cartoon_avatar.ai.jobs import Result
from cartoon_avatar.ai.pools.admission import OnPosition
from cartoon_avatar.contract import headers
from cartoon_avatar.contract.errors import AvatarError
from cartoon_avatar.contract.media_types import EVENT_STREAM
from cartoon_avatar.http.problems import problem_of
from cartoon_avatar.http.request_log import InternalError

log = structlog.get_logger()

# Proxies close connections that are silent for a minute.
HEARTBEAT_S = 10
_HEARTBEAT = b": keep-alive\n\n"


@dataclass(frozen=True, slots=True)
class Watch:
    """Callbacks for a picture's position in the queue and for its progress."""

    on_position: OnPosition | None = None
    report: Report | None = None


@dataclass(frozen=True, slots=True)
class FinishedPicture:
    """A finished picture, with media type and headers of its response."""

    body: bytes
    media_type: str
    headers: dict[str, str]

    @classmethod
    def of(cls, result: Result, others: dict[str, str]) -> FinishedPicture:
        stages = (f"{stage};dur={seconds * 1000:.1f}" for stage, seconds in result.stages.items())
        if result.thumbnail:
            others = {**others, headers.THUMBNAIL_BYTES: str(len(result.thumbnail))}
        if result.cartoon_thumbnail:
            size_bytes = len(result.cartoon_thumbnail)
            others = {**others, headers.CARTOON_THUMBNAIL_BYTES: str(size_bytes)}
        all_headers = {
            headers.PHOTO_WIDTH: str(result.photo_width),
            headers.PHOTO_HEIGHT: str(result.photo_height),
            headers.IMAGE_WIDTH: str(result.width),
            headers.IMAGE_HEIGHT: str(result.height),
            headers.SERVER_TIMING: ", ".join(stages),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            **others,
        }
        body = result.data + result.thumbnail + result.cartoon_thumbnail
        return cls(body, result.mime_type, all_headers)


Work = Callable[[Watch], Awaitable[FinishedPicture]]


async def respond(request: Request, work: Work, held: ExitStack | None = None) -> Response:
    """The response to ``request``: what ``work`` makes; cancelled when the client leaves.

    ``held`` is closed after it. Without ``held`` there are no events.
    """
    if held is not None and _wants_events(request):
        return EventStream(work, held.pop_all(), request.state.request_id)
    working = asyncio.ensure_future(work(Watch()))
    gone = asyncio.ensure_future(_disconnected(request.receive))
    try:
        await asyncio.wait([working, gone], return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            working.cancel()
            await asyncio.wait([working])
            raise ClientGone
        finished = working.result()
    finally:
        working.cancel()
        gone.cancel()
    return Response(finished.body, media_type=finished.media_type, headers=finished.headers)


def _wants_events(request: Request) -> bool:
    kinds = request.headers.get("accept", "").split(",")
    return any(kind.partition(";")[0].strip().lower() == EVENT_STREAM for kind in kinds)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class EventStream(Response):
    """Server-sent events: ``queued`` and ``progress``, then one ``result`` or ``problem``."""

    media_type = EVENT_STREAM

    def __init__(self, work: Work, held: ExitStack, request_id: str) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._work = work
        self._held = held
        self._request_id = request_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # None ends the stream: the work is done, or the client is gone.
        events: asyncio.Queue[bytes | None] = asyncio.Queue()
        with self._held:
            working = asyncio.ensure_future(self._run(events))
            gone = asyncio.ensure_future(_disconnected(receive))
            gone.add_done_callback(lambda _: events.put_nowait(None))
            try:
                await send(
                    {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
                )
                while (event := await _next(events)) is not None:
                    await send({"type": "http.response.body", "body": event, "more_body": True})
                if not gone.done():
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
            finally:
                gone.cancel()
                working.cancel()
                # The place is taken until the worker is free.
                await asyncio.wait([working])

    async def _run(self, events: asyncio.Queue[bytes | None]) -> None:
        def on_position(position: int) -> None:
            events.put_nowait(_event("queued", {"position": position}))

        def report(stage: str, share: float | None) -> None:
            progress = None if share is None else round(share, 3)
            events.put_nowait(_event("progress", {"stage": stage, "progress": progress}))

        try:
            finished = await self._work(Watch(on_position, report))
            events.put_nowait(_event("result", _as_json(finished)))
        except AvatarError as error:
            events.put_nowait(_event("problem", self._problem(error)))
        except Exception:
            # As RequestLog does, which cannot respond any more once the stream has begun.
            log.exception("unexpected")
            error = InternalError("Something went wrong on our side; the log has the details.")
            events.put_nowait(_event("problem", self._problem(error)))
        events.put_nowait(None)

    def _problem(self, error: AvatarError) -> dict[str, Any]:
        problem = problem_of(self._request_id, error).model_dump(by_alias=True)
        if error.retry_after_s is not None:
            problem["retryAfter"] = error.retry_after_s
        return problem


async def _next(events: asyncio.Queue[bytes | None]) -> bytes | None:
    try:
        async with asyncio.timeout(HEARTBEAT_S):
            return await events.get()
    except TimeoutError:
        return _HEARTBEAT


def _event(name: str, data: dict[str, Any]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()


def _as_json(finished: FinishedPicture) -> dict[str, Any]:
    return {
        "headers": finished.headers,
        "mediaType": finished.media_type,
        "image": base64.b64encode(finished.body).decode(),
    }
