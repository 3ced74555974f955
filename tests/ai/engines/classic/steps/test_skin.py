from __future__ import annotations

import numpy as np

from cartoon_avatar.ai.engines.classic.steps.skin import (
    bleached,
    shading,
    two_tone,
)


def test_skin_becomes_a_few_clean_tones_about_its_own() -> None:
    shade = np.linspace(35, 85, 800, dtype=np.float32)[None]
    for steps in (2, 3, 4):
        toned = np.round(two_tone(shade, 62.0, steps, 1.0, 1.5)[0])
        _, counts = np.unique(toned, return_counts=True)
        assert (counts > 0.04 * toned.size).sum() == steps
        assert counts[counts > 0.04 * toned.size].sum() > 0.85 * toned.size
        assert toned[432] == 62  # where the skin itself is


def test_steps_are_shallower_on_dark_skin() -> None:
    def depth(base: float) -> float:
        shade = np.linspace(base - 40, base + 40, 500, dtype=np.float32)[None]
        return float(np.ptp(two_tone(shade, base, 2, 1.0, 2)))

    assert depth(30) < 0.8 * depth(75)


def test_shading_sees_only_skin() -> None:
    light = np.full((60, 60), 60, np.float32)
    light[20:30, 20:30] = 0  # an eye
    features = np.zeros_like(light)
    features[18:32, 18:32] = 1
    shade = shading(light, np.ones_like(light), features, 4)
    assert np.abs(shade - 60).max() < 1


def test_skin_is_never_drawn_much_lighter_than_it_was_seen() -> None:
    skin_area = np.ones((20, 20), np.float32)
    drawn = []
    for seen in (20.0, 36.0, 48.0, 56.0, 70.0):
        light = np.full((40, 40), seen + 15, np.float32)
        drawn.append(seen + 15 - bleached(light, skin_area, seen))
        assert seen < drawn[-1] <= seen + 11
    assert drawn == sorted(drawn)

    assert bleached(np.full((40, 40), 50, np.float32), skin_area, 52.0) == 0
