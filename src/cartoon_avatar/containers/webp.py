"""WebP (RFC 9649): RIFF chunks."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from cartoon_avatar.containers import MOST_PARTS, BrokenImage, Data, Part, size_of
from cartoon_avatar.containers.exif import exif_with, orientation_in

_VP8X_EXIF, _VP8X_XMP, _VP8X_ANIMATION = 0x08, 0x04, 0x02
_MOST_FRAME_CHUNKS = 20
_PIXELS = frozenset({b"ALPH", b"VP8 ", b"VP8L"})


def cleaned(photo: Data, xmp: bytes = b"") -> Iterator[Part]:
    """With ``xmp`` as its packet, where it has the form that can hold one."""
    riff, size, form = struct.unpack_from("<4sI4s", photo, 0)
    if (riff, form) != (b"RIFF", b"WEBP"):
        raise BrokenImage("This is not a WebP file.")
    # What the file says of its own size may be wrong, as long as its pixels are there.
    rest = chunks(photo, 12, min(8 + size, len(photo)), file_end=len(photo))
    kind, start, body, end = next(rest, (b"", 0, 0, 0))
    missing = missing_bytes(photo)
    parts: list[Part]
    if kind in (b"VP8 ", b"VP8L"):
        # The simple form: one chunk, and what follows it means nothing to anyone.
        parts = [(start, end)]
    elif kind == b"VP8X" and end - body >= 10:
        parts = _extended(photo, rest, b"" if missing else xmp)
    else:
        raise BrokenImage("The WebP file holds no picture.")
    if size_of(parts) % 2 and not missing:
        parts.append(b"\0")
    yield struct.pack("<4sI4s", b"RIFF", min(4 + size_of(parts) + missing, 2**32 - 1), b"WEBP")
    yield from parts


def _extended(photo: Data, rest: Iterator[tuple[bytes, int, int, int]], xmp: bytes) -> list[Part]:
    """The extended form, whose first chunk says what is in the others, the ``rest``."""
    flags = photo[20]
    exif: bytes | None = None if flags & _VP8X_EXIF else b""
    frames = 0
    parts: list[Part] = []
    for kind, start, body, end in rest:
        if kind == b"ANMF" and frames and _is_cut(photo, start, body):
            break  # what is shown first is there
        frames += kind == b"ANMF"
        if kind in _PIXELS or kind in (b"ICCP", b"ANIM"):
            parts.append((start, end))
        elif kind == b"ANMF":
            parts += _frame(photo, start, body, end)
        elif kind == b"EXIF" and exif is None:
            orientation = orientation_in(photo, body, end)
            exif = exif_with(orientation) if orientation else b""
            if exif:
                parts.append(struct.pack("<4sI", b"EXIF", len(exif)) + exif)
    flags = flags & ~(_VP8X_EXIF | _VP8X_XMP) | (_VP8X_EXIF if exif else 0)
    if xmp:
        flags |= _VP8X_XMP
        padding = b"\0" * (size_of(parts) % 2)
        parts.append(padding + struct.pack("<4sI", b"XMP ", len(xmp)) + xmp)
    return [struct.pack("<4sIB3x", b"VP8X", 10, flags) + photo[24:30], *parts]


def is_animation(photo: Data) -> bool:
    return photo[12:16] == b"VP8X" and bool(photo[20] & _VP8X_ANIMATION)


def missing_bytes(photo: Data) -> int:
    """How many bytes a chunk of pixels at the end lacks, without its padding.

    It is kept so: whether all pixels came is for the decoder to say.
    """
    for kind, start, body, _ in chunks(photo, 12, len(photo), file_end=len(photo)):
        if kind in _PIXELS and _is_cut(photo, start, body):
            return body + struct.unpack_from("<I", photo, start + 4)[0] - len(photo)
    return 0


def _is_cut(photo: Data, start: int, body: int) -> bool:
    return body + struct.unpack_from("<I", photo, start + 4)[0] > len(photo)


def _frame(photo: Data, start: int, body: int, end: int) -> list[Part]:
    """One picture of an animation: where it stands, 16 bytes, and its pixels."""
    if end - body < 16:
        raise BrokenImage("A frame of the WebP file has no header.")
    pixels: list[Part] = [
        (inner, inner_end)
        for kind, inner, _, inner_end in chunks(photo, body + 16, end, _MOST_FRAME_CHUNKS)
        if kind in _PIXELS
    ]
    if size_of(pixels) % 2:
        pixels.append(b"\0")
    return [
        struct.pack("<4sI", b"ANMF", 16 + size_of(pixels)),
        (body, body + 16),
        *pixels,
    ]


def chunks(
    photo: Data, start: int, end: int, most: int = MOST_PARTS, *, file_end: int | None = None
) -> Iterator[tuple[bytes, int, int, int]]:
    """Kind, start, start of the body and end of each chunk, with its padding if it is there.

    With ``file_end`` the last one may pass ``end``; what of it is behind ``file_end`` is missing.
    """
    for _ in range(most):
        if start + 8 > end:
            return
        kind, size = struct.unpack_from("<4sI", photo, start)
        body = start + 8
        if body + size > end and file_end is not None:
            yield kind, start, body, min(body + size, file_end)
            return
        if body + size > end:
            raise BrokenImage("A chunk of the WebP file is longer than the file.")
        next_start = min(body + size + size % 2, end)
        yield kind, start, body, next_start
        start = next_start
    raise BrokenImage("The WebP file is in too many pieces.")
