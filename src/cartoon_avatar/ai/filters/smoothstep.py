"""A soft threshold."""

from __future__ import annotations

import numpy as np


def smoothstep(values: np.ndarray | np.floating | float, low: float, high: float) -> np.ndarray:
    """0 up to ``low``, 1 from ``high`` on, between them Hermite's 3t² − 2t³.

    ``values`` is an array of any shape, or one number; the result has its shape and type.
    """
    t = np.asarray(values - np.float32(low))
    t *= np.float32(1 / max(float(high) - float(low), 1e-6))
    np.clip(t, 0, 1, out=t)
    return eased(t)


def eased(t: np.ndarray) -> np.ndarray:
    """3t² − 2t³ of ``t`` (0..1), which is used up."""
    square = t * t
    t *= -2
    t += 3
    t *= square
    return t
