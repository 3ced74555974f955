from __future__ import annotations

import cv2
import numpy as np
import pytest

from cartoon_avatar.ai.filters.canvas import bands, blend_into, canvas_of, rgb_of, shrunk, to_bytes
from tests.ai import seen


def test_a_photo_survives_the_way_to_a_canvas_and_back() -> None:
    photo = seen.astronaut().rgb
    back = rgb_of(canvas_of(photo).lab())
    # Light is whole; only colours have lost detail, at edges.
    grey, grey_back = (cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(int) for rgb in (photo, back))
    assert np.abs(grey - grey_back).mean() < 1.5
    assert np.abs(photo.astype(int) - back).mean() < 3


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (9, 1), (3, 5), (64, 63)])
def test_odd_shapes_have_a_canvas_too(shape: tuple[int, int]) -> None:
    canvas = canvas_of(np.full((*shape, 3), (200, 120, 40), np.uint8))
    assert canvas.light.shape == shape
    assert canvas.full().a.shape == shape
    assert canvas.small_lab().shape == (max(1, shape[0] // 2), max(1, shape[1] // 2), 3)
    assert np.abs(rgb_of(canvas.lab()).astype(int) - (200, 120, 40)).max() < 4


def test_shrinking_keeps_the_shape_and_never_enlarges() -> None:
    photo = seen.astronaut().rgb
    assert shrunk(photo, 2000).shape == photo.shape
    assert shrunk(photo[:300], 100).shape == (59, 100, 3)
    once = cv2.resize(photo, (100, 100), interpolation=cv2.INTER_AREA)
    assert np.abs(shrunk(photo, 100).astype(int) - once).mean() < 4
    assert shrunk(np.zeros((1, 5000, 3), np.uint8), 320).shape == (1, 320, 3)


@pytest.mark.parametrize("height", [1, 64, 65, 1000])
def test_bands_are_all_the_rows_in_order(height: int) -> None:
    rows = [row for band in bands(height) for row in range(height)[band]]
    assert rows == list(range(height))


def test_bytes_are_rounded_and_what_is_beyond_is_cut_off() -> None:
    assert to_bytes(np.float32([[-0.5, 0, 0.5, 1, 1.5]])).tolist() == [[0, 0, 128, 255, 255]]


def test_blending_moves_part_of_the_way() -> None:
    values = np.float32([0, 10, 10])
    blend_into(values, np.float32([10, 20, 20]), np.float32([0.5, 0, 1]))
    assert values.tolist() == [5, 10, 20]
