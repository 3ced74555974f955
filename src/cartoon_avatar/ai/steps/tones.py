"""A few clear steps of light in place of a gradient."""

from __future__ import annotations

import numpy as np


def posterise(light: np.ndarray, levels: int, softness: float) -> np.ndarray:
    """``light`` (H×W float32, 0..100) in ``levels`` steps with soft edges.

    Soft luminance quantisation after Winnemöller et al. 2006. ``softness`` is the width
    of an edge between two steps, in units of L.
    """
    step = np.float32(100 / levels)
    at = light / step
    edge = np.floor(at + np.float32(0.5))  # the nearest border between two steps
    away = (at - edge) * (step / np.float32(max(softness, 1e-3)))
    rise = 0.5 * np.tanh(away, out=away)
    return np.clip((edge + rise) * step, 0, 100)


def ramp(light: np.ndarray, steps: list[tuple[float, float]], base: float, softness: float):
    """``light`` (H×W float32) on a ramp of its own.

    From ``base`` each ``(threshold, value)`` of ``steps``, thresholds rising, takes over
    where ``light`` passes the threshold, over ``softness`` units of L.
    """
    out = np.full_like(light, base)
    for threshold, value in steps:
        out += np.float32(value - base) * smoothstep(light, threshold, softness)
        base = value
    return out


def smoothstep(values: np.ndarray, middle: float, width: float) -> np.ndarray:
    """0 below ``middle`` - ``width``/2, 1 above ``middle`` + ``width``/2, smooth between."""
    t = np.clip(
        (values - np.float32(middle - width / 2)) * np.float32(1 / max(width, 1e-6)),
        0,
        1,
    )
    return t * t * (3 - 2 * t)
