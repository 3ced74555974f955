"""Broken large pictures are told before their pixels are held, by the same rules as decoding."""

from __future__ import annotations

import io
import random
import struct
import zlib

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms

from cartoon_avatar.ai import judging
from cartoon_avatar.ai.pictures import decode
from tests.ai.conftest import saved, scene
from tests.ai.test_pictures import png_of
from tests.attacks.hostile import box, full_box, heic_of_grids

NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (70, 60, 3), dtype=np.uint8))
JUDGES = {"JPEG": judging.judge_jpeg, "PNG": judging.judge_png}


def interlaced(width: int, height: int) -> bytes:
    """One that Pillow reads and does not write: grey, of eight bits."""
    passes = [
        (len(range(left, width, right)), len(range(top, height, down)))
        for left, top, right, down in judging._ADAM7
    ]
    rows = b"".join((b"\4" + bytes(columns)) * rows for columns, rows in passes if columns)
    data = png_of(width, height, (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    head = data[12:28] + b"\1"
    return data[:12] + head + struct.pack(">I", zlib.crc32(head)) + data[33:]


def wholes() -> list[tuple[str, bytes]]:
    found = [("PNG", interlaced(*size)) for size in ((33, 21), (3, 2), (1, 1), (64, 64))]
    found += [("PNG", png_of(60, 60, *[(b"IDAT", part) for part in halves()], (b"IEND", b"")))]
    sixteen_bits = Image.fromarray(np.asarray(NOISE.convert("L")).astype(np.uint16) << 8)
    for image in (NOISE, scene()):
        for mode in ("1", "L", "LA", "P", "RGB", "RGBA"):
            found.append(("PNG", saved(image.convert(mode), "PNG")))
        for mode in ("L", "RGB", "CMYK"):
            found.append(("JPEG", saved(image.convert(mode), "JPEG", progressive=True)))
        found.append(("JPEG", saved(image, "MPO", save_all=True, append_images=[image])))
        found.append(("JPEG", saved(image, "JPEG")))
    return [*found, ("PNG", saved(sixteen_bits, "PNG"))]


def halves() -> tuple[bytes, bytes]:
    packed = zlib.compress(bytes(61 * 60), 0)
    return packed[:1000], packed[1000:]


def is_decoded(kind: str, data: bytes) -> bool:
    try:
        with Image.open(io.BytesIO(data), formats=[kind]) as image:
            image.load()
    except Exception:  # noqa: BLE001 (whatever a decoder may say)
        return False
    return True


def passes(kind: str, data: bytes) -> bool:
    try:
        JUDGES[kind](data)
    except Exception:  # noqa: BLE001 (as above)
        return False
    return True


def can_be_opened(kind: str, data: bytes) -> bool:
    """A judge sees what Pillow has opened, whose dimensions have been looked at."""
    try:
        with Image.open(io.BytesIO(data), formats=[kind]) as image:
            return image.width * image.height < 1_000_000
    except Exception:  # noqa: BLE001 (as above)
        return False


def scans_in(data: bytes) -> int:
    markers = [marker for marker, _, _ in judging._jpeg_segments(data)]
    end = markers.index(judging._EOI) if judging._EOI in markers else len(markers)
    return markers[:end].count(judging._SOS)


@pytest.mark.parametrize("number", range(len(wholes())))
def test_what_is_whole_passes(number: int) -> None:
    kind, data = wholes()[number]
    assert is_decoded(kind, data)
    JUDGES[kind](data)


def test_a_damaged_file_passes_if_it_can_be_decoded_and_only_then() -> None:
    rng = random.Random(7)
    seeds = wholes()
    judged = refused = 0
    for _ in range(3000):
        kind, seed = rng.choice(seeds)
        data = damaged(seed, rng)
        if not can_be_opened(kind, data):
            continue
        decoded, passed = is_decoded(kind, data), passes(kind, data)
        assert passed or not decoded, (kind, data)
        # One that goes over its pixels once is decoded at little cost, and left to the decoder.
        if kind == "PNG" or scans_in(data) > 1:
            assert decoded or not passed, (kind, data)
            judged += 1
            refused += not passed
    assert judged > 1000
    assert judged / 4 < refused < judged


def damaged(seed: bytes, rng: random.Random) -> bytes:
    data = bytearray(seed)
    for _ in range(rng.choice((0, 1, 1, 2, 5))):
        data[rng.randrange(len(data))] = rng.choice((rng.randrange(256), 0xFF, 0, 0xD9, 0xDA))
    if rng.random() < 0.3:
        del data[rng.randrange(len(data)) :]
    elif rng.random() < 0.2:
        at = rng.randrange(len(data))
        del data[at : at + rng.randrange(40)]
    return bytes(data)


TILE = saved(NOISE.resize((64, 64)), "HEIF", quality=30)


@pytest.mark.parametrize(
    ("grids", "decoded_px"),
    [
        ([(4, 256)], 16 * 64**2),
        ([(1, 64), (3, 192)], 9 * 64**2),
        # Each of the outer grid's parts is all of the inner one again.
        ([(10, 64), (10, 640)], 100 * 100 * 64**2),
    ],
)
def test_the_parts_of_a_heif_picture_count_as_often_as_they_are_decoded(
    grids: list[tuple[int, int]], decoded_px: int
) -> None:
    data = heic_of_grids(TILE, 64, *grids)
    judging.judge_heif(data, decoded_px)
    with pytest.raises(judging.Broken):
        judging.judge_heif(data, decoded_px - 1)


def test_a_heif_picture_of_tiles_is_drawn() -> None:
    photo = decode(heic_of_grids(TILE, 64, (5, 320)), max_pixels=320**2)
    assert (photo.width, photo.height) == (320, 320)
    tile = decode(TILE, max_pixels=64**2).picture.rgb
    assert np.array_equal(photo.picture.rgb[64:128, 128:192], tile)


def test_a_heif_picture_that_is_part_of_itself_is_refused() -> None:
    data = heic_of_grids(TILE, 64, (1, 64)).replace(
        b"dimg" + struct.pack(">HHH", 2, 1, 1), b"dimg" + struct.pack(">HHH", 2, 1, 2)
    )
    with pytest.raises(judging.Broken):
        judging.judge_heif(data, 10**9)


def test_of_a_heif_picture_of_countless_parts_they_are_not_counted() -> None:
    part = box(b"dimg", struct.pack(">HH", 2, 60_000) + b"\0\1" * 60_000)
    data = full_box(b"meta", full_box(b"iref", part * 80))
    with pytest.raises(judging.Broken, match="countless"):
        judging.judge_heif(data, 10**12)


@pytest.mark.parametrize("pictures", [1, 3])
def test_heif_files_of_an_encoder_pass(pictures: int) -> None:
    file = pillow_heif.HeifFile()
    for _ in range(pictures):
        file.add_from_pillow(NOISE)
    written = io.BytesIO()
    file.save(written, format="HEIF")
    judging.judge_heif(written.getvalue(), 70 * 60)


def profile_of(kind: bytes, tag: bytes, space: bytes = b"RGB ") -> bytes:
    head = struct.pack(">I4sI4s4s4s", 144 + len(tag), b"lcms", 4 << 24, b"prtr", space, b"Lab ")
    head += bytes(12) + b"acsp"
    return head.ljust(128, b"\0") + struct.pack(">I4sII", 1, kind, 144, len(tag)) + tag


def lut(points: int, table: bytes = b"") -> bytes:
    ends = b"\0\0\xff\xff" * 3
    unity = struct.pack(">9i", *(65536, 0, 0, 0, 65536, 0, 0, 0, 65536))
    return b"mft2\0\0\0\0\3\3" + bytes([points, 0]) + unity + b"\0\2\0\2" + ends + table + ends


def elements(inputs: int) -> bytes:
    grid = bytes([255] * inputs).ljust(16, b"\0")
    table = b"clut\0\0\0\0" + struct.pack(">HH", inputs, 3) + grid
    return b"mpet\0\0\0\0" + struct.pack(">HHIII", inputs, 3, 1, 24, len(table)) + table


def tables(inputs: int) -> bytes:
    grid = bytes([255] * inputs).ljust(16, b"\0")
    return b"mAB \0\0\0\0" + bytes([inputs, 3, 0, 0]) + struct.pack(">5I", 0, 0, 0, 32, 0) + grid


@pytest.mark.parametrize(
    ("kind", "tag"),
    [(b"A2B0", lut(255)), (b"A2B1", tables(3)), (b"A2B0", tables(4)), (b"D2B0", elements(3))],
    ids=["table", "tables", "tables of four", "elements"],
)
def test_a_colour_profile_with_a_larger_table_than_itself_is_not_read(
    kind: bytes, tag: bytes
) -> None:
    profile = profile_of(kind, tag)
    with pytest.raises(judging.Broken):
        judging.judge_profile(profile)
    image = scene()
    plain = decode(saved(image, "PNG"), max_pixels=10**6).picture.rgb
    with_it = decode(saved(image, "PNG", icc_profile=profile), max_pixels=10**6).picture.rgb
    assert np.array_equal(plain, with_it)


def test_colour_profiles_with_the_tables_they_tell_of_are_read() -> None:
    judging.judge_profile(profile_of(b"A2B0", lut(9, bytes(2 * 3 * 9**3))))
    for name in ("sRGB", "LAB", "XYZ"):
        judging.judge_profile(ImageCms.ImageCmsProfile(ImageCms.createProfile(name)).tobytes())


@pytest.mark.parametrize("size", [*range(0, 200, 7), 300])
def test_a_colour_profile_that_breaks_off_is_a_picture_without_one(size: int) -> None:
    for tag in (lut(9, bytes(4000)), tables(3), elements(3)):
        profile = profile_of(b"A2B0", tag)[:size]
        decode(saved(scene(), "WEBP", icc_profile=profile or b"x"), max_pixels=10**6)


@pytest.mark.parametrize(
    "profile",
    [
        profile_of(b"A2B0", b"")[:128] + b"\0\0\xff\xff" + b"A2B0" * 100_000,
        profile_of(b"D2B0", b"mpet\0\0\0\0\0\3\0\3\0\0\xff\xff" + bytes(8 * 65535)),
    ],
)
def test_a_colour_profile_of_countless_tags_or_elements_is_not_read(profile: bytes) -> None:
    with pytest.raises(judging.Broken):
        judging.judge_profile(profile)
