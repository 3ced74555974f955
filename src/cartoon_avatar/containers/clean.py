"""Takes personal metadata out of a photo and leaves its pixels alone, byte for byte.

The cleaned file is a list of views into the uploaded one with a few small headers between them.
What stays is listed by name in each format and everything else goes, so unknown
kinds of metadata go too.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from cartoon_avatar.containers import BrokenImage, Data, Part, gif, heif, jpeg, png, webp
from cartoon_avatar.containers.marks import Mark, ai_term_in, packet_of

_CLEANERS = {
    "image/jpeg": jpeg.cleaned,
    "image/png": png.cleaned,
    "image/webp": webp.cleaned,
    "image/gif": gif.cleaned,
    "image/heic": heif.cleaned,
    "image/avif": heif.cleaned,
}

# The types that leave here without personal metadata.
CLEANABLE = frozenset(_CLEANERS)


def without_metadata(photo: Data, mime_type: str) -> list[memoryview | bytes]:
    """The cleaned file, in pieces to be written one after the other.

    Orientation and colour profile stay, and that AI made the picture, if it says so: as a packet
    written anew. ``mime_type`` is what ``sniff`` said. The pieces are views: a mapped photo can
    be closed only once they are gone. Raises BrokenImage.
    """
    term = ai_term_in(photo)
    xmp = b"" if term is None else packet_of(Mark(term))
    try:
        parts = list(_CLEANERS[mime_type](photo, xmp))
    except (struct.error, IndexError) as exc:
        # Every read is at a place the file named; one past the end is all that can go wrong.
        raise BrokenImage("The picture's file ends too early.") from exc
    return _pieces(photo, parts)


def _pieces(photo: Data, parts: Iterable[Part]) -> list[memoryview | bytes]:
    """The parts as bytes and views, neighbouring ranges as one view."""
    view = memoryview(photo)
    pieces: list[memoryview | bytes] = []
    start = end = 0
    for part in parts:
        if isinstance(part, tuple) and part[0] == end:
            end = part[1]
            continue
        if start < end:
            pieces.append(view[start:end])
        if isinstance(part, tuple):
            start, end = part
        else:
            pieces.append(part)
            start = end = 0
    if start < end:
        pieces.append(view[start:end])
    return pieces
