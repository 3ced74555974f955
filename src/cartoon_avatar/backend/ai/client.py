"""The AI service as seen from here: HTTP, one deadline, bounded answers, translated errors."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Annotated, Any

import aiohttp
import structlog
import yarl
from pydantic import Field, TypeAdapter

from cartoon_avatar.backend.ai.admission import Places
from cartoon_avatar.backend.errors import (
    AiBusy,
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
from cartoon_avatar.contract import headers, paths
from cartoon_avatar.contract.errors import AvatarError
from cartoon_avatar.contract.media_types import PROBLEM_JSON

log = structlog.get_logger()

# A 2048-pixel PNG of noise is 12 MB; nothing honest is larger.
_MAX_ANSWER_BYTES = 20_000_000
_STYLES_FRESH_S = 60
_CONNECT_S = 5
# Small pieces go out together: the other side wakes up for each that is sent by itself.
_PACKET_BYTES = 262_144

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


# Bytes in pieces, to be sent or written one after the other.
Pieces = Sequence[bytes | memoryview]
# And their media type.
File = tuple[Pieces, str]


@dataclass(frozen=True, slots=True)
class Head(Image):
    """``thumbnail`` is its own, a WebP file, where the AI service sent one."""

    thumbnail: bytes | None = None


@dataclass(frozen=True, slots=True)
class Drawing(Image):
    """``thumbnail`` is the photo's, a WebP file, where it was asked for and came."""

    style: str
    seed: int
    photo_width: int
    photo_height: int
    face_count: int
    thumbnail: bytes | None = None


@dataclass(frozen=True, slots=True)
class StyleInfo:
    """``preview`` is a small picture as a ``data:`` URL."""

    name: str
    title: str
    description: str
    preview: str | None


_STYLES = TypeAdapter(Annotated[list[StyleInfo], Field(min_length=1)])


class CannotFetch(GenerationFailed):
    """The AI service could not fetch a picture from us."""


class AiClient:
    """Raises AiUnavailable where trying again may help, GenerationFailed where it answered
    garbage, and the client's own faults (InvalidImage, NoFace …) under their codes."""

    def __init__(
        self, session: aiohttp.ClientSession, url: str, timeout_s: float, metrics: Metrics
    ) -> None:
        self._session = session
        self._url = yarl.URL(url)
        self._metrics = metrics
        self._timeout_s = timeout_s
        self.places = Places()
        self._styles: list[StyleInfo] = []
        self._styles_at = float("-inf")

    def deadline(self) -> float:
        """When patience ends for all that a client's request asks from now on (loop time)."""
        return asyncio.get_running_loop().time() + self._timeout_s

    async def generate_cartoon(
        self,
        photo: Pieces,
        mime_type: str,
        wish: DrawingWish,
        *,
        device_id: str,
        until: float,
        thumbnail: bool = False,
    ) -> Drawing:
        fields = {"style": wish.style, "seed": wish.seed, "thumbnail": 1 if thumbnail else None}
        with self.places.taken(device_id):
            answer, data = await self._post_files(
                paths.GENERATE_CARTOON, {"image": (photo, mime_type)}, until, **fields
            )
        data, small = _parted(answer, data)
        image = _image(answer, data)
        return Drawing(
            data=image.data,
            mime_type=image.mime_type,
            width=image.width,
            height=image.height,
            style=answer.headers.get(headers.STYLE, ""),
            seed=_number(answer, headers.SEED),
            photo_width=_number(answer, headers.PHOTO_WIDTH),
            photo_height=_number(answer, headers.PHOTO_HEIGHT),
            face_count=_number(answer, headers.FACE_COUNT),
            thumbnail=small,
        )

    async def process_face_cut(
        self, cartoon_url: str, photo_url: str, wish: CutWish, *, device_id: str, until: float
    ) -> Head:
        wished = {
            "image_url": cartoon_url,
            "original_url": photo_url,
            "format": wish.format,
            "background": wish.background,
            "size": wish.size,
            "thumbnail": 1,
        }
        body = {name: value for name, value in wished.items() if value is not None}
        with self.places.taken(device_id):
            answer, data = await self._ask(
                "POST",
                paths.PROCESS_FACE_CUT,
                until,
                [json.dumps(body).encode()],
                "application/json",
            )
        return _head(answer, data)

    async def cut_face_of(
        self, cartoon: File, photo: File, wish: CutWish, *, device_id: str, until: float
    ) -> Head:
        """As ``process_face_cut``, of the files themselves."""
        files = {"image": cartoon, "original": photo}
        wished = {"format": wish.format, "background": wish.background, "size": wish.size}
        with self.places.taken(device_id):
            answer, data = await self._post_files(
                paths.PROCESS_FACE_CUT, files, until, **wished, thumbnail=1
            )
        return _head(answer, data)

    async def thumbnail(self, photo: Pieces, mime_type: str, *, until: float) -> Image:
        files = {"image": (photo, mime_type)}
        return _image(*await self._post_files(paths.THUMBNAIL, files, until))

    async def styles(self, *, until: float) -> list[StyleInfo]:
        """The styles it can draw, in walking order; never none."""
        if time.monotonic() - self._styles_at > _STYLES_FRESH_S:
            _, data = await self._ask("GET", paths.STYLES, until)
            try:
                self._styles = _STYLES.validate_python(json.loads(data)["items"])
            except (ValueError, KeyError, TypeError) as error:
                raise GenerationFailed from error
            self._styles_at = time.monotonic()
        return self._styles

    async def is_ready(self) -> bool:
        try:
            await self._ask("GET", paths.READYZ, self.deadline())
        except AvatarError:
            return False
        return True

    async def _post_files(
        self, path: str, files: Mapping[str, File], until: float, **fields: object
    ) -> tuple[aiohttp.ClientResponse, bytes]:
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
        return await self._ask("POST", path, until, body, kind)

    async def _ask(
        self, method: str, path: str, until: float, body: Pieces = (), kind: str | None = None
    ) -> tuple[aiohttp.ClientResponse, bytes]:
        asked = {"Accept-Encoding": "identity"}
        request_id = structlog.contextvars.get_contextvars().get("request_id", "")
        if request_id:
            asked[headers.REQUEST_ID] = request_id
        if kind:
            asked |= {"Content-Type": kind, "Content-Length": str(sum(map(len, body)))}
        request = self._session.request(
            method,
            self._url.with_path(path),
            headers=asked,
            data=_packed(body),
            allow_redirects=False,
        )
        try:
            with (
                self._metrics.ai_requests_running.track_inprogress(),
                self._metrics.ai_seconds.labels(path).time(),
            ):
                async with asyncio.timeout_at(until), request as answer:
                    data = await _bounded(answer)
        except (aiohttp.ClientError, TimeoutError) as error:
            log.warning("ai_unreachable", path=path, error=repr(error))
            raise AiUnavailable from error
        if answer.status != 200:
            raise _translated(answer, data, path)
        return answer, data


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


