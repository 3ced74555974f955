"""HTTP to the AI service: one deadline, bounded responses, translated errors."""

from __future__ import annotations

import asyncio
import json
import secrets
from base64 import b64decode
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import aiohttp
import starlette.datastructures
import structlog
import yarl

from cartoon_avatar.backend.ai.events import events_in
from cartoon_avatar.backend.ai.responses import Headers
from cartoon_avatar.backend.errors import (
    AiBusy,
    AiUnavailable,
    ConsentRequired,
    EngineRefused,
    EngineUnavailable,
    GenerationFailed,
    ImageTooLarge,
    InvalidBackground,
    InvalidFace,
    InvalidFormat,
    InvalidFraming,
    InvalidImage,
    InvalidOutline,
    InvalidPreset,
    InvalidSeed,
    InvalidSize,
    InvalidStyle,
    NoFace,
    NoTransparency,
    PictureUnusable,
    StickerTooLarge,
)
from cartoon_avatar.backend.metrics import Metrics
from cartoon_avatar.contract import headers, paths
from cartoon_avatar.contract.errors import AvatarError
from cartoon_avatar.contract.media_types import EVENT_STREAM, PROBLEM_JSON

log = structlog.get_logger()

# A 2048-pixel PNG of noise is 12 MB; nothing honest is larger.
_MAX_RESPONSE_BYTES = 20_000_000
# Such a picture in base64.
_MAX_EVENT_BYTES = 28_000_000
# Small pieces are sent together: each packet wakes the receiver up.
_PACKET_BYTES = 262_144

# Errors of the AI service about our client's options, under our own codes.
_PASSED_ON: dict[str, type[AvatarError]] = {
    "invalid_image": InvalidImage,
    "image_too_large": ImageTooLarge,
    # Its own limit may be lower than ours.
    "file_too_large": ImageTooLarge,
    "no_face": NoFace,
    "picture_unusable": PictureUnusable,
    "engine_refused": EngineRefused,
    "consent_required": ConsentRequired,
    "no_transparency": NoTransparency,
    "sticker_too_large": StickerTooLarge,
    "invalid_preset": InvalidPreset,
    "invalid_outline": InvalidOutline,
    "unknown_style": InvalidStyle,
    "invalid_style": InvalidStyle,
    "invalid_seed": InvalidSeed,
    "invalid_format": InvalidFormat,
    "invalid_background": InvalidBackground,
    "invalid_size": InvalidSize,
    "invalid_framing": InvalidFraming,
    "invalid_face": InvalidFace,
    "face_index_out_of_range": InvalidFace,
}

_NO_MODELS = (
    "The drawing service lacks model files, so nothing can be drawn or cut; nothing was changed."
    " Whoever runs it reads in /readyz which."
)


# Called with the stage of a picture under way and its progress (0 to 1), None if unknown.
Report = Callable[[str, float | None], None]
# Bytes in pieces, to be sent or written one after the other.
Pieces = Sequence[bytes | memoryview]
# And their media type.
File = tuple[Pieces, str]


class NoSuchEndpoint(GenerationFailed):
    """The AI service does not know the path."""


@dataclass(frozen=True, slots=True)
class Wire:
    """Sends requests. Raises AiUnavailable where trying again may help, GenerationFailed for a
    response that is garbage, and the client's own faults (InvalidImage, NoFace …)."""

    session: aiohttp.ClientSession
    url: yarl.URL
    metrics: Metrics

    async def post_files(
        self,
        path: str,
        files: Mapping[str, File],
        until: float,
        fields: Mapping[str, object],
        report: Report | None = None,
        key: str | None = None,
    ) -> tuple[Headers, bytes]:
        boundary = secrets.token_hex(16)
        head = f"--{boundary}\r\nContent-Disposition: form-data; name="
        start = "".join(
            f'{head}"{name}"\r\n\r\n{value}\r\n'
            for name, value in fields.items()
            if value is not None
        )
        body: list[bytes | memoryview] = []
        for name, (pieces, mime_type) in files.items():
            start += f'{head}"{name}"; filename="photo"\r\nContent-Type: {mime_type}\r\n\r\n'
            body += [start.encode(), *pieces]
            start = "\r\n"
        body.append(f"\r\n--{boundary}--\r\n".encode())
        kind = f"multipart/form-data; boundary={boundary}"
        return await self.ask("POST", path, until, body, kind, report, key)

    async def ask(
        self,
        method: str,
        path: str,
        until: float,
        body: Pieces = (),
        kind: str | None = None,
        report: Report | None = None,
        key: str | None = None,
    ) -> tuple[Headers, bytes]:
        """Headers and body of the response. ``report`` is called with progress, if there is any."""
        status, head, data = await self.exchange(method, path, until, body, kind, report, key)
        if status != 200:
            raise _translated(status, head, data, path)
        return head, data

    async def exchange(
        self,
        method: str,
        path: str,
        until: float,
        body: Pieces = (),
        kind: str | None = None,
        report: Report | None = None,
        key: str | None = None,
    ) -> tuple[int, Headers, bytes]:
        """As ``ask``, whatever the status."""
        sent_headers = {"Accept-Encoding": "identity"}
        if report is not None:
            sent_headers["Accept"] = EVENT_STREAM
        request_id = structlog.contextvars.get_contextvars().get("request_id", "")
        if request_id:
            sent_headers[headers.REQUEST_ID] = request_id
        if key is not None:
            sent_headers[headers.IDEMPOTENCY_KEY] = key
        if kind:
            sent_headers |= {"Content-Type": kind, "Content-Length": str(sum(map(len, body)))}
        request = self.session.request(
            method,
            self.url.joinpath(path.lstrip("/")),
            headers=sent_headers,
            data=_packed(body),
            allow_redirects=False,
        )
        try:
            with (
                self.metrics.ai_requests_running.track_inprogress(),
                self.metrics.ai_seconds.labels(path).time(),
            ):
                async with asyncio.timeout_at(until), request as response:
                    if report is not None and _is_event_stream(response):
                        return 200, *await _response_of_events(response, report, path)
                    data = await _bounded(response)
        except (aiohttp.ClientError, TimeoutError) as error:
            if path != paths.READYZ:  # polled every few seconds, also while it starts
                log.warning("ai_unreachable", path=path, error=str(error) or repr(error))
            raise AiUnavailable from error
        return response.status, response.headers, data


