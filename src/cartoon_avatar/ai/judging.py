"""Tells of a large picture whether it is whole before its pixels, or what stands for them, are
held: a file that turns out to be broken should not cost what a good one costs.

Nothing is refused here that the decoder would take, but for a JPEG of several scans that is
damaged between its restart markers: libjpeg would draw the rest of it.
"""

from __future__ import annotations

import io
import math
import re
import struct
import zlib
from collections.abc import Iterator

from PIL import Image

# What ends a scan: a marker that is neither a stuffed byte nor a restart.
_SCAN_END = re.compile(rb"\xff+[^\xff\x00\xd0-\xd7]")
_SOF = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}
_SOS, _EOI = 0xDA, 0xD9
_LONE = {*range(0xC0), *range(0xD0, 0xDA)}  # markers without a length, or without a meaning
# Metadata and comments, but for Adobe's mark, which says how the colours are stored.
_BESIDE_THE_PICTURE = {*range(0xE0, 0xF0), 0xFE} - {0xEE}

_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# First column and row of each pass of an interlaced PNG, and the steps to the next.
_ADAM7 = (
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)
)  # fmt: skip
_PIECE_BYTES = 1 << 16
# An HDR picture of a turned grid of tiles is three.
_MOST_DERIVATIONS = 8
_MOST_PARTS = 100_000
_MOST_INPUTS = 16  # of a colour table, to LittleCMS


class Broken(Exception):
    """The decoder would find out, too, but later."""


def judge_jpeg(data: bytes) -> None:
    """Raises, Pillow's own exceptions among others, for what a decoder of several scans would
    only refuse with the coefficients of the whole picture at hand, 3 to 12 bytes a pixel.

    Entropy-coded data is never refused by libjpeg, only what stands between it is. So that is
    all it is shown, for a picture of 8 × 8.
    """
    shown = bytearray(b"\xff\xd8")
    progressive, scans, ended = False, 0, False
    for marker, start, end in _jpeg_segments(data):
        if marker == _EOI:
            shown += data[start:end]
            ended = True
            break
        segment = data[start:end]
        if marker in _SOF:
            progressive = marker in _PROGRESSIVE
            segment = segment[:5] + struct.pack(">HH", 8, 8) + segment[9:]
        scans += marker == _SOS
        if marker not in _BESIDE_THE_PICTURE:
            shown += segment
    if progressive or scans > 1:
        if not ended:
            raise Broken("no end of the picture")
        with Image.open(io.BytesIO(shown), formats=["JPEG"]) as image:
            image.load()


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of each segment, as libjpeg comes upon them."""
    at = 2
    while found := _SCAN_END.search(data, at):
        marker, start = data[found.end() - 1], found.end() - 2
        at = found.end()
        if marker not in _LONE:
            at += int.from_bytes(data[at : at + 2])
        yield marker, start, at


def judge_png(data: bytes) -> None:
    """Raises for pixel data that is damaged or too short, having held 64 KB of it at a time."""
    width, height, depth, colour, *_, interlaced = struct.unpack(">IIBBBBB", data[16:29])
    pixels = _Inflated(data)
    for left, top, right, down in _ADAM7 if interlaced else ((0, 0, 1, 1),):
        columns, rows = len(range(left, width, right)), len(range(top, height, down))
        # Each row begins with a byte that names its filter.
        row_bytes = 1 + (columns * depth * _PNG_CHANNELS[colour] + 7) // 8
        read, end = 0, row_bytes * rows if columns else 0
        while read < end:
            piece = pixels.read(min(_PIECE_BYTES, end - read))
            if not piece:
                raise Broken("less pixel data than pixels")
            if max(piece[-read % row_bytes :: row_bytes], default=0) > 4:
                raise Broken("no such filter")
            read += len(piece)


class _Inflated:
    """What is packed in the first run of a PNG's IDAT chunks."""

    def __init__(self, data: bytes) -> None:
        self.packed = _idat_pieces(memoryview(data))
        self.inflater = zlib.decompressobj()

    def read(self, most: int) -> bytes:
        """Some bytes, at most ``most``; none at the end."""
        while not self.inflater.eof:
            packed = self.inflater.unconsumed_tail or next(self.packed, b"")
            piece = self.inflater.decompress(packed, most)
            if piece or not packed:
                return piece
        return b""


