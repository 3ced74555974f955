"""A look at the face alone: upright, and finer than the grid that the whole drawing is read on."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from cartoon_avatar.ai.engines.drawn.colours import lab_of
from cartoon_avatar.ai.engines.drawn.paths import outlines, path_of
from cartoon_avatar.ai.filters.blur import blurred

# The look's size in heights of the face, and that height in its pixels.
_WIDE, _HIGH = 1.3, 1.45
_FACE_PX = 300


@dataclass(frozen=True, slots=True, eq=False)
class Close:
    """``lab`` is H×W×3 float32 CIELAB; x runs across the face, y down it.

    ``scale`` is its pixels a unit, ``unit`` the face's height in its pixels.
    """

    lab: np.ndarray
    light: np.ndarray  # its first plane
    scale: float
    unit: float
    middle: np.ndarray  # units
    axes: np.ndarray  # 2×2, the rows across and down

    @property
    def shape(self) -> tuple[int, int]:
        high, wide = self.lab.shape[:2]
        return high, wide

    def here(self, points: np.ndarray) -> np.ndarray:
        """``points`` (N×2 units) as x and y in pixels of the look."""
        high, wide = self.shape
        turned = (np.asarray(points, float) - self.middle) @ self.axes.T
        return turned * self.scale + (wide / 2, high / 2)

    def units(self, points: np.ndarray) -> np.ndarray:
        """Back from ``here``."""
        high, wide = self.shape
        return (points - (wide / 2, high / 2)) / self.scale @ self.axes + self.middle

    def inside(self, outline: np.ndarray) -> np.ndarray:
        """H×W bool: the pixels within ``outline`` (N×2 units)."""
        mask = np.zeros(self.shape, np.uint8)
        points = np.round((self.here(outline) - 0.5) * 16).astype(np.int32)
        cv2.fillPoly(mask, [points], 255, cv2.LINE_AA, shift=4)
        return mask > 127

    def from_grid(self, plane: np.ndarray, scale: float) -> np.ndarray:
        """H×W float32 of ``plane``, which has ``scale`` pixels a unit."""
        values = plane.astype(np.float32)
        return turned(values, scale, self.middle, self.axes, self.scale, self.shape)

    def soft(self, values: np.ndarray, by: float) -> np.ndarray:
        """``values`` (H×W float32) under a Gaussian of ``by`` face heights."""
        return blurred(values, max(0.5, by * self.unit))

    def soft_within(self, values: np.ndarray, weight: np.ndarray, by: float) -> np.ndarray:
        """The same, each pixel counting by ``weight`` (Knutsson and Westin 1993)."""
        return self.soft(values * weight, by) / np.maximum(self.soft(weight, by), 1e-3)

    def grown(self, mask: np.ndarray, by: float) -> np.ndarray:
        """``mask`` grown (below 0: shrunk) by ``by`` face heights."""
        return grown_by(mask, by * self.unit)

    def path(
        self,
        mask: np.ndarray,
        *,
        smooth: float,
        least: float,
        fine: float = 1.0,
        raised: float = 0.0,
    ) -> str:
        """SVG path data about ``mask`` (H×W bool, or 0..1 cut at 0.5), units.

        ``smooth`` and ``raised`` (up the face) are in face heights, ``least`` in their squares.
        """
        unit = self.unit / self.scale
        curves = outlines(
            mask, self.scale, blur_px=0.7, smooth=smooth * unit, least=least * unit**2
        )
        up = raised * unit * self.axes[1]
        return path_of([self.units(curve * self.scale) - up for curve in curves], fine=fine)


def grown_by(mask: np.ndarray, px: float) -> np.ndarray:
    """``mask`` (H×W bool) grown (below 0: shrunk) by ``px``."""
    if px >= 0:
        return cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 3) <= px
    return cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 3) > -px


def turned(
    plane: np.ndarray,
    scale: float,
    middle: np.ndarray,
    axes: np.ndarray,
    to_scale: float,
    shape: tuple[int, int],
) -> np.ndarray:
    """``plane`` (``scale`` pixels a unit) about ``middle`` along ``axes``, ``to_scale`` a unit."""
    high, wide = shape
    # From the look's pixels back into the plane's.
    back = axes.T * (scale / to_scale)
    start = middle * scale - back @ [wide / 2, high / 2]
    # Whole pixels' centres lie at a half.
    start += back @ [0.5, 0.5] - 0.5
    matrix = np.concatenate([back, start[:, None]], axis=1).astype(np.float32)
    return cv2.warpAffine(
        plane,
        matrix,
        (wide, high),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )


def look_close(
    rgb: np.ndarray, scale: float, oval: np.ndarray, unit: float, axes: np.ndarray
) -> Close:
    """``rgb`` (H×W×3 uint8, ``scale`` pixels a unit) about the face of outline ``oval`` (units)."""
    to_scale = _FACE_PX / unit
    shape = (round(_HIGH * _FACE_PX), round(_WIDE * _FACE_PX))
    across, down = oval @ axes.T[:, 0], oval @ axes.T[:, 1]
    middle = np.array([across.min() + across.max(), down.min() + down.max()]) / 2 @ axes
    if scale > 1.5 * to_scale:
        shrink = to_scale / scale
        rgb = cv2.resize(rgb, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        scale = to_scale
    lab = lab_of(turned(rgb, scale, middle, axes, to_scale, shape))
    light = np.ascontiguousarray(lab[..., 0])
    return Close(lab, light, to_scale, float(_FACE_PX), middle, axes)
