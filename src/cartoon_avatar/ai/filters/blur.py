"""Wide blurs at the cost of narrow ones."""

from __future__ import annotations

import cv2
import numpy as np

# A blur wider than this is made on a smaller copy, where it is about _COPY_PX wide.
_DIRECT_PX = 6.0
_COPY_PX = 2.5


def blurred(values: np.ndarray, sigma_px: float) -> np.ndarray:
    """``values`` (H×W or H×W×C, float32) under a Gaussian of ``sigma_px``."""
    if sigma_px < 0.3:
        return values
    if sigma_px <= _DIRECT_PX:
        return cv2.GaussianBlur(values, (0, 0), sigma_px)
    height, width = values.shape[:2]
    factor = max(1, min(int(sigma_px / _COPY_PX), min(height, width) // 2))
    size = (max(1, width // factor), max(1, height // factor))
    small = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma_px / factor)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


def blurred_within(values: np.ndarray, weight: np.ndarray, sigma_px: float) -> np.ndarray:
    """``values`` blurred, each counting by ``weight`` (H×W float32, 0..1): nothing bleeds in.

    Normalized convolution (Knutsson and Westin 1993).
    """
    total = np.maximum(blurred(weight, sigma_px), 1e-4)
    if values.ndim == 2:
        return blurred(values * weight, sigma_px) / total
    return blurred(values * weight[..., None], sigma_px) / total[..., None]
