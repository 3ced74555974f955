"""Curves: smooth outlines of masks, and Bézier paths through few points.

Points are N×2 float, x to the right and y down, in units of the canvas.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

# How far shapes that meet the frame go on beyond it, pixels of the mask.
_BEYOND_PX = 20


def smoothed_values(values: np.ndarray, sigma: float, *, closed: bool = False) -> np.ndarray:
    """``values`` (N or N×C) under a Gaussian of ``sigma`` samples."""
    values = np.asarray(values, float)
    if sigma <= 0 or len(values) < 3:
        return values
    reach = min(int(3 * sigma) + 1, len(values) - 1)
    kernel = bell(sigma, reach)
    rows = values.reshape(len(values), -1)
    # An open curve keeps its ends: it is mirrored through them.
    if closed:
        padded = np.concatenate([rows[-reach:], rows, rows[:reach]])
    else:
        before, after = 2 * rows[:1] - rows[reach:0:-1], 2 * rows[-1:] - rows[-2 : -reach - 2 : -1]
        padded = np.concatenate([before, rows, after])
    columns = [np.convolve(column, kernel, "valid") for column in padded.T]
    return np.stack(columns, axis=1).reshape(values.shape)


@lru_cache(maxsize=256)
def bell(sigma: float, reach: int) -> np.ndarray:
    """A Gaussian of ``sigma`` samples over ``reach`` of them to both sides; its sum is 1."""
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return kernel / kernel.sum()


def resampled(points: np.ndarray, step: float, *, closed: bool = False) -> np.ndarray:
    """The polyline with a point every ``step`` units."""
    points = np.asarray(points, float)
    line = np.concatenate([points, points[:1]]) if closed else points
    along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    count = max(4, round(along[-1] / step))
    at = np.linspace(0, along[-1], count, endpoint=not closed)
    return np.stack([np.interp(at, along, line[:, axis]) for axis in (0, 1)], axis=1)


def spline(points: np.ndarray, *, closed: bool = False, per_segment: int = 10) -> np.ndarray:
    """A dense Catmull–Rom spline through ``points``."""
    p = np.asarray(points, float)
    if closed:
        p = np.concatenate([p[-1:], p, p[:2]])
    else:
        p = np.concatenate([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
    a, b, c, d = (x[:, None] for x in (p[:-3], p[1:-2], p[2:-1], p[3:]))
    t = np.linspace(0, 1, per_segment, endpoint=False)[None, :, None]
    curve = 0.5 * (
        2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3
    )
    curve = curve.reshape(-1, 2)
    return curve if closed else np.concatenate([curve, p[-2:-1]])


def few_points(
    points: np.ndarray, *, closed: bool = True, longest: float = 60.0, fine: float = 1.0
) -> np.ndarray:
    """Of a dense smooth curve as many points as its turns need.

    They lie denser where it turns, at most ``longest`` units apart; ``fine`` below 1 takes
    fewer.
    """
    points = np.asarray(points, float)
    if len(points) < 8:
        return points
    line = np.concatenate([points, points[:1]]) if closed else points
    steps = np.diff(line, axis=0)
    length = np.maximum(np.hypot(*steps.T), 1e-9)
    heading = np.arctan2(steps[:, 1], steps[:, 0])
    turn = np.diff(heading, append=heading[:1] if closed else heading[-1:])
    turn = np.abs((turn + np.pi) % (2 * np.pi) - np.pi)
    turn = smoothed_values(turn, 2, closed=closed)
    # A point every half a radian of turning, and for length what keeps long arcs true.
    weight = np.concatenate([[0], np.cumsum(fine * turn / 0.5 + length / longest)])
    count = max(6, round(weight[-1]))
    at = np.linspace(0, weight[-1], count, endpoint=not closed)
    return np.stack([np.interp(at, weight, line[:, axis]) for axis in (0, 1)], axis=1)


def bezier(points: np.ndarray, *, closed: bool = True) -> str:
    """SVG path data of cubic Béziers through ``points``, tangents as Catmull–Rom's."""
    p = np.asarray(points, float)
    if len(p) < 3 or not np.isfinite(p).all():
        return ""
    padded = np.concatenate([p[-1:], p, p[:2]] if closed else [p[:1], p, p[-1:]])
    before, start, end, after = padded[:-3], padded[1:-2], padded[2:-1], padded[3:]
    # Handles no longer than a third of their own segment: uneven spacing makes no loops.
    span = np.hypot(*(end - start).T)[:, None]

    def handle(tangent: np.ndarray) -> np.ndarray:
        size = np.maximum(np.hypot(*tangent.T)[:, None], 1e-9)
        return tangent / size * np.minimum(size / 6, span / 3)

    first, second = start + handle(end - before), end - handle(after - start)
    # Steps from point to point are shorter to write than places. Rounded before they are
    # subtracted, they do not drift.
    corners = np.stack([start, first, second, end], axis=1)
    tenths = np.round(corners * 10).astype(int)
    steps = (tenths[:, 1:] - tenths[:, :1]).reshape(-1) / 10
    # One format for the whole path: number by number takes as long as all the geometry.
    text = ("M%.1f %.1f" + "c%g %g %g %g %g %g" * len(end)) % (*p[0], *steps.tolist())
    return text.replace(" -", "-") + ("Z" if closed else "")


