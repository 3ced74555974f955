"""Bytes to arrays and back: the one picture type of the AI service."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """An upright picture in sRGB.

    ``rgb`` is H×W×3 uint8 in R, G, B order; ``alpha`` is H×W uint8 (255 opaque) or
    None where every pixel is opaque.
    """

    rgb: np.ndarray
    alpha: np.ndarray | None = None

    @property
    def height(self) -> int:
        return self.rgb.shape[0]

    @property
    def width(self) -> int:
        return self.rgb.shape[1]
