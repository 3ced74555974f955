from __future__ import annotations

import numpy as np

from cartoon_avatar.ai.head.decontaminate import decontaminate


def test_the_backdrop_no_longer_shines_through_a_soft_rim() -> None:
    alpha = np.tile(np.clip((np.arange(100, dtype=np.float32) - 45) / 10, 0, 1), (60, 1))
    fore, back = np.float32([0.7, 0.3, 0.2]), np.float32([0.1, 0.9, 0.3])
    mixed = fore * alpha[..., None] + back * (1 - alpha[..., None])
    found = decontaminate(mixed, alpha)
    shown = alpha > 0.1
    assert np.abs(mixed - fore)[shown].max() > 0.4
    assert np.abs(found - fore)[shown].max() < 0.15
