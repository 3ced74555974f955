"""One ink on one paper."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.engines.classic.style import Rgb
from cartoon_avatar.ai.filters.canvas import to_bytes


def duotone(dark: np.ndarray, paper: Rgb, ink: Rgb) -> np.ndarray:
    """``dark`` (H×W 0..1) as ``ink`` on ``paper`` (sRGB): H×W×3 uint8."""
    share = np.linspace(0, 1, 256)[:, None]
    table = np.rint(np.array(paper) + share * (np.array(ink) - paper)).astype(np.uint8)
    index = to_bytes(dark)
    return cv2.merge([cv2.LUT(index, column) for column in table.T])
