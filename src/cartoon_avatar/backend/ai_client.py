"""The AI service as seen from here: HTTP, one deadline, bounded answers, translated errors."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Annotated, Any, BinaryIO

import httpx
import structlog
from pydantic import Field, TypeAdapter

from cartoon_avatar import contract
from cartoon_avatar.backend.errors import (
    AiUnavailable,
    GenerationFailed,
    ImageTooLarge,
    InvalidBackground,
    InvalidFormat,
    InvalidImage,
    InvalidSeed,
    InvalidSize,
    InvalidStyle,
    NoFace,
)
from cartoon_avatar.backend.metrics import Metrics
from cartoon_avatar.problems import AvatarError

log = structlog.get_logger()

# A 2048-pixel PNG of noise is 12 MB; nothing honest is larger.
_MAX_ANSWER_BYTES = 20_000_000
_STYLES_FRESH_S = 60

# What the AI service says of our client's wishes is passed on under our own codes.
_PASSED_ON: dict[str, type[AvatarError]] = {
    "invalid_image": InvalidImage,
    "image_too_large": ImageTooLarge,
    "no_face": NoFace,
    "unknown_style": InvalidStyle,
    "invalid_style": InvalidStyle,
    "invalid_seed": InvalidSeed,
    "invalid_format": InvalidFormat,
    "invalid_background": InvalidBackground,
    "invalid_size": InvalidSize,
}


@dataclass(frozen=True, slots=True)
class DrawingWish:
    style: str | None = None
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class CutWish:
    format: str = "png"
    background: str = "transparent"
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Image:
    """A finished picture file; lengths in pixels."""

    data: bytes
    mime_type: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Drawing(Image):
    style: str
    seed: int
    photo_width: int
    photo_height: int
    face_count: int


@dataclass(frozen=True, slots=True)
class StyleInfo:
    """``preview`` is a small picture as a ``data:`` URL."""

    name: str
    title: str
    description: str
    preview: str | None


_STYLES = TypeAdapter(Annotated[list[StyleInfo], Field(min_length=1)])


class AiClient:
    """Raises AiUnavailable where trying again may help, GenerationFailed where it answered
    garbage, and the client's own faults (InvalidImage, NoFace …) under their codes."""

    def __init__(self, http: httpx.AsyncClient, timeout_s: float, metrics: Metrics) -> None:
        self._http = http
        self._metrics = metrics
        self._timeout_s = timeout_s
        self._styles: list[StyleInfo] = []
        self._styles_at = float("-inf")

    async def generate_cartoon(self, photo: BinaryIO, mime_type: str, wish: DrawingWish) -> Drawing:
        fields = {"style": wish.style, "seed": wish.seed}
        answer, data = await self._post_photo(contract.GENERATE_CARTOON, photo, mime_type, fields)
        image = _image(answer, data)
        return Drawing(
            data=image.data,
            mime_type=image.mime_type,
            width=image.width,
            height=image.height,
            style=answer.headers.get(contract.STYLE, ""),
            seed=_number(answer, contract.SEED),
            photo_width=_number(answer, contract.PHOTO_WIDTH),
            photo_height=_number(answer, contract.PHOTO_HEIGHT),
            face_count=_number(answer, contract.FACE_COUNT),
        )

    async def process_face_cut(self, cartoon_url: str, photo_url: str, wish: CutWish) -> Image:
        wished = {
            "image_url": cartoon_url,
            "original_url": photo_url,
            "format": wish.format,
            "background": wish.background,
            "size": wish.size,
        }
        body = {name: value for name, value in wished.items() if value is not None}
        answer, data = await self._ask("POST", contract.PROCESS_FACE_CUT, json=body)
        return _image(answer, data)

    async def thumbnail(self, photo: BinaryIO, mime_type: str) -> Image:
        return _image(*await self._post_photo(contract.THUMBNAIL, photo, mime_type, {}))

    async def styles(self) -> list[StyleInfo]:
        """The styles it can draw, in walking order; never none."""
        if time.monotonic() - self._styles_at > _STYLES_FRESH_S:
            answer, _ = await self._ask("GET", contract.STYLES)
            try:
                self._styles = _STYLES.validate_python(answer.json()["items"])
            except (ValueError, KeyError, TypeError) as error:
                raise GenerationFailed from error
            self._styles_at = time.monotonic()
        return self._styles

    async def is_ready(self) -> bool:
        try:
            await self._ask("GET", contract.READYZ)
        except AvatarError:
            return False
        return True

    async def _post_photo(
        self, path: str, photo: BinaryIO, mime_type: str, fields: Mapping[str, object]
    ) -> tuple[httpx.Response, bytes]:
        given = {name: str(value) for name, value in fields.items() if value is not None}
        return await self._ask(
            "POST", path, files={"image": ("photo", photo, mime_type)}, data=given
        )

    async def _ask(self, method: str, path: str, **request: Any) -> tuple[httpx.Response, bytes]:
        request_id = structlog.contextvars.get_contextvars().get("request_id", "")
        headers = {contract.REQUEST_ID: request_id} if request_id else {}
        try:
            async with (
                self._measured(path),
                asyncio.timeout(self._timeout_s),
                self._http.stream(method, path, headers=headers, **request) as answer,
            ):
                data = await _bounded(answer)
        except (httpx.TransportError, TimeoutError) as error:
            log.warning("ai_unreachable", path=path, error=repr(error))
            raise AiUnavailable from error
        except httpx.HTTPError as error:
            log.error("ai_answered_garbage", path=path, error=repr(error))
            raise GenerationFailed from error
        if answer.status_code != 200:
            raise _translated(answer, data, path)
        answer._content = data
        return answer, data

    @asynccontextmanager
    async def _measured(self, path: str) -> AsyncIterator[None]:
        with (
            self._metrics.ai_requests_running.track_inprogress(),
            self._metrics.ai_seconds.labels(path).time(),
        ):
            yield