def _is_event_stream(response: aiohttp.ClientResponse) -> bool:
    kind = response.headers.get("content-type", "")
    return response.status == 200 and kind.startswith(EVENT_STREAM)


async def _response_of_events(
    response: aiohttp.ClientResponse, report: Report, path: str
) -> tuple[Headers, bytes]:
    """The plain response that the last event of a stream carries; the other events are progress."""
    try:
        async for event in events_in(response.content.iter_any(), _MAX_EVENT_BYTES):
            if event.name == "queued":
                report("queued", None)
            elif event.name == "progress":
                share = event.data.get("progress")
                known = isinstance(share, int | float) and 0 <= share <= 1
                report(str(event.data["stage"])[:64], float(share) if known else None)
            elif event.name == "result":
                head = {str(name): str(value) for name, value in event.data["headers"].items()}
                head["content-type"] = str(event.data["mediaType"])
                return starlette.datastructures.Headers(head), b64decode(
                    event.data["image"], validate=True
                )
            elif event.name == "problem":
                head = {"retry-after": str(event.data.get("retryAfter", ""))}
                raise _translated_problem(int(event.data["status"]), head, event.data, path)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        log.error("ai_response_garbage", kind=EVENT_STREAM, error=repr(error)[:200])
        raise GenerationFailed from error
    raise aiohttp.ServerDisconnectedError("the stream of events ended before its result")


def _packed(body: Pieces) -> bytes | AsyncIterator[bytes | bytearray | memoryview] | None:
    if sum(map(len, body)) <= _PACKET_BYTES:
        return b"".join(body) or None
    return _packets(body)


async def _packets(pieces: Pieces) -> AsyncIterator[bytes | bytearray | memoryview]:
    packet = bytearray()
    for piece in pieces:
        if len(packet) + len(piece) <= _PACKET_BYTES:
            packet += piece
            continue
        if packet:
            yield packet
            packet = bytearray()
        yield piece
    if packet:
        yield packet


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    # Compression was not requested; decompressing could make a gigabyte of a megabyte.
    if "content-encoding" in response.headers:
        log.error("ai_response_garbage", header="content-encoding")
        raise GenerationFailed
    data = bytearray()
    async for chunk in response.content.iter_any():
        data += chunk
        if len(data) > _MAX_RESPONSE_BYTES:
            log.error("ai_response_too_long", limit_bytes=_MAX_RESPONSE_BYTES)
            raise GenerationFailed
    return bytes(data)


def _translated(status: int, head: Headers, data: bytes, path: str) -> AvatarError:
    problem: Any = {}
    if head.get("content-type", "").startswith(PROBLEM_JSON):
        with suppress(ValueError):
            problem = json.loads(data)
    return _translated_problem(status, head, problem if isinstance(problem, dict) else {}, path)


def _translated_problem(
    status: int, head: Headers, problem: dict[str, Any], path: str
) -> AvatarError:
    code = problem.get("code", "")
    if status == 503 and code == "models_missing":
        log.error("ai_lacks_models", path=path)
        return AiUnavailable(retry_after_s=60, detail=_NO_MODELS)
    wait = head.get("retry-after", "")
    if status == 503 and code == "engine_unavailable":
        # Not a transient failure, after which a job is retried: the drawing may have been paid for.
        detail = str(problem.get("detail", ""))
        return EngineUnavailable(detail, int(wait) if wait.isdecimal() else 30)
    if status == 503:
        kind = AiBusy if code == "ai_busy" else AiUnavailable
        return kind(int(wait)) if wait.isdecimal() else kind()
    if status < 500 and code in _PASSED_ON:
        return _PASSED_ON[code](str(problem.get("detail", "")))
    if status in (404, 405, 501):
        return NoSuchEndpoint()
    log.error("ai_failed", path=path, status=status, code=code)
    return GenerationFailed()
