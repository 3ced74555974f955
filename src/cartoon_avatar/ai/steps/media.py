"""Colour and ink put on paper."""

from __future__ import annotations

import cv2
import numpy as np


def finish(wish, drawn, coverage, flow, sitting, unit) -> np.ndarray:
    if coverage is not None:
        drawn = drawn.copy()
        drawn[..., 0] *= 1 - coverage
        drawn[..., 1:] *= (1 - (1 - wish.ink.tint) * coverage)[..., None]
    rgb = cv2.cvtColor(drawn, cv2.COLOR_LAB2RGB)
    return np.clip(rgb * 255 + np.float32(0.5), 0, 255).astype(np.uint8)
