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
        size = (2 * radius + 1, 2 * radius + 1)
        # One pass for both: three channels of F·a, three of B·(1-a), a itself.
        weighted = np.concatenate([foreground * alpha, background * (1 - alpha), alpha], axis=2)
        weighted = np.concatenate(
            [cv2.blur(weighted[..., :4], size), cv2.blur(weighted[..., 4:], size)], axis=2
        )
        blurred = weighted[..., 6:]
        # Where nothing is near, what was found from afar stays.
        near = (weighted[..., :3] + 1e-3 * foreground) / (blurred + 1e-3)
        background = weighted[..., 3:6] / (1 - blurred + 1e-5)
        foreground = near + alpha * (rgb - alpha * near - (1 - alpha) * background)
        foreground = np.clip(foreground, 0, 1)
    return foreground
