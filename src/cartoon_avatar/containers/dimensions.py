"""Width and height of an image by its header: no pixel is decoded."""

from __future__ import annotations

import struct

from cartoon_avatar.containers import BrokenImage, jpeg
from cartoon_avatar.containers.exif import orientation_in

# Start of frame, of every process; 0xC4, 0xC8 and 0xCC are other things.
_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_APP1 = 0xE1


def upright_size(data: bytes, mime_type: str) -> tuple[int, int] | None:
    """In pixels, as the picture is to be shown; None where the header has none."""
    try:
        size = _READERS[mime_type](data)
    except (struct.error, KeyError, BrokenImage, IndexError):
        return None
    return size if size is not None and all(size) else None


def _of_jpeg(data: bytes) -> tuple[int, int] | None:
    turned = False
    for marker, start, end in jpeg.segments(data):
        if marker == _APP1:
            turned = turned or (orientation_in(data, start + 4, end) or 1) >= 5
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", data, start + 5)
            return (height, width) if turned else (width, height)
    return None


def _of_png(data: bytes) -> tuple[int, int]:
    return struct.unpack_from(">II", data, 16)


def _of_gif(data: bytes) -> tuple[int, int]:
    return struct.unpack_from("<HH", data, 6)


def _of_webp(data: bytes) -> tuple[int, int] | None:
    kind = data[12:16]
    if len(data) < 30:
        return None
    if kind == b"VP8X":
        width, height = (int.from_bytes(data[at : at + 3], "little") for at in (24, 27))
        return width + 1, height + 1
    if kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None


def _of_heif(data: bytes) -> tuple[int, int] | None:
    """The largest of its pictures; a turned one is not turned back."""
    sizes: list[tuple[int, int]] = []
    at = data.find(b"ispe")
    while at >= 0:
        sizes.append(struct.unpack_from(">II", data, at + 8))
        at = data.find(b"ispe", at + 4)
    return max(sizes, key=lambda size: size[0] * size[1], default=None)


_READERS = {
    "image/jpeg": _of_jpeg,
    "image/png": _of_png,
    "image/webp": _of_webp,
    "image/gif": _of_gif,
    "image/heic": _of_heif,
    "image/avif": _of_heif,
}