@asynccontextmanager
async def open_ai(
    url: str,
    timeout_s: float,
    metrics: Metrics,
    session: aiohttp.ClientSession | None = None,
) -> AsyncIterator[AiClient]:
    """``session`` answers in the AI service's place in tests."""
    if session is None:
        session = aiohttp.ClientSession(
            # How many are asked at once is the AI service's to say, which answers 503.
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=min(_CONNECT_S, timeout_s)),
            auto_decompress=False,
        )
    async with session:
        yield AiClient(session, url, timeout_s, metrics)


async def _bounded(answer: aiohttp.ClientResponse) -> bytes:
    # Not asked for; unpacking would make a gigabyte of a megabyte before it is counted.
    if "content-encoding" in answer.headers:
        log.error("ai_answered_garbage", header="content-encoding")
        raise GenerationFailed
    data = bytearray()
    async for chunk in answer.content.iter_any():
        data += chunk
        if len(data) > _MAX_ANSWER_BYTES:
            log.error("ai_answer_too_long", limit_bytes=_MAX_ANSWER_BYTES)
            raise GenerationFailed
    return bytes(data)


def _translated(answer: aiohttp.ClientResponse, data: bytes, path: str) -> AvatarError:
    problem: dict[str, Any] = {}
    if answer.headers.get("content-type", "").startswith(PROBLEM_JSON):
        with suppress(ValueError):
            problem = json.loads(data)
    code = problem.get("code", "") if isinstance(problem, dict) else ""
    if answer.status == 503:
        kind = AiBusy if code == "ai_busy" else AiUnavailable
        wait = answer.headers.get("retry-after", "")
        return kind(int(wait)) if wait.isdecimal() else kind()
    if answer.status < 500 and code in _PASSED_ON:
        return _PASSED_ON[code](str(problem.get("detail", "")))
    if answer.status == 400 and code == "image_unreachable":
        log.warning("ai_cannot_fetch", path=path)
        return CannotFetch()
    log.error("ai_failed", path=path, status=answer.status, code=code)
    return GenerationFailed()


# First and last bytes of a whole file of the types the AI service answers with.
_WHOLE = {
    "image/jpeg": (b"\xff\xd8\xff", b"\xff\xd9"),
    "image/png": (b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"),
    "image/webp": (b"RIFF", b""),
}


def _head(answer: aiohttp.ClientResponse, data: bytes) -> Head:
    data, small = _parted(answer, data)
    image = _image(answer, data)
    return Head(image.data, image.mime_type, image.width, image.height, small)


def _image(answer: aiohttp.ClientResponse, data: bytes) -> Image:
    """Believe an answer only if it is a whole file of the type it claims."""
    mime_type = answer.headers.get("content-type", "").partition(";")[0].strip()
    _require_whole(mime_type, data)
    width, height = (
        _number(answer, headers.IMAGE_WIDTH),
        _number(answer, headers.IMAGE_HEIGHT),
    )
    return Image(data, mime_type, width, height)


def _parted(answer: aiohttp.ClientResponse, data: bytes) -> tuple[bytes, bytes | None]:
    """The picture, and the thumbnail where one follows it."""
    if headers.THUMBNAIL_BYTES not in answer.headers:
        return data, None
    end = max(0, len(data) - _number(answer, headers.THUMBNAIL_BYTES))
    _require_whole("image/webp", data[end:])
    return data[:end], data[end:]


def _require_whole(mime_type: str, data: bytes) -> None:
    start, end = _WHOLE.get(mime_type, (b"\0", b"\0"))
    whole = data.startswith(start) and data.endswith(end)
    if mime_type == "image/webp":
        whole = whole and len(data) == int.from_bytes(data[4:8], "little") + 8
    if not whole:
        log.error("ai_answered_garbage", mime_type=mime_type, size_bytes=len(data))
        raise GenerationFailed


def _number(answer: aiohttp.ClientResponse, header: str) -> int:
    text = answer.headers.get(header, "")
    if not (text.isascii() and text.isdecimal()):
        log.error("ai_answered_garbage", header=header)
        raise GenerationFailed
    return int(text)
