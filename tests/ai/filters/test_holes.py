from __future__ import annotations

import numpy as np

from cartoon_avatar.ai.filters.holes import without_holes


def test_under_a_round_cut_the_picture_goes_on() -> None:
    y, x = np.mgrid[0:160, 0:160]
    alpha = np.where(np.hypot(x - 80, y - 80) < 70, 255, 0).astype(np.uint8)
    rgb = np.zeros((160, 160, 3), np.uint8)
    rgb[alpha > 0] = (90, 160, 200)
    whole = without_holes(rgb, alpha)
    assert np.abs(whole.astype(int) - (90, 160, 200)).max() < 6


def test_a_picture_that_is_all_or_nothing_is_left_alone() -> None:
    rgb = np.random.default_rng(0).integers(0, 255, (20, 20, 3), dtype=np.uint8)
    for level in (0, 255):
        assert without_holes(rgb, np.full((20, 20), level, np.uint8)) is rgb