def polygon(points: np.ndarray) -> str:
    """SVG path data of straight lines through ``points``."""
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) + "Z"


def outlines(
    mask: np.ndarray,
    scale: float,
    *,
    blur_px: float = 1.5,
    smooth: float = 4.0,
    least: float = 150.0,
    holes: bool = True,
) -> list[np.ndarray]:
    """Dense smooth outlines of ``mask`` (H×W bool or float 0..1), in units.

    ``scale`` is pixels of the mask a unit; ``smooth`` and the square root of ``least``, the
    smallest area drawn, are in units. Shapes that meet the frame go on beyond it.
    """
    left, top, width, height = cv2.boundingRect((mask > 0.02).astype(np.uint8))
    if not width:
        return []
    margin = int(4 * blur_px) + 2
    left, top = max(0, left - margin), max(0, top - margin)
    mask = mask[top : top + height + 2 * margin, left : left + width + 2 * margin]
    soft = cv2.copyMakeBorder(
        mask.astype(np.float32), *[_BEYOND_PX] * 4, borderType=cv2.BORDER_REPLICATE
    )
    if blur_px > 0:
        soft = cv2.GaussianBlur(soft, (0, 0), blur_px)
    soft = cv2.copyMakeBorder(soft, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    # OpenCV's contours run through pixel centres; on twice the pixels that error is halved.
    twice = cv2.resize(soft, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
    mode = cv2.RETR_CCOMP if holes else cv2.RETR_EXTERNAL
    found, _ = cv2.findContours((twice > 0.5).astype(np.uint8), mode, cv2.CHAIN_APPROX_NONE)
    curves = []
    for contour in found:
        if len(contour) < 16:
            continue
        points = (contour[:, 0].astype(float) - 0.5) / 2 - (_BEYOND_PX + 1)
        points = (points + 0.5 + (left, top)) / scale
        if area_of(points) < least:
            continue
        points = resampled(points, 2.0, closed=True)
        curves.append(smoothed_values(points, smooth / 2.0, closed=True))
    return curves


def area_of(points: np.ndarray) -> float:
    """The shoelace formula, of closed ``points``."""
    x, y = points.T
    # The last side by itself: np.roll takes longer than all the rest.
    doubled = x[:-1] @ y[1:] - y[:-1] @ x[1:] + x[-1] * y[0] - y[-1] * x[0]
    return 0.5 * abs(float(doubled))


def path_of(curves: list[np.ndarray], *, fine: float = 1.0, longest: float = 60.0) -> str:
    """SVG path data of dense closed ``curves``."""
    return "".join(bezier(few_points(c, fine=fine, longest=longest)) for c in curves)
