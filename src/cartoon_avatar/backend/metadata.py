"""Takes personal metadata out of a photo and leaves its pixels alone, byte for byte.

Only containers are read here: segments, chunks, blocks and boxes. Coded pixels are passed on as
they came, so nothing in this file decodes a picture, and a photo of any size costs no memory: the
cleaned file is a list of views into the uploaded one with a few small headers between them.

What stays is listed by name and everything else goes, so a kind of metadata nobody has heard of
yet goes too.
"""

from __future__ import annotations

import mmap
import re
import struct
from collections.abc import Iterable, Iterator
from zlib import crc32

# A range of the photo, or bytes written anew.
Part = tuple[int, int] | bytes

# Far above what encoders write into 10 MB; bounds the time a hostile file can take.
MOST_PARTS = 20_000


class BrokenImage(ValueError):
    """The file is not built the way its format demands."""


def image_type(head: bytes) -> str | None:
    """The MIME type of the file that begins with ``head`` (64 bytes are enough), if accepted."""
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith(_PNG_SIGNATURE):
        return "image/png"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if head[4:8] == b"ftyp":
        return _heif_type(head)
    return None


def without_metadata(photo: bytes | mmap.mmap, mime_type: str) -> list[memoryview | bytes]:
    """The cleaned file, in pieces to be written one after the other.

    Orientation and colour profile stay. ``mime_type`` is what ``image_type`` said. The pieces are
    views: a mapped photo can be closed only once they are gone. Raises BrokenImage.
    """
    try:
        parts = list(_CLEANERS[mime_type](photo))
    except (struct.error, IndexError) as exc:
        # Every read is at a place the file named; one past the end is all that can go wrong.
        raise BrokenImage("The picture's file ends too early.") from exc
    return _pieces(photo, parts)


def _pieces(photo: bytes | mmap.mmap, parts: Iterable[Part]) -> list[memoryview | bytes]:
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


def _size(parts: Iterable[Part]) -> int:
    return sum(len(part) if isinstance(part, bytes) else part[1] - part[0] for part in parts)


# EXIF


def _orientation(photo: bytes | mmap.mmap, start: int, end: int) -> int | None:
    """The orientation that the EXIF in this range asks for, if it is one that turns or mirrors.

    Only the first directory is read and its links are not followed: there is nothing to loop.
    """
    if photo[start : min(start + 5, end)] == b"Exif\0":
        start += 6
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(photo[start : start + 4])
    if order is None or start + 8 > end:
        return None
    entries = start + struct.unpack_from(order + "I", photo, start + 4)[0] + 2
    if entries > end:
        return None
    count = struct.unpack_from(order + "H", photo, entries - 2)[0]
    for entry in range(entries, min(entries + 12 * count, end - 11), 12):
        tag, kind, values = struct.unpack_from(order + "HHI", photo, entry)
        if tag == 0x0112 and values == 1 and kind in _INTEGERS:
            value = struct.unpack_from(order + _INTEGERS[kind], photo, entry + 8)[0]
            return value if 2 <= value <= 8 else None
    return None


_INTEGERS = {1: "B", 3: "H", 4: "I"}


def _exif_with(orientation: int) -> bytes:
    return struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, 0x0112, 3, 1, orientation, 0, 0)


# JPEG (ITU-T T.81, annex B)

# FF before 00 or FF is no marker, and restart markers belong to the coded data.
_JPEG_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
# Damaged data can look like a marker that does not exist: decoders live with it.
_JPEG_MARKER_AFTER_DATA = re.compile(rb"\xff[\xc0-\xc7\xc9-\xcf\xd8-\xef\xfe]")
# SOF0..15 with DHT and DAC among them, but not C8 (reserved); SOS, DQT, DNL, DRI, DHP, EXP.
_JPEG_KEPT = frozenset({*range(0xC0, 0xD0), *range(0xDA, 0xE0)} - {0xC8})