@asynccontextmanager
async def open_ai(
    url: str,
    timeout_s: float,
    metrics: Metrics,
    transport: httpx.AsyncBaseTransport | None = None,
) -> AsyncIterator[AiClient]:
    """``transport`` answers in the AI service's place in tests."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=32)
    async with httpx.AsyncClient(
        base_url=url,
        headers={"Accept-Encoding": "identity"},
        # The whole conversation has a deadline of its own; connecting is quick or hopeless.
        timeout=httpx.Timeout(timeout_s, connect=min(5, timeout_s)),
        limits=limits,
        transport=transport,
        trust_env=False,
    ) as http:
        yield AiClient(http, timeout_s, metrics)


async def _bounded(answer: httpx.Response) -> bytes:
    # Not asked for; unpacking would make a gigabyte of a megabyte before it is counted.
    if "content-encoding" in answer.headers:
        log.error("ai_answered_garbage", header="content-encoding")
        raise GenerationFailed
    data = bytearray()
    async for chunk in answer.aiter_bytes():
        data += chunk
        if len(data) > _MAX_ANSWER_BYTES:
            log.error("ai_answer_too_long", limit_bytes=_MAX_ANSWER_BYTES)
            raise GenerationFailed
    return bytes(data)


def _translated(answer: httpx.Response, data: bytes, path: str) -> AvatarError:
    problem: dict[str, Any] = {}
    if answer.headers.get("content-type", "").startswith(contract.PROBLEM_JSON):
        with suppress(ValueError):
            problem = httpx.Response(200, content=data).json()
    code = problem.get("code", "") if isinstance(problem, dict) else ""
    if answer.status_code == 503:
        wait = answer.headers.get("retry-after", "")
        return AiUnavailable(int(wait)) if wait.isdecimal() else AiUnavailable()
    if answer.status_code < 500 and code in _PASSED_ON:
        return _PASSED_ON[code](str(problem.get("detail", "")))
    log.error("ai_failed", path=path, status=answer.status_code, code=code)
    return GenerationFailed()


# First and last bytes of a whole file of the types the AI service answers with.
_WHOLE = {
    "image/jpeg": (b"\xff\xd8\xff", b"\xff\xd9"),
    "image/png": (b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"),
    "image/webp": (b"RIFF", b""),
}


def _image(answer: httpx.Response, data: bytes) -> Image:
    """Believe an answer only if it is a whole file of the type it claims."""
    mime_type = answer.headers.get("content-type", "").partition(";")[0].strip()
    start, end = _WHOLE.get(mime_type, (b"\0", b"\0"))
    whole = data.startswith(start) and data.endswith(end)
    if mime_type == "image/webp":
        whole = whole and len(data) == int.from_bytes(data[4:8], "little") + 8
    if not whole:
        log.error("ai_answered_garbage", mime_type=mime_type, size_bytes=len(data))
        raise GenerationFailed
    width, height = (
        _number(answer, contract.IMAGE_WIDTH),
        _number(answer, contract.IMAGE_HEIGHT),
    )
    return Image(data, mime_type, width, height)


def _number(answer: httpx.Response, header: str) -> int:
    text = answer.headers.get(header, "")
    if not (text.isascii() and text.isdecimal()):
        log.error("ai_answered_garbage", header=header)
        raise GenerationFailed
    return int(text)
