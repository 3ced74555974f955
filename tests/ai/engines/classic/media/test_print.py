from __future__ import annotations

import numpy as np

from cartoon_avatar.ai.engines.classic.media.print import dotted, glowing, printed
from cartoon_avatar.ai.filters.canvas import Canvas, rgb_of

SIDE = 120
NOTHING = np.zeros((SIDE, SIDE), np.float32)


def test_ink_is_dark_and_tinted_by_what_lies_under_it() -> None:
    one = np.ones((2, 2), np.float32)
    plain = Canvas(60 * one, 50 * one, 20 * one)
    assert printed(plain, one, 0.0).max() < 5
    tinted = printed(plain, one, 0.8).astype(int)
    assert tinted[0, 0, 0] > tinted[0, 0, 2] + 5
    assert tinted.max() < 128
    assert np.array_equal(printed(plain, 0 * one, 0.0), rgb_of(plain.lab()))


def test_dots_keep_the_average_of_what_they_replace() -> None:
    rgb = np.full((SIDE, SIDE, 3), 153, np.uint8)
    screened = dotted(rgb, np.ones((SIDE, SIDE), np.float32), 8, 0.5)
    assert screened.std() > 5
    assert abs(screened.mean() - 153) < 12
    assert np.array_equal(dotted(rgb, NOTHING, 8, 0.5), rgb)


def test_glow_brightens_round_the_light_only() -> None:
    rgb = np.zeros((SIDE, SIDE, 3), np.uint8)
    rgb[50:70, 50:70] = 255
    glow = glowing(rgb, 0.5, 1)
    assert glow[60, 76, 0] > 2
    assert glow[5, 5, 0] < 3
    assert (glow[50:70, 50:70] == 255).all()
