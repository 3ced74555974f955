"""Rectangles of a picture, as slices of rows and columns."""

from __future__ import annotations

import numpy as np

Box = tuple[slice, slice]


def box_of(shape: tuple[int, int], points: np.ndarray, margin_px: float) -> Box:
    """What of a picture of ``shape`` holds ``points`` (N×2 px) and ``margin_px`` around them."""
    left, top = np.floor(points.min(axis=0) - margin_px).astype(int)
    right, bottom = np.ceil(points.max(axis=0) + margin_px).astype(int) + 1
    height, width = shape
    left, right = np.clip([left, right], 0, width)
    top, bottom = np.clip([top, bottom], 0, height)
    # Never empty: a face that lies outside the picture gets a pixel at its rim.
    top, left = min(top, height - 1), min(left, width - 1)
    return slice(top, max(bottom, top + 1)), slice(left, max(right, left + 1))


def box_of_mask(mask: np.ndarray, margin_px: float = 0) -> Box:
    """What holds all of ``mask`` (H×W, 0..1) that is not next to nothing, and ``margin_px`` around
    it."""
    rows = np.flatnonzero(mask.max(axis=1) > 0.02)
    columns = np.flatnonzero(mask.max(axis=0) > 0.02)
    if len(rows) == 0:
        return slice(0, 1), slice(0, 1)
    margin = round(margin_px)
    return (
        slice(max(0, rows[0] - margin), rows[-1] + 1 + margin),
        slice(max(0, columns[0] - margin), columns[-1] + 1 + margin),
    )


def doubled(box: Box, shape: tuple[int, ...]) -> Box:
    """What ``box`` of a picture half as large as ``shape`` shows, in the larger one."""
    rows, columns = (
        slice(2 * part.start, length if 2 * part.stop + 2 > length else 2 * part.stop)
        for part, length in zip(box, shape, strict=True)
    )
    return rows, columns


def corner_of(box: Box) -> np.ndarray:
    """The left and top of ``box``, px: float32, to be taken off points that lie in it."""
    return np.asarray([box[1].start, box[0].start], np.float32)
