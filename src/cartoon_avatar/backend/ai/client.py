"""The AI service as seen from here."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Annotated

import aiohttp
import yarl
from pydantic import Field, TypeAdapter

from cartoon_avatar.backend.ai.admission import Admission
from cartoon_avatar.backend.ai.wire import (
    Drawing,
    File,
    Head,
    Image,
    Pieces,
    Wire,
    crop_in,
    faces_of,
    head_in,
    image_in,
    number_in,
    parted,
    svg_in,
)
from cartoon_avatar.backend.errors import GenerationFailed
from cartoon_avatar.backend.metrics import Metrics
from cartoon_avatar.contract import headers, paths
from cartoon_avatar.contract.boxes import Box
from cartoon_avatar.contract.errors import AvatarError
from cartoon_avatar.contract.options import TRANSPARENT, Framing, HeadFormat
from cartoon_avatar.contract.stickers import StickerOptions

_STYLES_FRESH_S = 60
_CONNECT_S = 5


@dataclass(frozen=True, slots=True)
class DrawingOptions:
    """Of a drawing; what is None is the AI service's to choose. ``size`` is its long side, px."""

    style: str | None = None
    seed: int | None = None
    size: int | None = None
    framing: Framing | None = None
    face: int | None = None


@dataclass(frozen=True, slots=True)
class CutOptions:
    """Of a head; ``face`` counts the faces of the upright photo, ``crop`` is what of it the
    cartoon shows; ``style``, ``seed`` and ``framing`` are how it was drawn."""

    format: HeadFormat = "png"
    background: str = TRANSPARENT
    size: int | None = None
    face: int | None = None
    crop: Box | None = None
    style: str | None = None
    seed: int | None = None
    framing: str | None = None

    def fields(self) -> dict[str, str | int]:
        given = {
            "format": self.format,
            "background": self.background,
            "size": self.size,
            "face": self.face,
            "crop": None if self.crop is None else str(self.crop),
            "style": self.style,
            "seed": self.seed,
            "framing": self.framing,
        }
        return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True, slots=True)
class StyleInfo:
    """``preview`` is a small picture as a ``data:`` URL; a style that ``needs_face`` refuses photos
    without one; one with ``svg`` draws shapes."""

    name: str
    title: str
    description: str
    preview: str | None
    needs_face: Annotated[bool, Field(validation_alias="needsFace")] = False
    svg: bool = False


_STYLES = TypeAdapter(Annotated[list[StyleInfo], Field(min_length=1)])


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

    def deadline(self) -> float:
        """When patience ends for all that a client's request asks from now on (loop time)."""
        return asyncio.get_running_loop().time() + self._timeout_s

    async def generate_cartoon(
        self,
        photo: Pieces,
        mime_type: str,
        options: DrawingOptions,
        *,
        device_id: str,
        until: float,
        thumbnail: bool = False,
    ) -> Drawing:
        fields = {
            "style": options.style,
            "seed": options.seed,
            "size": options.size,
            "framing": options.framing,
            "face": options.face,
            "thumbnail": 1 if thumbnail else None,
        }
        with self.admission.taken(device_id):
            response, data = await self._wire.post_files(
                paths.GENERATE_CARTOON, {"image": (photo, mime_type)}, until, **fields
            )
        data, small = parted(response, data)
        image = image_in(response, data)
        return Drawing(
            data=image.data,
            mime_type=image.mime_type,
            width=image.width,
            height=image.height,
            style=response.headers.get(headers.STYLE, ""),
            seed=number_in(response, headers.SEED),
            photo_width=number_in(response, headers.PHOTO_WIDTH),
            photo_height=number_in(response, headers.PHOTO_HEIGHT),
            face_count=number_in(response, headers.FACE_COUNT),
            crop=crop_in(response),
            faces=faces_of(response),
            thumbnail=small,
        )

    async def generate_svg(
        self,
        photo: Pieces,
        mime_type: str,
        options: DrawingOptions,
        *,
        device_id: str,
        until: float,
    ) -> bytes:
        """A drawing's shapes, of a style that has ``svg``."""
        with self.admission.taken(device_id):
            response, data = await self._wire.post_files(
                paths.GENERATE_CARTOON,
                {"image": (photo, mime_type)},
                until,
                **asdict(options),
                format="svg",
            )
        return svg_in(response, data)

    async def process_face_cut(
        self, cartoon_url: str, photo_url: str, options: CutOptions, *, device_id: str, until: float
    ) -> Head:
        body = {
            "image_url": cartoon_url,
            "original_url": photo_url,
            **options.fields(),
            "thumbnail": 1,
        }
        with self.admission.taken(device_id):
            response, data = await self._wire.ask(
                "POST",
                paths.PROCESS_FACE_CUT,
                until,
                [json.dumps(body).encode()],
                "application/json",
            )
        return head_in(response, data)

    async def cut_face_of(
        self, cartoon: File, photo: File, options: CutOptions, *, device_id: str, until: float
    ) -> Head:
        """As ``process_face_cut``, of the files themselves."""
        files = {"image": cartoon, "original": photo}
        with self.admission.taken(device_id):
            response, data = await self._wire.post_files(
                paths.PROCESS_FACE_CUT, files, until, **options.fields(), thumbnail=1
            )
        return head_in(response, data)

    async def thumbnail(self, photo: Pieces, mime_type: str, *, until: float) -> Image:
        files = {"image": (photo, mime_type)}
        return image_in(*await self._wire.post_files(paths.THUMBNAIL, files, until))

    async def sticker(
        self,
        head: Pieces,
        mime_type: str,
        options: StickerOptions,
        *,
        device_id: str,
        until: float,
    ) -> Image:
        with self.admission.taken(device_id):
            return image_in(
                *await self._wire.post_files(
                    paths.STICKER, {"image": (head, mime_type)}, until, **options.fields()
                )
            )

    async def styles(self, *, until: float) -> list[StyleInfo]:
        """The styles it can draw, in walking order; never none."""
        if time.monotonic() - self._styles_at > _STYLES_FRESH_S:
            _, data = await self._wire.ask("GET", paths.STYLES, until)
            try:
                self._styles = _STYLES.validate_python(json.loads(data)["items"])
            except (ValueError, KeyError, TypeError) as error:
                raise GenerationFailed from error
            self._styles_at = time.monotonic()
        return self._styles

    async def readiness(self) -> tuple[bool, list[str]]:
        """Whether it can draw, and the names of the model files that it lacks."""
        try:
            response, data = await self._wire.exchange("GET", paths.READYZ, self.deadline())
            missing = json.loads(data).get("missing", [])
        except (AvatarError, ValueError, AttributeError):
            return False, []
        files = [str(name) for name in missing if name != "workers"]
        return response.status == 200, files


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