def _jpeg(photo: bytes | mmap.mmap) -> Iterator[Part]:
    if photo[:2] != b"\xff\xd8":
        raise BrokenImage("This is not a JPEG file.")
    yield 0, 2
    position = 2
    in_scan = scan_seen = exif_seen = False
    for _ in range(MOST_PARTS):
        found = (_JPEG_MARKER_AFTER_DATA if in_scan else _JPEG_MARKER).search(photo, position)
        start = found.start() if found else len(photo)
        # Outside a scan decoders skip whatever stands between two segments.
        if in_scan:
            yield position, start
        if found is None and in_scan:
            # No end marker: whether enough pixels came is for the decoder to say.
            return
        marker = photo[start + 1]
        if marker == 0xD9:
            if not scan_seen:
                raise BrokenImage("The JPEG file holds no picture.")
            # What follows are second pictures, gain maps, videos and other people's trailers.
            yield start, start + 2
            return
        if marker not in _JPEG_KEPT and marker != 0xFE and not 0xE0 <= marker <= 0xEF:
            raise BrokenImage(f"The JPEG file has a marker FF{marker:02X} where none may be.")
        length = struct.unpack_from(">H", photo, start + 2)[0]
        end = start + 2 + length
        if length < 2 or end > len(photo):
            raise BrokenImage("A segment of the JPEG file is longer than the file.")

        head = photo[start + 4 : min(start + 18, end)]
        if marker in _JPEG_KEPT:
            yield start, end
        elif marker == 0xE0 and head.startswith(b"JFIF\0") and len(head) == 14:
            # Without the thumbnail that may follow: it can show what was cropped away.
            yield _segment(0xE0, head[:12] + b"\0\0")
        elif marker == 0xE1 and head.startswith(b"Exif\0") and not exif_seen:
            exif_seen = True
            if orientation := _orientation(photo, start + 4, end):
                yield _segment(0xE1, b"Exif\0\0" + _exif_with(orientation))
        elif marker == 0xE2 and head.startswith(b"ICC_PROFILE\0"):
            yield start, end
        elif marker == 0xEE and head.startswith(b"Adobe") and len(head) >= 12:
            # Says whether the colours are RGB, CMYK or their YCC forms.
            yield _segment(0xEE, head[:12])
        in_scan = marker == 0xDA
        scan_seen |= in_scan
        position = end
    raise BrokenImage("The JPEG file is in too many pieces.")


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


# PNG (third edition, with APNG)

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT = frozenset(
    b"IHDR PLTE IDAT tRNS cHRM cICP gAMA iCCP mDCV mDCv cLLI cLLi sBIT sRGB bKGD hIST pHYs "
    b"acTL fcTL fdAT".split()
)


def _png(photo: bytes | mmap.mmap) -> Iterator[Part]:
    if photo[:8] != _PNG_SIGNATURE:
        raise BrokenImage("This is not a PNG file.")
    yield 0, 8
    start = 8
    exif_seen = False
    for index in range(MOST_PARTS):
        length, kind = struct.unpack_from(">I4s", photo, start)
        end = start + 12 + length
        if end > len(photo):
            raise BrokenImage("A chunk of the PNG file is longer than the file.")
        if (index == 0) != (kind == b"IHDR") or not kind.isalpha():
            raise BrokenImage("The chunks of the PNG file are out of order.")
        if kind in _PNG_KEPT:
            yield start, end
        elif kind == b"IEND":
            yield _chunk(b"IEND", b"")
            return
        elif kind == b"eXIf" and not exif_seen:
            exif_seen = True
            if orientation := _orientation(photo, start + 8, end - 4):
                yield _chunk(b"eXIf", _exif_with(orientation))
        elif kind[:1].isupper():
            # A capital says that the picture cannot be understood without this chunk.
            raise BrokenImage("The PNG file needs a chunk that PNG does not have.")
        start = end
    raise BrokenImage("The PNG file is in too many pieces.")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc32(kind + body))


# WebP (RFC 9649)

_VP8X_EXIF, _VP8X_XMP = 0x08, 0x04
_MOST_FRAME_CHUNKS = 20
_WEBP_PIXELS = frozenset({b"ALPH", b"VP8 ", b"VP8L"})


