"""A HEIF picture's parts are counted as often as they are decoded."""

from __future__ import annotations

import io
import struct

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from cartoon_avatar.ai.pictures import decode
from cartoon_avatar.containers import BrokenImage, heif
from tests.ai.conftest import saved
from tests.attacks.hostile import box, full_box, heic_of_grids

NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (70, 60, 3), dtype=np.uint8))
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
    heif.require_few_pixels(data, decoded_px)
    with pytest.raises(BrokenImage):
        heif.require_few_pixels(data, decoded_px - 1)


def test_a_heif_picture_of_tiles_is_drawn() -> None:
    photo = decode(heic_of_grids(TILE, 64, (5, 320)), max_pixels=320**2)
    assert (photo.width, photo.height) == (320, 320)
    tile = decode(TILE, max_pixels=64**2).picture.rgb
    assert np.array_equal(photo.picture.rgb[64:128, 128:192], tile)


def test_a_heif_picture_that_is_part_of_itself_is_refused() -> None:
    data = heic_of_grids(TILE, 64, (1, 64)).replace(
        b"dimg" + struct.pack(">HHH", 2, 1, 1), b"dimg" + struct.pack(">HHH", 2, 1, 2)
    )
    with pytest.raises(BrokenImage):
        heif.require_few_pixels(data, 10**9)


def test_a_heif_picture_of_too_many_parts_is_refused_before_they_are_counted() -> None:
    part = box(b"dimg", struct.pack(">HH", 2, 60_000) + b"\0\1" * 60_000)
    data = full_box(b"meta", full_box(b"iref", part * 80))
    with pytest.raises(BrokenImage, match="too many parts"):
        heif.require_few_pixels(data, 10**12)


@pytest.mark.parametrize("pictures", [1, 3])
def test_heif_files_of_an_encoder_pass(pictures: int) -> None:
    file = pillow_heif.HeifFile()
    for _ in range(pictures):
        file.add_from_pillow(NOISE)
    written = io.BytesIO()
    file.save(written, format="HEIF")
    heif.require_few_pixels(written.getvalue(), 70 * 60)
