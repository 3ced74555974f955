from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.engines.classic.steps.flatten import flatten
from cartoon_avatar.ai.filters.flow import tangent_field


def test_texture_goes_and_edges_stay() -> None:
    rgb = np.full((80, 80, 3), 90, np.uint8)
    rgb[:, 40:] = 190
    rough = rgb + np.random.default_rng(0).integers(-8, 9, rgb.shape)
    rough = np.clip(rough, 0, 255).astype(np.uint8)
    lab = cv2.cvtColor(rough.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    flat = flatten(rough, tangent_field(lab, 2), reach_px=20, contrast=30, strands_px=2)
    assert flat.dtype == np.uint8
    for half in (np.s_[10:-10, 5:33], np.s_[10:-10, 47:75]):
        assert flat[half].std() < 0.35 * rough[half].std()
    assert flat[:, 44:].mean() - flat[:, :36].mean() > 90