def _webp(photo: bytes | mmap.mmap) -> Iterator[Part]:
    riff, size, form = struct.unpack_from("<4sI4s", photo, 0)
    if (riff, form) != (b"RIFF", b"WEBP"):
        raise BrokenImage("This is not a WebP file.")
    if 8 + size > len(photo):
        raise BrokenImage("The WebP file is shorter than it says.")
    chunks = _riff_chunks(photo, 12, 8 + size)
    kind, start, body, end = next(chunks, (b"", 0, 0, 0))
    parts: list[Part] = []
    if kind in (b"VP8 ", b"VP8L"):
        # The simple form: one chunk, and what follows it means nothing to anyone.
        parts.append((start, end))
    elif kind == b"VP8X" and end - body >= 10:
        flags = photo[body]
        exif: bytes | None = None if flags & _VP8X_EXIF else b""
        for kind, start, body, end in chunks:
            if kind in _WEBP_PIXELS or kind in (b"ICCP", b"ANIM"):
                parts.append((start, end))
            elif kind == b"ANMF":
                parts += _webp_frame(photo, start, body, end)
            elif kind == b"EXIF" and exif is None:
                orientation = _orientation(photo, body, end)
                exif = _exif_with(orientation) if orientation else b""
                if exif:
                    parts.append(struct.pack("<4sI", b"EXIF", len(exif)) + exif)
        flags = flags & ~(_VP8X_EXIF | _VP8X_XMP) | (_VP8X_EXIF if exif else 0)
        header = struct.pack("<4sIB3x", b"VP8X", 10, flags) + photo[24:30]
        parts.insert(0, header)
    else:
        raise BrokenImage("The WebP file holds no picture.")
    if _size(parts) % 2:
        parts.append(b"\0")
    yield struct.pack("<4sI4s", b"RIFF", 4 + _size(parts), b"WEBP")
    yield from parts


def _webp_frame(photo: bytes | mmap.mmap, start: int, body: int, end: int) -> list[Part]:
    """One picture of an animation: where it stands, 16 bytes, and its pixels."""
    if end - body < 16:
        raise BrokenImage("A frame of the WebP file has no header.")
    pixels: list[Part] = [
        (inner, inner_end)
        for kind, inner, _, inner_end in _riff_chunks(photo, body + 16, end, _MOST_FRAME_CHUNKS)
        if kind in _WEBP_PIXELS
    ]
    if _size(pixels) % 2:
        pixels.append(b"\0")
    return [
        struct.pack("<4sI", b"ANMF", 16 + _size(pixels)),
        (body, body + 16),
        *pixels,
    ]


def _riff_chunks(
    photo: bytes | mmap.mmap, start: int, end: int, most: int = MOST_PARTS
) -> Iterator[tuple[bytes, int, int, int]]:
    """Kind, start, start of the body and end of each chunk, with its padding if it is there."""
    for _ in range(most):
        if start + 8 > end:
            return
        kind, size = struct.unpack_from("<4sI", photo, start)
        body = start + 8
        if body + size > end:
            raise BrokenImage("A chunk of the WebP file is longer than the file.")
        next_start = min(body + size + size % 2, end)
        yield kind, start, body, next_start
        start = next_start
    raise BrokenImage("The WebP file is in too many pieces.")


# GIF (89a)

# Looping, and the colour profile.
_GIF_KEPT = frozenset({b"NETSCAPE2.0", b"ANIMEXTS1.0", b"ICCRGBG1012"})


def _gif(photo: bytes | mmap.mmap) -> Iterator[Part]:
    if photo[:6] not in (b"GIF87a", b"GIF89a"):
        raise BrokenImage("This is not a GIF file.")
    start = 13 + _gif_palette(photo[10])
    yield 0, start
    for _ in range(MOST_PARTS):
        # Some writers leave the end mark out, and decoders do not miss it.
        block = photo[start] if start < len(photo) else 0x3B
        if block == 0x3B:
            yield b";"
            return
        if block == 0x2C:
            end = _gif_data_end(photo, start + 11 + _gif_palette(photo[start + 9]))
            yield start, end
        elif block == 0x21:
            end = _gif_data_end(photo, start + 2)
            label = photo[start + 1]
            if label == 0xF9 or (label == 0xFF and photo[start + 3 : start + 14] in _GIF_KEPT):
                yield start, end
        else:
            raise BrokenImage("The GIF file has a block that GIF does not have.")
        start = end
    raise BrokenImage("The GIF file is in too many pieces.")


