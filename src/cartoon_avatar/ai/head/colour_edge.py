"""An edge moved to where the colours change."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.filters.disc import disc


def colour_edge(rgb: np.ndarray, alpha: np.ndarray, band_px: float) -> np.ndarray:
    """``alpha`` (H×W float32 0..1), decided anew within ``band_px`` of its edge.

    There a pixel's alpha is its place on the line between the mean colours of the sure
    inside and the sure outside near it (Ruzon & Tomasi 2000, with one cluster each). It
    counts as much as the two colours differ against their own spread; where they do not,
    ``alpha`` stays. ``rgb`` is H×W×3 float32 0..1.
    """
    reach = max(1, round(band_px))
    solid = (alpha > 0.5).astype(np.uint8)
    inside = cv2.erode(solid, disc(reach))
    outside = cv2.erode(1 - solid, disc(reach))
    band = (inside == 0) & (outside == 0)

    window = 4 * reach + 1
    fore, fore_spread, fore_there = local_colour(rgb, inside.astype(np.float32), window)
    back, back_spread, back_there = local_colour(rgb, outside.astype(np.float32), window)

    line = fore - back
    length2 = _summed(line * line)
    place = _summed((rgb - back) * line) / np.maximum(length2, 1e-6)
    contrast = length2 / (length2 + 2 * (fore_spread + back_spread) + 0.003)
    sure = np.clip((contrast - 0.35) / 0.4, 0, 1) * (fore_there & back_there & band)
    return alpha + sure * (np.clip(1.25 * place - 0.125, 0, 1) - alpha)


def like_background(rgb: np.ndarray, alpha: np.ndarray, band_px: float) -> np.ndarray:
    """How far a pixel of the rim has the colour of what lies outside, H×W float32 0..1.

    A drawing's edges run a little beside its photo's: within ``band_px`` inside of the edge
    of ``alpha`` (H×W float32 0..1) the background's paint may stand. ``rgb`` is H×W×3
    float32 0..1.
    """
    reach = max(1, round(band_px))
    solid = (alpha > 0.5).astype(np.uint8)
    inside = cv2.erode(solid, disc(reach))
    outside = (alpha < 0.02).astype(np.float32)

    window = 6 * reach + 1
    fore, fore_spread, fore_there = local_colour(rgb, inside.astype(np.float32), window)
    back, back_spread, back_there = local_colour(rgb, outside, window)
    to_fore = _summed((rgb - fore) ** 2) / (fore_spread + 0.004)
    to_back = _summed((rgb - back) ** 2) / (back_spread + 0.004)
    likeness = to_fore / (to_fore + to_back + 1e-3)
    return np.clip((likeness - 0.5) / 0.2, 0, 1) * ((inside == 0) & fore_there & back_there)


def local_colour(
    rgb: np.ndarray, where: np.ndarray, window: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean colour and its variance over ``where`` near each pixel, and whether there is any."""
    size = rgb.shape[1::-1]
    # A mean over many pixels loses nothing at half the size.
    shrink = 2 if window >= 8 else 1
    small = (max(1, size[0] // shrink), max(1, size[1] // shrink))
    masked = rgb * where[..., None]
    square = _summed(masked * rgb)
    weighted = [
        cv2.blur(cv2.resize(part, small, interpolation=cv2.INTER_AREA), (window // shrink,) * 2)
        for part in (masked, np.dstack([square, where]))
    ]
    amount = weighted[1][..., 1]
    mean = weighted[0] / np.maximum(amount, 1e-6)[..., None]
    spread = weighted[1][..., 0] / np.maximum(amount, 1e-6) - _summed(mean * mean)
    mean = cv2.resize(mean, size)
    rest = cv2.resize(np.dstack([np.maximum(spread, 0), amount]), size)
    return mean, rest[..., 0], rest[..., 1] > 0.02


def _summed(planes: np.ndarray) -> np.ndarray:
    """The sum of three planes, H×W×3 float32; NumPy takes ten times as long along the last axis."""
    return cv2.transform(planes, np.ones((1, 3), np.float32))
