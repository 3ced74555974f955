"""Takes texture away and leaves shapes."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.filters.flow import Flow, along


def flatten(
    rgb: np.ndarray, flow: Flow, *, reach_px: float, contrast: float, strands_px: float
) -> np.ndarray:
    """``rgb`` (H×W×3 uint8) with texture weaker than ``contrast`` (0..255) smoothed away.

    Two passes of the recursive domain transform (Gastal and Oliveira 2011), the second
    guided by the first as in rolling guidance (Zhang et al. 2014), then an average of
    ``strands_px`` along the flow, which turns hair into strands and calms every outline
    (Kyprianidis and Döllner 2008).
    """
    if min(rgb.shape[:2]) < 3:
        return rgb
    for _ in range(2):
        rgb = cv2.ximgproc.dtFilter(
            rgb, rgb, reach_px, contrast, mode=cv2.ximgproc.DTF_RF, numIters=1
        )
    return along(rgb, flow, strands_px)
