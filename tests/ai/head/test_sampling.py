from __future__ import annotations

import numpy as np
import pytest

from cartoon_avatar.ai.head.sampling import Square, inside_of, sampled
from cartoon_avatar.ai.pictures import Picture

RAMP = np.tile(np.arange(100, dtype=np.float32), (100, 1))


@pytest.mark.parametrize("side", [40, 40.5])
@pytest.mark.parametrize("size", [20, 80])
def test_a_square_is_the_same_at_every_size(side: float, size: int) -> None:
    found = sampled(RAMP, Square(20, 30, side), size)
    assert found.shape == (size, size)
    # The mean of a ramp is its middle, however finely it is sampled.
    assert found.mean() == pytest.approx(20 + side / 2 - 0.5, abs=0.3)
    assert found[0, 0] == pytest.approx(20, abs=1)


def test_past_the_border_the_border_goes_on() -> None:
    found = sampled(RAMP, Square(-50, -50, 200), 100)
    assert found[:, :20].max() < 1
    assert found[:, 80:].min() > 98


def test_inside_is_where_the_picture_is_and_is_opaque() -> None:
    alpha = np.full((100, 100), 255, np.uint8)
    alpha[:50] = 0
    picture = Picture(np.zeros((100, 100, 3), np.uint8), alpha)
    inside = inside_of(picture, Square(-50, 0, 100), 50)
    assert inside[30:, 26:].min() == 1
    assert inside[:24].max() == 0
    assert inside[:, :24].max() == 0
