from __future__ import annotations

import numpy as np
import pytest

from cartoon_avatar.ai.engines.classic.media import paper


@pytest.mark.parametrize("scale", [2, 8, 40])
def test_noise_is_even_and_repeats_for_its_seed(scale: float) -> None:
    one, same = (paper.noise((300, 400), scale, np.random.default_rng(3)) for _ in range(2))
    other = paper.noise((300, 400), scale, np.random.default_rng(4))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    assert 0.6 < one.std() < 1.4
    assert abs(one.mean()) < 0.4


@pytest.mark.parametrize("degrees", [0, 45, 90, 120])
def test_strokes_run_at_their_angle(degrees: int) -> None:
    angle = np.deg2rad(degrees)
    strokes = paper.hatching((200, 200), angle, 50, 2.5, np.random.default_rng(0))
    gy, gx = np.gradient(strokes)
    along = np.abs(gx * np.cos(angle) + gy * np.sin(angle)).mean()
    across = np.abs(gx * -np.sin(angle) + gy * np.cos(angle)).mean()
    assert across > 3 * along


def test_more_pigment_darkens_and_none_changes_nothing() -> None:
    rgb = np.full((4, 4, 3), 0.5, np.float32)
    assert np.array_equal(paper.pigment(rgb, np.ones((4, 4), np.float32)), rgb)
    assert paper.pigment(rgb, np.full((4, 4), 1.4, np.float32)).max() < 0.5
