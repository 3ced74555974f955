"""Foreground colours of a cut-out, free of what shone through at its rim."""

from __future__ import annotations

import cv2
import numpy as np


def decontaminate(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Blur fusion (Forte 2021): the foreground colours of H×W×3 float32 ``rgb``, 0..1.

    ``alpha`` is H×W float32, 0..1. The first pass carries colours far into hair, the
    second corrects them close by.
    """
    side = max(alpha.shape)
    alpha = alpha[..., None]
    foreground, background = rgb, rgb
    for radius in (side // 8, max(1, side // 100)):
        blurred = _blurred(alpha[..., 0], radius)[..., None]
        of_foreground = _blurred(foreground * alpha, radius)
        of_background = _blurred(background * (1 - alpha), radius)
        # Where nothing is near, what was found from afar stays.
        near = (of_foreground + 1e-3 * foreground) / (blurred + 1e-3)
        background = of_background / (1 - blurred + 1e-5)
        foreground = near + alpha * (rgb - alpha * near - (1 - alpha) * background)
        foreground = np.clip(foreground, 0, 1)
    return foreground


def _blurred(planes: np.ndarray, radius: int) -> np.ndarray:
    """The mean of H×W or H×W×3 float32 over a square, a large one's at a quarter of the size."""
    shrink = 4 if radius >= 32 else 1
    if shrink == 1:
        return cv2.blur(planes, (2 * radius + 1, 2 * radius + 1))
    small = cv2.resize(planes, None, fx=1 / 4, fy=1 / 4, interpolation=cv2.INTER_AREA)
    width = 2 * round(radius / 4) + 1
    return cv2.resize(cv2.blur(small, (width, width)), planes.shape[1::-1])
