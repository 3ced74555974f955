from __future__ import annotations

import numpy as np

from cartoon_avatar.ai.engines.classic.media.oil import oiled
from cartoon_avatar.ai.filters.flow import tangent_field

SIDE = 120
FLOW = tangent_field(np.zeros((SIDE, SIDE, 3), np.float32), 2)


def test_oil_has_relief_and_keeps_its_colour() -> None:
    rgb = np.full((SIDE, SIDE, 3), (153, 102, 77), np.uint8)
    oil = oiled(rgb, FLOW, 1, None, np.random.default_rng(0))
    assert oil.std(axis=(0, 1)).min() > 2.5
    assert np.allclose(oil.mean(axis=(0, 1)), (153, 102, 77), atol=8)
