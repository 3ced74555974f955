"""A few clear steps of light in place of a gradient."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.engines.classic.sheet import Sheet
from cartoon_avatar.ai.engines.classic.style import Style
from cartoon_avatar.ai.filters.canvas import Canvas
from cartoon_avatar.ai.filters.lookup import through


def step_tones(sheet: Sheet, style: Style) -> None:
    """Begin the drawing with the flat shapes, their light in steps."""
    how, flat = style.tones, sheet.flat
    light = posterise(flat.light, how.levels, how.softness)
    if how.amount < 1:
        light = cv2.addWeighted(light, how.amount, flat.light, 1 - how.amount, 0)
    sheet.drawn = Canvas(light, flat.a.copy(), flat.b.copy())


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