def _gif_palette(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _gif_data_end(photo: bytes | mmap.mmap, start: int) -> int:
    while size := photo[start]:
        start += size + 1
    return start + 1


# HEIC and AVIF (ISO/IEC 14496-12 and 23008-12)
#
# A HEIF file points into itself by absolute offsets, so nothing is moved here: what has to go is
# overwritten where it stands, and the file keeps its length up to the last box that belongs to it.

_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"})
_HEIF_TOP = frozenset({b"ftyp", b"meta", b"moov", b"mdat"})
_HEIF_CONTAINERS = frozenset(
    {(b"", b"meta"), (b"meta", b"iprp"), (b"iprp", b"ipco")}
    | {(b"", b"moov"), (b"moov", b"trak"), (b"trak", b"mdia")}
)
# Below the top: padding, private data, descriptions by the user, metadata of tracks.
_HEIF_BLANKED = frozenset({b"free", b"skip", b"uuid", b"udta", b"udes", b"meta"})
# What pixels are made and shown by: sizes and colours, turning, layers, codecs, cameras of 3D.
_HEIF_PROPERTIES = frozenset(
    b"ispe pixi pasp colr clap irot imir rref rloc lsel auxC mskC a1op a1lx oinf tols clli cclv "
    b"mdcv amve reve ndwt cmin cmex hvcC lhvC av1C vvcC avcC evcC uncC cmpd cmpC icef".split()
)
# Their headers begin with when they were made and changed.
_HEIF_DATED = frozenset({b"mvhd", b"tkhd", b"mdhd"})
_HEIF_PICTURES = frozenset(
    {b"hvc1", b"hev1", b"lhv1", b"av01", b"vvc1", b"avc1", b"unci", b"mski"}
    | {b"grid", b"iovl", b"iden", b"tmap"}
)
_HEIF_TRACKS = frozenset({b"pict", b"vide", b"auxv"})
# Decoders want to find valid EXIF where the file promises some: a directory without entries.
_HEIF_NO_EXIF = struct.pack(">I2sHIHI", 0, b"MM", 42, 8, 0, 0)
_ZEROS = bytes(1 << 16)


def _heif_type(head: bytes) -> str | None:
    size = int.from_bytes(head[:4], "big")
    major = head[8:12]
    brands = {head[at : at + 4] for at in range(16, min(size, len(head)) - 3, 4)} | {major}
    # An AVIF file also calls itself mif1, a HEIC file never avif.
    if brands & _AVIF_BRANDS and major not in _HEIC_BRANDS - {b"mif1", b"msf1"}:
        return "image/avif"
    return "image/heic" if brands & _HEIC_BRANDS else None


def _heif(photo: bytes | mmap.mmap) -> Iterator[Part]:
    if photo[4:8] != b"ftyp":
        raise BrokenImage("This is not a HEIF file.")
    blanks: list[tuple[int, int, bytes]] = []  # from, to, and what to write before the zeros
    tables: dict[bytes, tuple[int, int]] = {}
    file_end = boxes_seen = 0
    folders = [(b"", 0, len(photo))]
    while folders:
        parent, folder_start, folder_end = folders.pop()
        for kind, start, body, end in _boxes(photo, folder_start, folder_end):
            boxes_seen += 1
            if boxes_seen > MOST_PARTS:
                raise BrokenImage("The HEIF file is in too many pieces.")
            if (parent, kind) in _HEIF_CONTAINERS:
                folders.append((kind, body + 4 if kind == b"meta" else body, end))
            elif _is_blanked(parent, kind):
                blanks += [(start + 4, start + 8, b"free"), (body, end, b"")]
            if kind in _HEIF_DATED:
                times = 16 if photo[body] else 8
                blanks.append((body + 4, min(body + 4 + times, end), b""))
            if not parent and kind in _HEIF_TOP:
                file_end = end
            track = photo[body + 8 : body + 12] if kind == b"hdlr" else None
            if parent == b"mdia" and track and track not in _HEIF_TRACKS:
                raise BrokenImage("The HEIF file is a video: it holds more than pictures.")
            if kind in (b"iinf", b"iloc", b"idat") and parent == b"meta":
                if kind in tables:
                    raise BrokenImage("The HEIF file lists its pictures twice.")
                tables[kind] = body, end
    blanks += _heif_items(photo, tables)

    position = 0
    for start, end, filler in sorted(blanks):
        start, end = max(start, position), min(end, file_end)
        if start >= end:
            continue
        yield position, start
        if 0 < len(filler) <= end - start:
            yield filler
            start += len(filler)
        for at in range(start, end, len(_ZEROS)):
            yield _ZEROS[: end - at]
        position = end
    yield position, file_end


def _is_blanked(parent: bytes, kind: bytes) -> bool:
    if parent == b"ipco":
        return kind not in _HEIF_PROPERTIES
    return kind in _HEIF_BLANKED if parent else kind not in _HEIF_TOP


def _heif_items(
    photo: bytes | mmap.mmap, tables: dict[bytes, tuple[int, int]]
) -> Iterator[tuple[int, int, bytes]]:
    """Where the file keeps items that are no pictures: EXIF, XMP and the like."""
    if b"iinf" not in tables or b"iloc" not in tables:
        return
    kinds: dict[int, bytes] = {}
    body, end = tables[b"iinf"]
    for _, _, entry, _ in _boxes(photo, body + (8 if photo[body] else 6), end):
        version = photo[entry]
        item, _, kind = struct.unpack_from(">IH4s" if version > 2 else ">HH4s", photo, entry + 4)
        kinds[item] = kind if version > 1 else b""

    position, end = tables[b"iloc"]

    def number(size: int) -> int:
        nonlocal position
        position += size
        if position > end:
            raise BrokenImage("The list of items in the HEIF file is cut off.")
        return int.from_bytes(photo[position - size : position], "big")

    version = number(4) >> 24
    sizes = number(2)
    offset_size, length_size, base_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_size = sizes & 15 if version else 0
    parts = 0
    for _ in range(number(4 if version > 1 else 2)):
        item = number(4 if version > 1 else 2)
        method = number(2) & 15 if version else 0
        number(2)
        base = number(base_size)
        extents = number(2)
        # With all sizes 0 an extent takes no bytes: the table's own size bounds nothing.
        parts += 1 + extents
        if parts > MOST_PARTS:
            raise BrokenImage("The HEIF file is in too many pieces.")
        kind = kinds.get(item, b"")
        for _ in range(extents):
            number(index_size)
            start = base + number(offset_size)
            length = number(length_size)
            if kind in _HEIF_PICTURES:
                continue
            inside, inside_end = (0, len(photo)) if method == 0 else tables.get(b"idat", (0, 0))
            if method > 1 or not length or inside + start + length > inside_end:
                raise BrokenImage("The HEIF file keeps an item where none can be.")
            filler = _HEIF_NO_EXIF if kind == b"Exif" and extents == 1 else b""
            yield inside + start, inside + start + length, filler


def _boxes(photo: bytes | mmap.mmap, start: int, end: int) -> Iterator[tuple[bytes, int, int, int]]:
    """Kind, start, start of the body and end of each box."""
    for _ in range(MOST_PARTS):
        if start + 8 > end:
            return
        size, kind = struct.unpack_from(">I4s", photo, start)
        body = start + 8
        if size == 1:
            size = struct.unpack_from(">Q", photo, body)[0]
            body += 8
        elif size == 0:
            size = end - start
        if not body <= start + size <= end:
            raise BrokenImage("A box of the HEIF file is longer than the file.")
        yield kind, start, body, start + size
        start += size
    raise BrokenImage("The HEIF file is in too many pieces.")


_CLEANERS = {
    "image/jpeg": _jpeg,
    "image/png": _png,
    "image/webp": _webp,
    "image/gif": _gif,
    "image/heic": _heif,
    "image/avif": _heif,
}

# The types that leave here without personal metadata.
CLEANABLE = frozenset(_CLEANERS)
