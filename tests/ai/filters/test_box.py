from __future__ import annotations

import numpy as np
import pytest

from cartoon_avatar.ai.filters.box import box_of, box_of_mask, corner_of, doubled


def test_a_box_stays_inside_the_picture_and_is_never_empty() -> None:
    for points in ([[-50, -50], [-40, -40]], [[5, 5], [500, 500]], [[99, 99], [120, 130]]):
        rows, columns = box_of((100, 80), np.float32(points), 2)
        assert 0 <= rows.start < rows.stop <= 100
        assert 0 <= columns.start < columns.stop <= 80


def test_the_box_of_a_mask_holds_it() -> None:
    mask = np.zeros((50, 50), np.float32)
    mask[10:20, 30:35] = 1
    assert box_of_mask(mask) == (slice(10, 20), slice(30, 35))
    assert box_of_mask(np.zeros((50, 50), np.float32)) == (slice(0, 1), slice(0, 1))


@pytest.mark.parametrize("shape", [(10, 10), (11, 11)])
def test_doubled_a_box_reaches_as_far_as_it_did(shape: tuple[int, int]) -> None:
    half = (slice(1, 3), slice(0, 5))
    assert doubled(half, shape) == (slice(2, 6), slice(0, shape[1]))


def test_the_corner_of_a_box_is_left_and_top() -> None:
    assert corner_of((slice(7, 9), slice(3, 4))).tolist() == [3, 7]
