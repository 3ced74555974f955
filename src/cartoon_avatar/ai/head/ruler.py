"""A head measured by its face: lengths in face heights, chin to forehead."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from cartoon_avatar.ai.filters.smoothstep import smoothstep
from cartoon_avatar.ai.head.sampling import Square
from cartoon_avatar.ai.seeing.faces import Face
from cartoon_avatar.ai.seeing.features import OVAL

_FOREHEAD, _CHIN, _LEFT_EAR, _RIGHT_EAR, _NOSE = 10, 152, 234, 454, 1
# The skull, in face heights: its middle above the chin and half its height; half its width
# seen from the front, of a face whose width is 1, and seen from the side.
_MIDDLE_UP, _HALF_HEIGHT = 0.72, 0.85
_HALF_FRONT, _HALF_SIDE = 0.62, 0.78
_NARROWEST = 0.8
# How far the nose lies beside the middle of the ears from where on a face is turned, and from
# where on it is seen from the side.
_TURNED, _PROFILE = 0.15, 0.55


@dataclass(frozen=True, slots=True, eq=False)
class Ruler:
    """Measures a picture by a face in it."""

    chin: np.ndarray
    right: np.ndarray
    down: np.ndarray
    height: float
    #: Where the middle of the skull lies, right of the chin, and half its width.
    middle: float
    half: float
    #: 0 seen from the front, 1 from the side; negative where the face looks left.
    turn: float
    #: The outline of the face, N×2 px.
    oval: np.ndarray

    @classmethod
    def of(cls, face: Face) -> Ruler:
        points = face.landmarks.astype(np.float64)
        down = points[_CHIN] - points[_FOREHEAD]
        height = float(np.hypot(*down))
        down = down / height
        right = np.array([down[1], -down[0]])
        ears = points[[_LEFT_EAR, _RIGHT_EAR]]
        width = float(abs((ears[1] - ears[0]) @ right)) / height
        behind = float((ears.mean(axis=0) - points[_CHIN]) @ right) / height
        nose = float((points[_NOSE] - ears.mean(axis=0)) @ right) / height
        # From the side a head is longest and lies behind the face.
        turn = float(smoothstep(np.array(abs(nose)), _TURNED, _PROFILE))
        middle = (0.5 + 0.5 * turn) * behind
        half = (1 - turn) * _HALF_FRONT * max(width, _NARROWEST) + turn * _HALF_SIDE
        turn = float(np.copysign(turn, nose))
        return cls(points[_CHIN], right, down, height, middle, half, turn, points[list(OVAL)])

    @property
    def roll(self) -> float:
        """How far the head leans clockwise, radians."""
        return float(np.arctan2(self.right[1], self.right[0]))

    @property
    def middle_of_skull(self) -> np.ndarray:
        """x, y px."""
        middle = self.middle * self.right - _MIDDLE_UP * self.down
        return self.chin + self.height * middle

    def measure(self, square: Square, px: int) -> tuple[np.ndarray, np.ndarray]:
        """Right of and below the chin, for the pixel centres of ``square`` at ``px``²: P×P."""
        pitch = square.side / px
        x = square.left + (np.arange(px) + 0.5) * pitch - self.chin[0]
        y = (square.top + (np.arange(px) + 0.5) * pitch - self.chin[1])[:, None]
        across = (x * self.right[0] + y * self.right[1]) / self.height
        down = (x * self.down[0] + y * self.down[1]) / self.height
        return across.astype(np.float32), down.astype(np.float32)

    def from_skull(self, across: np.ndarray, down: np.ndarray) -> np.ndarray:
        """Distance from the middle of the head: 1 all around a generous skull."""
        x = (across - self.middle) / self.half
        y = (down + _MIDDLE_UP) / _HALF_HEIGHT
        return np.sqrt(x * x + y * y)

    def sideways(self, across: np.ndarray) -> np.ndarray:
        """Right of the middle of the skull, as if it were seen from the front."""
        return (across - self.middle) * (_HALF_FRONT / self.half)

    def face_area(self, square: Square, px: int) -> np.ndarray:
        """P×P float32: 1 in the face, a little smaller than it is."""
        points = (self.oval - [square.left, square.top]) * (px / square.side)
        centre = points.mean(axis=0)
        points = centre + 0.96 * (points - centre)
        mask = np.zeros((px, px), np.float32)
        hull = cv2.convexHull(np.round(points * 16).astype(np.int32))
        cv2.fillConvexPoly(mask, hull, 1.0, cv2.LINE_8, 4)
        return mask
