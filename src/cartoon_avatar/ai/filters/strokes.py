"""Antialiased shapes on a picture: tapered strokes and closed outlines, as coverage 0..1."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

# Each pixel is this many samples wide and high before it is averaged.
_SAMPLES = 3
Box = tuple[slice, slice]


def box_around(shape: tuple[int, ...], points: np.ndarray, margin_px: float) -> Box | None:
    """Rows and columns of ``shape`` around ``points`` (N×2 px), None where they lie outside."""
    low = np.floor(points.min(axis=0) - margin_px).astype(int)
    high = np.ceil(points.max(axis=0) + margin_px).astype(int) + 1
    left, top = (int(value) for value in np.maximum(low, 0))
    right, bottom = min(int(high[0]), shape[1]), min(int(high[1]), shape[0])
    if right - left < 2 or bottom - top < 2:
        return None
    return slice(top, bottom), slice(left, right)


def polygon(shape: tuple[int, int], outline: np.ndarray, soft_px: float = 0) -> np.ndarray:
    """H×W float32, the coverage of closed ``outline`` (N×2 px), blurred by ``soft_px``."""
    covered = np.zeros(shape, np.float32)
    box = box_around(shape, outline, 2 + 3 * soft_px)
    if box is None:
        return covered
    offset = np.asarray([box[1].start, box[0].start], np.float32)
    covered[box] = _filled(
        (box[0].stop - box[0].start, box[1].stop - box[1].start), outline - offset
    )
    if soft_px > 0.3:
        covered[box] = cv2.GaussianBlur(covered[box], (0, 0), soft_px)
    return covered


def stroke(
    shape: tuple[int, int], line: np.ndarray, widths_px: np.ndarray, soft_px: float = 0
) -> np.ndarray:
    """H×W float32, the coverage of a stroke along ``line`` (N×2 px), ``widths_px`` wide at each."""
    along = np.gradient(line.astype(np.float32), axis=0)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-6)
    half = np.stack([-along[:, 1], along[:, 0]], axis=1) * (np.asarray(widths_px)[:, None] / 2)
    return polygon(shape, np.concatenate([line + half, (line - half)[::-1]]), soft_px)


def tapered(count: int, start: float = 0.0, end: float = 0.0, power: float = 0.8) -> np.ndarray:
    """A width profile of ``count`` values, 1 in the middle, ``start`` and ``end`` at the ends."""
    place = np.linspace(0, 1, count)
    bell = np.sin(np.pi * np.clip(place, 0.02, 0.98)) ** power
    floor = np.where(place < 0.5, start, end)
    return np.maximum(bell, floor)


def mix(lab: np.ndarray, colour: np.ndarray | Sequence[float], share: np.ndarray) -> None:
    """Move ``lab`` (H×W×3 float32) by ``share`` (H×W, 0..1) of the way to ``colour``, in place."""
    for channel, value in enumerate(colour):
        plane = lab[..., channel]
        plane += share * (np.float32(value) - plane)


def cover(canvas: np.ndarray, layer: np.ndarray, share: np.ndarray) -> None:
    """Lay ``layer`` over ``canvas`` (H×W×3 both) by ``share`` (H×W, 0..1), in place."""
    way = layer - canvas
    way *= cv2.merge([share] * 3)
    canvas += way


def _filled(shape: tuple[int, int], outline: np.ndarray) -> np.ndarray:
    # Pixel centres lie at whole numbers: the first sample of a pixel lies left of its centre.
    fine = (outline + 0.5) * _SAMPLES - 0.5
    mask = np.zeros((shape[0] * _SAMPLES, shape[1] * _SAMPLES), np.uint8)
    # Coordinates with 4 fractional bits.
    cv2.fillPoly(mask, [np.round(fine * 16).astype(np.int32)], 255, cv2.LINE_AA, shift=4)
    small = cv2.resize(mask, shape[::-1], interpolation=cv2.INTER_AREA)
    return small.astype(np.float32) * np.float32(1 / 255)
