"""The AI service as seen from here."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Annotated

import aiohttp
import structlog
import yarl
from pydantic import Field, TypeAdapter

from cartoon_avatar.backend.ai import original
from cartoon_avatar.backend.ai.admission import Admission
from cartoon_avatar.backend.ai.requests import CutOptions, DrawingOptions, Turn
from cartoon_avatar.backend.ai.responses import (
    Drawing,
    Head,
    Headers,
    Image,
    crop_in,
    faces_of,
    head_in,
    image_in,
    number_in,
    parted,
    svg_in,
)
from cartoon_avatar.backend.ai.styles import Preview, StyleInfo
from cartoon_avatar.backend.ai.wire import File, NoSuchEndpoint, Pieces, Wire
from cartoon_avatar.backend.errors import GenerationFailed
from cartoon_avatar.backend.metrics import Metrics
from cartoon_avatar.contract import headers, paths
from cartoon_avatar.contract.errors import AvatarError
from cartoon_avatar.contract.stickers import StickerOptions

log = structlog.get_logger()

_STYLES_FRESH_S = 60
_CONNECT_S = 5
_CANCEL_S = 1
# Concurrent pictures of an engine, where the AI service does not say.
_PLACES = 4
# A job may take this many times the expected duration.
_TIMES_EXPECTED = 4


_ORIGINAL_STYLES = [StyleInfo(original.STYLE, "Cartoon", "A cartoon of the photo.", None)]
_STYLES = TypeAdapter(Annotated[list[StyleInfo], Field(min_length=1)])


_PREVIEWS = TypeAdapter(list[Preview])


class AiClient:
    """What the AI service can do; raises what ``Wire`` does, and AiUnavailable where it has no
    place for the device's picture."""

    def __init__(
        self, session: aiohttp.ClientSession, url: str, timeout_s: float, metrics: Metrics
    ) -> None:
        self._wire = Wire(session, yarl.URL(url), metrics)
        self._timeout_s = timeout_s
        self.admission = Admission()
        self._styles: list[StyleInfo] = []
        self._styles_at = float("-inf")

    def deadline(self, engine: str | None = None) -> float:
        """The deadline (loop time) of all requests to the AI service that a client's request makes
        from now on; later for a job of an ``engine`` that is known to be slow."""
        expected_s = max(
            (style.expected_s or 0 for style in self._styles if style.engine == engine), default=0
        )
        patience_s = max(self._timeout_s, _TIMES_EXPECTED * expected_s)
        return asyncio.get_running_loop().time() + patience_s

    def places(self, engine: str) -> int:
        """How many pictures ``engine`` can work on at once, as far as is known."""
        reported = [style.places for style in self._styles if style.engine == engine]
        places = max((count for count in reported if count), default=_PLACES)
        return min(places, self.admission.places)

    async def generate_cartoon(
        self,
        photo: Pieces,
        mime_type: str,
        options: DrawingOptions,
        turn: Turn,
        *,
        thumbnail: bool = False,
        may_leave: bool = False,
    ) -> Drawing:
        """Without ``may_leave`` an engine that sends photos elsewhere raises ConsentRequired."""
        fields = {
            **options.fields(),
            "thumbnail": 1 if thumbnail else None,
            "cartoon_thumbnail": 1,
            "fallback": 1 if options.any_style else None,
            "stay": None if may_leave else 1,
        }
        files = {"image": (photo, mime_type)}
        head, data = await self._drawn(paths.GENERATE_CARTOON, files, turn, fields)
        data, own_thumbnail = parted(head, data, headers.CARTOON_THUMBNAIL_BYTES)
        data, photo_thumbnail = parted(head, data)
        if headers.IMAGE_WIDTH not in head:
            head = original.drawing_headers(data, photo, mime_type, options.style, options.seed)
        image = image_in(head, data)
        style = self._style_named(head.get(headers.STYLE, ""))
        return Drawing(
            data=image.data,
            mime_type=image.mime_type,
            width=image.width,
            height=image.height,
            style=head.get(headers.STYLE, ""),
            seed=number_in(head, headers.SEED),
            engine=head.get(headers.ENGINE, "" if style is None else style.engine),
            aligned=(
                head[headers.ALIGNED] == "1"
                if headers.ALIGNED in head
                else style is None or style.aligned
            ),
            stands_in=headers.FALLBACK in head,
            photo_width=number_in(head, headers.PHOTO_WIDTH),
            photo_height=number_in(head, headers.PHOTO_HEIGHT),
            face_count=number_in(head, headers.FACE_COUNT),
            crop=crop_in(head),
            faces=faces_of(head),
            engine_version=head.get(headers.ENGINE_VERSION, ""),
            thumbnail=photo_thumbnail,
            own_thumbnail=own_thumbnail,
        )

    def _style_named(self, name: str) -> StyleInfo | None:
        return next((style for style in self._styles if style.name == name), None)

    async def generate_svg(
        self,
        photo: Pieces,
        mime_type: str,
        options: DrawingOptions,
        turn: Turn,
    ) -> bytes:
        """A drawing's shapes, of a style that has ``svg``."""
        files = {"image": (photo, mime_type)}
        fields = {**options.fields(), "format": "svg"}
        return svg_in(*await self._drawn(paths.GENERATE_CARTOON, files, turn, fields))

    async def cut_face(
        self,
        cartoon: File,
        photo: File,
        options: CutOptions,
        turn: Turn,
        cartoon_url: str | None = None,
    ) -> Head:
        """``cartoon_url`` is where a server of the original design can fetch the cartoon."""
        files = {"image": cartoon, "original": photo}
        fields = {**options.fields(), "thumbnail": 1}
        if await self.is_original(until=turn.until):
            return await self._cut_by_url(cartoon_url, turn)
        return head_in(*await self._drawn(paths.PROCESS_FACE_CUT, files, turn, fields))

    async def _cut_by_url(self, url: str | None, turn: Turn) -> Head:
        if url is None:
            log.error("ai_needs_url", reason="set PUBLIC_URL or STORAGE_URL")
            raise GenerationFailed
        body = [json.dumps({"image_url": url}).encode()]
        with self.admission.taken(turn.device_id, queued=turn.queued):
            _, data = await self._wire.ask(
                "POST", paths.PROCESS_FACE_CUT, turn.until, body, "application/json"
            )
        return head_in(original.described(data), data)

    async def is_original(self, *, until: float) -> bool:
        """Whether it knows the original design alone."""
        styles = self._styles or await self.styles(until=until)
        return styles == _ORIGINAL_STYLES

    async def _drawn(
        self, path: str, files: Mapping[str, File], turn: Turn, fields: Mapping[str, object]
    ) -> tuple[Headers, bytes]:
        with self.admission.taken(turn.device_id, queued=turn.queued):
            return await self._wire.post_files(
                path, files, turn.until, fields, turn.report, turn.key
            )

    async def cancel(self, key: str) -> None:
        """Cancel the drawing under ``key``, at its generator too, if one is drawing it. Where the
        AI service is away, or knows no keys, nobody can be."""
        until = asyncio.get_running_loop().time() + _CANCEL_S
        with suppress(AvatarError):
            await self._wire.exchange("DELETE", paths.GENERATE_CARTOON, until, key=key)

    async def thumbnail(self, photo: Pieces, mime_type: str, *, until: float) -> Image:
        """Where nobody makes one, the photo itself."""
        files = {"image": (photo, mime_type)}
        try:
            return image_in(*await self._wire.post_files(paths.THUMBNAIL, files, until, {}))
        except NoSuchEndpoint:
            return Image(b"".join(photo), mime_type, 0, 0)

    async def sticker(
        self,
        head: Pieces,
        mime_type: str,
        options: StickerOptions,
        turn: Turn,
    ) -> Image:
        files = {"image": (head, mime_type)}
        return image_in(*await self._drawn(paths.STICKER, files, turn, options.fields()))

    async def previews(
        self,
        photo: Pieces,
        mime_type: str,
        styles: list[str],
        face: int,
        turn: Turn,
    ) -> list[Preview]:
        """Small pictures of one person in ``styles``, without those that cannot draw them."""
        fields = {"face": face, "styles": ",".join(styles)}
        files = {"image": (photo, mime_type)}
        try:
            _, data = await self._drawn(paths.PREVIEWS, files, turn, fields)
        except NoSuchEndpoint:
            return []
        try:
            return _PREVIEWS.validate_python(json.loads(data)["items"])
        except (ValueError, KeyError, TypeError) as error:
            raise GenerationFailed from error

    async def styles(self, *, until: float) -> list[StyleInfo]:
        """The styles it can draw, in walking order; never none."""
        if time.monotonic() - self._styles_at > _STYLES_FRESH_S:
            try:
                _, data = await self._wire.ask("GET", paths.STYLES, until)
                self._styles = _STYLES.validate_python(json.loads(data)["items"])
            except NoSuchEndpoint:
                self._styles = _ORIGINAL_STYLES
            except (ValueError, KeyError, TypeError) as error:
                raise GenerationFailed from error
            self._styles_at = time.monotonic()
        return self._styles

    @property
    def known_styles(self) -> list[StyleInfo]:
        """The styles of the last ``styles()``; empty before the first."""
        return self._styles

    async def is_ready(self) -> bool:
        return (await self.readiness())[0]

    async def readiness(self) -> tuple[bool, list[str]]:
        """Whether it can draw, and the names of the model files that it lacks."""
        try:
            status, _, data = await self._wire.exchange("GET", paths.READYZ, self.deadline())
            if status in (404, 405, 501):  # an AI service of the original design
                return True, []
            missing = json.loads(data).get("missing", [])
        except (AvatarError, ValueError, AttributeError):
            return False, []
        files = [str(name) for name in missing if name != "workers"]
        return status == 200, files


@asynccontextmanager
async def open_ai(
    url: str,
    timeout_s: float,
    metrics: Metrics,
    session: aiohttp.ClientSession | None = None,
) -> AsyncGenerator[AiClient]:
    """``session`` answers in the AI service's place in tests."""
    if session is None:
        session = aiohttp.ClientSession(
            # The AI service bounds concurrent requests itself, with 503.
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=min(_CONNECT_S, timeout_s)),
            auto_decompress=False,
        )
    async with session:
        yield AiClient(session, url, timeout_s, metrics)
