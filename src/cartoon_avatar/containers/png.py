"""PNG (third edition, with APNG): chunks and the packed rows in them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from cartoon_avatar.containers import MOST_PARTS, BrokenImage, Cicp, Data, Part
from cartoon_avatar.containers.exif import exif_with, orientation_in

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_KEPT = frozenset(
    b"IHDR PLTE IDAT tRNS cHRM cICP gAMA iCCP mDCV mDCv cLLI cLLi sBIT sRGB bKGD hIST pHYs "
    b"acTL fcTL fdAT".split()
)
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# First column and row of each pass of an interlaced PNG, and the steps to the next.
_ADAM7 = (
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)
)  # fmt: skip
_PIECE_BYTES = 1 << 16
# Not compressed, of no language.
_XMP = b"XML:com.adobe.xmp" + bytes(5)


def chunks(data: Data) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and end of each chunk, its length and checksum included.

    The last one may end past the end of ``data``.
    """
    start = 8
    for _ in range(MOST_PARTS):
        if start + 8 > len(data):
            return
        length, kind = struct.unpack_from(">I4s", data, start)
        yield kind, start, start + 12 + length
        start += 12 + length
    raise BrokenImage("The PNG file is in too many pieces.")


def cleaned(photo: Data, xmp: bytes = b"") -> Iterator[Part]:
    """With ``xmp`` as its packet."""
    if photo[:8] != _SIGNATURE:
        raise BrokenImage("This is not a PNG file.")
    yield 0, 8
    exif_seen = pixels_seen = False
    for index, (kind, start, end) in enumerate(chunks(photo)):
        if (index == 0) != (kind == b"IHDR") or not kind.isalpha():
            if pixels_seen:
                break  # something else stands where the end should
            raise BrokenImage("The chunks of the PNG file are out of order.")
        if end > len(photo):
            # Whether enough pixels came is for the decoder to say.
            if kind == b"IDAT":
                yield start, len(photo)
                return
            break
        pixels_seen |= kind == b"IDAT"
        if kind in _KEPT:
            if _is_critical(kind) or _is_intact(photo, start, end):
                yield start, end
            if kind == b"IHDR" and xmp:
                yield _chunk(b"iTXt", _XMP + xmp)
        elif kind == b"IEND":
            yield _chunk(b"IEND", b"")
            return
        elif kind == b"eXIf" and not exif_seen:
            exif_seen = True
            if orientation := orientation_in(photo, start + 8, end - 4):
                yield _chunk(b"eXIf", exif_with(orientation))
        elif _is_critical(kind):
            raise BrokenImage("The PNG file needs a chunk that PNG does not have.")
    if not pixels_seen:
        raise BrokenImage("The PNG file ends too early.")
    yield _chunk(b"IEND", b"")


def _is_critical(kind: bytes) -> bool:
    """A capital says that the picture cannot be understood without this chunk."""
    return kind[:1].isupper()


def _is_intact(data: Data, start: int, end: int) -> bool:
    checksum = zlib.crc32(memoryview(data)[start + 4 : end - 4])
    return checksum == int.from_bytes(data[end - 4 : end])


def _chunk(kind: bytes, body: bytes) -> bytes:
    checksum = zlib.crc32(kind + body)
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)


def cicp(data: bytes) -> Cicp | None:
    """The colours that the file names by numbers."""
    for kind, start, end in chunks(data):
        if kind == b"cICP" and end >= start + 16:
            return Cicp(data[start + 8], data[start + 9])
        if kind == b"IDAT":
            break
    return None


def mended(data: bytes) -> bytes:
    """The file without what strict decoders refuse though all of its pixels are there: wrong
    checksums of chunks that no picture needs, a wrong one of the packed rows, a missing end.

    Raises as ``require_all_rows``.
    """
    rows = _rows_of(data)
    packed = b"".join(_idat_pieces(memoryview(data)))
    if rows.inflater.eof:
        packed = packed[: rows.end] + rows.checksum.to_bytes(4)
    pieces = [_SIGNATURE]
    written = False
    for kind, start, end in chunks(data):
        if kind == b"IDAT":
            if not written:
                pieces.append(_chunk(b"IDAT", packed))
            written = True
        elif kind == b"IEND" or end > len(data):
            break
        elif _is_critical(kind) or _is_intact(data, start, end):
            pieces.append(data[start:end])
    return b"".join([*pieces, _chunk(b"IEND", b"")])


