"""Smile lines and wrinkles: the thin dark valleys that the photo's skin really has."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.engines.drawn.colours import mixed
from cartoon_avatar.ai.engines.drawn.likeness import made_up, youth
from cartoon_avatar.ai.engines.drawn.pen import Pen
from cartoon_avatar.ai.engines.drawn.person import Reading
from cartoon_avatar.ai.seeing.features import grown

# How much darker than both its sides a line is to be drawn, L.
_DEPTH = 2.6
# Shorter than this, in face heights, it is a mole or noise.
_SHORTEST = 0.075


def draw_creases(pen: Pen, covered: np.ndarray) -> None:
    """``covered`` is where beard or glasses hide the skin, on the grid."""
    reading, close = pen.reading, pen.reading.close
    young = youth(reading)
    if young > 0.6:
        return
    dark = valleys(reading, covered)
    level = _DEPTH * (1 + young + 0.9 * made_up(reading))
    deep = dark > level
    _, labels, stats, _ = cv2.connectedComponentsWithStats(deep.astype(np.uint8))
    reach = np.hypot(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT])
    thick = stats[:, cv2.CC_STAT_AREA] / np.maximum(reach, 1)
    keep = (reach > _SHORTEST * close.unit) & (thick < 0.35 * reach)
    keep[0] = False
    lines = keep[labels]
    if not lines.any():
        return
    near = close.grown(lines, 0.008)
    for more, colour in (
        (0.0, mixed(pen.skin.shade, pen.skin.deep, 0.6)),
        (3.5, mixed(pen.skin.deep, pen.skin.line, 0.25)),
    ):
        mask = np.clip(0.5 + (dark - level - more) / 4, 0, 1) * near
        pen.sheet.fill(close.path(mask, smooth=0.005, least=0.0004), colour)


def valleys(reading: Reading, covered: np.ndarray) -> np.ndarray:
    """How much darker than its sides a place on the skin is, across its valley; H×W float32, L.

    The larger eigenvalue of the Hessian, times the square of its scale (Lindeberg 1998).
    """
    close, unit = reading.close, reading.unit
    sigma = 0.0085
    light = close.soft(close.light, sigma)
    dxx = cv2.Sobel(light, cv2.CV_32F, 2, 0, ksize=3) / 4
    dyy = cv2.Sobel(light, cv2.CV_32F, 0, 2, ksize=3) / 4
    dxy = cv2.Sobel(light, cv2.CV_32F, 1, 1, ksize=3) / 4
    bend = (dxx + dyy) / 2 + np.sqrt(((dxx - dyy) / 2) ** 2 + dxy**2)
    depth = bend * (sigma * close.unit) ** 2
    hair = reading.grown(reading.hair | reading.hat | covered, 0.02 * unit)
    bare = reading.closely(
        (reading.face | reading.oval) & ~hair & reading.grown(reading.oval, -0.075 * unit)
    )
    features = reading.features
    bare &= ~close.grown(close.inside(features.lips), 0.03)
    bare &= ~close.grown(close.inside(features.nose_base), 0.012)
    # Through lenses they are reflections.
    worn = reading.subject.glasses is not None and reading.subject.glasses.value != "none"
    for eye in features.eyes:
        bare &= ~close.inside(grown(eye.outline, 2.4 if worn else 1.75))
    for brow in features.brows:
        bare &= ~close.grown(close.inside(cv2.convexHull(brow.astype(np.float32))[:, 0]), 0.022)
    return np.clip(depth, 0, None) * close.soft(bare.astype(np.float32), 0.006)
