"""Whether a drawing shows a face where its photo does, told by the landmarks of both."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cartoon_avatar.ai.seeing.faces import Face

# Shares of a face's size. Between photos and drawings of our own styles, which draw in place, it is
# up to 0.022 and 0.058 where faces are not tiny; generators that draw a person anew are far beyond.
_SHAPE, _PLACE = 0.03, 0.08
# How far the head reaches around the box of its face, in sizes of that.
_HEAD = 0.6


def differences(photo: Face, drawing: Face) -> tuple[float, float]:
    """How much the faces differ in shape, and how far the head is moved, as shares of the face's
    size: what is left of the landmarks' distances (RMS) after the similarity transform that fits
    them best (Umeyama 1991), and the longest way of a corner of the head by that transform.

    Both faces are in pixels of pictures of one size.
    """
    before = photo.landmarks.astype(np.float64)
    after = drawing.landmarks.astype(np.float64)
    matrix = _similarity(before, after)
    size = float(np.sqrt(photo.box[2] * photo.box[3]))
    left = (before @ matrix[:, :2].T + matrix[:, 2]) - after
    shape = float(np.sqrt((left**2).sum(axis=1).mean()))
    x, y, wide, high = photo.box
    reach = _HEAD * size
    corners = np.array(
        [
            [across, down]
            for across in (x - reach, x + wide + reach)
            for down in (y - reach, y + high + reach)
        ]
    )
    moved = corners @ matrix[:, :2].T + matrix[:, 2] - corners
    return shape / size, float(np.hypot(*moved.T).max()) / size


def is_aligned(photo: Face, drawing: Face) -> bool:
    """Whether both show the face in the same place, near enough for a head to be cut out of the
    drawing by the photo."""
    shape, place = differences(photo, drawing)
    return shape <= _SHAPE and place <= _PLACE


def _similarity(before: NDArray[np.float64], after: NDArray[np.float64]) -> NDArray[np.float64]:
    """2×3: the least-squares similarity transform, Umeyama 1991."""
    mean_before, mean_after = before.mean(axis=0), after.mean(axis=0)
    centred_before, centred_after = before - mean_before, after - mean_after
    left, strengths, right = np.linalg.svd(centred_after.T @ centred_before)
    mirror = np.diag([1.0, np.sign(np.linalg.det(left @ right))])
    rotation = left @ mirror @ right
    scale = float((strengths * np.diag(mirror)).sum() / (centred_before**2).sum())
    linear = scale * rotation
    return np.column_stack([linear, mean_after - linear @ mean_before])
