"""Pictures that mean harm, each built by hand: name → file."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image
from pillow_heif import register_heif_opener

register_heif_opener()

_LARGE = (7000, 7000)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def noise(width: int = 90, height: int = 120) -> Image.Image:
    values = np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, *chunks: tuple[bytes, bytes], interlaced: bool = False) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, interlaced)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        chunk(kind, body) for kind, body in ((b"IHDR", head), *chunks, (b"IEND", b""))
    )


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def jpeg_with(*segments: bytes) -> bytes:
    data = saved(noise(), "jpeg")
    return data[:2] + b"".join(segments) + data[2:]


def resized_jpeg(width: int, height: int) -> bytes:
    """A small JPEG whose header says another size."""
    data = bytearray(saved(noise(), "jpeg"))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(data)


def resized_gif(width: int, height: int) -> bytes:
    data = bytearray(saved(noise().convert("P"), "gif"))
    data[6:10] = struct.pack("<HH", width, height)
    at = data.index(b"\x2c", 13 + 3 * 256)
    data[at + 5 : at + 9] = struct.pack("<HH", width, height)
    return bytes(data)


def resized_heif(kind: str, width: int, height: int) -> bytes:
    """The box that tells the size (ispe) lies."""
    data = bytearray(saved(noise(), kind))
    at = data.index(b"ispe") + 8
    data[at : at + 8] = struct.pack(">II", width, height)
    return bytes(data)


def lossless_webp(width: int, height: int) -> bytes:
    """One colour, at most 16384 × 16384: a quarter of a gigapixel in some dozen bytes."""
    bits = (width - 1) | (height - 1) << 14
    # No transform, no colour cache, no meta prefix; five codes of a single symbol each.
    stream = b"\x2f" + struct.pack("<I", bits) + bytes([0b1_0001_000, 0b0010_0010, 0b100, 0, 0])
    body = b"VP8L" + struct.pack("<I", len(stream)) + stream + b"\0" * (len(stream) % 2)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def exif(*directories: bytes, first: int = 8) -> bytes:
    return b"Exif\0\0II*\0" + struct.pack("<I", first) + b"".join(directories)


def entry(tag: int, kind: int, count: int, value: int) -> bytes:
    return struct.pack("<HHII", tag, kind, count, value)


def directory(*entries: bytes, following: int = 0) -> bytes:
    return struct.pack("<H", len(entries)) + b"".join(entries) + struct.pack("<I", following)


def many_scans(width: int, height: int, scans: int) -> bytes:
    """A progressive JPEG that goes over all of its pixels again and again."""
    data = saved(Image.new("L", (width, height), 128), "jpeg", progressive=True, quality=10)
    # The last scan is repeated: decoders must not count on it being over.
    start = data.rindex(b"\xff\xda")
    last = data[start:-2]
    return (data[:start] + last * scans)[: 10_000_000 - 2] + b"\xff\xd9"


def oversized() -> Iterator[tuple[str, bytes]]:
    """Huge dimensions in a small file."""
    few = zlib.compress(bytes(1000))
    yield "a png of 268 megapixels", png(16383, 16383, (b"IDAT", few))
    yield "a png of 2 gigapixels a side", png(2**31 - 1, 2**31 - 1, (b"IDAT", few))
    yield "a png one pixel high", png(2**31 - 1, 1, (b"IDAT", few))
    yield "a jpeg of 4 gigapixels", resized_jpeg(65500, 65500)
    yield "a gif of 4 gigapixels", resized_gif(65535, 65535)
    yield "a heic of 4 gigapixels", resized_heif("heif", 65535, 65535)
    yield "an avif of 4 gigapixels", resized_heif("avif", 65535, 65535)
    yield "a webp of 268 megapixels", lossless_webp(16384, 16384)
    packed = zlib.compress(bytes(200_000_000), 9)
    for kind, start in ((b"iCCP", b"profile\0\0"), (b"zTXt", b"Comment\0\0")):
        dot = (b"IDAT", zlib.compress(bytes(8 * 25)))
        yield f"a png with 200 MB of {kind.decode()}", png(8, 8, (kind, start + packed), dot)


def many_framed() -> Iterator[tuple[str, bytes]]:
    dot = Image.new("P", (8, 8))
    frame = saved(dot, "gif")
    at = frame.index(b"\x2c", 13)
    yield "a gif of 15,000 frames", frame[:at] + frame[at:-1] * 15_000 + b";"
    yield "a gif of 300,000 frames", frame[:at] + frame[at:-1] * 300_000 + b";"
    dots = [Image.new("RGB", (16, 16), (n % 256, n // 256, 0)) for n in range(600)]
    for kind in ("webp", "png"):
        yield f"a {kind} of 600 frames", saved(dots[0], kind, save_all=True, append_images=dots[1:])
    frames = chunk(b"fcTL", struct.pack(">IIIIIHHBB", 1, 8, 8, 0, 0, 1, 1, 0, 0)) * 15_000
    whole = png(8, 8, (b"IDAT", zlib.compress(bytes(8 * 25))))
    yield (
        "a png that promises four billion frames",
        whole.replace(
            chunk(b"IEND", b""),
            chunk(b"acTL", struct.pack(">II", 2**32 - 1, 0)) + frames + chunk(b"IEND", b""),
        ),
    )


def endless_exif() -> Iterator[tuple[str, bytes]]:
    loop = exif(directory(entry(0x0112, 3, 1, 6), following=8))
    itself = exif(directory(entry(0x8769, 4, 1, 8), entry(0x8825, 4, 1, 8), following=8))
    greedy = exif(directory(entry(0x010E, 2, 2**32 - 1, 8), entry(0x0112, 3, 2**31, 0)))
    chain = exif(
        *(directory(entry(0x8769, 4, 1, 26 + 18 * n), following=26 + 18 * n) for n in range(3000))
    )
    full = exif(directory(*[entry(0x9000 + n % 999, 2, 4, 0) for n in range(5000)]))
    for name, body in (
        ("a directory that is its own next", loop),
        ("a directory that lies in itself", itself),
        ("lengths past every end", greedy),
        ("3,000 directories in a row", chain),
        ("5,000 entries", full),
    ):
        yield f"a jpeg with {name}", jpeg_with(segment(0xE1, body))
        small = noise()
        yield f"a webp with {name}", saved(small, "webp", exif=body)
        yield f"a png with {name}", saved(small, "png", exif=body[6:])
    yield "a jpeg with 150 EXIF blocks", jpeg_with(*[segment(0xE1, exif(bytes(60_000)))] * 150)


def seeking_mpo() -> Iterator[tuple[str, bytes]]:
    """The index of further pictures points everywhere but at pictures."""
    small = noise()
    data = saved(small, "mpo", save_all=True, append_images=[small])
    at = data.index(b"MPF\0") + 4
    for name, patch in (
        ("back at itself", struct.pack("<II", 0, 0)),
        ("past its end", struct.pack("<II", 2**31, 2**32 - 1)),
        ("at four billion pictures", b""),
    ):
        broken = bytearray(data)
        if patch:
            # Size and place of the second picture stand last in the index.
            entries = broken.index(b"\xff\xdb", at) - 16
            broken[entries + 4 : entries + 12] = patch
        else:
            count = broken.index(struct.pack("<HHI", 0xB001, 4, 1), at) + 8
            broken[count : count + 4] = b"\xff" * 4
        yield f"an mpo that points {name}", bytes(broken)


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


def full_box(kind: bytes, body: bytes, version: int = 0) -> bytes:
    return box(kind, bytes([version, 0, 0, 0]) + body)


def heic_of_grids(tile: bytes, side: int, *grids: tuple[int, int]) -> bytes:
    """Grids of so many parts a side that say they are so large: the first of the picture in the
    HEIC file ``tile``, each further one of the one before, and the last is what is shown."""
    at = tile.index(b"hvcC") - 4
    codec = tile[at : at + int.from_bytes(tile[at : at + 4])]
    coded = tile[tile.index(b"mdat") + 4 :]
    sides = [side, *(said for _, said in grids)]
    told = [
        bytes([0, 0, many - 1, many - 1]) + struct.pack(">HH", said, said) for many, said in grids
    ]
    items = range(1, len(sides) + 1)
    sizes = [full_box(b"ispe", struct.pack(">II", one, one)) for one in sides]
    uses = b"".join(
        struct.pack(">HB", item, 2 if item == 1 else 1)
        + bytes([1 + item, *([0x80 | 1] if item == 1 else [])])
        for item in items
    )
    named = b"".join(
        box(b"dimg", struct.pack(">HH", 2 + n, many**2) + struct.pack(">H", 1 + n) * many**2)
        for n, (many, _) in enumerate(grids)
    )
    kinds = b"".join(
        full_box(b"infe", struct.pack(">HH", item, 0) + (b"grid\0" if item > 1 else b"hvc1\0"), 2)
        for item in items
    )

    def meta(offset: int) -> bytes:
        places = struct.pack(">HHHHII", 1, 0, 0, 1, offset, len(coded))
        for n in range(len(grids)):
            places += struct.pack(">HHHHII", 2 + n, 1, 0, 1, 8 * n, 8)
        return full_box(
            b"meta",
            full_box(b"hdlr", bytes(4) + b"pict" + bytes(13))
            + full_box(b"pitm", struct.pack(">H", len(sides)))
            + full_box(b"iloc", struct.pack(">BBH", 0x44, 0, len(sides)) + places, 1)
            + full_box(b"iinf", struct.pack(">H", len(sides)) + kinds)
            + box(
                b"iprp",
                box(b"ipco", codec + b"".join(sizes))
                + full_box(b"ipma", struct.pack(">I", len(sides)) + uses),
            )
            + full_box(b"iref", named)
            + box(b"idat", b"".join(told)),
        )

    brands = box(b"ftyp", b"heic" + bytes(4) + b"mif1heic")
    return brands + meta(len(brands) + len(meta(0)) + 8) + box(b"mdat", coded)


def broken() -> Iterator[tuple[str, bytes]]:
    big = noise(700, 900)
    for kind in ("jpeg", "png", "webp", "gif", "heif", "avif"):
        whole = saved(big.convert("P") if kind == "gif" else big, kind)
        for share in (0.05, 0.5, 0.95):
            yield f"{share:.0%} of a {kind}", whole[: int(len(whole) * share)]
        torn = bytearray(whole)
        torn[len(torn) // 3 : len(torn) // 3 + 2000] = bytes(range(250)) * 8
        yield f"a {kind} with a hole", bytes(torn)


def greedy() -> Iterator[tuple[str, bytes]]:
    """Within the pixel limit, so that only the pixels can show that they are broken."""
    side = 7000
    rows = zlib.compress(bytes((side - 1) * (3 * side + 1)))
    yield (
        "a png of 49 megapixels that breaks before its last row",
        png(side, side, (b"IDAT", rows[:-4] + b"abcd")),
    )
    yield (
        "a png of 49 megapixels whose last filter there is not",
        png(side, side, (b"IDAT", zlib.compress(filtered_by(side, 4, last=5)))),
    )
    yield (
        "an interlaced png of 49 megapixels that ends early",
        png(side, side, (b"IDAT", rows), interlaced=True),
    )
    plain = Image.new("RGB", (side, side), (90, 120, 60))
    for name, options in (("progressive", {"progressive": True}), ("plain", {})):
        whole = saved(plain, "jpeg", quality=30, subsampling=0, **options)
        yield f"95% of a {name} jpeg of 49 megapixels", whole[: len(whole) * 95 // 100]
        if options:
            table = segment(0xC4, b"\x10" + b"\xff" * 16)
            torn = whole[: whole.rindex(b"\xff\xda")] + table + b"\xff\xd9"
            yield "a progressive jpeg of 49 megapixels with a bad table behind its scans", torn
    body = bytes(range(255)) * 38_800  # 0xFF would be a marker
    scan = saved(Image.new("RGB", (side, side)), "jpeg", progressive=True)
    at = scan.index(b"\xff\xda") + 14
    yield "a progressive jpeg of 49 megapixels and ten megabytes", scan[:at] + body
    yield "a gif of 49 megapixels with the data of a small one", resized_gif(side, side)
    few = noise(40, 40).quantize(16).resize(_LARGE)
    yield "a gif of 49 megapixels with a hole", with_hole(saved(few, "gif"), 0.9)
    webp = saved(soft_picture(), "webp", method=0)
    yield "a webp of 49 megapixels with a hole", with_hole(webp, 0.9)
    yield "99% of a webp of 49 megapixels that says it is whole", shortened_webp(webp, 0.99)
    yield "a webp of 49 megapixels in thirty bytes", lossless_webp(side, side)
    yield "a heic of 49 megapixels that holds a small one", resized_heif("heif", side, side)
    tile = saved(noise(40, 40).resize((2000, 2000)), "heif", enc_params={"preset": "ultrafast"})
    yield (
        "a heic of 4 megapixels that decodes them 900 times",
        heic_of_grids(tile, 2000, (30, 2000)),
    )
    yield "a jpeg of 5,000 scans over 49 megapixels", many_scans(side, side, 5000)
    yield "a jpeg of 20,000 scans over a small picture", many_scans(640, 640, 20_000)


def filtered_by(side: int, usual: int, *, last: int) -> bytes:
    """The rows of a black picture, each after the number of its filter."""
    row = bytes(3 * side)
    return (bytes([usual]) + row) * (side - 1) + bytes([last]) + row


# What of a costly picture is held beside its decoder's pixels, at three doors: the file itself in
# the backend, the AI service and its worker, and pages that malloc keeps. Measured: 21 MB, 29 MB on
# a busy machine.
_BESIDE_BYTES = 30e6


def costly() -> Iterator[tuple[str, float, bytes]]:
    """What no decoder finds broken for less than its pixels: name, most bytes in all, file.

    The bytes a pixel are what the decoder alone was measured to hold before it finds that out.
    """
    pixels = _LARGE[0] * _LARGE[1]
    yield (
        "a lossless webp with 1% missing that says it is whole",
        4.33 * pixels + _BESIDE_BYTES,
        lacking_webp(_LARGE[0]),
    )
    clear = soft_picture().convert("RGBA")
    clear.putalpha(noise(40, 40).convert("L").resize(_LARGE))
    whole = saved(clear, "webp", method=0, alpha_quality=50)
    yield "a webp with alpha with a hole", 1.6 * pixels + _BESIDE_BYTES, with_hole(whole, 0.99)
    del clear
    whole = saved(soft_picture(), "avif", speed=10, max_threads=1)
    yield "an avif with a hole", 1.53 * pixels + _BESIDE_BYTES, with_hole(whole, 0.99)
    # Its encoder takes two gigabytes for one of 49 megapixels.
    soft = soft_picture().resize((5000, 5000))
    whole = saved(soft, "avif", speed=10, max_threads=1, subsampling="4:4:4")
    yield (
        "an avif of 25 megapixels and full colour with a hole",
        3.11 * 5000**2 + _BESIDE_BYTES,
        with_hole(whole, 0.99),
    )


def lacking_webp(side: int) -> bytes:
    """A bit a pixel: red and blue have one value, green two. A hundredth of them is missing."""
    bits = (side - 1) | (side - 1) << 14
    two, one = "1100" + "10000000", "1000"  # codes of two symbols and of one
    head = int(("000" + two + 4 * one)[::-1], 2).to_bytes(4, "little")  # and a pixel
    pixels = np.random.default_rng(0).bytes(side**2 // 8 * 99 // 100 // 2 * 2)
    stream = b"\x2f" + struct.pack("<I", bits) + head + pixels
    body = b"VP8L" + struct.pack("<I", len(stream)) + stream + b"\0" * (len(stream) % 2)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def soft_picture() -> Image.Image:
    return noise(40, 40).resize(_LARGE, Image.Resampling.BILINEAR)


def with_hole(whole: bytes, share: float) -> bytes:
    torn = bytearray(whole)
    at = int(len(torn) * share)
    torn[at : at + 200] = bytes(range(200))[: len(torn) - at]
    return bytes(torn)


def shortened_webp(whole: bytes, share: float) -> bytes:
    """A simple WebP that is cut off, and says itself that it is no longer."""
    size = int(len(whole) * share) // 2 * 2
    lengths = struct.pack("<I", size - 8), struct.pack("<I", size - 20)
    return whole[:4] + lengths[0] + whole[8:16] + lengths[1] + whole[20:size]


def foreign() -> Iterator[tuple[str, bytes]]:
    """What decoders of other kinds would love to open."""
    small = noise()
    for kind in ("bmp", "tiff", "ppm", "ico", "jpeg2000", "tga", "pcx", "sgi", "dds", "eps"):
        yield f"a {kind}", saved(small, kind)
    yield "an svg", b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
    entities = b"".join(b'<!ENTITY l%d "&l%d;&l%d;">' % (n, n - 1, n - 1) for n in range(1, 30))
    yield "a billion laughs", b"<!DOCTYPE svg [" + entities + b"]><svg>&l29;</svg>"
    yield "a pdf", saved(small, "pdf")
    yield "a web page", b"<!doctype html><script>alert(1)</script>"
    yield "postscript", b"%!PS-Adobe-3.0\n(/etc/passwd) (r) file\n"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.jpg", saved(small, "jpeg"))
    yield "a zip", packed.getvalue()
    yield "a film", b"\0\0\0\x18ftypisom\0\0\0\0isommp42" + bytes(1000)
    yield "a page that begins like a picture", b"\xff\xd8\xff<script>alert(1)</script>"
    yield "a page that begins like a gif", b"GIF89a/*<script>*/=1;" + bytes(500)
    yield "a page that begins like a png", b"\x89PNG\r\n\x1a\n<?php system($_GET[1]);"


def polyglots() -> Iterator[tuple[str, bytes]]:
    """Whole pictures that are something else, too: kept as pictures, or not at all."""
    page = b"<script>alert('canary7f3a')</script>"
    small = noise()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("canary7f3a.html", page)
    for kind in ("jpeg", "png", "gif", "webp"):
        whole = saved(small.convert("P") if kind == "gif" else small, kind)
        yield f"a {kind} with a page behind it", whole + page
        yield f"a {kind} with a zip behind it", whole + packed.getvalue()
    yield "a jpeg with php in its comment", jpeg_with(segment(0xFE, b"<?php canary7f3a ?>"))
    yield (
        "a png with a page in its text",
        png(8, 8, (b"tEXt", b"Comment\0" + page), (b"IDAT", zlib.compress(bytes(8 * 25)))),
    )
    yield "a pdf with a jpeg in it", b"%PDF-1.7\n" + saved(small, "jpeg")
