"""Guided filter (He, Sun & Tang 2010), with its fast form (He & Sun 2015)."""

from __future__ import annotations

import cv2
import numpy as np


def guided_filter(
    guide: np.ndarray, picture: np.ndarray, radius_px: float, eps: float, scale: float = 1.0
) -> np.ndarray:
    """``picture`` smoothed along the edges of ``guide``.

    ``guide`` is H×W×3 uint8, ``picture`` H×W or H×W×C float32; the result has the shape of
    ``picture``. ``eps`` is the variance of the guide (white is 1) that still counts as flat.
    ``scale`` below 1 computes the coefficients on a smaller picture.
    """
    radius = max(1, round(radius_px))
    # Not a guide of 0..1: with an eps below 0.01 OpenCV drops the coefficients wherever the
    # determinant of the colours' covariance is under 1e-6, and so only blurs.
    return cv2.ximgproc.guidedFilter(guide, picture, radius, eps * 255**2, None, -1, scale)
