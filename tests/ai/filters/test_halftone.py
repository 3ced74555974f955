from __future__ import annotations

import numpy as np
import pytest

from cartoon_avatar.ai.filters.halftone import dots, wave


@pytest.mark.parametrize("level", [0.15, 0.4, 0.7])
def test_dots_cover_the_share_they_stand_for(level: float) -> None:
    screen = dots(np.full((200, 200), level, np.float32), (200, 200), 9, 0.6)
    assert abs(screen.mean() - level) < 0.13


def test_a_wave_is_the_sine_of_its_two_parts() -> None:
    y, x = np.mgrid[0:30, 0:50]
    expected = np.sin(0.3 * x + 0.2 * y + 0.5)
    assert np.abs(wave((30, 50), 0.3, 0.2, 0.5) - expected).max() < 1e-4
