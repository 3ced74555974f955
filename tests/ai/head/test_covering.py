from __future__ import annotations

import numpy as np
import pytest

from cartoon_avatar.ai.head.classes import UNNAMED
from cartoon_avatar.ai.head.covering import covering
from cartoon_avatar.ai.seeing.matting import BACKGROUND, CLOTHES, HAIR


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [(CLOTHES, CLOTHES, 1), (CLOTHES, BACKGROUND, 0), (UNNAMED, UNNAMED, 0)],
)
def test_a_hood_that_stands_off_the_cheeks_has_to_close_on_both_sides(left, right, expected):
    """Hair shows between; what no class is sure of is the crowd or a curtain out there."""
    across, down = np.meshgrid(np.linspace(-1.4, 1.4, 140), np.linspace(-1.6, 0.4, 100))
    ring = np.hypot(across / 0.9, (down + 0.55) / 1.0)
    named = np.where(ring < 0.8, HAIR, np.where(across < 0, left, right))
    named[(ring > 0.8) & (down < -0.8)] = CLOTHES
    classes = np.float32(named[..., None] == np.arange(7))
    from_skull = np.hypot(across / 0.62, (down + 0.72) / 0.85)
    hat, wrap = covering(classes, across, down, from_skull, turn=0.0)
    assert (hat, wrap) == (1, expected)
