"""Pictures in the responses of the AI service, believed only where they are whole files. All of
these functions raise GenerationFailed for a response that is garbage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from cartoon_avatar.backend.errors import GenerationFailed
from cartoon_avatar.contract import headers
from cartoon_avatar.contract.boxes import Box, FaceBox, faces_in
from cartoon_avatar.contract.media_types import SVG

log = structlog.get_logger()

# Headers of a response; names are case-insensitive.
Headers = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Image:
    """A finished picture file; lengths in pixels."""

    data: bytes
    mime_type: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Head(Image):
    """``thumbnail`` is its own, a WebP file, where the AI service sent one."""

    thumbnail: bytes | None = None


@dataclass(frozen=True, slots=True)
class Drawing(Image):
    """``aligned``: it shows what the photo shows in the same place. ``stands_in``: one of our own
    engines drew it in place of a generator that failed. ``crop`` is what it shows of the photo, and
    ``faces`` are all of the photo's. Thumbnails, the photo's and its own, are WebP files, where the
    AI service sent them. ``engine_version`` is "" where it says none."""

    style: str
    seed: int
    engine: str
    aligned: bool
    stands_in: bool
    photo_width: int
    photo_height: int
    face_count: int
    crop: Box
    faces: tuple[FaceBox, ...]
    engine_version: str = ""
    thumbnail: bytes | None = None
    own_thumbnail: bytes | None = None


# First and last bytes of a whole file of the types the AI service answers with.
_WHOLE = {
    "image/jpeg": (b"\xff\xd8\xff", b"\xff\xd9"),
    "image/png": (b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"),
    "image/webp": (b"RIFF", b""),
}


def head_in(head: Headers, data: bytes) -> Head:
    data, small = parted(head, data)
    image = image_in(head, data)
    return Head(image.data, image.mime_type, image.width, image.height, small)


def image_in(head: Headers, data: bytes) -> Image:
    """Believe a response only if it is a whole file of the type it claims."""
    mime_type = head.get("content-type", "").partition(";")[0].strip()
    _require_whole(mime_type, data)
    width, height = (
        number_in(head, headers.IMAGE_WIDTH),
        number_in(head, headers.IMAGE_HEIGHT),
    )
    return Image(data, mime_type, width, height)


def svg_in(head: Headers, data: bytes) -> bytes:
    mime_type = head.get("content-type", "").partition(";")[0].strip()
    if mime_type != SVG or not data.startswith(b"<svg ") or not data.endswith(b"</svg>\n"):
        log.error("ai_response_garbage", mime_type=mime_type, size_bytes=len(data))
        raise GenerationFailed
    return data


def crop_in(head: Headers) -> Box:
    """The part of the photo that the drawing shows; all of it unless the AI service names one."""
    whole = Box(0, 0, number_in(head, headers.PHOTO_WIDTH), number_in(head, headers.PHOTO_HEIGHT))
    text = head.get(headers.CROP_BOX, "")
    if not text:
        return whole
    try:
        return Box.parse(text)
    except ValueError as error:
        log.error("ai_response_garbage", header=headers.CROP_BOX)
        raise GenerationFailed from error


def faces_of(head: Headers) -> tuple[FaceBox, ...]:
    try:
        return faces_in(head.get(headers.FACES, ""))
    except ValueError as error:
        log.error("ai_response_garbage", header=headers.FACES)
        raise GenerationFailed from error


def parted(
    head: Headers, data: bytes, size_bytes: str = headers.THUMBNAIL_BYTES
) -> tuple[bytes, bytes | None]:
    """What is before the last thumbnail, and that one, if the header ``size_bytes`` tells of it."""
    if size_bytes not in head:
        return data, None
    end = max(0, len(data) - number_in(head, size_bytes))
    _require_whole("image/webp", data[end:])
    return data[:end], data[end:]


def _require_whole(mime_type: str, data: bytes) -> None:
    start, end = _WHOLE.get(mime_type, (b"\0", b"\0"))
    whole = data.startswith(start) and data.endswith(end)
    if mime_type == "image/webp":
        whole = whole and len(data) == int.from_bytes(data[4:8], "little") + 8
    if not whole:
        log.error("ai_response_garbage", mime_type=mime_type, size_bytes=len(data))
        raise GenerationFailed


def number_in(head: Headers, header: str) -> int:
    text = head.get(header, "")
    if not (text.isascii() and text.isdecimal()):
        log.error("ai_response_garbage", header=header)
        raise GenerationFailed
    return int(text)
