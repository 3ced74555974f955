"""Lines before a face: the bars of a fence, wires, stripes laid over a picture to sell it."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.filters.disc import disc
from cartoon_avatar.ai.pictures import Picture
from cartoon_avatar.ai.seeing.bars import without_bars
from cartoon_avatar.ai.seeing.faces import Face
from cartoon_avatar.ai.seeing.features import OVAL, area
from cartoon_avatar.ai.seeing.looks import face_axes

# Height of the face in the copy that lines are looked for in, px, and how much is shown around it.
_FACE_PX, _REACH = 150, 1.7
# How much darker or lighter than what is beside it a line is, of 255, and half its largest width,
# px of that copy.
_STANDS_OUT, _HALF_WIDTH_PX = 14, 7
# Shares of a face's height: the length of a line, and how much of it lies before the face. Strands
# of hair, brims and spectacles are shorter.
_LONG, _BEFORE = 1.0, 0.35
# The share of a line's pixels that stand out, and the most of those on either side of it: hair and
# cloth have many lines side by side.
_WHOLE, _DENSE = 0.85, 0.5
# Fewer parallel lines are a pole, a cable, a strand of hair; the sine of what is parallel, and what
# is nearer to a line is that line again, px of the copy.
_FEWEST, _PARALLEL, _APART_PX = 2, 0.1, 10
# A median takes away what is less than half as wide as it.
_WIDTHS = 2.6


def behind_lines(picture: Picture, face: Face) -> Picture:
    """``picture`` without the lines that cross ``face``; itself where none do.

    They lead the outline of a head along themselves. A median takes those that are printed
    faintly, or not straight all across the picture.
    """
    picture = without_bars(picture, [face])
    width = _width_of_lines(picture.rgb, face)
    if width is None:
        return picture
    width_px = round(_WIDTHS * width * face_axes(face)[1]) | 1
    return Picture(cv2.medianBlur(picture.rgb, width_px), picture.alpha)


def _width_of_lines(rgb: np.ndarray, face: Face) -> float | None:
    """The width of the lines that cross ``face``, in face heights."""
    unit = face_axes(face)[1]
    oval = face.landmarks[list(OVAL)]
    middle = oval.mean(axis=0)
    x0, y0 = np.maximum(0, np.floor(middle - _REACH * unit)).astype(int)
    x1, y1 = np.minimum(rgb.shape[1::-1], np.ceil(middle + _REACH * unit)).astype(int)
    if min(x1 - x0, y1 - y0) < 1:
        return None
    scale = _FACE_PX / unit
    size = max(1, round((x1 - x0) * scale)), max(1, round((y1 - y0) * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.cvtColor(cv2.resize(rgb[y0:y1, x0:x1], size, interpolation=how), cv2.COLOR_RGB2GRAY)
    before = area(small.shape, (oval - [x0, y0]) * scale) > 0.5
    widths: list[float] = []
    for which in (cv2.MORPH_BLACKHAT, cv2.MORPH_TOPHAT):
        thin = cv2.morphologyEx(small, which, disc(_HALF_WIDTH_PX)) > _STANDS_OUT
        widths += _widths(thin, before)
    return min(widths) / _FACE_PX if widths else None


def _widths(thin: np.ndarray, before: np.ndarray) -> list[float]:
    """In px, one where several lines of what is ``thin`` go across ``before``."""
    found = cv2.HoughLinesP(
        thin.astype(np.uint8), 1, np.pi / 180, 80,
        minLineLength=round(_LONG * _FACE_PX), maxLineGap=8,
    )  # fmt: skip
    lines: list[tuple[float, float]] = []
    most = 0
    widths: list[float] = []
    inside = cv2.distanceTransform(thin.astype(np.uint8), cv2.DIST_L2, 3)
    for x0, y0, x1, y1 in () if found is None else found.reshape(-1, 4).astype(float):
        length = float(np.hypot(x1 - x0, y1 - y0))
        across = np.array([y0 - y1, x1 - x0]) / length
        steps = np.linspace(0, 1, round(length))[:, None]
        points = np.array([x0, y0]) + steps * np.array([x1 - x0, y1 - y0])
        at = _at(points, thin.shape)
        if before[at].sum() < _BEFORE * _FACE_PX or thin[at].mean() < _WHOLE:
            continue
        aside = 1.5 * _HALF_WIDTH_PX * across
        if any(thin[_at(points + side, thin.shape)].mean() > _DENSE for side in (-aside, aside)):
            continue
        widths.append(2 * float(np.percentile(inside[at], 90)))
        angle, offset = np.arctan2(across[1], across[0]) % np.pi, abs(float(across @ points[0]))
        along = [away for other, away in lines if abs(np.sin(angle - other)) < _PARALLEL]
        if all(abs(offset - away) > _APART_PX for away in along):
            lines.append((angle, offset))
            most = max(most, 1 + len(along))
    return [float(np.median(widths))] if most >= _FEWEST else []


def _at(points: np.ndarray, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.rint(points).astype(int).T
    return np.clip(y, 0, shape[0] - 1), np.clip(x, 0, shape[1] - 1)
