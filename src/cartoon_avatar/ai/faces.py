"""Finds faces and their landmarks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cartoon_avatar.ai.pictures import Picture


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """A face in a picture, all lengths in pixels of that picture.

    ``box`` is left, top, width, height; ``landmarks`` is 478×2 float32 (x, y), the
    MediaPipe face mesh with irises; ``score`` is the detector's confidence, 0..1.
    """

    box: tuple[float, float, float, float]
    landmarks: np.ndarray
    score: float


# All faces of a picture, the most prominent first; empty where there is none.
FaceFinder = Callable[[Picture], list[Face]]
