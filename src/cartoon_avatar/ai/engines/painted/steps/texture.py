"""Knit, tweed and small checks calmed: painted hair by hair they become worms."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.filters.abstraction import smoothed
from cartoon_avatar.ai.filters.blur import blurred
from cartoon_avatar.ai.filters.box import box_of_mask
from cartoon_avatar.ai.filters.canvas import lab_of, rgb_of, sized
from cartoon_avatar.ai.filters.smoothstep import smoothstep
from cartoon_avatar.ai.filters.strokes import cover

# Mean gradient, L per px at a face of 380 px, from which a surface is busy at all.
_BUSY = 0.35, 1.1
# Net over total gradient: repeating texture cancels out, a seam or a large pattern does not.
_REPEATING = 0.25, 0.55
# A wider median takes OpenCV thirty times as long.
_MEDIAN_PX = 5


def texture_of(lab: np.ndarray, face_px: float) -> np.ndarray:
    """H×W float32 0..1: where ``lab`` (H×W×3 CIELAB) is fine repeating texture.

    Windowed total variation against windowed inherent variation (Xu et al. 2012).
    """
    light = np.ascontiguousarray(lab[..., 0])
    across = cv2.Scharr(light, cv2.CV_32F, 1, 0, scale=1 / 32)
    down = cv2.Scharr(light, cv2.CV_32F, 0, 1, scale=1 / 32)
    window = 0.017 * face_px
    total = blurred(np.abs(across), window) + blurred(np.abs(down), window)
    net = np.abs(blurred(across, window)) + np.abs(blurred(down, window))
    busy = smoothstep(total * np.float32(face_px / 380), *_BUSY)
    return busy * (1 - smoothstep(net / np.maximum(total, 1e-3), *_REPEATING))


def calmed(lab: np.ndarray, share: np.ndarray, face_px: float) -> np.ndarray:
    """``lab`` (H×W×3 CIELAB) without its fine texture, by ``share`` (H×W, 0..1).

    Rolling guidance (Zhang et al. 2014): a median forgets the texture, then steers a smoothing
    that keeps the borders of larger shapes.
    """
    calm = lab.copy()
    box = box_of_mask(share, 0.05 * face_px)
    here = calm[box]
    # On a copy so small that a quick median is wide enough.
    width_px = 2 * max(1, round(0.014 * face_px)) + 1
    scale = min(1.0, _MEDIAN_PX / width_px)
    small = sized(here, tuple(max(1, round(scale * length)) for length in here.shape[:2]))
    guide = rgb_of(small)
    for _ in range(2):
        guide = cv2.medianBlur(guide, min(width_px, _MEDIAN_PX))
    size = scale * face_px
    smooth = smoothed(
        guide, 0.7 * lab_of(guide) + 0.3 * blurred(small, 0.009 * size), 0.05 * size, 18
    )
    cover(here, sized(smooth, here.shape), share[box])
    return calm


def deviation_of(lights: np.ndarray) -> float:
    """How far the ``lights`` of hairs deviate from their mean; 0 where there are none."""
    return float(lights.std()) if lights.size else 0.0
