"""Patterns of cloth, stripes, checks, prints, as few shapes in the photo's own colours."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.engines.drawn.colours import Lab
from cartoon_avatar.ai.engines.drawn.paths import area_of, few_points, outlines
from cartoon_avatar.ai.engines.drawn.person import Reading, blurred

# Detail finer than this (face heights) and stronger than this (CIELAB) that fills this much of
# a neighbourhood is a pattern; the one edge of a collar fills less of it.
_FINE, _STRONG, _FILLS = 0.028, 4.5, 0.58
_NEIGHBOURHOOD = 0.1
# The narrowest pattern area, face heights.
_NARROWEST = 0.07
# Light and shade wider than this (face heights) are none of the pattern.
_SHADE = 0.09
_COLOURS = 4
# Colours of a pattern that are nearer than this are one.
_SAME = 13.0
_MOST_SHAPES = 160


def patterned(reading: Reading, mask: np.ndarray) -> np.ndarray:
    """Where the cloth of ``mask`` has a pattern, H×W bool."""
    unit_px = reading.unit * reading.scale
    inner = reading.grown(mask, -0.02 * reading.unit)
    weight = inner.astype(np.float32)
    if not inner.any():
        return inner

    def mean_of(values: np.ndarray, sigma: float) -> np.ndarray:
        """Over ``sigma`` face heights, of what is inside."""
        share = np.maximum(blurred(weight, sigma * unit_px), 0.05)
        if values.ndim == 3:
            return blurred(values * weight[..., None], sigma * unit_px) / share[..., None]
        return blurred(values * weight, sigma * unit_px) / share

    sharp = reading.soft(reading.lab, 0.004 * reading.unit)
    detail = np.square(sharp - mean_of(sharp, _FINE)).sum(axis=2)
    strong = ((detail > _STRONG**2) & inner).astype(np.float32)
    return reading.opened((mean_of(strong, _NEIGHBOURHOOD) > _FILLS) & mask,
                          _NARROWEST * reading.unit)  # fmt: skip


def pattern_colours(reading: Reading, region: np.ndarray) -> list[tuple[list[np.ndarray], Lab]]:
    """The pattern of ``region``: outlines (units) and colour, the ground, without outlines, first.

    The clusters of its colours (MacQueen 1967).
    """
    unit = reading.unit
    # Nothing beyond it is looked at.
    left, top, width, height = cv2.boundingRect(region.astype(np.uint8))
    here = slice(top, top + height), slice(left, left + width)
    whole, region, lab = region, region[here], reading.lab[here]
    # Shade and folds are none of the pattern.
    weight = region.astype(np.float32)
    broad = blurred(lab * weight[..., None], _SHADE * unit * reading.scale)
    broad /= np.maximum(blurred(weight, _SHADE * unit * reading.scale), 0.05)[..., None]
    even = lab - 0.9 * (broad - np.median(lab[region], axis=0).astype(np.float32))
    pixels = np.ascontiguousarray(even[region][:: max(1, int(region.sum()) // 2500)], np.float32)
    cv2.setRNGSeed(5)
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_MAX_ITER, 30, 0.1)
    # pyrefly: ignore[no-matching-overload] (OpenCV's stubs know nothing of labels that are None)
    _, labels, centres = cv2.kmeans(
        pixels, min(_COLOURS, len(pixels)), None, criteria, 2, cv2.KMEANS_PP_CENTERS
    )
    counts = np.bincount(labels.ravel(), minlength=len(centres)).astype(float)
    kept: list[int] = []
    for index in np.argsort(-counts):
        apart = [float(np.linalg.norm(centres[index] - centres[other])) for other in kept]
        if counts[index] > 0.05 * counts.sum() and (not apart or min(apart) > _SAME):
            kept.append(int(index))
    # The nearest, by |x - c|² less what all of them share.
    nearest = np.stack([even @ (-2 * centres[i]) + centres[i] @ centres[i] for i in kept])
    nearest = nearest.argmin(axis=0)
    found: list[tuple[list[np.ndarray], Lab]] = []
    for number in range(len(kept)):
        shape = region & (nearest == number)
        # At their edges colours mix.
        core = cv2.erode(shape.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        sure = core if core.sum() > 0.15 * shape.sum() else shape
        colour = np.median(lab[sure], axis=0).astype(float)
        on_grid = np.zeros_like(whole)
        on_grid[here] = shape
        curves = outlines(
            on_grid, reading.scale, blur_px=0.5, smooth=0.005 * unit, least=0.0004 * unit**2
        ) if number else []  # fmt: skip
        found.append((sorted(curves, key=area_of)[-_MOST_SHAPES:], colour))
    return found


def short_path(curves: list[np.ndarray]) -> str:
    """SVG path data of dense closed ``curves`` in a third of the bytes of cubic Béziers.

    A quadratic B-spline: between the midpoints of its control points, each of which is the one
    before mirrored in the midpoint, which SVG's T says without naming it.
    """
    text = []
    for curve in curves:
        control = few_points(curve, fine=0.75)
        middle = np.round((control + np.roll(control, -1, axis=0)) / 2, 1)
        text.append(f"M{middle[-1][0]:.1f} {middle[-1][1]:.1f}")
        for index, ((x, y), (end_x, end_y)) in enumerate(zip(control, middle, strict=True)):
            # Named again now and then: rounding adds up from mirror to mirror.
            text.append(f"Q{x:.1f} {y:.1f} " if index % 6 == 0 else "T")
            text.append(f"{end_x:.1f} {end_y:.1f}")
        text.append("Z")
    return "".join(text)