def require_all_rows(data: bytes) -> None:
    """Raises BrokenImage or zlib.error for pixel data that is damaged or too short.

    64 KB of it are held at a time. A wrong checksum of the packed rows is no damage where those
    of their chunks are right.
    """
    _rows_of(data)


def _rows_of(data: bytes) -> _Inflated:
    """Read to the end of the last row."""
    width, height, depth, colour, *_, interlaced = struct.unpack(">IIBBBBB", data[16:29])
    pixels = _Inflated(data)
    for left, top, right, down in _ADAM7 if interlaced else ((0, 0, 1, 1),):
        columns, rows = len(range(left, width, right)), len(range(top, height, down))
        # Each row begins with a byte that names its filter.
        row_bytes = 1 + (columns * depth * _CHANNELS[colour] + 7) // 8
        read, end = 0, row_bytes * rows if columns else 0
        while read < end:
            piece = pixels.read(min(_PIECE_BYTES, end - read))
            if not piece:
                raise BrokenImage("The PNG file has less pixel data than pixels.")
            if max(piece[-read % row_bytes :: row_bytes], default=0) > 4:
                raise BrokenImage("The PNG file filters a row in a way that PNG does not have.")
            read += len(piece)
    if pixels.is_falsified() and not all(
        _is_intact(data, start, end) for kind, start, end in chunks(data) if kind == b"IDAT"
    ):
        raise BrokenImage("The pixel data of the PNG file is damaged.")
    return pixels


class _Inflated:
    """What is packed in the first run of a PNG's IDAT chunks (RFC 1950)."""

    def __init__(self, data: bytes) -> None:
        self.packed = _idat_pieces(memoryview(data))
        head = bytes(next(self.packed, b""))
        while len(head) < 2 and (more := next(self.packed, None)) is not None:
            head += more
        if len(head) < 2 or head[0] & 15 != 8 or head[0] > 0x7F or int.from_bytes(head[:2]) % 31:
            raise BrokenImage("The pixel data of the PNG file is not packed as PNG packs it.")
        # Without its checksum: zlib would keep the last rows to itself if that is wrong.
        self.inflater = zlib.decompressobj(-8 - (head[0] >> 4))
        self.rest: bytes | memoryview = head[2:]
        self.checksum = zlib.adler32(b"")
        self.taken = len(head)

    def read(self, most: int) -> bytes:
        """Some bytes, at most ``most``; none at the end."""
        while not self.inflater.eof:
            packed = self.inflater.unconsumed_tail or self.rest
            self.rest = b""
            if not packed:
                packed = next(self.packed, b"")
                self.taken += len(packed)
            piece = self.inflater.decompress(packed, most)
            if piece or not packed:
                self.checksum = zlib.adler32(piece, self.checksum)
                return piece
        return b""

    @property
    def end(self) -> int:
        """Where the checksum begins, from the start of the packed data, at its end."""
        return self.taken - len(self.inflater.unused_data)

    def is_falsified(self) -> bool:
        """Whether the checksum is there and wrong."""
        if not self.inflater.eof:
            return False
        checksum_bytes = self.inflater.unused_data[:4]
        while len(checksum_bytes) < 4 and (more := next(self.packed, None)) is not None:
            checksum_bytes += more[: 4 - len(checksum_bytes)]
        return len(checksum_bytes) == 4 and int.from_bytes(checksum_bytes) != self.checksum


def _idat_pieces(data: memoryview) -> Iterator[memoryview]:
    begun = False
    for kind, start, end in chunks(data):
        if kind == b"IDAT":
            begun = True
            for at in range(start + 8, end - 4, _PIECE_BYTES):
                yield data[at : min(at + _PIECE_BYTES, end - 4)]
        elif begun:
            return
