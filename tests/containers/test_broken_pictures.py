"""Broken large pictures are told before their pixels are held, by the same rules as decoding."""

from __future__ import annotations

import io
import random
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from cartoon_avatar.containers import jpeg, png
from tests.ai.conftest import saved, scene
from tests.ai.pictures.test_decoding import png_of

NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (70, 60, 3), dtype=np.uint8))


def judge_jpeg(data: bytes) -> None:
    if (skeleton := jpeg.skeleton(data)) is not None:
        with Image.open(io.BytesIO(skeleton), formats=["JPEG"]) as image:
            image.load()


JUDGES = {"JPEG": judge_jpeg, "PNG": png.require_all_rows}


def interlaced(width: int, height: int) -> bytes:
    """One that Pillow reads and does not write: grey, of eight bits."""
    passes = [
        (len(range(left, width, right)), len(range(top, height, down)))
        for left, top, right, down in png._ADAM7
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
    markers = [marker for marker, _, _ in jpeg.segments(data)]
    end = markers.index(jpeg._EOI) if jpeg._EOI in markers else len(markers)
    return markers[:end].count(jpeg._SOS)


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
