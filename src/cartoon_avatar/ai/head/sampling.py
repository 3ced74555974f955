"""Squares of a picture, at any size."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from cartoon_avatar.ai.pictures import Picture


@dataclass(frozen=True, slots=True)
class Square:
    """A square of a picture, px; it may reach past its border."""

    left: float
    top: float
    side: float

    def scaled(self, factor: float) -> Square:
        """The same square of the picture made ``factor`` times as large."""
        return Square(self.left * factor, self.top * factor, self.side * factor)


def sampled(array: np.ndarray, square: Square, size: int) -> np.ndarray:
    """A square of ``array`` (H×W or H×W×C) at ``size``²; past the border the border goes on."""
    left, top, side = square.left, square.top, square.side
    whole = float(left).is_integer() and float(top).is_integer() and float(side).is_integer()
    height, width = array.shape[:2]
    if whole and left >= 0 and top >= 0 and left + side <= width and top + side <= height:
        part = array[int(top) : int(top + side), int(left) : int(left + side)]
        how = cv2.INTER_AREA if size < side else cv2.INTER_CUBIC
        return cv2.resize(part, (size, size), interpolation=how)

    x0, y0 = (
        int(np.clip(np.floor(start) - 2, 0, end - 1))
        for start, end in ((left, width), (top, height))
    )
    x1, y1 = (
        int(np.clip(np.ceil(start + side) + 2, first + 1, end))
        for start, first, end in ((left, x0, width), (top, y0, height))
    )
    part = array[y0:y1, x0:x1]
    if size < side:
        shrunk = (max(1, round((x1 - x0) * size / side)), max(1, round((y1 - y0) * size / side)))
        part = cv2.resize(part, shrunk, interpolation=cv2.INTER_AREA)
    step_x, step_y = part.shape[1] / (x1 - x0), part.shape[0] / (y1 - y0)
    pitch = side / size
    # Pixel centres lie at halves.
    to_part = np.array(
        [
            [pitch * step_x, 0, (left + pitch / 2 - x0) * step_x - 0.5],
            [0, pitch * step_y, (top + pitch / 2 - y0) * step_y - 0.5],
        ]
    )
    how = cv2.INTER_LINEAR if size < side else cv2.INTER_CUBIC
    return cv2.warpAffine(
        part, to_part, (size, size), flags=how | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip


def inside_of(picture: Picture, square: Square, px: int) -> np.ndarray:
    """P×P float32: 1 where the square lies in the picture and the picture is opaque."""
    centres = (np.arange(px) + 0.5) * (square.side / px)
    x, y = square.left + centres, square.top + centres
    inside = np.outer((y >= 0) & (y < picture.height), (x >= 0) & (x < picture.width))
    inside = inside.astype(np.float32)
    if picture.alpha is not None:
        inside *= sampled(picture.alpha, square, px) > 127
    return inside
