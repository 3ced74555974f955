"""HEIC and AVIF (ISO/IEC 14496-12 and 23008-12): boxes and the items in them."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from cartoon_avatar.containers import MOST_PARTS, BrokenImage, Cicp, Data, Part

# A HEIF file points into itself by absolute offsets, so nothing is moved here: what has to go is
# overwritten where it stands, and the file keeps its length up to the last box that belongs to it.

_TOP = frozenset({b"ftyp", b"meta", b"moov", b"mdat"})
_CONTAINERS = frozenset(
    {(b"", b"meta"), (b"meta", b"iprp"), (b"iprp", b"ipco")}
    | {(b"", b"moov"), (b"moov", b"trak"), (b"trak", b"mdia")}
)
# Below the top: padding, private data, descriptions by the user, metadata of tracks.
_BLANKED = frozenset({b"free", b"skip", b"uuid", b"udta", b"udes", b"meta"})
# What pixels are made and shown by: sizes and colours, turning, layers, codecs, cameras of 3D.
_PROPERTIES = frozenset(
    b"ispe pixi pasp colr clap irot imir rref rloc lsel auxC mskC a1op a1lx oinf tols clli cclv "
    b"mdcv amve reve ndwt cmin cmex hvcC lhvC av1C vvcC avcC evcC uncC cmpd cmpC icef".split()
)
# Their headers begin with when they were made and changed.
_DATED = frozenset({b"mvhd", b"tkhd", b"mdhd"})
_PICTURES = frozenset(
    {b"hvc1", b"hev1", b"lhv1", b"av01", b"vvc1", b"avc1", b"unci", b"mski"}
    | {b"grid", b"iovl", b"iden", b"tmap"}
)
_TRACKS = frozenset({b"pict", b"vide", b"auxv"})
# Decoders want to find valid EXIF where the file promises some: a directory without entries.
_NO_EXIF = struct.pack(">I2sHIHI", 0, b"MM", 42, 8, 0, 0)
# Longer items are no packets that a program wrote about a photo.
_LONGEST_XMP_BYTES = 1 << 20
_ZEROS = bytes(1 << 16)
# How many bytes of metadata behind its pixels a file may lack: the most that EXIF takes in a JPEG.
_MOST_MISSING_BYTES = 1 << 16
# From, to, and what to write before the zeros.
_Blank = tuple[int, int, bytes]
# An HDR picture of a turned grid of tiles is three.
_MOST_DERIVATIONS = 8
_MOST_ASSOCIATIONS = 100_000


def cleaned(photo: Data, xmp: bytes = b"") -> Iterator[Part]:
    """With ``xmp`` as its packet, where the file has an item that can hold it."""
    if photo[4:8] != b"ftyp":
        raise BrokenImage("This is not a HEIF file.")
    blanks: list[_Blank] = []
    tables, file_end = _read_boxes(photo, blanks)
    others = list(_other_items(photo, tables, xmp))
    # Metadata that is cut off is blanked like all of it: as if it were there.
    file_end = max([file_end, *(end for _, end, _ in others if end > len(photo))])
    return _blanked(photo, [*blanks, *others], file_end)


def _read_boxes(photo: Data, blanks: list[_Blank]) -> tuple[dict[bytes, tuple[int, int]], int]:
    """The bodies of the boxes that list items, and where the last box ends that belongs to the
    file; what is to be blanked is added to ``blanks``."""
    tables: dict[bytes, tuple[int, int]] = {}
    file_end = boxes_end = boxes_seen = pictures_seen = 0
    folders = [(b"", 0, len(photo))]
    while folders:
        parent, folder_start, folder_end = folders.pop()
        # What follows the boxes of a picture may be anything.
        walk = _whole_boxes if parent else boxes
        for kind, start, body, end in walk(photo, folder_start, folder_end):
            if not parent and kind == b"ftyp" and start:
                break  # another file, behind this one
            boxes_seen += 1
            if boxes_seen > MOST_PARTS:
                raise BrokenImage("The HEIF file is in too many pieces.")
            if (parent, kind) in _CONTAINERS:
                folders.append((kind, body + 4 if kind == b"meta" else body, end))
            elif _is_blanked(parent, kind):
                blanks += [(start + 4, start + 8, b"free"), (body, end, b"")]
            if kind in _DATED:
                times = 16 if photo[body] else 8
                blanks.append((body + 4, min(body + 4 + times, end), b""))
            if not parent:
                boxes_end = end
            if not parent and kind in _TOP:
                file_end = end
                pictures_seen += kind in (b"meta", b"moov")
            track = photo[body + 8 : body + 12] if kind == b"hdlr" else None
            if parent == b"mdia" and track and track not in _TRACKS:
                raise BrokenImage("The HEIF file is a video: it holds more than pictures.")
            if kind in (b"iinf", b"iloc", b"idat") and parent == b"meta":
                if kind in tables:
                    raise BrokenImage("The HEIF file lists its pictures twice.")
                tables[kind] = body, end
    if photo[boxes_end + 4 : boxes_end + 8] == b"mdat":
        file_end = len(photo)  # it says that more follows: whether pixels do is for the decoder
    if not pictures_seen:
        raise BrokenImage("The HEIF file holds no picture.")
    return tables, file_end


def _blanked(photo: Data, blanks: list[_Blank], file_end: int) -> Iterator[Part]:
    """The file up to ``file_end``, with its fillers and zeros where it is blanked."""
    position = 0
    for start, end, filler in sorted(blanks):
        start, end = max(start, position), min(end, file_end)
        if start >= end:
            continue
        yield position, min(start, len(photo))
        if start > (gap := max(position, len(photo))):
            yield bytes(start - gap)
        if 0 < len(filler) <= end - start:
            yield filler
            start += len(filler)
        for at in range(start, end, len(_ZEROS)):
            yield _ZEROS[: end - at]
        position = end
    if position < file_end:
        yield position, file_end


def _is_blanked(parent: bytes, kind: bytes) -> bool:
    if parent == b"ipco":
        return kind not in _PROPERTIES
    return kind in _BLANKED if parent else kind not in _TOP


def _other_items(photo: Data, tables: dict[bytes, tuple[int, int]], xmp: bytes) -> Iterator[_Blank]:
    """Where the file keeps items that are no pictures: EXIF, XMP and the like."""
    if b"iinf" not in tables or b"iloc" not in tables:
        return
    kinds: dict[int, bytes] = {}
    body, end = tables[b"iinf"]
    for _, _, entry, _ in _whole_boxes(photo, body + (8 if photo[body] else 6), end):
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
    parts = pictures_end = others_end = 0
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
            if kind in _PICTURES:
                if method == 0:
                    pictures_end = max(pictures_end, start + length)
                continue
            whole_end = len(photo) + _MOST_MISSING_BYTES
            inside, inside_end = (0, whole_end) if method == 0 else tables.get(b"idat", (0, 0))
            if method > 1 or not length or inside + start + length > inside_end:
                raise BrokenImage("The HEIF file keeps an item where none can be.")
            filler = _NO_EXIF if kind == b"Exif" and extents == 1 else b""
            at = inside + start
            fits = 0 < len(xmp) <= length <= _LONGEST_XMP_BYTES
            if fits and kind == b"mime" and extents == 1 and b"<rdf:RDF" in photo[at : at + length]:
                filler = xmp.ljust(length)
            yield at, at + length, filler
            others_end = max(others_end, at + length)
    if min(pictures_end, others_end) > len(photo):
        raise BrokenImage("The HEIF file ends too early.")


def boxes(photo: Data, start: int, end: int) -> Iterator[tuple[bytes, int, int, int]]:
    """Kind, start, start of the body and end of each box, up to one that does not fit."""
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
            return
        yield kind, start, body, start + size
        start += size
    raise BrokenImage("The HEIF file is in too many pieces.")


def first_picture(photo: bytes) -> bytes | None:
    """A sequence that is cut in its frames as the still picture that it begins with.

    Whether the pixels of that one, its primary item, are all there is for the decoder to say.
    None where the file is no such sequence, or whole.
    """
    still = bytearray(photo)
    is_sequence = has_items = False
    end = 0
    for kind, start, body, end in boxes(photo, 0, len(photo)):
        if kind == b"ftyp":
            for at in range(body, end - 3, 4):
                if photo[at : at + 4] == b"avis":
                    is_sequence, still[at : at + 4] = True, b"avif"
        elif kind == b"moov":
            still[start + 4 : start + 8] = b"free"
        has_items |= kind == b"meta"
    if not is_sequence or not has_items or photo[end + 4 : end + 8] != b"mdat":
        return None
    still[end : end + 4] = bytes(4)  # it goes on to the end of the file
    if photo[end : end + 4] == b"\0\0\0\1":
        # The size is in eight bytes behind the kind; nothing of the picture is in them.
        still[end : end + 8], still[end + 8 : end + 12] = struct.pack(">I4s", 8, b"free"), bytes(4)
        still[end + 12 : end + 16] = b"mdat"
    return bytes(still)


def _whole_boxes(photo: Data, start: int, end: int) -> Iterator[tuple[bytes, int, int, int]]:
    """As ``boxes``, but one that does not fit is broken."""
    for box in boxes(photo, start, end):
        yield box
        start = box[3]
    if start + 8 <= end:
        raise BrokenImage("A box of the HEIF file is longer than the file.")


def require_few_pixels(data: bytes, most_pixels: int) -> None:
    """Raises for a picture put together of more pixels than ``most_pixels``.

    A grid may name the same large tile a thousand times, and all of them are decoded, whatever
    its own size. What a tile says of its size (ispe) libheif holds it to.
    """
    sizes: dict[int, int] = {}  # pixels, by item
    parts: dict[int, list[int]] = {}
    count = 0
    for kind, _, start, end in boxes(data, 0, len(data)):
        for inner, _, at, inner_end in boxes(data, start + 4, end) if kind == b"meta" else ():
            if inner == b"iprp":
                for item, name, body in _properties(data, at, inner_end):
                    if name == b"ispe":
                        width, height = struct.unpack_from(">II", data, body + 4)
                        sizes[item] = max(width * height, sizes.get(item, 0))
                        _require_few(len(sizes))
            elif inner == b"iref":
                for item, ids in _derivations(data, at, inner_end):
                    parts.setdefault(item, []).extend(ids)
                    count += 1 + len(ids)
                    _require_few(count)
    decoded: dict[int, int] = {}

    def pixels_of(item: int, depth: int = 0) -> int:
        if depth > _MOST_DERIVATIONS:
            raise BrokenImage("The HEIF file derives pictures from derived ones without end.")
        if item not in decoded:
            of_parts = sum(pixels_of(part, depth + 1) for part in parts.get(item, ()))
            decoded[item] = of_parts or sizes.get(item, most_pixels)
        return decoded[item]

    for item in parts:
        if pixels_of(item) > most_pixels:
            raise BrokenImage("The HEIF picture's parts have more pixels than a picture may have.")


def cicp(data: bytes) -> Cicp | None:
    """The colours that the file names by numbers of its primary picture."""
    for kind, _, start, end in boxes(data, 0, len(data)):
        if kind != b"meta":
            continue
        primary: int | None = None
        codings: dict[int, Cicp] = {}
        for inner, _, at, inner_end in boxes(data, start + 4, end):
            if inner == b"pitm":
                primary = int.from_bytes(data[at + 4 : at + (8 if data[at] else 6)])
            elif inner == b"iprp":
                codings = {
                    item: Cicp(*struct.unpack_from(">HH", data, body + 4))
                    for item, name, body in _properties(data, at, inner_end)
                    if name == b"colr" and data[body : body + 4] == b"nclx"
                }
        return None if primary is None else codings.get(primary)
    return None


def _require_few(count: int) -> None:
    if count > _MOST_ASSOCIATIONS:
        raise BrokenImage("The HEIF picture has too many parts.")


def _properties(data: bytes, start: int, end: int) -> Iterator[tuple[int, bytes, int]]:
    """Items, and the kind and start of the body of a property associated with each."""
    properties: list[tuple[bytes, int]] = []
    for kind, _, at, inner_end in boxes(data, start, end):
        if kind == b"ipco":
            properties += [(name, body) for name, _, body, _ in boxes(data, at, inner_end)]
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
                    if 0 < number <= len(properties):
                        yield item, *properties[number - 1]


def _derivations(data: bytes, start: int, end: int) -> Iterator[tuple[int, list[int]]]:
    """Items and what they are put together of."""
    id_bytes = 4 if data[start] else 2
    for kind, _, at, inner_end in boxes(data, start + 4, end):
        if kind == b"dimg":
            first = at + id_bytes + 2
            count = int.from_bytes(data[first - 2 : first])
            last = min(first + count * id_bytes, inner_end)
            ids = [
                int.from_bytes(data[place : place + id_bytes])
                for place in range(first, last, id_bytes)
            ]
            yield int.from_bytes(data[at : at + id_bytes]), ids
