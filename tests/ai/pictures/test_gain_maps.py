"""A picture with a gain map is the picture that the map belongs to, as viewers without HDR show it.

No encoder here writes such files: they are put together of items that libheif and libavif wrote.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

import numpy as np
import pytest
import skimage.data
from PIL import Image

from cartoon_avatar.ai.pictures import decode
from cartoon_avatar.containers.clean import without_metadata
from cartoon_avatar.containers.heif import boxes
from cartoon_avatar.containers.sniff import media_type_of
from tests.ai.conftest import saved
from tests.ai.pictures.test_cicp import HLG, PQ, coded, heic, linear

FACE = Image.fromarray(skimage.data.astronaut()).crop((100, 0, 300, 184))
MAP = Image.fromarray(255 - np.asarray(FACE.convert("L").resize((100, 92))))
APPLE = b"urn:com:apple:photo:2020:aux:hdrgainmap"
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
    b'xmlns:HDRGainMap="http://ns.apple.com/HDRGainMap/1.0/" HDRGainMap:HDRGainMapVersion="65536"'
    b"/></rdf:RDF></x:xmpmeta>"
)
# Version, writer's version, flags, and as fractions the headrooms and per channel gains, gamma
# and offsets of the map (ISO 21496-1, C.2).
METADATA = struct.pack(">BHHB", 0, 0, 0, 0x40) + struct.pack(
    ">14I", 0, 1, 2, 1, 0, 1, 2, 1, 1, 1, 1, 64, 1, 64
)


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def full_box(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


@dataclass(frozen=True, slots=True)
class Item:
    kind: bytes
    data: bytes
    properties: list[bytes] = field(default_factory=list)
    content_type: bytes = b""
    hidden: bool = False


def item_of(file: bytes, *more: bytes, hidden: bool = False) -> Item:
    """The one picture in ``file``, with ``more`` properties."""
    top = {kind: (body, end) for kind, _, body, end in boxes(file, 0, len(file))}
    body, end = top[b"meta"]
    inner = {kind: (at, stop) for kind, _, at, stop in boxes(file, body + 4, end)}
    first = next(boxes(file, inner[b"iinf"][0] + 6, inner[b"iinf"][1]))[2]
    ipco = next(boxes(file, *inner[b"iprp"]))
    properties = [file[start:stop] for _, start, _, stop in boxes(file, ipco[2], ipco[3])]
    data = file[slice(*top[b"mdat"])]
    return Item(file[first + 8 : first + 12], data, [*properties, *more], hidden=hidden)


def file_of(
    brand: bytes,
    items: list[Item],
    references: list[tuple[bytes, int, list[int]]],
    *,
    primary: int = 1,
    alternatives: list[int] | None = None,
) -> bytes:
    """A HEIF file of ``items``, numbered from 1."""
    ftyp = box(b"ftyp", brand, bytes(4), b"mif1", brand, b"tmap" if alternatives else b"miaf")
    infos = [
        full_box(b"infe", 2, item.hidden, struct.pack(">HH4s", number, 0, item.kind), b"\0",
                 item.content_type)
        for number, item in enumerate(items, 1)
    ]  # fmt: skip
    properties = [one for item in items for one in item.properties]
    associations, used = b"", 0
    for number, item in enumerate(items, 1):
        if count := len(item.properties):
            associations += struct.pack(">HB", number, count)
            associations += bytes(range(used + 1, used + count + 1))
            used += count
    described = sum(bool(item.properties) for item in items)

    def meta(offsets: list[int]) -> bytes:
        places = b"".join(
            struct.pack(">HHHII", number, 0, 1, offset, len(item.data))
            for number, (item, offset) in enumerate(zip(items, offsets, strict=True), 1)
        )
        parts = [
            full_box(b"hdlr", 0, 0, bytes(4), b"pict", bytes(13)),
            full_box(b"pitm", 0, 0, struct.pack(">H", primary)),
            full_box(b"iloc", 0, 0, struct.pack(">HH", 0x4400, len(items)), places),
            full_box(b"iinf", 0, 0, struct.pack(">H", len(items)), *infos),
            full_box(b"iref", 0, 0, *(
                box(kind, struct.pack(f">HH{len(to)}H", of, len(to), *to))
                for kind, of, to in references
            )),
            box(
                b"iprp",
                box(b"ipco", *properties),
                full_box(b"ipma", 0, 0, struct.pack(">I", described), associations),
            ),
        ]  # fmt: skip
        if alternatives:
            numbers = struct.pack(f">II{len(alternatives)}I", 99, len(alternatives), *alternatives)
            parts.append(box(b"grpl", full_box(b"altr", 0, 0, numbers)))
        return full_box(b"meta", 0, 0, *parts)

    at = len(ftyp) + len(meta([0] * len(items))) + 8
    offsets = [at + sum(len(item.data) for item in items[:k]) for k in range(len(items))]
    return ftyp + meta(offsets) + box(b"mdat", *(item.data for item in items))


def aux(name: bytes) -> bytes:
    return full_box(b"auxC", 0, 0, name, b"\0")


def size_of(image: Image.Image) -> bytes:
    return full_box(b"ispe", 0, 0, struct.pack(">II", *image.size))


def apple(*, described: bool = False, hidden: bool = False) -> bytes:
    """As iPhones write it: an auxiliary item, in newer ones with XMP of its own."""
    items = [item_of(BASE), item_of(saved(MAP, "HEIF"), aux(APPLE), hidden=hidden)]
    references = [(b"auxl", 2, [1])]
    if described:
        items.append(Item(b"mime", XMP, content_type=b"application/rdf+xml\0"))
        references.append((b"cdsc", 3, [2]))
    return file_of(b"heic", items, references)


def alternative(base: bytes, gain: bytes, brand: bytes) -> bytes:
    """With a derived item that a viewer with HDR shows instead (ISO 23008-12, tmap)."""
    items = [item_of(base), item_of(gain, hidden=True), Item(b"tmap", METADATA, [size_of(FACE)])]
    return file_of(brand, items, [(b"dimg", 3, [1, 2])], alternatives=[3, 1])


BASE = saved(FACE, "HEIF", quality=95)
AVIF = saved(FACE, "AVIF", quality=95)
HDR = {
    name: heic(coded(linear(np.asarray(FACE)), coding.transfer), coding)
    for name, coding in (("PQ", PQ), ("HLG", HLG))
}
FILES = {
    "Apple's": (apple(), BASE),
    "Apple's, hidden": (apple(hidden=True), BASE),
    "Apple's, described": (apple(described=True, hidden=True), BASE),
    "Apple's, before its picture": (
        file_of(
            b"heic",
            [item_of(saved(MAP, "HEIF"), aux(APPLE)), item_of(BASE)],
            [(b"auxl", 1, [2])],
            primary=2,
        ),
        BASE,
    ),
    "Apple's, of three colours": (
        file_of(
            b"heic",
            [item_of(BASE), item_of(saved(MAP.convert("RGB"), "HEIF"), aux(APPLE))],
            [(b"auxl", 2, [1])],
        ),
        BASE,
    ),
    "a map that is not there": (
        file_of(b"heic", [item_of(BASE)], [(b"auxl", 2, [1])]),
        BASE,
    ),
    "HEIC, ISO's": (alternative(BASE, saved(MAP, "HEIF"), b"heic"), BASE),
    "AVIF, ISO's": (alternative(AVIF, saved(MAP, "AVIF"), b"avif"), AVIF),
    "AVIF, auxiliary": (
        file_of(
            b"avif",
            [item_of(AVIF), item_of(saved(MAP, "AVIF"), aux(APPLE))],
            [(b"auxl", 2, [1])],
        ),
        AVIF,
    ),
    "PQ, its map leads to SDR": (alternative(HDR["PQ"], saved(MAP, "HEIF"), b"heic"), HDR["PQ"]),
    "HLG, with Apple's": (
        file_of(
            b"heic",
            [item_of(HDR["HLG"]), item_of(saved(MAP, "HEIF"), aux(APPLE))],
            [(b"auxl", 2, [1])],
        ),
        HDR["HLG"],
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_a_picture_with_a_gain_map_is_its_base_picture(name: str) -> None:
    data, base = FILES[name]
    picture = decode(data, max_pixels=10**6).picture
    assert picture.alpha is None
    assert np.array_equal(picture.rgb, decode(base, max_pixels=10**6).picture.rgb)
    assert np.abs(picture.rgb.astype(int) - np.asarray(FACE)).mean() < 5
    kept = b"".join(without_metadata(data, media_type_of(data) or ""))
    assert np.array_equal(decode(kept, max_pixels=10**6).picture.rgb, picture.rgb)
    assert b"HDRGainMapVersion" not in kept
