"""A few clear steps of light in place of a gradient."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np


def posterise(light: np.ndarray, levels: int, softness: float) -> np.ndarray:
    """``light`` (H×W float32, 0..100) in ``levels`` steps with soft edges.

    Soft luminance quantisation after Winnemöller et al. 2006. ``softness`` is the width
    of an edge between two steps, in units of L.
    """
    step = 100 / levels

    def curve(at: np.ndarray) -> np.ndarray:
        at = at / step
        edge = np.floor(at + 0.5)  # the nearest border between two steps
        rise = 0.5 * np.tanh((at - edge) * (2 * step / max(softness, 1e-3)))
        return np.clip((edge + rise) * step, 0, 100)

    return through(light, curve, 0, 100)


def through(
    values: np.ndarray, curve: Callable[[np.ndarray], np.ndarray], low: float, high: float
) -> np.ndarray:
    """``curve`` of ``values`` (H×W float32), looked up in a table from ``low`` to ``high``.

    A table of 256 entries is a tenth of the work of a curve per pixel; its steps, under
    half a unit of L, are below what eight bits of colour show.
    """
    index = _index(values, low, high)
    table = curve(np.linspace(low, high, 256)).astype(np.float32)
    return cv2.LUT(index, table)


def _index(values: np.ndarray, low: float, high: float) -> np.ndarray:
    scale = 255 / (high - low)
    return cv2.convertScaleAbs(np.maximum(values, np.float32(low)), alpha=scale, beta=-low * scale)


def smoothstep(values: np.ndarray, middle: float, width: float) -> np.ndarray:
    """0 below ``middle`` - ``width``/2, 1 above ``middle`` + ``width``/2, smooth between."""
    t = np.asarray(values - np.float32(middle - width / 2))
    t *= np.float32(1 / max(width, 1e-6))
    np.clip(t, 0, 1, out=t)
    return eased(t)


def eased(t: np.ndarray) -> np.ndarray:
    """3t² − 2t³ of ``t`` (float32, 0..1), which is used up."""
    square = t * t
    t *= -2
    t += 3
    t *= square
    return t
