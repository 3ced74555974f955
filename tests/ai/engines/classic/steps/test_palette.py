from __future__ import annotations

import numpy as np

from cartoon_avatar.ai.engines.classic.steps.palette import loud

INKS = ((20, 60, 200), (230, 30, 60), (255, 205, 0))


def _loud(light: float, a: float, b: float, spare=None):
    planes = (np.full((4, 4), v, np.float32) for v in (light, a, b))
    new_a, new_b = loud(*planes, INKS, spare)
    return float(new_a[0, 0]), float(new_b[0, 0])


def test_clear_colours_take_the_nearest_hue_of_the_palette() -> None:
    a, b = _loud(50, 40, 10)  # a dull red
    assert a > 55
    a, b = _loud(60, 5, 40)  # a dull yellow
    assert b > 60
    a, b = _loud(40, 5, -30)  # a dull blue
    assert b < -50


def test_a_dark_colour_takes_no_light_ink() -> None:
    a, b = _loud(28, 12, 22)  # brown fur: nearer to yellow in hue, but yellow that dark is olive
    assert a > b


def test_white_stays_white() -> None:
    assert np.hypot(*_loud(98, 1, 1)) < 5


def test_skin_is_spared() -> None:
    a, b = _loud(60, 14, 20, np.ones((4, 4), np.float32))
    assert np.allclose((a, b), (14, 20))
