from __future__ import annotations

import numpy as np

from cartoon_avatar.ai.engines.classic.steps.hair import plain_colour, strands
from cartoon_avatar.ai.filters.flow import tangent_field

Y, X = np.mgrid[0:120, 0:120].astype(np.float32)


def _hair(level: float, contrast: float) -> np.ndarray:
    locks = level + contrast * np.sin(X / 4) + contrast * 0.4 * np.sin(X / 13 + Y / 60)
    rough = locks + np.random.default_rng(0).normal(0, 0.2 * contrast, X.shape)
    return rough.astype(np.float32)


def _drawn(light: np.ndarray, band: float = 0.0) -> np.ndarray:
    flow = tangent_field(np.dstack([light, 0 * light, 0 * light]), 2)
    return strands(light, np.ones_like(light), flow, light.shape, length_px=5, band=band)


def test_black_hair_gets_strands_as_blond_hair_does() -> None:
    for level, contrast in ((12, 3), (65, 12)):
        drawn = _drawn(_hair(level, contrast))
        assert np.abs(np.diff(drawn[60])).max() > 1
        # Along a strand it is calm.
        assert (
            np.abs(np.diff(drawn[20:100], axis=0)).mean()
            < np.abs(np.diff(drawn, axis=1)).mean() / 3
        )


def test_a_band_only_raises_the_light() -> None:
    plain, shiny = _drawn(_hair(40, 8)), _drawn(_hair(40, 8), band=1)
    assert shiny.max() > plain.max() + 3
    assert np.isclose(np.quantile(shiny, 0.2), np.quantile(plain, 0.2))


def test_without_hair_there_is_nothing_to_draw() -> None:
    light = _hair(40, 8)
    flow = tangent_field(np.dstack([light] * 3), 2)
    nothing = np.zeros_like(light)
    assert strands(light, nothing, flow, light.shape, length_px=5, band=0) is None


def test_hair_has_the_colour_of_most_of_it() -> None:
    plane = np.full((120, 120), 12, np.float32)
    plane[:, :50] = 3
    hair = np.ones_like(plane)
    assert plain_colour(plane, hair) == 12
    hair[:, 60:] = 0
    assert plain_colour(plane, hair) == 3
