"""Image files as containers: segments, chunks, blocks and boxes, without their pixels.

Both services read them: the backend takes metadata out, the AI service finds what is broken
before it decodes. Nothing here decodes a picture, so a photo of any size costs no memory.
"""

from __future__ import annotations

import mmap
from typing import NamedTuple

# A mapped file is read in place, without a copy.
Data = bytes | memoryview | mmap.mmap

# A range of the file, or bytes written anew.
Part = tuple[int, int] | bytes

# Far above what encoders write into 10 MB; bounds the time a hostile file can take.
MOST_PARTS = 20_000


class BrokenImage(ValueError):
    """The file is not built the way its format demands, or lacks a part of its picture."""


class Cicp(NamedTuple):
    """How colours are coded, by the numbers of ITU-T H.273 (8.1 and 8.2)."""

    primaries: int
    transfer: int


def size_of(parts: list[Part]) -> int:
    return sum(len(part) if isinstance(part, bytes) else part[1] - part[0] for part in parts)