def _idat_pieces(data: memoryview) -> Iterator[memoryview]:
    at, begun = 8, False
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"IDAT":
            begun = True
            for start in range(at + 8, at + 8 + length, _PIECE_BYTES):
                yield data[start : min(start + _PIECE_BYTES, at + 8 + length)]
        elif begun:
            return
        at += 12 + length


def judge_heif(data: bytes, most_pixels: int) -> None:
    """Raises for a picture put together of more pixels than ``most_pixels``.

    A grid may name the same large tile a thousand times, and all of them are decoded, whatever
    its own size. What a tile says of its size (ispe) libheif holds it to.
    """
    sizes: dict[int, int] = {}  # pixels, by item
    parts: dict[int, list[int]] = {}
    count = 0
    for kind, start, end in _boxes(data, 0, len(data)):
        for inner, at, inner_end in _boxes(data, start + 4, end) if kind == b"meta" else ():
            if inner == b"iprp":
                for item, pixels in _sizes(data, at, inner_end):
                    sizes[item] = max(pixels, sizes.get(item, 0))
                    _require_few(len(sizes))
            elif inner == b"iref":
                for item, ids in _derivations(data, at, inner_end):
                    parts.setdefault(item, []).extend(ids)
                    count += 1 + len(ids)
                    _require_few(count)
    decoded: dict[int, int] = {}

    def pixels_of(item: int, depth: int = 0) -> int:
        if depth > _MOST_DERIVATIONS:
            raise Broken("derived pictures of derived pictures")
        if item not in decoded:
            of_parts = sum(pixels_of(part, depth + 1) for part in parts.get(item, ()))
            decoded[item] = of_parts or sizes.get(item, most_pixels)
        return decoded[item]

    for item in parts:
        if pixels_of(item) > most_pixels:
            raise Broken("more pixels in its parts than a picture may have")


def _require_few(count: int) -> None:
    if count > _MOST_PARTS:
        raise Broken("countless parts")


def _sizes(data: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Items and the pixels that a size associated with them says."""
    properties: list[int] = []
    for kind, at, inner_end in _boxes(data, start, end):
        if kind == b"ipco":
            for inner, body, _ in _boxes(data, at, inner_end):
                width, height = (
                    struct.unpack_from(">II", data, body + 4) if inner == b"ispe" else (0, 0)
                )
                properties.append(width * height)
        elif kind == b"ipma":
            id_bytes = 4 if data[at] else 2
            wide = data[at + 3] & 1
            entries = int.from_bytes(data[at + 4 : at + 8])
            at += 8
            for _ in range(entries):
                item = int.from_bytes(data[at : at + id_bytes])
                count = data[at + id_bytes]
                at += id_bytes + 1
                for _ in range(count):
                    number = int.from_bytes(data[at : at + 1 + wide]) & (0x7FFF if wide else 0x7F)
                    at += 1 + wide
                    if 0 < number <= len(properties) and properties[number - 1]:
                        yield item, properties[number - 1]


def _derivations(data: bytes, start: int, end: int) -> Iterator[tuple[int, list[int]]]:
    """Items and what they are put together of."""
    id_bytes = 4 if data[start] else 2
    for kind, at, inner_end in _boxes(data, start + 4, end):
        if kind == b"dimg":
            first = at + id_bytes + 2
            count = int.from_bytes(data[first - 2 : first])
            last = min(first + count * id_bytes, inner_end)
            ids = [
                int.from_bytes(data[place : place + id_bytes])
                for place in range(first, last, id_bytes)
            ]
            yield int.from_bytes(data[at : at + id_bytes]), ids


def _boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start of the body and end of each box."""
    while start + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, start)
        body = start + 8
        if size == 1:
            size = struct.unpack_from(">Q", data, body)[0]
            body += 8
        elif size == 0:
            size = end - start
        if not body <= start + size <= end:
            return
        yield kind, body, start + size
        start += size


def judge_profile(profile: bytes) -> None:
    """Raises for a colour profile that tells of a larger table than it holds.

    LittleCMS makes room for the table before it reads it.
    """
    for number in range(_few(profile[128:132])):
        entry = profile[132 + 12 * number : 144 + 12 * number]
        tag = memoryview(profile)[int.from_bytes(entry[4:8]) :]
        if max(_table_sizes(tag), default=0) > len(profile):
            raise Broken("a table larger than the profile")


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
        raise Broken("countless tags or elements")
    return count
