from __future__ import annotations

import numpy as np
import pytest

from cartoon_avatar.ai.engines.classic.media.pencil import pencilled
from cartoon_avatar.ai.filters.flow import tangent_field

SIDE = 120
NOTHING = np.zeros((SIDE, SIDE), np.float32)
FLOW = tangent_field(np.zeros((SIDE, SIDE, 3), np.float32), 2)


@pytest.mark.parametrize(("darker", "lighter"), [(10, 40), (40, 70), (70, 95)])
def test_pencil_tone_follows_the_light(darker: float, lighter: float) -> None:
    def tone(level: float) -> float:
        light = np.full((SIDE, SIDE), level, np.float32)
        return float(
            pencilled(light, NOTHING, FLOW, unit=1, angle=0.8, rng=np.random.default_rng(0)).mean()
        )

    assert tone(darker) > tone(lighter) + 0.05


def test_pencil_leaves_white_paper_bare() -> None:
    light = np.full((SIDE, SIDE), 100, np.float32)
    assert pencilled(light, NOTHING, FLOW, unit=1, angle=0, rng=np.random.default_rng(0)).max() == 0
