"""Lines that a drawing has along the edge of a cut, kept whole."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.head.colour_edge import local_colour

# How deep what is beside a line moves along with it, in halves of its width.
_DEEP = 6


def lines_drawn_in(rgb: np.ndarray, alpha: np.ndarray, width_px: float) -> np.ndarray:
    """``rgb`` (H×W×3 float32 0..1) with the lines on the edge of ``alpha`` moved inside it.

    An outline is drawn half outside of the edge, where a cut would halve it. A wider cut
    would take the backdrop along and be another one in every style; so the rim is warped
    inwards instead, by half of ``width_px``, wherever there is ink just outside. ``alpha`` is
    H×W float32 0..1.
    """
    half = width_px / 2
    solid = (alpha > 0.5).astype(np.uint8)
    depth = cv2.distanceTransform(solid, cv2.DIST_L2, 3)
    depth -= cv2.distanceTransform(1 - solid, cv2.DIST_L2, 3)
    ink = _ink_outside(rgb, alpha, depth, half)

    # Full at the edge, nothing six times as deep: the line stays nearly as wide as it was.
    shift = half * np.clip(1 - depth / (_DEEP * half), 0, 1) * (depth > -2 * half)
    near = shift > 0
    # Depth has a way out everywhere.
    smooth = cv2.GaussianBlur(depth, (0, 0), max(1.0, half))
    x = -cv2.Sobel(smooth, cv2.CV_32F, 1, 0)
    y = -cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
    shift = np.where(near, shift / np.maximum(np.hypot(x, y), 1e-6), 0).astype(np.float32)
    rows, columns = np.mgrid[: alpha.shape[0], : alpha.shape[1]].astype(np.float32)
    warped = cv2.remap(
        rgb,
        columns + shift * x,
        rows + shift * y,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return rgb + (ink * near)[..., None] * (warped - rgb)


def _ink_outside(rgb: np.ndarray, alpha: np.ndarray, depth: np.ndarray, half: float) -> np.ndarray:
    """How far the edge near a pixel has a dark line on its outer side, H×W float32 0..1."""
    light = rgb.mean(axis=2)
    beyond = ((depth < -2 * half) & (alpha < 0.02)).astype(np.float32)
    window = 2 * round(4 * half) + 1
    behind, _, there = local_colour(rgb, beyond, window)
    dark = np.clip((behind.mean(axis=2) - light - 0.12) / 0.12, 0, 1) * (light < 0.45) * there
    ring = ((depth < 0) & (depth >= -half - 0.5)).astype(np.float32)
    # As deep as lines are moved, or it would end in a step.
    size = (2 * round((_DEEP + 1) * half) + 1,) * 2
    share = cv2.blur(dark * ring, size) / np.maximum(cv2.blur(ring, size), 1e-3)
    return np.clip((share - 0.3) / 0.3, 0, 1)
