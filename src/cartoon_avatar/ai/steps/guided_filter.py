"""Guided filter (He, Sun & Tang 2010), with its fast form (He & Sun 2015)."""

from __future__ import annotations

import cv2
import numpy as np


def guided_filter(
    guide: np.ndarray, picture: np.ndarray, radius_px: float, eps: float, scale: float = 1.0
) -> np.ndarray:
    """``picture`` smoothed along the edges of ``guide``.

    ``guide`` is H×W×3 float32 0..1, ``picture`` H×W or H×W×C float32; the result has the
    shape of ``picture``. ``eps`` is the variance of the guide (0..1 squared) that still
    counts as flat. ``scale`` below 1 computes the coefficients on a smaller picture.
    """
    radius = max(1, round(radius_px))
    return cv2.ximgproc.guidedFilter(guide, picture, radius, eps, None, -1, scale)
