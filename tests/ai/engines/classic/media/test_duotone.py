from __future__ import annotations

import numpy as np

from cartoon_avatar.ai.engines.classic.media.duotone import duotone


def test_two_inks_run_from_paper_to_ink() -> None:
    two = duotone(np.float32([[0, 1]]), (255, 250, 240), (10, 20, 30))
    assert two.dtype == np.uint8
    assert two[0].tolist() == [[255, 250, 240], [10, 20, 30]]
