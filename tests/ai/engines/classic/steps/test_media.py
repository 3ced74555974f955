from __future__ import annotations

import numpy as np
import pytest

from cartoon_avatar.ai.engines.classic.steps import media
from cartoon_avatar.ai.filters.canvas import Canvas, rgb_of
from cartoon_avatar.ai.filters.flow import tangent_field

SIDE = 120
NOTHING = np.zeros((SIDE, SIDE), np.float32)


def _flow():
    return tangent_field(np.zeros((SIDE, SIDE, 3), np.float32), 2)


def _rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_ink_is_dark_and_tinted_by_what_lies_under_it() -> None:
    one = np.ones((2, 2), np.float32)
    plain = Canvas(60 * one, 50 * one, 20 * one)
    assert media.printed(plain, one, 0.0).max() < 5
    tinted = media.printed(plain, one, 0.8).astype(int)
    assert tinted[0, 0, 0] > tinted[0, 0, 2] + 5
    assert tinted.max() < 128
    assert np.array_equal(media.printed(plain, 0 * one, 0.0), rgb_of(plain.lab()))


def test_dots_keep_the_average_of_what_they_replace() -> None:
    rgb = np.full((SIDE, SIDE, 3), 153, np.uint8)
    dotted = media.dotted(rgb, np.ones((SIDE, SIDE), np.float32), 8, 0.5)
    assert dotted.std() > 5
    assert abs(dotted.mean() - 153) < 12
    assert np.array_equal(media.dotted(rgb, NOTHING, 8, 0.5), rgb)


@pytest.mark.parametrize(("darker", "lighter"), [(10, 40), (40, 70), (70, 95)])
def test_pencil_tone_follows_the_light(darker: float, lighter: float) -> None:
    def tone(level: float) -> float:
        light = np.full((SIDE, SIDE), level, np.float32)
        return float(media.pencilled(light, NOTHING, _flow(), unit=1, angle=0.8, rng=_rng()).mean())

    assert tone(darker) > tone(lighter) + 0.05


def test_pencil_leaves_white_paper_bare() -> None:
    light = np.full((SIDE, SIDE), 100, np.float32)
    assert media.pencilled(light, NOTHING, _flow(), unit=1, angle=0, rng=_rng()).max() == 0


def test_watercolour_is_calm_on_skin_and_runs_out_into_paper() -> None:
    rgb = np.full((SIDE, SIDE, 3), (178, 128, 102), np.uint8)
    loose = media.painted_wet(rgb, None, None, 1, _rng())
    calm = media.painted_wet(rgb, np.ones((SIDE, SIDE), np.float32), None, 1, _rng())
    assert calm.std(axis=(0, 1)).mean() < 0.75 * loose.std(axis=(0, 1)).mean()
    bare = media.painted_wet(rgb, None, NOTHING, 1, _rng())
    assert bare.min() > 217


def test_oil_has_relief_and_keeps_its_colour() -> None:
    rgb = np.full((SIDE, SIDE, 3), (153, 102, 77), np.uint8)
    oil = media.oiled(rgb, _flow(), 1, None, _rng())
    assert oil.std(axis=(0, 1)).min() > 2.5
    assert np.allclose(oil.mean(axis=(0, 1)), (153, 102, 77), atol=8)


def test_glow_brightens_round_the_light_only() -> None:
    rgb = np.zeros((SIDE, SIDE, 3), np.uint8)
    rgb[50:70, 50:70] = 255
    glow = media.glowing(rgb, 0.5, 1)
    assert glow[60, 76, 0] > 2
    assert glow[5, 5, 0] < 3
    assert (glow[50:70, 50:70] == 255).all()
