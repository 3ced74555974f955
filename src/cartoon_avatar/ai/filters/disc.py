"""A round neighbourhood."""

from __future__ import annotations

import cv2
import numpy as np


def disc(radius_px: float) -> np.ndarray:
    """What lies within ``radius_px`` of a pixel, for OpenCV's morphology."""
    reach = max(1, round(radius_px))
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
