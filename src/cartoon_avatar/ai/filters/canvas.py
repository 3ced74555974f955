"""A picture as the eye takes it in: light in full detail, colour in half of it.

Shapes are drawn by lightness; hue has no edge finer than theirs. Colour at half size is a
quarter of the work and of the memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

# L of what OpenCV writes in eight bits.
_LIGHT = np.linspace(0, 100, 256, dtype=np.float32)


@dataclass(slots=True, eq=False)
class Canvas:
    """CIELAB in planes: ``light`` H×W float32, 0..100; ``a``, ``b`` h×w float32.

    The colours are half as wide and high until they are printed.
    """

    light: np.ndarray
    a: np.ndarray
    b: np.ndarray

    def full(self) -> Canvas:
        """The same with colours as large as the light."""
        shape = self.light.shape
        return Canvas(self.light, sized(self.a, shape), sized(self.b, shape))

    def cropped(self, box: tuple[slice, slice], small: tuple[slice, slice]) -> Canvas:
        """A view of ``box`` of the light and ``small`` of the colours."""
        return Canvas(self.light[box], self.a[small], self.b[small])

    def lab(self) -> np.ndarray:
        """H×W×3 float32 CIELAB at the size of the light."""
        full = self.full()
        return cv2.merge([full.light, full.a, full.b])

    def small_lab(self) -> np.ndarray:
        """h×w×3 float32 CIELAB, light at the size of the colours."""
        return cv2.merge([sized(self.light, self.a.shape), self.a, self.b])


def canvas_of(rgb: np.ndarray) -> Canvas:
    """``rgb`` is H×W×3 uint8, sRGB."""
    light = cv2.extractChannel(cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB), 0)
    light = cv2.LUT(light, _LIGHT)
    size = (max(1, rgb.shape[1] // 2), max(1, rgb.shape[0] // 2))
    _, a, b = planes_of(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA))
    return Canvas(light, a, b)


def bands(height: int, rows: int = 64) -> Iterator[slice]:
    """The rows of a picture, 64 at a time: few enough for the processor's own memory."""
    for top in range(0, height, rows):
        yield slice(top, min(top + rows, height))


def planes_of(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Light (L 0..100), a and b of sRGB uint8 (H×W×3), H×W float32 each, in 256 steps."""
    light, a, b = cv2.split(cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB))
    zero = np.float32(128)
    return cv2.LUT(light, _LIGHT), a - zero, b - zero


def lab_of(rgb: np.ndarray) -> np.ndarray:
    """CIELAB float32 (L 0..100) of sRGB uint8, H×W×3 each."""
    return cv2.cvtColor(rgb.astype(np.float32) * np.float32(1 / 255), cv2.COLOR_RGB2LAB)


def rgb_of(lab: np.ndarray) -> np.ndarray:
    """sRGB uint8 of CIELAB float32, H×W×3 each."""
    return to_bytes(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB))


def to_bytes(rgb: np.ndarray) -> np.ndarray:
    """uint8 of float32 0..1, rounded; what is beyond is cut off."""
    return cv2.convertScaleAbs(np.maximum(rgb, 0), alpha=255)


def shrunk(rgb: np.ndarray, longest_px: int) -> np.ndarray:
    """``rgb`` (H×W×3 uint8) with no side longer than ``longest_px``; smaller ones as they are."""
    height, width = rgb.shape[:2]
    scale = min(1.0, longest_px / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    # By whole halves first: an odd ratio costs OpenCV ten times as much.
    while width >= 2 * size[0] and height >= 2 * size[1] and min(height, width) > 1:
        width, height = width // 2, height // 2
        rgb = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA)
    return cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)


def sized(plane: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """``plane`` (float32, H×W or H×W×C) brought to the height and width of ``shape``."""
    if plane.shape[:2] == tuple(shape[:2]):
        return plane
    how = cv2.INTER_AREA if plane.shape[0] > shape[0] else cv2.INTER_LINEAR
    return cv2.resize(plane, (shape[1], shape[0]), interpolation=how)


def sharply_enlarged(plane: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """``plane`` (float32, H×W) at the size of ``shape``, for edges that will be cut by a step."""
    return cv2.resize(plane, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)


def blend_into(
    values: np.ndarray,
    goal: np.ndarray | np.floating | float,
    share: np.ndarray | np.floating,
) -> None:
    """Move ``values`` by ``share`` (0..1) of the way to ``goal``, in place."""
    way = goal - values
    way *= share
    values += way
