"""A picture is accepted when all of its pixels are there, whatever else of its file is not.

Each file is decoded as it came and as the backend would keep it: both say the same.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import numpy as np
import pytest
import skimage.data
from PIL import Image

from cartoon_avatar.ai.pictures import decode
from cartoon_avatar.containers.clean import without_metadata
from cartoon_avatar.containers.sniff import media_type_of
from cartoon_avatar.contract.errors import InvalidImage
from tests.ai.conftest import saved
from tests.attacks.hostile import chunk

FACE = Image.fromarray(skimage.data.astronaut()).crop((100, 0, 301, 183))
NO_EXIF = b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"
LONG_EXIF = NO_EXIF[:-4] + bytes(300)


def transparent() -> Image.Image:
    image = FACE.convert("RGBA")
    image.putalpha(FACE.convert("L"))
    return image


def with_wrong_checksum(kind: bytes, body: bytes) -> bytes:
    whole = chunk(kind, body)
    return whole[:-1] + bytes([whole[-1] ^ 1])


ROWS = b"".join(b"\0" + row.tobytes() for row in np.asarray(FACE))
PACKED = zlib.compress(ROWS)
PNG = saved(FACE, "PNG")


def png_of(packed: bytes, *, wrong_checksum: bool = False, end: bool = True) -> bytes:
    data = (with_wrong_checksum if wrong_checksum else chunk)(b"IDAT", packed)
    return PNG[:33] + data + (chunk(b"IEND", b"") if end else b"")


def resized(webp: bytes, by: int) -> bytes:
    """The size that the file says of itself is another."""
    size = int.from_bytes(webp[4:8], "little") + by
    return webp[:4] + struct.pack("<I", size) + webp[8:]


def moving_avif() -> bytes:
    return saved(FACE, "AVIF", save_all=True, append_images=[FACE.rotate(90), FACE.rotate(30)])


def with_long_mdat(avif: bytes) -> bytes:
    """Its pixels, the last box, with a size of eight bytes: offsets into it are eight larger."""
    at = avif.index(b"mdat") - 4
    size = int.from_bytes(avif[at : at + 4])
    moved = bytearray(avif[:at])
    place = moved.index(b"iloc") + 4  # one item of one extent, offset and length of four bytes
    assert moved[place : place + 8].hex() == "0000000044000001"
    offset = place + 14
    moved[offset : offset + 4] = (int.from_bytes(moved[offset : offset + 4]) + 8).to_bytes(4)
    return bytes(moved) + struct.pack(">I4sQ", 1, b"mdat", size + 8) + avif[at + 8 :]


def wholes() -> Iterator[tuple[str, bytes]]:
    for name, options in {
        "jpeg": {},
        "progressive jpeg": {"progressive": True},
        "jpeg with restarts": {"restart_marker_blocks": 3},
        "jpeg of few codes": {"optimize": True},
    }.items():
        data = saved(FACE, "JPEG", quality=90, **options)
        yield f"{name}, no end mark", data[:-2]
        yield f"{name}, half an end mark", data[:-1]
        yield f"{name}, trailing bytes", data + b"garbage" * 99
        yield f"{name}, zeros for the end mark", data[:-2] + bytes(500)
        yield f"{name}, text for the end mark", data[:-2] + b"hello, I am text"
        yield f"{name}, part of a segment for the end mark", data[:-2] + b"\xff\xe1\x40\0abc"
    for mode in ("L", "CMYK"):
        yield f"{mode} jpeg, no end mark", saved(FACE.convert(mode), "JPEG")[:-2]
    grey = Image.new("RGB", (200, 180), (128, 128, 128))
    yield "jpeg all of grey", saved(grey, "JPEG")
    yield "jpeg all of grey, no end mark", saved(grey, "JPEG")[:-2]

    for kind, body in {
        b"gAMA": struct.pack(">I", 45455),
        b"tEXt": b"a\0b",
        b"pHYs": bytes(9),
        b"iCCP": b"x\0\0" + zlib.compress(b"abc"),
        b"prVt": b"abc",
    }.items():
        wrong = with_wrong_checksum(kind, body)
        yield f"png, wrong checksum of {kind.decode()}", PNG[:33] + wrong + PNG[33:]
        yield f"png, wrong checksum of a last {kind.decode()}", PNG[:-12] + wrong + PNG[-12:]
    yield "png, no end", PNG[:-12]
    yield "png, half an end", PNG[:-5]
    yield "png, wrong checksum of the end", PNG[:-1] + b"x"
    yield "png, trailing bytes", PNG + b"xx" * 50
    yield "png, something else for the end", PNG[:-12] + b"\0\0\0\4 is no chunk"
    yield "png, wrong checksum of the rows", png_of(PACKED[:-4] + b"abcd")
    yield "png, no checksum of the rows", png_of(PACKED[:-4])
    yield "png, wrong checksum of the chunk of rows", png_of(PACKED, wrong_checksum=True)
    yield "png, cut in the chunk's checksum", png_of(PACKED, end=False)[:-2]
    yield "png, cut in the rows' checksum", png_of(PACKED, end=False)[:-6]
    yield "png, more rows than it says", png_of(zlib.compress(ROWS + ROWS[:700]))
    yield "png, ends in black", saved(Image.new("RGB", (50, 40)), "PNG")

    for name, image, options in (
        ("lossy", FACE, {}),
        ("lossless", FACE, {"lossless": True}),
        ("extended", FACE, {"exif": NO_EXIF}),
        ("transparent", transparent(), {}),
    ):
        data = saved(image, "WEBP", **options)
        yield f"{name} webp, trailing bytes", data + b"garbage 12"
        yield f"{name} webp that says it is longer", resized(data, 10)
        yield f"{name} webp that says it is shorter", resized(data, -1)
    data = saved(FACE, "WEBP", exif=NO_EXIF)
    yield "webp, cut in its metadata", data[:-3]

    frames = saved(FACE, "WEBP", save_all=True, append_images=[FACE.rotate(90), FACE.rotate(30)])
    second = frames.index(b"ANMF", frames.index(b"ANMF") + 4)
    for more in (0, 4, 8, 30, 500):
        yield f"moving webp, {more} bytes behind its first frame", frames[: second + more]
    yield "moving webp, cut in its last frame", frames[:-1]

    data = saved(FACE, "HEIF", exif=LONG_EXIF)
    for cut in (1, 40, len(LONG_EXIF)):
        yield f"HEIF, {cut} bytes of EXIF short", data[:-cut]

    data = saved(FACE, "GIF")
    for cut, name in ((1, "end mark"), (2, "end of its data"), (3, "code that ends it")):
        yield f"gif, no {name}", data[:-cut]
    yield "gif, trailing bytes", data + b"garbage"
    yield "gif, garbage for the end mark", data[:-1] + b"garbage"
    frames = saved(FACE, "GIF", save_all=True, append_images=[FACE.rotate(90), FACE.rotate(30)])
    yield "gif, cut in its second frame", frames[: len(frames) * 2 // 3]
    yield "gif, cut in its last frame", frames[:-30]

    frames = moving_avif()
    yield "moving avif, cut in its last frame", frames[:-1]
    yield "moving avif, cut in its second frame", frames[: len(frames) // 2]
    yield "moving avif with a long mdat, cut", with_long_mdat(frames)[:-1]

    for kind in ("HEIF", "AVIF"):
        data = saved(FACE, kind)
        size = data.index(b"mdat") - 4
        longer = (int.from_bytes(data[size : size + 4]) + 9).to_bytes(4)
        yield f"{kind} that says it is longer", data[:size] + longer + data[size + 4 :]
        yield f"{kind}, with another behind it", data + saved(FACE.rotate(180), kind)
        yield f"{kind}, trailing text", data + b"garbage and more of it"
        yield f"{kind}, trailing zeros", data + bytes(100)
        yield f"{kind}, trailing box", data + struct.pack(">I4s", 16, b"free") + bytes(8)
        yield f"{kind}, trailing part of a box", data + struct.pack(">I4s", 999, b"mdat") + b"abc"


def parts() -> Iterator[tuple[str, bytes]]:
    for name, options in {
        "jpeg": {},
        "progressive jpeg": {"progressive": True},
        "jpeg with restarts": {"restart_marker_blocks": 3},
    }.items():
        data = saved(FACE, "JPEG", quality=90, **options)
        for cut in (4, 6, 10, 20, 100, 1000, len(data) // 2):
            yield f"{name}, {cut} bytes short", data[:-cut]
    flat = saved(Image.new("RGB", (200, 180), (200, 100, 50)), "JPEG", optimize=True)
    yield "flat jpeg, 30 bytes short", flat[:-30]
    data = saved(FACE, "JPEG", quality=90)
    for mode in ("RGB", "L", "CMYK"):
        data = saved(FACE.convert(mode), "JPEG", quality=90)
        for cut in (100, 1000, len(data) // 2):
            yield f"{mode} jpeg, {cut} bytes short, with its end mark", data[:-cut] + b"\xff\xd9"

    yield "png, its last row missing", png_of(zlib.compress(ROWS[:-604]))
    yield "png, its last pixel missing", png_of(zlib.compress(ROWS[:-1]))
    yield "png, half", PNG[: len(PNG) // 2]
    yield "png, half, with its end", PNG[: len(PNG) // 2] + chunk(b"IEND", b"")
    yield (
        "png, rows and chunk with wrong checksums",
        png_of(PACKED[:-4] + b"abcd", wrong_checksum=True),
    )
    head = bytearray(PNG)
    head[30] ^= 1
    yield "png, wrong checksum of its head", bytes(head)
    colours = with_wrong_checksum(b"PLTE", bytes(768))
    yield "png, wrong checksum of its palette", PNG[:33] + colours + PNG[33:]

    for name, image, options in (
        ("lossy", FACE, {}),
        ("lossless", FACE, {"lossless": True}),
        ("transparent", transparent(), {}),
    ):
        data = saved(image, "WEBP", **options)
        yield f"{name} webp, cut", data[:-200]
        yield f"{name} webp, cut, that says so", resized(data[:-200], -200)
    frames = saved(FACE, "WEBP", save_all=True, append_images=[FACE.rotate(90), FACE.rotate(30)])
    second = frames.index(b"ANMF", frames.index(b"ANMF") + 4)
    yield "moving webp, cut in its first frame", frames[: second - 20]
    yield "HEIF, its EXIF and some pixels short", saved(FACE, "HEIF", exif=LONG_EXIF)[:-330]
    data = saved(FACE, "GIF")
    yield "gif, cut", data[:-20]
    yield "gif, cut, with its end mark", data[:-20] + b"\0;"
    for kind in ("HEIF", "AVIF"):
        data = saved(FACE, kind)
        for cut in (1, 50, len(data) // 2):
            yield f"{kind}, {cut} bytes short", data[:-cut]
    yield "moving avif, cut in its first frame", moving_avif()[:5000]
    yield "moving avif, without any pixel", moving_avif()[:1005]


WHOLES, PARTS = dict(wholes()), dict(parts())


def as_kept(data: bytes) -> bytes:
    return b"".join(without_metadata(data, media_type_of(data[:256]) or ""))


@pytest.mark.parametrize("name", WHOLES)
def test_a_picture_with_all_of_its_pixels_is_a_picture(name: str) -> None:
    data = WHOLES[name]
    picture = decode(data, max_pixels=10**6).picture
    kept = decode(as_kept(data), max_pixels=10**6).picture
    assert np.array_equal(picture.rgb, kept.rgb)
    if picture.rgb.shape == (183, 201, 3) and picture.alpha is None and not name.startswith("L "):
        assert np.abs(picture.rgb.astype(int) - np.asarray(FACE)).mean() < 12


@pytest.mark.parametrize("name", PARTS)
def test_a_picture_without_some_of_its_pixels_is_none(name: str) -> None:
    data = PARTS[name]
    with pytest.raises(InvalidImage):
        decode(data, max_pixels=10**6)
    try:
        kept = as_kept(data)
    except ValueError:
        return
    with pytest.raises(InvalidImage):
        decode(kept, max_pixels=10**6)


def test_a_jpeg_is_taken_from_the_byte_on_that_completes_it_whatever_size_is_asked() -> None:
    data = saved(FACE, "JPEG", quality=90)
    for long_side in (None, 100, 25):
        taken = []
        for cut in range(20):
            try:
                decode(data[: len(data) - cut], max_pixels=10**6, long_side=long_side)
            except InvalidImage:
                taken.append(False)
            else:
                taken.append(True)
        # The two of the mark; one more may hold nothing but the bits that fill it up.
        assert taken[:3] == [True] * 3
        assert not any(taken[4:])


CUTS = {
    name: saved(image, kind, **options)
    for name, image, kind, options in (
        ("jpeg", FACE, "JPEG", {}),
        ("progressive jpeg", FACE, "JPEG", {"progressive": True}),
        ("png", FACE, "PNG", {}),
        ("png with alpha", transparent(), "PNG", {}),
        ("gif", FACE, "GIF", {}),
        ("webp", FACE, "WEBP", {}),
        ("webp of 95", FACE, "WEBP", {"quality": 95, "method": 6}),
        ("webp of odd sides", FACE.crop((0, 0, 63, 41)), "WEBP", {}),
        ("webp of one colour", Image.new("RGB", (90, 70), (200, 100, 50)), "WEBP", {}),
        ("lossless webp", FACE, "WEBP", {"lossless": True}),
        ("lossless webp of odd sides", FACE.crop((0, 0, 63, 41)), "WEBP", {"lossless": True}),
        ("webp with EXIF", FACE, "WEBP", {"exif": NO_EXIF}),
        ("webp with alpha", transparent(), "WEBP", {}),
        ("lossless webp with alpha", transparent(), "WEBP", {"lossless": True}),
        ("heic", FACE, "HEIF", {}),
        ("heic with EXIF", FACE, "HEIF", {"exif": LONG_EXIF}),
        ("avif", FACE, "AVIF", {}),
    )
}


def pixels_or_none(data: bytes) -> np.ndarray | None:
    try:
        picture = decode(data, max_pixels=10**6).picture
    except InvalidImage:
        return None
    return picture.rgb if picture.alpha is None else np.dstack([picture.rgb, picture.alpha])


@pytest.mark.parametrize("name", CUTS)
def test_a_file_is_taken_from_the_byte_on_that_completes_its_pixels(name: str) -> None:
    data = CUTS[name]
    whole = pixels_or_none(data)
    assert whole is not None
    refused = False
    for cut in range(1, 26):
        short = data[:-cut]
        pixels = pixels_or_none(short)
        assert pixels is None or np.array_equal(pixels, whole), cut
        assert not (refused and pixels is not None), cut
        refused = pixels is None
        try:
            kept = pixels_or_none(as_kept(short))
        except ValueError:
            kept = None
        assert (kept is None) == refused, cut
    assert refused or "EXIF" in name


def test_a_moving_avif_is_taken_from_the_byte_on_that_completes_its_first_frame() -> None:
    data = moving_avif()
    whole = pixels_or_none(data)
    taken = {size: pixels_or_none(data[:size]) for size in range(len(data) // 20, len(data), 199)}
    first = min(size for size, pixels in taken.items() if pixels is not None)
    assert len(data) // 5 < first < len(data) // 2
    for size, pixels in taken.items():
        assert (pixels is None) == (size < first)
        assert pixels is None or np.array_equal(pixels, whole)


def test_a_large_progressive_jpeg_that_is_grey_in_its_corner_is_a_picture() -> None:
    data = saved(Image.new("RGB", (5000, 4000), (128, 128, 128)), "JPEG", progressive=True)
    assert decode(data, max_pixels=10**8, long_side=64).width == 5000
    with pytest.raises(InvalidImage):  # to see that it is whole would take too much
        decode(data[:-2], max_pixels=10**8, long_side=64)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
@pytest.mark.parametrize("interlaced", [False, True])
def test_a_png_that_lacks_a_row_is_refused_in_all_its_kinds(mode: str, interlaced: bool) -> None:
    depth, colour, channels = {
        "1": (1, 0, 1),
        "L": (8, 0, 1),
        "LA": (8, 4, 2),
        "P": (8, 3, 1),
        "RGB": (8, 2, 3),
        "RGBA": (8, 6, 4),
    }[mode]
    width, height = 24, 17
    passes = (
        (
            (0, 0, 8, 8),
            (4, 0, 8, 8),
            (0, 4, 4, 8),
            (2, 0, 4, 4),
            (0, 2, 2, 4),
            (1, 0, 2, 2),
            (0, 1, 1, 2),
        )
        if interlaced
        else ((0, 0, 1, 1),)
    )
    rows = []
    for left, top, right, down in passes:
        columns = len(range(left, width, right))
        for _ in range(top, height, down):
            rows.append(b"\0" + b"\xa5" * ((columns * depth * channels + 7) // 8))
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    palette = chunk(b"PLTE", bytes(range(256)) * 3) if mode == "P" else b""
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + palette
    for missing in (0, 1, 3):
        packed = zlib.compress(b"".join(rows[: len(rows) - missing]))
        data = start + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
        if missing:
            with pytest.raises(InvalidImage):
                decode(data, max_pixels=10**6)
        else:
            decode(data, max_pixels=10**6)
