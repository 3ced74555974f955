"""The nose: what is dark of it in the photo, nostrils and the creases about the wings, traced."""

from __future__ import annotations

import numpy as np

from cartoon_avatar.ai.engines.drawn.colours import mixed
from cartoon_avatar.ai.engines.drawn.paths import spline
from cartoon_avatar.ai.engines.drawn.pen import Pen
from cartoon_avatar.ai.engines.drawn.person import Reading

# Round both wings and below the tip, from the picture's left.
_BASE = (131, 49, 48, 64, 98, 97, 2, 326, 327, 294, 278, 279, 360, 281, 5, 51)
# The nostril's upper and lower edge from the wing to the septum.
_NOSTRIL_TOPS = ((166, 218, 237, 44), (392, 438, 457, 274))
_NOSTRIL_BOTTOMS = ((59, 75, 60, 238), (289, 305, 290, 458))
_NOSTRIL_MIDDLES = ((79, 239, 218, 237), (309, 459, 438, 457))
# Shares of its lightness that the skin loses where a crease, a nostril's edge, its depth begin.
_CREASE, _EDGE, _DEPTH = 0.13, 0.2, 0.3
# And at the bottom of a nostril, whatever the light.
_DEEPEST = 0.38


def nose_darkness(reading: Reading) -> np.ndarray:
    """H×W float32 in the close look: the share of the skin's lightness that is lost, 0..1."""
    close = reading.close
    zone = close.grown(close.inside(reading.points(*_BASE)), 0.014)
    # Below the nostrils it throws a shadow on the lip, which is a form of the face.
    lowest = close.here(reading.points(98, 2, 327))[:, 1].max() + 0.006 * close.unit
    zone[min(len(zone), round(lowest)) :] = False
    # Not what lies in the shade as a whole, but what is darker than the skin about it.
    lost = 1 - close.soft(close.light, 0.0045) / np.maximum(close.soft(close.light, 0.028), 1)
    # Each side has its own light.
    tip = round(float(close.here(reading.points(1))[0, 0]))
    for side in (np.s_[:, :tip], np.s_[:, tip:]):
        if zone[side].any():
            deepest = float(np.percentile(lost[side][zone[side]], 98))
            lost[side] *= np.clip(_DEEPEST / max(deepest, 1e-3), 0.8, 2.2)
    fade = np.clip(1.8 * close.soft(zone.astype(np.float32), 0.01) - 0.4, 0, 1)
    return (np.clip(lost, 0, 1) * fade).astype(np.float32)


def draw_nose(pen: Pen) -> None:
    close = pen.reading.close
    dark = nose_darkness(pen.reading)
    line = mixed(pen.skin.line, pen.skin.deep, 0.15)
    for level, colour, least in (
        (_CREASE, mixed(pen.skin.deep, pen.skin.shade, 0.35), 0.0003),
        (_EDGE, mixed(pen.skin.deep, pen.skin.line, 0.4), 0.00025),
        (_DEPTH, line, 0.0002),
    ):
        mask = np.clip(0.5 + (dark - level) * 5, 0, 1)
        pen.sheet.fill(close.path(mask, smooth=0.0045, least=least), colour)
    for index, middles in enumerate(_NOSTRIL_MIDDLES):
        x, y = np.clip(close.here(pen.reading.points(*middles)).astype(int).T, 0, None)
        x, y = np.minimum(x, dark.shape[1] - 1), np.minimum(y, dark.shape[0] - 1)
        if dark[y, x].max() < _EDGE:
            # Too blurred or too bright to be traced: the mesh's own nostril, faintly.
            _draw_nostril(pen, index, mixed(pen.skin.deep, line, 0.4))


def _draw_nostril(pen: Pen, index: int, colour: np.ndarray) -> None:
    top, bottom = (
        spline(pen.reading.points(*edges[index])) for edges in (_NOSTRIL_TOPS, _NOSTRIL_BOTTOMS)
    )
    middle = (top * 0.4 + bottom * 0.6)[: int(0.86 * len(top))]
    thick = 0.012 * pen.reading.unit
    pen.brush(middle[::3], [0.4, 0.75 * thick, 1.05 * thick, 0.8 * thick, 0.3], colour)
