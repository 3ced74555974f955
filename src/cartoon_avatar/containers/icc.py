"""ICC colour profiles: whether their tables are as large as they say, and HDR named in them."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator

from cartoon_avatar.containers import BrokenImage, Cicp

_MOST_INPUTS = 16  # of a colour table, to LittleCMS


def require_tables(profile: bytes) -> None:
    """Raises for a colour profile that declares a larger table than it holds.

    LittleCMS makes room for the table before it reads it.
    """
    for _, tag in _tags(profile):
        if max(_table_sizes(tag), default=0) > len(profile):
            raise BrokenImage("The colour profile declares a larger table than it holds.")


def cicp(profile: bytes) -> Cicp | None:
    """The colours that a profile names by numbers (ICC.1:2022, 10.3), as those for HDR do.

    Raises BrokenImage for one with too many tags.
    """
    for name, tag in _tags(profile):
        if name == b"cicp" and len(tag) >= 12:
            return Cicp(tag[8], tag[9])
    return None


def _tags(profile: bytes) -> Iterator[tuple[bytes, memoryview]]:
    for number in range(_few(profile[128:132])):
        entry = profile[132 + 12 * number : 144 + 12 * number]
        yield entry[:4], memoryview(profile)[int.from_bytes(entry[4:8]) :]


def _table_sizes(tag: memoryview) -> Iterator[int]:
    """How many numbers each table of colours in a tag holds, a byte each at least."""
    kind = bytes(tag[:4])
    if kind in (b"mft1", b"mft2"):
        inputs, outputs, points = tag[8:11]
        yield points ** min(inputs, _MOST_INPUTS) * outputs
    elif kind in (b"mAB ", b"mBA "):
        inputs, outputs = tag[8:10]
        if start := int.from_bytes(tag[24:28]):
            yield math.prod(tag[start : start + inputs]) * outputs
    elif kind == b"mpet":
        for number in range(_few(tag[12:16])):
            element = tag[int.from_bytes(tag[16 + 8 * number : 20 + 8 * number]) :]
            if element[:4] == b"clut":
                inputs, outputs = struct.unpack_from(">HH", element, 8)
                yield math.prod(element[12 : 12 + min(inputs, _MOST_INPUTS)]) * outputs


def _few(number: bytes | memoryview) -> int:
    """As many as LittleCMS reads tags of a profile; those of printers have some twenty."""
    if (count := int.from_bytes(number)) > 100:
        raise BrokenImage("The colour profile has too many tags or elements.")
    return count
